"""Access to a sandbox: plain httpx, which is independent of our client, and credentials for our client."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_plus

import httpx

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox
from openapi_tools.operations import load_operations

ORGS = "/api/atlas/v2/orgs"
# A newer version is one edit, in openapi/operations.yaml.
ACCEPT = {operation.name: operation.accept for operation in load_operations()}
JSON = {"Accept": ACCEPT["get_invoice"]}
CSV = {"Accept": ACCEPT["get_invoice_csv"]}


def digest_client(sandbox: Sandbox, **settings: Any) -> httpx.Client:
    """A client with the sandbox's API key that accepts JSON by default."""
    auth = httpx.DigestAuth(sandbox.public_key, sandbox.private_key)
    return httpx.Client(base_url=sandbox.base_url, auth=auth, headers=JSON, timeout=30, **settings)


def auth_for(sandbox: Sandbox, name: str) -> ai.DigestAuth | ai.ServiceAccountAuth:
    """Our auth class for the API key ("digest") or the service account."""
    if name == "digest":
        return ai.DigestAuth(sandbox.public_key, sandbox.private_key)
    return ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)


def basic(client_id: str, client_secret: str) -> dict[str, str]:
    """Basic credentials, encoded as in RFC 6749 section 2.3.1."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def request_token(sandbox: Sandbox, *, client_secret: str | None = None) -> httpx.Response:
    """One POST to the token endpoint."""
    return httpx.post(
        f"{sandbox.base_url}/api/oauth/token",
        data={"grant_type": "client_credentials"},
        headers=basic(sandbox.client_id, client_secret or sandbox.client_secret),
    )


def invoice_path(sandbox: Sandbox, number: int, *, csv: bool = False) -> str:
    """The path of an invoice of the first organization, counted from the newest."""
    return f"{ORGS}/{sandbox.org_id}/invoices/{sandbox.invoices[number].id}{'/csv' if csv else ''}"
