"""Proxies, certificates, home folders, event loops and settings: what works, and what is a clear error."""

from __future__ import annotations

import asyncio
import copy
import datetime as dt
import gc
import pickle
import pwd
import re
import ssl
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

import atlas_invoices as ai
from client_twin import twin
from raw_server import Connection, RawServer, Script, http, replies, tunnel
from scripted_atlas import (
    INVOICE,
    ORG,
    TOKEN,
    both,
    client,
    csv_reply,
    error_reply,
    invoice_csv,
    json_reply,
    listed,
    page,
    scripted_atlas,
    service_account,
    shell,
    sync,
)

if TYPE_CHECKING:
    from client_twin import Kind

ACCOUNT = ("mdb_sa_id_scripted", "mdb_sa_sk_canary")
QUICK = ai.RetryPolicy(max_retries=2, base=0.01)
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(autouse=True)
def _no_exceptions_from_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What a client needs to trust the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


# Item 8: passing faults

BEHIND = "https://atlas.example"
CONNECT = "CONNECT atlas.example:443"


@contextmanager
def behind_a_proxy(authority: trustme.CA, *refusals: bytes) -> Iterator[tuple[RawServer, RawServer]]:
    """A proxy that refuses so often before it connects, and the server behind it."""
    tls = server_tls(authority.issue_cert("atlas.example"))
    with scripted_atlas(tls=tls) as server, RawServer({CONNECT: [*replies(*refusals), tunnel(server.port)]}) as proxy:
        yield proxy, server


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("auth", [ai.AccessTokenAuth, ai.ServiceAccountAuth])
@both
def test_a_proxy_that_fails_in_passing_is_tried_again(
    kind: Kind, auth: type[httpx.Auth], status: int, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    credentials: Any = auth(*(ACCOUNT if auth is ai.ServiceAccountAuth else (TOKEN,)))
    with (
        behind_a_proxy(authority, http(status), http(status)) as (proxy, server),
        twin(kind, credentials, base_url=BEHIND, proxy=proxy.url, verify=trusting, retry_policy=QUICK) as atlas,
    ):
        assert [each.id for each in atlas.call("list_organizations")] == [ORG]
        assert server.count("GET /api/atlas/v2/orgs") == 1


@both
def test_a_proxy_that_goes_on_failing_is_given_up(kind: Kind, authority: trustme.CA) -> None:
    with (
        behind_a_proxy(authority, *[http(503)] * 9) as (proxy, _),
        twin(kind, ai.AccessTokenAuth(TOKEN), base_url=BEHIND, proxy=proxy.url, retry_policy=QUICK) as atlas,
    ):
        with pytest.raises(ai.APIConnectionError, match=r"proxy.*503") as caught:
            atlas.call("list_organizations")
        assert caught.value.transient
        assert proxy.count(CONNECT) == 3


@pytest.mark.parametrize("status", [403, 407])
@both
def test_a_proxy_that_refuses_is_not_tried_again(kind: Kind, status: int, authority: trustme.CA) -> None:
    with (
        behind_a_proxy(authority, http(status)) as (proxy, _),
        twin(kind, ai.AccessTokenAuth(TOKEN), base_url=BEHIND, proxy=proxy.url, retry_policy=QUICK) as atlas,
    ):
        with pytest.raises(ai.APIConnectionError, match=rf"proxy.*{status}"):
            atlas.call("list_organizations")
        assert proxy.count(CONNECT) == 1


@pytest.mark.parametrize("end", [Connection.hang, Connection.reset, Connection.close], ids=["lost", "reset", "closed"])
@both
def test_one_lost_token_request_is_no_failure(kind: Kind, end: Script) -> None:
    """All tries together take at most 30 seconds or the policy's deadline: each has a part of it."""
    policy = ai.RetryPolicy(max_retries=2, base=0.01, deadline=2.0)
    token = json_reply({"access_token": "canary-made-token", "expires_in": 3600, "token_type": "Bearer"})
    auth = ai.ServiceAccountAuth(*ACCOUNT)
    began = time.monotonic()
    with scripted_atlas(token=[end, token]) as server, client(kind, server, auth, retry_policy=policy) as atlas:
        assert [each.id for each in atlas.call("list_organizations")] == [ORG]
        assert server.count("POST /api/oauth/token") == 2
    assert time.monotonic() - began < 2.5


@both
def test_a_token_endpoint_that_is_silent_ends_in_time(kind: Kind) -> None:
    policy = ai.RetryPolicy(max_retries=1, base=0.01, deadline=0.4)
    auth = ai.ServiceAccountAuth(*ACCOUNT)
    began = time.monotonic()
    with (
        scripted_atlas(token=Connection.hang) as server,
        client(kind, server, auth, retry_policy=policy) as atlas,
        pytest.raises((ai.APITimeoutError, ai.TokenError)),
    ):
        atlas.call("list_organizations")
    assert time.monotonic() - began < 3


# Item 9: event loops


def use_in_four_loops(auth: httpx.Auth, tmp_path: Path) -> None:
    with scripted_atlas() as server:
        atlas = ai.AsyncClient(auth, base_url=server.url, verify=NO_TLS, max_retries=0)

        async def use() -> None:
            found = await asyncio.gather(*(atlas.get_invoice(ORG, INVOICE) for _ in range(4)))
            assert [each.id for each in found] == [INVOICE] * 4
            assert [each.id async for each in atlas.list_organizations()] == [ORG]
            await atlas.download_invoice_csv(ORG, INVOICE, tmp_path / "june.csv")
            async with atlas.stream_invoice_csv(ORG, INVOICE) as body:
                assert b"".join([piece async for piece in body.aiter_bytes()]) == invoice_csv()

        for _ in range(4):
            asyncio.run(use())
        asyncio.run(atlas.close())


@pytest.mark.parametrize("auth", [ai.AccessTokenAuth(TOKEN), ai.ServiceAccountAuth(*ACCOUNT)], ids=["token", "account"])
def test_an_asynchronous_client_serves_one_event_loop_after_another(auth: httpx.Auth, tmp_path: Path) -> None:
    """A new loop gets new connections; those of the old one were closed with it, or Python would warn of them here."""
    use_in_four_loops(auth, tmp_path)
    gc.collect()


def test_without_asyncio_it_is_a_clear_error() -> None:
    """Under trio or another library no event loop of asyncio runs; nothing is sent."""
    with scripted_atlas() as server:
        atlas = ai.AsyncClient(ai.AccessTokenAuth(TOKEN), base_url=server.url, verify=NO_TLS)
        coroutines: list[Any] = [
            atlas.get_invoice(ORG, INVOICE),
            atlas.get_invoice_csv(ORG, INVOICE),
            atlas.download_invoice_csv(ORG, INVOICE, "june.csv"),
            atlas.list_organizations().__anext__(),
            atlas.stream_invoice_csv(ORG, INVOICE).__aenter__(),
            ai.sync_invoices_async(atlas, ORG, "."),
        ]
        for coroutine in coroutines:
            with pytest.raises(ai.ConfigError, match="asyncio"):
                coroutine.send(None)  # as another library's loop does
        assert server.requests == []


@pytest.mark.skipif(find_spec("trio") is None, reason="trio isn't installed")
def test_under_trio_it_works_or_is_a_clear_error() -> None:
    trio = import_module("trio")

    said = "asyncio"

    async def main(url: str) -> None:
        async with ai.AsyncClient(ai.AccessTokenAuth(TOKEN), base_url=url, verify=NO_TLS) as atlas:
            assert (await atlas.get_invoice(ORG, INVOICE)).id == INVOICE

    with scripted_atlas() as server:
        try:
            trio.run(main, server.url)
        except ai.ConfigError as error:
            said = str(error)
    assert "asyncio" in said


# Item 12: NO_PROXY

EXCEPTIONS = (
    "[::1]",
    "::1",
    "[::1]:8080",
    "localhost,127.0.0.1,[::1]",
    "fe80::/10",
    "2001:db8::/32,.example.com",
    "[fd00::]/8",
    "http://[",
    "*.example.com, , %zz",
    "host:port",
    "gr\u00f6\u00dfe.example",
    "http://[::1]",
    "10.0.0.0/8,a b",
)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@both
def test_an_exception_that_cannot_be_read_is_passed_over(
    kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_atlas() as server:
        for value in EXCEPTIONS:
            monkeypatch.setenv(name, value)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    with client(kind, server, ai.ServiceAccountAuth(*ACCOUNT)) as atlas:
                        assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE
                except Exception as error:
                    raise AssertionError(f"{name}={value} raised {error!r}") from error
            assert all(name in str(each.message) for each in caught if issubclass(each.category, UserWarning)), value


def test_the_command_lives_with_any_exception(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        ended = service_account(shell(tmp_path, server)).with_env(NO_PROXY="[::1],fe80::/10").run("orgs")
    assert ended.status == 0
    assert ORG in ended.out


@both
def test_the_other_exceptions_hold(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """192.0.2.1 is an address that nobody has (RFC 5737)."""
    with RawServer({"CONNECT 192.0.2.1:443": replies(http(502))}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for value, through_proxy in (("[::1],192.0.2.1", 0), ("[::1],192.0.2.2", 1)):
            monkeypatch.setenv("NO_PROXY", value)
            settings: Any = {"base_url": "https://192.0.2.1", "timeout": 0.3, "max_retries": 0, "verify": NO_TLS}
            with pytest.raises(ai.APIConnectionError), twin(kind, ai.AccessTokenAuth(TOKEN), **settings) as atlas:
                atlas.call("list_organizations")
            assert len(proxy.requests) == through_proxy


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", ["gopher://user:canary@host:1", "http://user:canary@[", "socks9://canary@host"])
@both
def test_the_variable_at_fault_is_named(kind: Kind, name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    settings: Any = {"base_url": "https://cloud.mongodb.com", "verify": NO_TLS, "max_retries": 0}
    with (
        pytest.raises(ai.ConfigError, match=rf"\b{name}\b") as caught,
        twin(kind, ai.AccessTokenAuth(TOKEN), **settings) as atlas,
    ):
        atlas.call("list_organizations")
    assert not [other for other in PROXIES if other != name.upper() and other in str(caught.value)]
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["a" * 64 + ".com", "xn--a", "xn--a.com"])
@both
def test_a_host_that_nothing_can_look_up_is_refused(kind: Kind, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = ai.AccessTokenAuth(TOKEN)
    with pytest.raises(ai.ConfigError, match="base URL"), twin(kind, auth, base_url=f"https://{host}", verify=NO_TLS):
        pass
    with pytest.raises(ai.ConfigError, match="proxy="), twin(kind, auth, proxy=f"http://{host}:1", verify=NO_TLS):
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://{host}:1")
    settings: Any = {"base_url": "https://cloud.mongodb.com", "verify": NO_TLS}
    with pytest.raises(ai.ConfigError, match="HTTPS_PROXY"), twin(kind, auth, **settings):
        pass


# Item 13: no home

NO_HOME = (
    "import pwd, sys\n"
    "def nobody(uid): raise KeyError(uid)\n"
    "pwd.getpwuid = nobody\n"
    "from atlas_invoices.cli import main\n"
    "sys.exit(main())\n"
)
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "USER", "LOGNAME")


def test_without_a_home_the_command_does_without_a_cache(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = service_account(shell(tmp_path, server)).without(*HOMES)
        for arguments in (["orgs"], ["download", INVOICE, "-o", "june.csv"], ["doctor"], ["logout"]):
            ended = sh.execute([sys.executable, "-c", NO_HOME, *arguments])
            assert ended.status == 0, (arguments, ended)
            assert len(ended.warnings) <= 1, arguments
    assert [path.name for path in sh.folder.iterdir()] == ["june.csv"]


def test_an_empty_home_is_none(tmp_path: Path) -> None:
    """Python takes it for the root folder."""
    with scripted_atlas() as server:
        sh = service_account(shell(tmp_path, server)).without(*HOMES).with_env(HOME="")
        ended = sh.run("orgs")
    assert ended.status == 0
    (warning,) = ended.warnings
    assert "HOME" in warning
    assert "token_cache" not in warning, "an argument of the library"
    assert list(sh.folder.iterdir()) == []


@both
def test_without_a_home_the_library_does_without_a_cache(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    for name in HOMES:
        monkeypatch.delenv(name, raising=False)
    with scripted_atlas() as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        with client(kind, server, ai.ServiceAccountAuth(*ACCOUNT), token_cache=True) as atlas:
            for _ in range(3):
                assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE
    assert len([each for each in caught if issubclass(each.category, UserWarning)]) <= 1
    assert list(tmp_path.iterdir()) == []


def _a_file(path: Path) -> None:
    path.write_text("")


def _open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("make", [_a_file, _open_to_all, _dangling])
@both
def test_warnings_as_errors_turn_no_cache_trouble_into_a_failure(kind: Kind, make: Any, tmp_path: Path) -> None:
    make(tmp_path / "cache")
    with scripted_atlas() as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        auth = ai.ServiceAccountAuth(*ACCOUNT)
        with client(kind, server, auth, token_cache=str(tmp_path / "cache")) as atlas:
            for _ in range(2):
                assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE


def test_nor_in_the_command(tmp_path: Path) -> None:
    cache = tmp_path / "a file"
    cache.write_text("")
    with scripted_atlas() as server:
        sh = service_account(shell(tmp_path, server)).with_env(XDG_CACHE_HOME=str(cache))
        for ended in (sh.run("orgs"), sh.with_env(PYTHONWARNINGS="error").run("orgs")):
            assert ended.status == 0
            assert ORG in ended.out
            assert len(ended.warnings) <= 1


# Nor does another warning


@both
def test_warnings_as_errors_fail_no_download_and_no_sync(
    kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A CSV that doesn't name its invoice, and a version that will be removed."""
    nameless = invoice_csv(head=f"Organization ID,{ORG},\n\n")
    deprecated = json_reply(page(listed()), ("Deprecation", "true"))
    with scripted_atlas(csv=csv_reply(nameless), list=deprecated) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        with client(kind, server) as atlas:
            assert atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv").size == len(nameless)
        assert sync(kind, server, tmp_path / "folder").ok
    assert "doesn't name its invoice" in caplog.text, "it's logged instead"
    assert "is deprecated" in caplog.text


def test_warnings_as_errors_fail_no_command(tmp_path: Path) -> None:
    nameless = invoice_csv(head=f"Organization ID,{ORG},\n\n")
    with scripted_atlas(csv=csv_reply(nameless)) as server:
        sh = shell(tmp_path, server).with_env(
            PYTHONWARNINGS="error", MONGODB_ATLAS_CLIENT_ID="unused", MONGODB_ATLAS_CLIENT_SECRET="unused"
        )
        ended = sh.run("download", INVOICE, "-o", "june.csv")
    assert ended.status == 0
    assert (sh.folder / "june.csv").read_bytes() == nameless
    assert "several credentials found" in ended.err
    assert "doesn't name its invoice" in ended.err


# Item 14: certificates


@pytest.mark.parametrize("content", [None, b"", b"no PEM", "folder"], ids=["missing", "empty", "text", "folder"])
@both
def test_a_bundle_in_the_environment_that_cannot_be_used_is_named(
    kind: Kind, content: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.pem"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with (
        pytest.raises(ai.ConfigError, match="SSL_CERT_FILE") as caught,
        twin(kind, ai.AccessTokenAuth(TOKEN), base_url="https://192.0.2.1", timeout=0.2, max_retries=0) as atlas,
    ):
        atlas.call("list_organizations")
    assert str(path) in str(caught.value)


def test_a_bundle_with_a_bad_certificate_beside_a_good_one_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: trustme.CA
) -> None:
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    for content, says in ((authority.cert_pem.bytes() + bad, "a certificate in it can't be read"), (b"", "no PEM")):
        bundle.write_bytes(content)
        with pytest.raises(ai.ConfigError, match=says):
            ai.Client(ai.AccessTokenAuth(TOKEN))


def test_the_command_names_the_bundle(tmp_path: Path) -> None:
    ended = shell(tmp_path, SSL_CERT_FILE="/nowhere/bundle.pem").run("orgs", "--max-retries", "0")
    assert ended.status in {1, 2}
    assert "SSL_CERT_FILE" in ended.error
    assert "/nowhere/bundle.pem" in ended.error


NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def unknown_issuer(_: trustme.CA) -> trustme.LeafCert:
    return trustme.CA().issue_cert("127.0.0.1")


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_before=NOW - 3 * DAY, not_after=NOW - DAY)


def not_yet_valid(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_before=NOW + DAY, not_after=NOW + 3 * DAY)


def wrong_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("atlas.example")


@pytest.mark.parametrize(
    ("make", "says", "not_says"),
    [
        (unknown_issuer, r"(?s)(issuer|authority).*SSL_CERT_FILE", r"clock|expired"),
        (expired, r"expired", r"SSL_CERT_FILE|issuer"),
        (not_yet_valid, r"not yet valid.*clock", r"SSL_CERT_FILE|issuer"),
        (wrong_host, r"(?i)(host|name|issued for).*", r"SSL_CERT_FILE|issuer|clock|expired"),
    ],
    ids=lambda value: getattr(value, "__name__", "-"),
)
@both
def test_certificate_failures_are_told_apart(
    kind: Kind, make: Any, says: str, not_says: str, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    with (
        RawServer(tls=server_tls(make(authority))) as server,
        twin(kind, ai.AccessTokenAuth(TOKEN), base_url=server.url, verify=trusting, retry_policy=QUICK) as atlas,
    ):
        with pytest.raises(ai.APIConnectionError, match=says) as caught:
            atlas.call("list_organizations")
        assert server.accepted == 1
    assert not re.search(not_says, str(caught.value)), str(caught.value)
    assert not caught.value.transient


# Item 15: base URLs and timeouts

BASE_URLS = {
    "https://cloud.mongodb.com//": r"https://",
    "https://cloud.mongodb.com//proxy": r"https://",
    "https://cloud.mongodb.com/a//b": r"https://",
    "https://cloud..mongodb.com": r"host",
    "https://.mongodb.com": r"host",
    "https://cloud.mongodb.com/api/atlas/v2": r"https://cloud\.mongodb\.com(?!/)",
    "https://cloud.mongodb.com/api/atlas/v2/": r"https://cloud\.mongodb\.com(?!/)",
    "https://gateway.example/atlas/api/atlas/v2": r"https://gateway\.example/atlas(?!/)",
}


@pytest.mark.parametrize("url", BASE_URLS)
@both
def test_a_base_url_that_cannot_be_used_says_the_way_out(kind: Kind, url: str) -> None:
    with (
        pytest.raises(ai.ConfigError, match="base URL") as caught,
        twin(kind, ai.AccessTokenAuth(TOKEN), base_url=url, verify=NO_TLS),
    ):
        pass
    assert re.search(BASE_URLS[url], str(caught.value).replace(url, "")), str(caught.value)


def test_that_is_a_usage_error(tmp_path: Path) -> None:
    sh = shell(tmp_path)
    orgs = ("orgs", "--max-retries", "0")
    for ended in (
        sh.run(*orgs, "--base-url", "https://cloud.mongodb.com//"),
        sh.run(*orgs, "--base-url", "https://xn--a.com"),
        sh.run("sync", "--dir", ".", "--lock-timeout", "nan"),
        sh.with_env(MONGODB_ATLAS_BASE_URL="https://cloud.mongodb.com/api/atlas/v2").run(*orgs),
        sh.run(*orgs, "--timeout", "nan"),
        sh.run(*orgs, "--timeout", "inf"),
    ):
        assert ended.status == 2, ended
        assert re.search(r"base URL|--(lock-)?timeout", ended.error)


@pytest.mark.parametrize(
    "timeout",
    [float("nan"), float("inf"), -1.0, httpx.Timeout(float("nan")), httpx.Timeout(5, read=-1.0)],
    ids=repr,
)
@both
def test_a_timeout_is_a_number_of_seconds(kind: Kind, timeout: Any) -> None:
    with pytest.raises(ai.ConfigError, match="timeout"), twin(kind, ai.AccessTokenAuth(TOKEN), timeout=timeout):
        pass


# Item 16: loopback goes through no proxy


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
@both
def test_this_machine_is_reached_without_a_proxy(
    kind: Kind, name: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through one, the client ID and secret would travel in clear. 127.0.0.2 is this machine, where nobody listens."""
    with RawServer(default=lambda connection: connection.send(http(502))) as proxy, scripted_atlas() as server:
        monkeypatch.setenv(name, proxy.url)
        settings: Any = {"base_url": f"http://{host}:{server.port}", "max_retries": 0, "verify": NO_TLS}
        with twin(kind, ai.ServiceAccountAuth(*ACCOUNT), **settings) as atlas:
            if host == "127.0.0.2":
                with pytest.raises(ai.AtlasError):
                    atlas.call("list_organizations")
            else:
                assert [each.id for each in atlas.call("list_organizations")] == [ORG]
        assert proxy.requests == []


def test_the_command_and_the_doctor_reach_it_too(tmp_path: Path) -> None:
    with RawServer(default=lambda connection: connection.send(http(502))) as proxy, scripted_atlas() as server:
        sh = service_account(shell(tmp_path, server)).with_env(http_proxy=proxy.url, ALL_PROXY=proxy.url)
        ended = sh.run("doctor")
        assert ended.status == 0, ended
        assert proxy.requests == []
    assert re.search(r"(?m)^proxy: .*(none|no proxy|direct)", ended.out), ended.out


def test_the_doctor_says_which_proxy_applies(tmp_path: Path) -> None:
    with RawServer({CONNECT: replies(http(503))}) as proxy:
        host = f"127.0.0.1:{proxy.port}"
        sh = shell(tmp_path, HTTPS_PROXY=f"http://user:canary@{host}", MONGODB_ATLAS_BASE_URL=BEHIND)
        ended = sh.run("doctor", "--max-retries", "0")
    assert ended.status == 5
    assert re.search(rf"(?m)^proxy: .*{re.escape(host)}.*HTTPS_PROXY", ended.out), ended.out
    assert "canary" not in ended.out + ended.err


# Items 17 and 24: credentials


NO_AUTH: dict[str, Any] = {
    "pair": ("public", "private-canary"),
    "list": ["public", "private-canary"],
    "text": "private-canary",
    "bytes": b"x",
    "empty text": "",
    "empty pair": (),
    "number": 5,
    "object": object(),
    "class": ai.DigestAuth,
    "function": lambda request: request,
}


@pytest.mark.parametrize("name", NO_AUTH)
@both
def test_what_is_no_auth_object_is_refused(kind: Kind, name: str) -> None:
    """A pair would be sent as HTTP Basic, an empty one as nothing."""
    with (
        pytest.raises(ai.ConfigError, match="DigestAuth") as caught,
        twin(kind, NO_AUTH[name], base_url="http://127.0.0.1:9"),
    ):
        pass
    assert "private-canary" not in str(caught.value)


@both
def test_any_auth_of_httpx_is_one(kind: Kind) -> None:
    with scripted_atlas() as server, client(kind, server, httpx.BasicAuth("name", "word")) as atlas:
        assert [each.id for each in atlas.call("list_organizations")] == [ORG]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ai.DigestAuth('"abcdefgh"', "canary"),
        lambda: ai.DigestAuth("abcdefgh", "'canary'"),
        lambda: ai.ServiceAccountAuth('"mdb_sa_id_1"', "canary"),
        lambda: ai.ServiceAccountAuth("mdb_sa_id_1", '"canary"'),
        lambda: ai.AccessTokenAuth('"canary"'),
        lambda: ai.AccessTokenAuth("'canary'"),
        lambda: ai.AccessTokenAuth("\u201ccanary\u201d"),
    ],
)
def test_quotes_around_a_credential_are_named(make: Any) -> None:
    with pytest.raises(ai.ConfigError, match="quote") as caught:
        make()
    assert "canary" not in str(caught.value)


def test_the_command_names_quotes(tmp_path: Path) -> None:
    sh = shell(tmp_path, MONGODB_ATLAS_ACCESS_TOKEN='"canary"')
    ended = sh.run("orgs", "--max-retries", "0")
    assert ended.status == 3
    assert "quote" in ended.error
    assert "canary" not in ended.err


def test_the_commands_say_what_a_refusal_is_about(tmp_path: Path) -> None:
    blocked = http(403, body=b"<html>Blocked</html>", kind="text/html")
    with scripted_atlas(orgs=error_reply(404), json=blocked) as server:
        sh = shell(tmp_path, server)
        orgs, owed = sh.run("orgs"), sh.run("owed", INVOICE)
    assert orgs.status == 4
    assert "atlas-invoices orgs" not in orgs.error
    assert owed.status == 3
    assert re.search(r"(?i)atlas.*proxy", owed.error)


# Item 25


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
@both
def test_a_client_can_no_more_be_pickled_than_its_auth(kind: Kind, copied: Any) -> None:
    with (
        scripted_atlas() as server,
        client(kind, server) as atlas,
        pytest.raises(TypeError, match=r"Client can't be pickled or copied; make a new one"),
    ):
        copied(atlas.client)


def test_a_proxy_in_the_way_is_try_again_later(tmp_path: Path, authority: trustme.CA) -> None:
    with behind_a_proxy(authority, *[http(504)] * 5) as (proxy, _):
        sh = shell(tmp_path, HTTPS_PROXY=proxy.url, MONGODB_ATLAS_BASE_URL=BEHIND)
        ended = sh.run("orgs", "--max-retries", "1")
        assert proxy.count(CONNECT) == 2
    assert ended.status == 5
    assert "504" in ended.error
