"""Reading with the Microsoft Graph SDK: typed answers, pages, counts, refusals, repeated calls."""

import asyncio
import time
import unittest
from urllib.parse import parse_qs, urlsplit

import httpx
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.device_management.managed_devices.managed_devices_request_builder import (
    ManagedDevicesRequestBuilder,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator

import stage

DeviceQuery = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters
Query = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters


class Reading(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        # The debug mode that unittest switches on tells of every slow step, and the library has many.
        asyncio.get_running_loop().set_debug(False)

    def setUp(self) -> None:
        stage.control("DELETE", "calls")
        self.graph, self.adapter, client = stage.graph()
        self.addAsyncCleanup(client.aclose)

    async def pages(self, first: object) -> list[str]:
        """The ids of everything from a first page on."""
        ids: list[str] = []
        await PageIterator(first, self.adapter).iterate(lambda item: ids.append(item.id) is None)
        return ids

    async def test_the_organization_is_the_tenant(self) -> None:
        organization = (await self.graph.organization.get()).value
        self.assertEqual([one.id for one in organization], [stage.TENANT])
        domains = [domain.name for domain in organization[0].verified_domains if domain.is_default]
        self.assertEqual(domains, ["contoso.example"])

    async def test_users_are_selected_and_limited(self) -> None:
        query = Query(select=["id", "displayName", "accountEnabled"], top=5)
        users = (await self.graph.users.get(RequestConfiguration(query_parameters=query))).value
        self.assertEqual(len(users), 5)
        for user in users:
            self.assertTrue(user.id and user.display_name and user.account_enabled is not None)
            self.assertIsNone(user.user_principal_name, "it was not selected")

    async def test_all_users_come_page_by_page(self) -> None:
        query = Query(select=["id"], top=100)
        first = await self.graph.users.get(RequestConfiguration(query_parameters=query))
        ids = await self.pages(first)
        self.assertEqual((len(ids), len(set(ids))), (230, 230))
        asked = [path for path, status in stage.calls() if path.startswith("/v1.0/users") and status == 200]
        self.assertEqual(len(asked), 3)
        for path in asked[1:]:
            self.assertEqual(parse_qs(urlsplit(path).query).keys(), {"$select", "$top", "$skiptoken"})

    async def test_counts_need_the_consistency_level(self) -> None:
        configuration = RequestConfiguration(query_parameters=Query(select=["id"], top=1, count=True))
        self.assertIsNone((await self.graph.users.get(configuration)).odata_count)
        configuration.headers.add("ConsistencyLevel", "eventual")
        self.assertEqual((await self.graph.users.get(configuration)).odata_count, 230)

        with self.assertRaises(ODataError) as refused:
            await self.graph.users.count.get()
        self.assertEqual(refused.exception.response_status_code, 400)
        eventual = RequestConfiguration()
        eventual.headers.add("ConsistencyLevel", "eventual")
        self.assertEqual(await self.graph.users.count.get(eventual), 230)

    async def test_managed_devices_come_page_by_page(self) -> None:
        query = DeviceQuery(top=50)
        devices = self.graph.device_management.managed_devices
        first = await devices.get(RequestConfiguration(query_parameters=query))
        self.assertEqual(len(first.value), 50)
        self.assertTrue(first.value[0].device_name and first.value[0].compliance_state)
        ids = await self.pages(first)
        self.assertEqual((len(ids), len(set(ids))), (120, 120))

    async def test_what_is_not_there_is_an_error_with_a_code(self) -> None:
        with self.assertRaises(ODataError) as refused:
            await self.graph.users.by_user_id("7e4a0000-51d0-4c0a-9a11-00000000dead").get()
        error = refused.exception
        self.assertEqual((error.response_status_code, error.error.code), (404, "Request_ResourceNotFound"))
        self.assertTrue(error.error.inner_error.request_id and error.error.inner_error.client_request_id)

    async def test_a_throttled_call_is_made_again_after_the_pause(self) -> None:
        kind = {"type": "throttled", "retry_after": "1"}
        stage.control("POST", "faults", {"path_contains": "/users", "times": 1, "kind": kind})
        started = time.monotonic()
        query = Query(select=["id"], top=1)
        users = await self.graph.users.get(RequestConfiguration(query_parameters=query))
        self.assertEqual(len(users.value), 1)
        self.assertGreaterEqual(time.monotonic() - started, 1.0)
        statuses = [status for path, status in stage.calls() if path.startswith("/v1.0/users")]
        self.assertEqual(statuses, [429, 200])

    async def test_without_the_authority_certificate_nothing_is_read(self) -> None:
        graph, _, client = stage.graph(verify=True)
        self.addAsyncCleanup(client.aclose)
        with self.assertRaises(httpx.ConnectError):
            await graph.organization.get()


if __name__ == "__main__":
    unittest.main()
