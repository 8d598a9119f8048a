"""Lists 5,000 users and tells how long it took, as one line of JSON: with the Graph SDK, or with HTTP and JSON alone.

The second shows what the first spends on its own. Signing in and loading libraries are not counted; the memory is that
of the whole process.
"""

import asyncio
import json
import resource
import sys
import time

import httpx
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator

import stage

SELECT = ["id", "displayName", "userPrincipalName", "accountEnabled", "userType", "createdDateTime"]


async def with_sdk() -> tuple[set[str], float]:
    graph, adapter, client = stage.graph()
    await graph.organization.get()
    query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(select=SELECT, top=999)
    users = []
    started = time.monotonic()
    first = await graph.users.get(RequestConfiguration(query_parameters=query))
    await PageIterator(first, adapter).iterate(lambda user: users.append(user) is None)
    seconds = time.monotonic() - started
    await client.aclose()
    return {user.id for user in users}, seconds


async def with_httpx() -> tuple[set[str], float]:
    token = stage.secret_credential().get_token(stage.SCOPE).token
    users = []
    async with httpx.AsyncClient(verify=stage.trust(), http2=True, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        await client.get(f"{stage.BASE}/v1.0/organization")
        started = time.monotonic()
        link = f"{stage.BASE}/v1.0/users?$select={','.join(SELECT)}&$top=999"
        while link:
            page = (await client.get(link)).raise_for_status().json()
            users += page["value"]
            link = page.get("@odata.nextLink")
        seconds = time.monotonic() - started
    return {user["id"] for user in users}, seconds


def main() -> None:
    client = sys.argv[1]
    ids, seconds = asyncio.run({"msgraph-sdk": with_sdk, "httpx": with_httpx}[client]())
    if len(ids) != 5000:
        raise SystemExit(f"{len(ids)} users instead of 5000")
    result = {
        "client": client,
        "objects": len(ids),
        "seconds": round(seconds, 3),
        "objects_per_second": round(len(ids) / seconds),
        "peak_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
