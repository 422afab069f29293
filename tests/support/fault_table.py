"""Everything that Atlas, a proxy or a network does wrong, and the outcome that must follow."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from attrs import evolve

import atlas_invoices as ai
from fault_kinds import (
    BROKE,
    CUT_SHORT,
    DAMAGED,
    HTML,
    NOT_HTTP,
    STALLED,
    TIMEOUT,
    WEB,
    Fault,
    Raises,
    Right,
    Stage,
    chunked,
    flipped,
    half,
    no_connection,
    ok,
    once_then_good,
    sends,
    sent,
    unexpected,
    zipped,
)
from fault_scenes import (
    CSV,
    INVOICE,
    ORG,
    OTHER,
    Bench,
    Document,
    Scene,
    full_backlog,
    on_accept,
    proxied,
    refused,
    sandboxed,
    scripted,
    token_endpoint,
)
from raw_server import Connection, Script, http

if TYPE_CHECKING:
    from wire_sandbox import WireSandbox


HANDSHAKES = (
    Fault("nobody listens", refused, no_connection()),
    Fault("the queue for connections is full", full_backlog, TIMEOUT),
    # "No connection", or "invalid HTTP response" where the reset came while the request was being sent.
    Fault("reset on accept", on_accept(Connection.reset), Raises(ai.APIConnectionError, "the base URL", 2)),
    Fault("hung up on accept", on_accept(Connection.close), NOT_HTTP),
    Fault(
        "a self-signed certificate",
        on_accept(Connection.close, tls="untrusted_tls"),
        Raises(ai.APIConnectionError, "SSL_CERT_FILE", 1),
    ),
    Fault(
        "a certificate for another name",
        on_accept(Connection.close, tls="other_name_tls"),
        Raises(ai.APIConnectionError, "issued for another host", 1),
    ),
    Fault(
        "an expired certificate",
        on_accept(Connection.close, tls="expired_tls"),
        Raises(ai.APIConnectionError, "has expired", 1),
    ),
    Fault(
        "a certificate of tomorrow",
        on_accept(Connection.close, tls="future_tls"),
        Raises(ai.APIConnectionError, "check this machine's clock", 1),
    ),
    Fault("a proxy fails", proxied(sends(http(502))), Raises(ai.APIConnectionError, "can't reach the server: 502", 2)),
    Fault("a proxy refuses", proxied(sends(http(407))), Raises(ai.APIConnectionError, "proxy refused: 407", 1)),
    Fault(
        "plain HTTP on the TLS port", on_accept(sends(http(400, body=HTML), then="close"), https=True), no_connection()
    ),
    Fault("no TLS handshake ever", on_accept(Connection.hang, https=True, timeout=0.15), TIMEOUT),
    Fault("reset in the TLS handshake", on_accept(Connection.reset, https=True), no_connection()),
    Fault("all well over TLS", scripted(lambda d: sends(d.good), tls="good_tls"), Right()),
    Fault(
        "TLS ends without a farewell",
        scripted(lambda d: sends(half(d.good), then="reset"), tls="good_tls"),
        BROKE,
    ),
)

BREAKS = (
    Fault("reset instead of an answer", scripted(lambda _: Connection.reset), no_connection()),
    Fault("hung up instead of an answer", scripted(lambda _: Connection.close), NOT_HTTP),
    Fault("reset in the head", sent(lambda d: d.good[:60], "reset"), no_connection()),
    Fault("hung up in the head", sent(lambda d: d.good[:60], "close"), NOT_HTTP),
    Fault("reset after the head", sent(lambda d: d.good[: -len(d.body)], "reset"), BROKE),
    Fault("hung up after the head", sent(lambda d: d.good[: -len(d.body)], "close"), BROKE),
    Fault("reset in the body", sent(lambda d: d.good[:-20], "reset"), BROKE),
    Fault("hung up in the body", sent(lambda d: d.good[:-20], "close"), BROKE),
    Fault("hung up between chunks", sent(lambda d: chunked(d, half(d.body)), "close"), BROKE),
    Fault("hung up before the last chunk", sent(lambda d: chunked(d, d.body), "close"), BROKE),
    Fault("a chunk cut short", sent(lambda d: chunked(d) + b"ffff\r\n" + d.body, "close"), BROKE),
    Fault("an invalid chunk size", sent(lambda d: chunked(d, d.body, end=b"zz\r\n\r\n")), BROKE),
    Fault("an endless chunk size", sent(lambda d: chunked(d) + b"f" * 300_000), BROKE),
    Fault(
        "chunks, all well",
        sent(lambda d: chunked(d, half(d.body), d.body[len(half(d.body)) :], end=b"0\r\n\r\n")),
        Right(),
    ),
    Fault(
        "chunks, and the length of something else",
        sent(lambda d: chunked(d, d.body, end=b"0\r\n\r\n").replace(b"\r\n", b"\r\nContent-Length: 3\r\n", 1)),
        Right(),
    ),
    Fault("one byte at a time", scripted(lambda d: sends(*(bytes([b]) for b in d.good))), Right()),
    Fault(
        "a body that ends with the connection",
        sent(lambda d: http(200, body=d.body, kind=d.kind, length=None), "close"),
        Right(),
    ),
    Fault("no answer", scripted(lambda _: Connection.hang, timeout=0.15), TIMEOUT),
    Fault("silence in the head", scripted(lambda d: sends(d.good[:60], then="hang"), timeout=0.15), TIMEOUT),
    Fault(
        "silence after the head", scripted(lambda d: sends(d.good[: -len(d.body)], then="hang"), timeout=0.15), STALLED
    ),
    Fault("silence in the body", scripted(lambda d: sends(d.good[:-20], then="hang"), timeout=0.15), STALLED),
    Fault("broken once", scripted(once_then_good(lambda d: sends(d.good[:-20], then="reset"))), Right(2)),
    Fault("silent once", scripted(once_then_good(lambda _: Connection.hang), timeout=0.3), Right(2)),
    Fault("no answer once", scripted(once_then_good(lambda _: Connection.reset)), Right(2)),
)

FRAMING = (
    Fault(
        "a length too long, hung up",
        sent(lambda d: http(200, body=d.body, kind=d.kind, length=len(d.body) + 9), "close"),
        BROKE,
    ),
    Fault(
        "a length too long, silence",
        scripted(
            lambda d: sends(http(200, body=d.body, kind=d.kind, length=len(d.body) + 9), then="hang"), timeout=0.15
        ),
        STALLED,
    ),
    Fault(
        "a length of 30 digits",
        sent(lambda d: http(200, [("Content-Length", "9" * 30)], d.body, length=None)),
        NOT_HTTP,
    ),
    Fault("an invalid length", sent(lambda d: http(200, [("Content-Length", "many")], d.body, length=None)), NOT_HTTP),
    Fault("two lengths", sent(lambda d: http(200, [("Content-Length", "3")], d.body, kind=d.kind)), NOT_HTTP),
    Fault("a negative length", sent(lambda d: http(200, [("Content-Length", "-1")], d.body, length=None)), NOT_HTTP),
    Fault("a status line of another protocol", sent(lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), NOT_HTTP),
    Fault("a status that is no number", sent(lambda _: b"HTTP/1.1 OK fine\r\n\r\n"), NOT_HTTP),
    Fault("status 99", sent(lambda _: http(99)), NOT_HTTP),
    Fault("status 999", sent(lambda _: http(999)), Raises(ai.ServerError, "999", 2)),
    Fault("random bytes", sent(lambda _: bytes(range(256)) * 8), NOT_HTTP),
    Fault(
        "a header without a colon",
        sent(lambda d: http(200, [], d.body).replace(b"\r\n\r\n", b"\r\nnonsense\r\n\r\n", 1)),
        NOT_HTTP,
    ),
    Fault("a NUL in a header", sent(lambda d: http(200, [("X-Odd", "a\0b")], d.body)), NOT_HTTP),
    Fault(
        "bytes beyond ASCII in a header",
        sent(lambda d: http(200, [("X-Odd", "\xe4\xff")], d.body, kind=d.kind)),
        Right(),
    ),
    Fault(
        "a cookie that isn't ASCII",
        sent(lambda d: http(200, [("Set-Cookie", "a=\xfc; Path=/")], d.body, kind=d.kind)),
        Right(),
    ),
    Fault("a header of 200 KB", sent(lambda d: http(200, [("X-Huge", "x" * 200_000)], d.body)), NOT_HTTP),
    Fault("100,000 headers", sent(lambda d: http(200, [("X", "y")] * 100_000, d.body)), NOT_HTTP),
    Fault(
        "headers without end",
        scripted(
            lambda _: lambda c: c.send_all(itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: y\r\n")))
        ),
        NOT_HTTP,
    ),
    Fault(
        "continue and early hints first",
        sent(lambda d: http(100, length=None) + http(103, length=None) + d.good),
        Right(),
    ),
    Fault("an unwanted upgrade", sent(lambda d: http(101, [("Upgrade", "x")], length=None) + d.good), NOT_HTTP),
    Fault(
        "no length, and cut within a line",
        sent(lambda d: http(200, body=d.body[:-5], kind=d.kind, length=None), "close"),
        CUT_SHORT,
        unexpected("can't be read"),
    ),
    Fault("HTTP/1.0", sent(lambda d: d.good.replace(b"HTTP/1.1", b"HTTP/1.0"), "close"), Right()),
)

_NO_ENTRIES = b'{"links": [], "results": [], "totalCount": 2}'


def _declares_five(page: Document) -> bytes:
    return http(200, body=page.body.replace(b'"totalCount": 2', b'"totalCount": 5'), kind=page.kind)


BODIES = (
    Fault("a web page", ok(HTML, WEB), unexpected("text/html")),
    Fault("a web page of the right type", ok(HTML), unexpected("a web page")),
    Fault("a web page of no type", ok(HTML, None), unexpected("a web page")),
    Fault("no type", sent(lambda d: http(200, body=d.body)), Right()),
    Fault("another type", sent(lambda d: http(200, body=d.body, kind="image/png")), unexpected("image/png")),
    Fault(
        "a type of terminal escapes",
        sent(lambda d: http(200, body=d.body, kind="a/b\x1b[31m" + "x" * 500)),
        unexpected("a/b\\x1b[31m"),
    ),
    Fault(
        "JSON of another kind",
        ok(b'{"error": 404}', "application/json"),
        unexpected("application/json"),
        unexpected("without any"),
    ),
    Fault("JSON of the right type", ok(b' [{"a": 1}]'), unexpected("JSON"), unexpected("other than a JSON object")),
    Fault("CSV of the right type", ok(CSV.body), Right(), unexpected("other than a JSON object")),
    Fault("nothing", ok(b""), unexpected("an empty body")),
    Fault(
        "nothing, by the connection's end",
        sent(lambda d: http(200, kind=d.kind, length=None), "close"),
        unexpected("an empty body"),
    ),
    Fault("nothing but blanks", ok(b" \r\n\t\n" * 50_000), unexpected("an empty body")),
    Fault("nothing but a byte order mark", ok(b"\xef\xbb\xbf"), unexpected("an empty body")),
    Fault("NULs", ok(b"\0" * 500), unexpected("CSV, got binary data"), unexpected("other than a JSON object")),
    Fault(
        "a zip file",
        ok(b"PK\x03\x04" + b"\0" * 99),
        unexpected("CSV, got binary data"),
        unexpected("other than a JSON object"),
    ),
    Fault(
        "JSON cut at its declared length",
        sent(lambda d: http(200, body=half(d.body), kind=d.kind)),
        None,
        unexpected("can't be read"),
    ),
    Fault(
        "JSON in another charset",
        sent(lambda d: http(200, body=d.body.replace(b"PAID", b"P\xc4ID"), kind=f"{d.kind}; charset=iso-8859-1")),
        Right(),
        unexpected("can't be read"),
    ),
    Fault("an unknown charset", sent(lambda d: http(200, body=d.body, kind=f"{d.kind}; charset=klingon")), Right()),
    Fault("JSON null", ok(b"null"), None, unexpected("other than a JSON object")),
    Fault("an empty object", ok(b"{}"), unexpected("JSON"), unexpected("without any")),
    Fault("invalid results", ok(b'{"results": "many", "links": 3}'), unexpected("JSON"), unexpected("can't be read")),
    Fault("invalid items", ok(b'{"results": [1, null, "x"]}'), unexpected("JSON"), unexpected("can't be read")),
    Fault("an invalid item", ok(b'{"results": [{"id": "a"}, null]}'), unexpected("JSON"), unexpected("can't be read")),
    Fault(
        "invalid links",
        ok(
            b'{"results": [{"id": "666acb8787ba43606905dcae", "created": "9999-12-31T24:00:00Z"}, '
            b'{"id": "666acb8787ba43606905dcaf"}], "links": [3]}'
        ),
        unexpected("JSON"),
        Right(),
    ),
    Fault("JSON 100,000 deep", ok(b'{"results": ' + b"[" * 100_000), unexpected("JSON"), unexpected("can't be read")),
    Fault(
        "a number of 10,000 digits",
        ok(b'{"results": [' + b"9" * 10_000 + b"]}"),
        unexpected("JSON"),
        unexpected("can't be read"),
    ),
    Fault(
        "the same page again and again",
        ok(b'{"results": [{"id": "a"}], "links": [{"rel": "next", "href": "x"}]}'),
        unexpected("JSON"),
        Raises(ai.UnexpectedResponseError, "the same page", 2),
    ),
    Fault(
        "another invoice",
        sent(lambda d: http(200, body=d.body.replace(INVOICE.encode(), OTHER.encode()), kind=d.kind)),
        unexpected(f"expected invoice {INVOICE}, got {OTHER}"),
        # Twice the same one in a list of two, so a second page is requested.
        Raises(ai.UnexpectedResponseError, "the same page", 2),
    ),
    Fault(
        "another organization",
        sent(lambda d: http(200, body=d.body.replace(ORG.encode(), b"f" * 24), kind=d.kind)),
        None,
        unexpected(f"expected organization {ORG}, got ffff"),
    ),
    Fault(
        "a sign-in page as text",
        ok(b"Sign in to continue.\nBy signing in, you accept the terms.\n"),
        unexpected("without an invoice's header row"),
        unexpected("other than a JSON object"),
    ),
    Fault(
        "a bare header row",
        ok(b"Date,Usage Date,SKU,Amount\n\n"),
        unexpected("a header row without an invoice's preamble or lines"),
        unexpected("other than a JSON object"),
    ),
    Fault(
        "fewer entries than declared",
        scripted(lambda d: [sends(_declares_five(d)), sends(_declares_five(evolve(d, body=_NO_ENTRIES)))]),
        None,
        Raises(ai.UnexpectedResponseError, "ended after 2 of 5 entries", 2),
    ),
)

CODINGS = (
    Fault("gzip, all well", sent(lambda d: zipped(d, gzip.compress(d.body))), Right()),
    Fault(
        "gzip in two members",
        sent(lambda d: zipped(d, gzip.compress(half(d.body)) + gzip.compress(d.body[len(half(d.body)) :]))),
        Right(),
    ),
    Fault("gzip and zeros after it", sent(lambda d: zipped(d, gzip.compress(d.body) + b"\0" * 512)), Right()),
    Fault("gzip cut", sent(lambda d: zipped(d, half(gzip.compress(d.body)))), CUT_SHORT),
    Fault("gzip cut by one byte", sent(lambda d: zipped(d, gzip.compress(d.body)[:-1])), CUT_SHORT),
    Fault(
        "gzip cut, in chunks",
        sent(
            lambda d: chunked(d, half(gzip.compress(d.body)), end=b"0\r\n\r\n").replace(
                b"\r\n", b"\r\nContent-Encoding: gzip\r\n", 1
            )
        ),
        CUT_SHORT,
    ),
    Fault(
        "gzip cut by the connection's end",
        sent(
            lambda d: http(200, [("Content-Encoding", "gzip")], half(gzip.compress(d.body)), kind=d.kind, length=None),
            "close",
        ),
        CUT_SHORT,
    ),
    Fault("gzip with a damaged byte", sent(lambda d: zipped(d, flipped(gzip.compress(d.body)))), DAMAGED),
    Fault("gzip with a wrong checksum", sent(lambda d: zipped(d, gzip.compress(d.body)[:-8] + bytes(8))), DAMAGED),
    Fault("gzip with rubbish after it", sent(lambda d: zipped(d, gzip.compress(d.body) + b"rubbish")), DAMAGED),
    Fault("no gzip, declared as gzip", sent(lambda d: zipped(d, d.body)), unexpected("isn't gzip")),
    Fault("gzip of nothing", sent(lambda d: zipped(d, gzip.compress(b""))), unexpected("an empty body")),
    Fault("nothing, declared as gzip", sent(lambda d: zipped(d, b"")), unexpected("an empty body")),
    Fault(
        "gzip twice, declared once",
        sent(lambda d: zipped(d, gzip.compress(gzip.compress(d.body)))),
        unexpected("CSV, got binary data"),
        unexpected("other than a JSON object"),
    ),
    Fault(
        "gzip twice, declared twice",
        sent(lambda d: zipped(d, gzip.compress(gzip.compress(d.body)), "gzip, gzip")),
        unexpected("gzip, gzip"),
    ),
    Fault(
        "gzip, not declared",
        sent(lambda d: http(200, body=gzip.compress(d.body), kind=d.kind)),
        unexpected("CSV, got binary data"),
        unexpected("other than a JSON object"),
    ),
    Fault("a character set as the coding", sent(lambda d: zipped(d, d.body, "UTF-8")), Right()),
    Fault("gzip, identity", sent(lambda d: zipped(d, gzip.compress(d.body), "gzip, identity")), Right()),
    Fault("brotli", sent(lambda d: zipped(d, d.body, "br")), unexpected("'br'")),
    Fault(
        "gzip damaged once",
        scripted(once_then_good(lambda d: sends(zipped(d, flipped(gzip.compress(d.body)))))),
        Right(2),
    ),
    Fault(
        "gzip bomb of blanks",
        sent(lambda d: zipped(d, gzip.compress(b" " * 50_000_000, 1))),
        unexpected("an empty body"),
    ),
)

_STATUS_CLASS: dict[int, type[ai.AtlasError]] = {
    400: ai.BadRequestError,
    401: ai.AuthenticationError,
    403: ai.PermissionDeniedError,
    404: ai.NotFoundError,
    406: ai.NotAcceptableError,
    407: ai.APIStatusError,
    409: ai.APIStatusError,
    410: ai.GoneError,
    429: ai.RateLimitError,
    **dict.fromkeys((500, 502, 503, 504, 511, 520, 599), ai.ServerError),
    **dict.fromkeys((204, 206, 301, 302, 307), ai.UnexpectedResponseError),
}
_STATUS_BODY: dict[str, tuple[str | None, bytes]] = {
    "JSON": (
        "application/json",
        b'{"error": 1, "errorCode": "SAID_ATLAS", "detail": "line\\none\\u001b[31m", "reason": null}',
    ),
    "HTML": (WEB, HTML),
    "no body": (None, b""),
    "a cut body": ("application/json", b'{"error": 1, "errorCode": "SAID'),
}


def _status_fault(status: int, name: str) -> Fault:
    kind, body = _STATUS_BODY[name]
    error = _STATUS_CLASS[status]

    def stage(bench: Bench, struck: Document) -> AbstractContextManager[Scene]:
        headers = [("Location", f"{bench.elsewhere.url}/take/it")] if 300 <= status < 400 else []
        length = len(body) + 99 if name == "a cut body" else -1
        reply = http(status, headers, body, kind=kind, length=None if status == 204 else length)
        return sent(lambda _: reply, "close" if name == "a cut body" or status == 204 else "")(bench, struck)

    speaks = name == "JSON" and status >= 400
    says = f"{status}" if not speaks else "SAID_ATLAS: line one\\x1b[31m"
    if not speaks and (status == 511 or 400 <= status < 500) and status not in {401, 429}:
        says = "isn't from Atlas"
    return Fault(
        f"{status} with {name}", stage, Raises(error, says, 2 if error in {ai.RateLimitError, ai.ServerError} else 1)
    )


STATUSES = tuple(_status_fault(status, name) for status in _STATUS_CLASS for name in _STATUS_BODY)


def _status(status: int, *headers: tuple[str, str]) -> Callable[[Document], Script]:
    return lambda _: sends(http(status, headers, b"{}", kind="application/json"))


def _limit(wait: str) -> Stage:
    return scripted(_status(429, ("Retry-After", wait)))


LIMITS = (
    Fault("429 once", scripted(once_then_good(_status(429))), Right(2)),
    Fault("429 once, back at once", scripted(once_then_good(_status(429, ("Retry-After", "0")))), Right(2)),
    Fault("429 every time", scripted(_status(429)), Raises(ai.RateLimitError, "too many requests", 2)),
    Fault("429 every time, back at once", _limit("0"), Raises(ai.RateLimitError, "too many requests", 2)),
    Fault("429, back in an hour", _limit("3600"), Raises(ai.RateLimitError, "asks to wait 60 min", 1)),
    Fault("429, back in 10^30 seconds", _limit("1" + "0" * 30), Raises(ai.RateLimitError, "asks to wait", 1)),
    Fault("429, back yesterday", _limit("Wed, 21 Oct 2015 07:28:00 GMT"), Raises(ai.RateLimitError, "too many", 2)),
    Fault("429, back in the year 9999", _limit("Fri, 31 Dec 9999 23:59:59 GMT"), Raises(ai.RateLimitError, "wait", 1)),
    Fault(
        "429, back on a day that isn't",
        _limit("Mon, 99999999999999999999 Jan 1:1 1 1"),
        Raises(ai.RateLimitError, "too many requests", 2),
    ),
    Fault("429, back soon", _limit("soon"), Raises(ai.RateLimitError, "too many requests", 2)),
    Fault("503 once", scripted(once_then_good(_status(503))), Right(2)),
    Fault(
        "503, back in an hour",
        scripted(_status(503, ("Retry-After", "3600"))),
        Raises(ai.ServerError, "wait 60 min", 1),
    ),
    Fault("500 once", scripted(once_then_good(_status(500))), Right(2)),
    Fault("520 once", scripted(once_then_good(_status(520))), Right(2)),
)

REDIRECTS = (
    Fault("a redirect to nowhere", scripted(_status(302)), unexpected("redirect")),
    Fault("a redirect that is no URL", scripted(_status(302, ("Location", "http://host:port/"))), NOT_HTTP),
    Fault(
        "a redirect to another scheme",
        scripted(_status(301, ("Location", "file:///etc/passwd"))),
        unexpected("redirect"),
    ),
    Fault("a redirect to itself", scripted(_status(308, ("Location", "?again"))), unexpected("redirect")),
)


def _stale(times: int) -> Callable[[WireSandbox, str], None]:
    return lambda sandbox, _: sandbox.age_nonces(times)


def _expired(sandbox: WireSandbox, _: str) -> None:
    sandbox.expire_tokens()


def _refuses(times: int) -> Callable[[WireSandbox, str], None]:
    return lambda sandbox, path: sandbox.fail(401, times=times, path=path)


def _cut_challenge(sandbox: WireSandbox, path: str) -> None:
    sandbox.reset(path=path, before_auth=True)


def _token_reply(status: int, body: bytes, *headers: tuple[str, str], then: str = "") -> Stage:
    return token_endpoint(sends(http(status, headers, body, kind="application/json"), then=then))


CREDENTIALS = (
    Fault("a stale nonce", sandboxed(_stale(1), "digest"), Right()),
    Fault("stale nonces three times in a row", sandboxed(_stale(3), "digest"), Right()),
    Fault(
        "stale nonces every time",
        sandboxed(_stale(10**6), "digest", strikes_all=True),
        Raises(ai.AuthenticationError, "check the key", 0),
    ),
    Fault("the challenge is reset", sandboxed(_cut_challenge, "digest"), Right(2)),
    Fault("an expired token", sandboxed(_expired, "service"), Right()),
    Fault("a token refused once", sandboxed(_refuses(1), "service"), Right()),
    Fault(
        "tokens refused every time", sandboxed(_refuses(10**6), "service"), Raises(ai.AuthenticationError, "check", 0)
    ),
    Fault(
        "a wrong client secret",
        _token_reply(401, b'{"error": "invalid_client"}'),
        Raises(ai.TokenError, "invalid_client"),
    ),
    Fault(
        "too many tokens",
        _token_reply(403, b'{"error": "access_denied", "error_description": "Access Token limit reached"}'),
        Raises(ai.TokenError, "100"),
    ),
    Fault(
        "too many token requests",
        _token_reply(429, b"{}", ("Retry-After", "600")),
        Raises(ai.TokenError, "50 a minute"),
    ),
    Fault("the token endpoint fails", _token_reply(503, HTML), Raises(ai.TokenError, "token endpoint failed", 2)),
    Fault("a page for a token", _token_reply(200, HTML), Raises(ai.TokenError, "token endpoint's reply can't be used")),
    Fault(
        "a token without end",
        _token_reply(200, b'{"access_token": "' + b"x" * 200_000),
        Raises(ai.TokenError, "longer than 64 KiB"),
    ),
    Fault(
        "a token with a line break",
        _token_reply(200, b'{"access_token": "a\\nX: y", "token_type": "Bearer"}'),
        Raises(ai.TokenError, "can't be sent"),
    ),
    Fault(
        "the token endpoint redirects",
        _token_reply(307, b"", ("Location", "https://203.0.113.9/")),
        Raises(ai.TokenError, "redirect"),
    ),
    Fault("the token request is reset", token_endpoint(Connection.reset), no_connection()),
    Fault(
        "the token's reply is cut",
        _token_reply(200, b'{"access', ("X", "y")),
        Raises(ai.TokenError, "reply can't be used"),
    ),
    Fault("the token's reply breaks", token_endpoint(sends(http(200, body=b"{", length=99), then="close")), NOT_HTTP),
)

TRANSFERS = (*BREAKS, *FRAMING, *CODINGS, *LIMITS)
FAULTS = (*HANDSHAKES, *BREAKS, *FRAMING, *BODIES, *CODINGS, *STATUSES, *LIMITS, *REDIRECTS, *CREDENTIALS)
