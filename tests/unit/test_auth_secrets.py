"""Invalid credentials are refused, and no credential can be seen from outside."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlas_invoices import AccessTokenAuth, ConfigError, DigestAuth, ServiceAccountAuth
from atlas_invoices._auth import TokenHTTP, for_client, parse_base_url

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

CANARY = "canary-5f1d-public-or-private"

MAKERS: dict[str, Callable[[str], httpx.Auth]] = {
    "public API key": lambda value: DigestAuth(value, CANARY),
    "private API key": lambda value: DigestAuth("abcdefgh", value),
    "client ID": lambda value: ServiceAccountAuth(value, CANARY),
    "client secret": lambda value: ServiceAccountAuth("mdb_sa_id_1234567890", value),
    "access token": AccessTokenAuth,
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (CANARY + "\n", "has whitespace around it"),
        ("\t" + CANARY, "has whitespace around it"),
        (CANARY + "\x00x", "contains control or non-ASCII characters"),
        (CANARY + "\nx", "contains control or non-ASCII characters"),
        (CANARY + "é", "contains control or non-ASCII characters"),
        (None, "must be a string, not NoneType"),
        (CANARY.encode(), "must be a string, not bytes"),
    ],
)
def test_an_invalid_credential(name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"the .*{name} {message}") as caught:
        MAKERS[name](value)
    # The frames from the constructor on; the one that called it is the test's own.
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/_auth/" in Path(frame.filename).as_posix()]
    assert ours
    assert "canary" not in "".join(f"{frame.locals}" for frame in ours) + str(caught.value)


def test_a_token_with_its_scheme_is_explained() -> None:
    with pytest.raises(ConfigError, match="give the token alone, without 'Bearer'"):
        AccessTokenAuth("Bearer " + CANARY)


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_shows_or_copies_a_credential(name: str) -> None:
    auth = MAKERS[name](CANARY)
    view = for_client(auth, base_url=parse_base_url("https://a.example"), http=TokenHTTP())
    for item in (auth, view):
        shown = [repr(item), str(item), f"{item}", repr(vars(item))]
        for value in vars(item).values():
            shown += [repr(value), repr(getattr(value, "__dict__", ""))]
        assert not [text for text in shown if CANARY in text]
        for refused in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError) as caught:
                refused(item)
            assert CANARY not in str(caught.value)


def test_the_repr_helps() -> None:
    assert repr(DigestAuth("abcdefgh", CANARY)) == "<DigestAuth ab… unbound>"
    auth = ServiceAccountAuth("mdb_sa_id_0123456789", CANARY, base_url="https://a.example/x")
    assert repr(auth) == "<ServiceAccountAuth mdb_…6789 https://a.example>"
    assert repr(AccessTokenAuth(CANARY, base_url="http://[::1]:81")) == "<AccessTokenAuth http://[::1]:81>"
