"""Credentials from the environment: order, whole pairs only, one clear error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

import atlas_invoices as ai
from atlas_invoices import _credentials

if TYPE_CHECKING:
    import httpx


ACCOUNT = {"MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_1", "MONGODB_ATLAS_CLIENT_SECRET": "mdb_sa_sk_1"}
KEY = {"MONGODB_ATLAS_PUBLIC_API_KEY": "abcdefgh", "MONGODB_ATLAS_PRIVATE_API_KEY": "private-key"}
OLD_KEY = {"MONGODB_ATLAS_PUBLIC_KEY": "oldpublic", "MONGODB_ATLAS_PRIVATE_KEY": "old-private"}
TOKEN = {"MONGODB_ATLAS_ACCESS_TOKEN": "a.b.c"}


def find(environ: Mapping[str, str]) -> _credentials.ResolvedCredentials:
    return _credentials.find_source(environ).credentials()


@pytest.mark.parametrize(
    ("environ", "cls"),
    [(ACCOUNT, ai.ServiceAccountAuth), (KEY, ai.DigestAuth), (OLD_KEY, ai.DigestAuth), (TOKEN, ai.AccessTokenAuth)],
)
def test_each_kind_is_found(environ: dict[str, str], cls: type[httpx.Auth]) -> None:
    assert isinstance(find(environ).auth, cls)


def test_with_several_the_first_kind_wins_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="using the access token, ignoring the service account and the API key"):
        found = find({**KEY, **ACCOUNT, **TOKEN})
    assert found.kind == "access token"


@pytest.mark.parametrize("name", [*ACCOUNT, *KEY, *OLD_KEY])
@pytest.mark.parametrize("other", ["", None])
def test_half_a_pair_names_the_missing_half(name: str, other: str | None) -> None:
    pair = next(p for p in (ACCOUNT, KEY, OLD_KEY) if name in p)
    missing = next(n for n in pair if n != name)
    environ = {name: pair[name]} | ({missing: other} if other is not None else {})
    with pytest.raises(ai.ConfigError, match=missing) as caught:
        find(environ)
    assert pair[name] not in str(caught.value)


def test_a_half_pair_is_an_error_even_beside_whole_credentials() -> None:
    with pytest.raises(ai.ConfigError, match="MONGODB_ATLAS_CLIENT_SECRET"):
        find({**KEY, "MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_1"})


def test_none_at_all_says_what_to_set() -> None:
    with pytest.raises(ai.ConfigError, match="MONGODB_ATLAS_CLIENT_ID"):
        find({})


def test_the_server() -> None:
    def server(**environ: str) -> str:
        return _credentials.find_source(environ).base_url().value

    assert server() == "https://cloud.mongodb.com"
    assert server(MONGODB_ATLAS_OPS_MANAGER_URL="https://b") == "https://b"
    assert server(MONGODB_ATLAS_BASE_URL="https://a", MONGODB_ATLAS_OPS_MANAGER_URL="https://b") == "https://a"


def test_nothing_found_shows_a_secret() -> None:
    found = find(ACCOUNT)
    assert "mdb_sa_sk_1" not in repr(found)


def test_a_client_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MONGODB_ATLAS_BASE_URL", "https://cloud.mongodbgov.com/")
    with ai.Client() as client:
        assert client.base_url == "https://cloud.mongodbgov.com"
        assert "private-key" not in repr(client)
