"""The generated client's token: out of its repr, or out of ours and told where the generated client is described."""

from __future__ import annotations

import re
from pathlib import Path

import atlas_invoices as ai
from atlas_invoices_client import AuthenticatedClient

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_token_is_not_shown_or_the_readme_says_that_it_is() -> None:
    """The generator writes that class from a template, so a setting may not be able to mend it."""
    shown = repr(AuthenticatedClient(base_url="https://cloud.mongodb.com", token="canary"))
    if "canary" in shown:
        readme = (ROOT / "generated" / "README.md").read_text(encoding="utf-8")
        assert re.search(r"(?s)AuthenticatedClient.{0,300}token.{0,200}repr|repr.{0,200}token", readme)


def test_our_clients_show_none() -> None:
    auth = ai.AccessTokenAuth("canary")
    for made in (ai.Client(auth, base_url="https://cloud.mongodb.com"), ai.AsyncClient(auth)):
        assert "canary" not in repr(made) + str(made) + repr(vars(made)) + repr(auth) + repr(vars(auth))
