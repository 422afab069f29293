"""No client shows its token in its repr, the generated one neither."""

from __future__ import annotations

from typing import Any

import atlas_invoices as ai
from atlas_invoices_client import AuthenticatedClient, Client


def test_the_generated_client_shows_no_token() -> None:
    """Neither its own nor that in a header, where it puts it itself."""
    url = "https://cloud.mongodb.com"
    authenticated = AuthenticatedClient(base_url=url, token="canary")
    authenticated.get_httpx_client().close()
    hidden: Any = {
        "cookies": {"session": "canary"},
        "headers": {"x": "canary"},
        "httpx_args": {"auth": ("a", "canary")},
    }
    for made in (authenticated, AuthenticatedClient(base_url=url, token="a", **hidden), Client(base_url=url, **hidden)):
        assert "canary" not in repr(made) + str(made)
        assert url in repr(made)


def test_our_clients_show_none() -> None:
    auth = ai.AccessTokenAuth("canary")
    for made in (ai.Client(auth, base_url="https://cloud.mongodb.com"), ai.AsyncClient(auth)):
        assert "canary" not in repr(made) + str(made) + repr(vars(made)) + repr(auth) + repr(vars(auth))
