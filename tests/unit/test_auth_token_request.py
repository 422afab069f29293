"""The token request, and every kind of reply, without a network."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_invoices import TokenError
from atlas_invoices._auth._oauth import MAX_REPLY_BYTES, ClientCredentials, Token, TokenReply, read_token, token_request
from atlas_invoices._auth._origin import parse_base_url
from atlas_invoices._secret import Secret

ID, SECRET = "mdb_sa_id_canary:+", "mdb_sa_sk_canary/ =&"
ACCOUNT = ClientCredentials(Secret(ID), Secret(SECRET))
GOOD = {"access_token": "abc.def-123", "expires_in": 3600, "token_type": "Bearer"}


def read(status: int, body: object, headers: dict[str, str] | None = None) -> Token:
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return read_token(TokenReply(status, httpx.Headers(headers), raw), ACCOUNT, sent_at=1000.0)


def test_the_request() -> None:
    request = token_request(parse_base_url("https://a.example/atlas"), ACCOUNT)
    assert (request.method, str(request.url)) == ("POST", "https://a.example/atlas/api/oauth/token")
    assert request.content == b"grant_type=client_credentials"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Accept"] == "application/json"
    scheme, _, credentials = request.headers["Authorization"].partition(" ")
    assert scheme == "Basic"
    # RFC 6749 §2.3.1: each part form-urlencoded before they are joined.
    assert base64.b64decode(credentials) == b"mdb_sa_id_canary%3A%2B:mdb_sa_sk_canary%2F+%3D%26"


@pytest.mark.parametrize(
    ("lifetime", "renew_at", "expires_at"),
    [(3600, 4300, 4600), (100, 1090, 1100), (0.5, 1000.45, 1000.5), (10**400, 1000 + 86100, 1000 + 86400)],
)
def test_a_token_is_renewed_early(lifetime: float, renew_at: float, expires_at: float) -> None:
    token = read(200, GOOD | {"expires_in": lifetime})
    assert token.value.reveal() == "abc.def-123"
    assert [token.renew_at, token.expires_at] == pytest.approx([renew_at, expires_at])


@pytest.mark.parametrize("rest", [{"token_type": "bearer"}, {}, {"token_type": None, "expires_in": None}])
def test_a_token_without_expires_in_is_assumed_to_be_short_lived(rest: dict[str, object]) -> None:
    assert read(200, {"access_token": "abc", **rest}).expires_at == 1300


@pytest.mark.parametrize(("lifetime", "expires_at"), [("100", 1100), ("9" * 5000, 1000 + 86400)])
def test_a_lifetime_may_be_text(lifetime: str, expires_at: float) -> None:
    assert read(200, GOOD | {"expires_in": lifetime}).expires_at == expires_at


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "isn't a JSON object"),
        (b"<html>sign in</html>", "isn't a JSON object"),
        (b"\xff\xfe", "isn't a JSON object"),
        (b"[" * 60_000, "isn't a JSON object"),
        (b"9" * 10_000, "isn't a JSON object"),
        (b'["abc"]', "isn't a JSON object"),
        (None, f"longer than {MAX_REPLY_BYTES // 1024} KiB"),
        ({}, "no access_token"),
        (GOOD | {"access_token": ""}, "no access_token"),
        (GOOD | {"access_token": 5}, "no access_token"),
        (GOOD | {"access_token": "canary\r\nX: y"}, "can't be sent in a header"),
        (GOOD | {"access_token": "canary canary"}, "can't be sent in a header"),
        (GOOD | {"access_token": "canäry"}, "can't be sent in a header"),
        (GOOD | {"token_type": "mac"}, "token_type isn't Bearer"),
        (GOOD | {"token_type": ["Bearer"]}, "token_type isn't Bearer"),
        (GOOD | {"expires_in": 0}, "expires_in"),
        (GOOD | {"expires_in": -1}, "expires_in"),
        (GOOD | {"expires_in": True}, "expires_in"),
        (GOOD | {"expires_in": "0"}, "expires_in"),
        (GOOD | {"expires_in": "an hour"}, "expires_in"),
        (GOOD | {"expires_in": float("nan")}, "expires_in"),
    ],
)
def test_an_invalid_reply(body: object, message: str) -> None:
    with pytest.raises(TokenError, match=message) as caught:
        read(200, body)
    assert caught.value.status_code == 200
    assert "check the base URL" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "what", "way_out"),
    [
        (400, {"error": "invalid_client"}, "ID or secret was refused (400: invalid_client)", "check both"),
        (401, {"error": "invalid_client", "error_description": "No."}, "(401: invalid_client, No.)", "check both"),
        (401, b"<html>", "returned no token (401)", "isn't from Atlas"),
        (
            403,
            {"error": "access_denied", "error_description": "Access Token limit reached"},
            "too many active access tokens: 100 at most (403: access_denied, Access Token limit reached)",
            "`atlas-invoices logout`, or wait up to an hour",
        ),
        (
            403,
            {"detail": "Not from here."},
            "isn't allowed to get an access token (403: Not from here.)",
            "access settings",
        ),
        (429, {"errorCode": "RATE_LIMITED"}, "50 a minute are allowed", "wait"),
        (302, b"", "never follow a redirect", "check the base URL"),
        (404, b"nothing here", "returned no token (404)", "check the base URL"),
        (500, b"", "the token endpoint failed (500)", "try again later"),
        (599, {"reason": "Odd"}, "the token endpoint failed (599: Odd)", "try again later"),
        (204, b"", "returned no token (204)", "check the base URL"),
    ],
)
def test_a_refusal_names_the_way_out(status: int, body: object, what: str, way_out: str) -> None:
    with pytest.raises(TokenError) as caught:
        read(status, body, {"Retry-After": "7"})
    assert what in str(caught.value)
    assert way_out in str(caught.value)
    assert (caught.value.status_code, caught.value.retry_after) == (status, 7)


def test_the_servers_text_is_shortened_cleaned_and_masked() -> None:
    basic = token_request(parse_base_url("https://a.example"), ACCOUNT).headers["Authorization"].partition(" ")[2]
    text = f"\x1b[31m{SECRET}\r\n{ID} mdb_sa_sk_canary%2F+%3D%26 {basic} {base64.b64encode(SECRET.encode()).decode()}"
    with pytest.raises(TokenError) as caught:
        read(400, {"error": text + "x" * 10_000})
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    for canary in (SECRET, ID, "canary", basic):
        assert canary not in message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@settings(deadline=None)  # The machine may be busy.
@given(st.integers(100, 999), st.dictionaries(st.sampled_from([*GOOD, "error", "errorCode", "detail"]), JSON))
def test_any_reply_is_a_token_or_a_token_error(status: int, body: dict[str, object]) -> None:
    try:
        token = read(status, body)
    except TokenError as error:
        message = str(error)
    else:
        message = "none"
        assert 1000 <= token.renew_at <= token.expires_at
    assert message.isprintable()
