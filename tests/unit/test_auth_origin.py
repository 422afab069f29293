"""Base URLs are checked, and a credential is for one origin only."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_invoices import AccessTokenAuth, ConfigError, DigestAuth, ServiceAccountAuth
from atlas_invoices._auth import TokenHTTP, for_client, parse_base_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://cloud.mongodb.com", "https://cloud.mongodb.com"),
        ("https://cloud.mongodb.com/", "https://cloud.mongodb.com"),
        ("HTTPS://Cloud.MongoDB.com:443", "https://cloud.mongodb.com"),
        ("https://proxy.example:8443/atlas/", "https://proxy.example:8443/atlas"),
        ("https://[2001:db8::1]:444/a", "https://[2001:db8::1]:444/a"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.8.7:80/", "http://127.9.8.7"),
        ("http://[::1]:5000", "http://[::1]:5000"),
        ("https://a_b-c.example.", "https://a_b-c.example."),
    ],
)
def test_a_good_base_url(text: str, shown: str) -> None:
    assert str(parse_base_url(text)) == shown
    assert parse_base_url(shown) == parse_base_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "cloud.mongodb.com",
        "//cloud.mongodb.com",
        "https://",
        "https:///path",
        "https://:443",
        "ftp://cloud.mongodb.com",
        "file:///etc/passwd",
        "https://cloud.mongodb.com:99999",
        "https://cloud.mongodb.com:abc",
        " https://cloud.mongodb.com",
        "https://cloud.mongodb.com\n",
        "https://cloud.mongodb.com/a b",
        "https://cloud.mongodb.com\\@evil.example",
        "https://cloud.mongodb.com?x=1",
        "https://cloud.mongodb.com/?",
        "https://cloud.mongodb.com/#",
        "https://clöud.mongodb.com",
        "https://[::1",
        "https://[",
        "https://a%41.example",
        "https://cloud.mongodb.com:0",
    ],
)
def test_a_bad_base_url(text: str) -> None:
    with pytest.raises(ConfigError, match="the base URL"):
        parse_base_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://cloud.mongodb.com",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::2]",
        "http://[::ffff:10.0.0.1]",
        "http://2130706433",
    ],
)
def test_http_is_for_loopback_only(text: str) -> None:
    with pytest.raises(ConfigError, match="the base URL must be https, not http://"):
        parse_base_url(text)


def test_user_info_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_base_url("https://user:canary@cloud.mongodb.com")
    assert "canary" not in str(caught.value)


@settings(deadline=None)  # The machine may be busy.
@given(st.text() | st.from_regex(r"https?://[a-z0-9.:\[\]%@/\\-]*", fullmatch=True))
def test_any_text_is_a_base_url_or_a_config_error(text: str) -> None:
    try:
        base = parse_base_url(text)
    except ConfigError:
        return
    assert parse_base_url(str(base)) == base


def digest(base_url: str | None = None) -> httpx.Auth:
    return DigestAuth("abcdefgh", "private", base_url=base_url)


def service_account(base_url: str | None = None) -> httpx.Auth:
    return ServiceAccountAuth("client-id", "client-secret", base_url=base_url)


def access_token(base_url: str | None = None) -> httpx.Auth:
    return AccessTokenAuth("token", base_url=base_url)


Make = Callable[..., httpx.Auth]
each_auth = pytest.mark.parametrize("make", [digest, service_account, access_token])


@each_auth
@pytest.mark.parametrize(
    ("bound", "other"),
    [
        ("https://one.example", "https://two.example/x"),
        ("https://one.example", "https://one.example:444/x"),
        ("https://one.example", "https://sub.one.example/x"),
        ("https://one.example", "http://one.example:443/x"),
        ("http://localhost:1", "http://127.0.0.1:1/x"),
    ],
)
def test_another_origin_is_refused_before_anything_is_sent(make: Make, bound: str, other: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    with httpx.Client(auth=make(bound), transport=transport) as client, pytest.raises(ConfigError) as caught:
        client.get(other)
    assert not sent
    assert bound in str(caught.value)
    assert str(httpx.URL(other).copy_with(path="")).rstrip("/") in str(caught.value)


@each_auth
def test_the_first_request_must_be_https(make: Make) -> None:
    auth = make()
    with httpx.Client(auth=auth) as client, pytest.raises(ConfigError, match=r"must be https, not http://a\.example"):
        client.get("http://a.example/x")
    assert "unbound" in repr(auth)


def test_the_first_of_many_threads_binds() -> None:
    auth = AccessTokenAuth("token")
    transport = httpx.MockTransport(lambda _: httpx.Response(200))

    def get(number: int) -> str | None:
        try:
            client.get(f"https://host{number}.example/")
        except ConfigError:
            return None
        return f"https://host{number}.example"

    with httpx.Client(auth=auth, transport=transport) as client, ThreadPoolExecutor(16) as threads:
        (bound,) = {host for host in threads.map(get, range(64)) if host}
    assert repr(auth) == f"<AccessTokenAuth {bound}>"


def test_a_clients_base_url_binds_and_keeps_its_path() -> None:
    auth = ServiceAccountAuth("client-id", "client-secret")
    for_client(auth, base_url=parse_base_url("https://a.example/atlas"), http=TokenHTTP())
    for_client(auth, base_url=parse_base_url("https://a.example/atlas"), http=TokenHTTP())
    with pytest.raises(ConfigError, match=r"for https://a\.example and are never sent to https://b\.example"):
        for_client(auth, base_url=parse_base_url("https://b.example"), http=TokenHTTP())


def test_another_auth_is_returned_unchanged() -> None:
    auth = httpx.BasicAuth("a", "b")
    assert for_client(auth, base_url=parse_base_url("https://a.example"), http=TokenHTTP()) is auth
