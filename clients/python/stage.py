"""The running simulator as the tests see it: what its ready file says, and its control."""

import json
import logging
import os
import pathlib
import ssl

import httpx
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph_core import GraphClientFactory

# Refusals are expected here, and the library writes a line about each.
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)

READY = json.loads(pathlib.Path(os.environ["SIMULATOR_READY_FILE"]).read_text())
BASE = READY["base_url"]
TENANT = READY["tenant_id"]
CLIENT = READY["client_id"]
SECRET = READY["client_secret"]
CA_FILE = READY["ca_file"]
AUTHORITY = f"{BASE}/{TENANT}"
SCOPE = f"{BASE}/.default"
CERTIFICATE = READY["client_certificate"]


def trust() -> ssl.SSLContext:
    """Trusts the simulator's own certificate authority and nobody else."""
    return ssl.create_default_context(cafile=CA_FILE)


def secret_credential(secret: str = SECRET) -> ClientSecretCredential:
    # The authority is none that the library knows, so it must not ask the real service about it.
    return ClientSecretCredential(
        TENANT, CLIENT, secret, authority=BASE, disable_instance_discovery=True, connection_verify=CA_FILE
    )


def graph(verify: ssl.SSLContext | bool | None = None) -> tuple[GraphServiceClient, GraphRequestAdapter, httpx.AsyncClient]:
    """The Graph SDK with its own middleware and its own way to sign in, pointed at the simulator."""
    plain = httpx.AsyncClient(verify=trust() if verify is None else verify, http2=True, timeout=30)
    client = GraphClientFactory.create_with_default_middleware(client=plain)
    # The library compares names without ports, and makes its scope from the name, without the port too.
    provider = AzureIdentityAuthenticationProvider(secret_credential(), allowed_hosts=["127.0.0.1"])
    adapter = GraphRequestAdapter(provider, client)
    adapter.base_url = f"{BASE}/v1.0"
    return GraphServiceClient(request_adapter=adapter), adapter, client


def control(method: str, path: str, body: object = None) -> httpx.Response:
    answer = httpx.request(method, f"{BASE}/_simulator/{path}", json=body, verify=trust())
    answer.raise_for_status()
    return answer


def calls() -> list[tuple[str, int]]:
    """What the simulator was asked, and what it answered."""
    return [(call["path"], call["status"]) for call in control("GET", "calls").json()]
