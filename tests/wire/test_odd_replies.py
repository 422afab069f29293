"""Replies that are odd but right are read; replies that are odd and wrong raise our own errors, which keep secrets."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import re
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import atlas_invoices as ai
from raw_server import Connection, Script, http
from scripted_atlas import (
    CSV_TYPE,
    INVOICE,
    JSON_TYPE,
    ORG,
    OTHER,
    TOKEN,
    both,
    client,
    csv_of,
    csv_reply,
    error_reply,
    files_of,
    invoice_csv,
    invoice_json,
    json_reply,
    line_item,
    listed,
    page,
    payment,
    scripted_atlas,
    service_account,
    shell,
    sync,
    web_page,
)

if TYPE_CHECKING:
    from client_twin import Kind

GOOD = invoice_csv()
GOOD_JSON = json.dumps(invoice_json()).encode()
ACCOUNT = ("mdb_sa_id_scripted", "mdb_sa_sk_canary")
NO_ORGANIZATION_ADVICE = "Organization Billing"


# Item 6: right data that is framed or labelled oddly


def stale_length(body: bytes, length: int, *headers: tuple[str, str], kind: str = CSV_TYPE) -> bytes:
    """A chunked reply that has a Content-Length too, which is another's."""
    head = [("Content-Length", str(length)), ("Transfer-Encoding", "chunked"), *headers]
    chunks = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (9, body[:9], len(body) - 9, body[9:])
    return http(200, head, kind=kind, length=None) + chunks


@pytest.mark.parametrize("length", [3, len(GOOD) + 1000])
@both
def test_chunked_replies_have_no_other_length(kind: Kind, length: int, tmp_path: Path) -> None:
    """RFC 9112, section 6.3: Content-Length is ignored."""
    packed = gzip.compress(GOOD)
    replies: Any = [stale_length(GOOD, length), stale_length(packed, length, ("Content-Encoding", "gzip"))]
    document = stale_length(GOOD_JSON, length, kind=JSON_TYPE)
    with scripted_atlas(csv=replies, json=document) as server, client(kind, server) as atlas:
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == GOOD
        assert atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv").size == len(GOOD)
        assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("UTF-8", GOOD),
        ("utf8", GOOD),
        ("identity, identity", GOOD),
        ("gzip, identity", gzip.compress(GOOD)),
        ("identity,GZIP", gzip.compress(GOOD)),
        ("gzip, utf-8", gzip.compress(GOOD)),
    ],
)
@both
def test_codings_that_change_nothing_are_passed_over(kind: Kind, coding: str, body: bytes) -> None:
    with scripted_atlas(csv=csv_reply(body, ("Content-Encoding", coding))) as server, client(kind, server) as atlas:
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == GOOD


@pytest.mark.parametrize("coding", ["br", "gzip, br", "gzip, gzip", "deflate"])
@both
def test_codings_that_change_something_are_refused(kind: Kind, coding: str) -> None:
    reply = csv_reply(gzip.compress(GOOD), ("Content-Encoding", coding))
    with (
        scripted_atlas(csv=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match=coding),
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE)


@both
def test_what_says_gzip_and_is_not_names_a_proxy(kind: Kind) -> None:
    """A proxy that unpacks a reply may leave its Content-Length too, so what is there isn't known to be the whole."""
    reply = csv_reply(GOOD, ("Content-Encoding", "gzip"))
    damaged = csv_reply(gzip.compress(GOOD)[:40] + b"\xff" * 200, ("Content-Encoding", "gzip"))
    refusal = http(403, [("Content-Encoding", "gzip")], b'{"error": 403}', kind="application/json")
    with scripted_atlas(csv=[reply, damaged, refusal]) as server, client(kind, server) as atlas:
        with pytest.raises(ai.UnexpectedResponseError, match="proxy"):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        with pytest.raises(ai.IncompleteDownloadError, match="damaged"):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        with pytest.raises(ai.PermissionDeniedError):
            atlas.call("get_invoice_csv", ORG, INVOICE)


@both
def test_a_token_reply_may_be_compressed_unasked(kind: Kind) -> None:
    content = json.dumps(TOKEN_REPLY).encode()
    bomb = gzip.compress(content + b" " * 50_000_000)
    packed = [
        http(200, [("Content-Encoding", "gzip")], body, kind="application/json")
        for body in (gzip.compress(content), bomb)
    ]
    for reply, works in zip(packed, (True, False), strict=True):
        auth = ai.ServiceAccountAuth(*ACCOUNT)
        with scripted_atlas(token=reply) as server, client(kind, server, auth) as atlas:
            if works:
                atlas.call("list_organizations")
                assert server.requests[-1].headers["authorization"] == "Bearer canary-made-token"
            else:
                with pytest.raises(ai.TokenError, match="longer than 64 KiB"):
                    atlas.call("list_organizations")


TOKEN_REPLY: dict[str, Any] = {"access_token": "canary-made-token", "expires_in": 3600, "token_type": "Bearer"}


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_in": "3600"},
        {"expires_in": None},
        {"expires_in": 3600.5},
        {"token_type": None},
        {"token_type": "bearer", "expires_in": "60"},
        {"expires_in": " 3600 "},
        {"expires_in": "3600.0"},
        {"expires_in": "", "token_type": ""},
        {"token_type": "BEARER "},
        {"scope": None, "extra": [1]},
    ],
    ids=str,
)
@both
def test_a_token_reply_may_say_less_or_say_it_oddly(kind: Kind, changes: dict[str, Any]) -> None:
    document = {**TOKEN_REPLY, **changes}
    for reply in (document, {name: value for name, value in document.items() if value is not None}):
        with (
            scripted_atlas(token=json_reply(reply)) as server,
            client(kind, server, ai.ServiceAccountAuth(*ACCOUNT)) as atlas,
        ):
            atlas.call("list_organizations")
            assert server.requests[-1].headers["authorization"] == "Bearer canary-made-token"


@pytest.mark.parametrize(
    "changes",
    [{"expires_in": "soon"}, {"expires_in": "-5"}, {"expires_in": True}, {"token_type": "mac"}, {"access_token": None}],
    ids=str,
)
@both
def test_a_token_reply_that_cannot_be_used_is_refused(kind: Kind, changes: dict[str, Any]) -> None:
    with (
        scripted_atlas(token=json_reply({**TOKEN_REPLY, **changes})) as server,
        client(kind, server, ai.ServiceAccountAuth(*ACCOUNT)) as atlas,
        pytest.raises(ai.TokenError, match=next(iter(changes))),
    ):
        atlas.call("list_organizations")


# Item 11: a small reply that becomes large in memory


def bomb(part: bytes, body: bytes = GOOD_JSON) -> bytes:
    """An invoice with 300,000 parts that have next to no content."""
    return body[:-1] + b', "more": [' + (part + b",") * 300_000 + part + b"]}"


@pytest.mark.parametrize("part", [b"{}", b"[]", b"[{}]"])
@both
def test_a_bomb_is_refused_by_sync_too(kind: Kind, part: bytes, tmp_path: Path) -> None:
    packed = http(200, [("Content-Encoding", "gzip")], gzip.compress(bomb(part), 1), kind=JSON_TYPE)
    with scripted_atlas(json=packed) as server:
        report = sync(kind, server, tmp_path)
    assert [each.id for each in report.failed] == [INVOICE]
    assert isinstance(report.failed[0].error, ai.UnexpectedResponseError)
    assert csv_of(tmp_path, OTHER) is not None


@pytest.mark.parametrize("part", [b"{}", b"[]"])
@both
def test_a_bomb_is_refused_in_an_envelope_too(kind: Kind, part: bytes) -> None:
    envelope = json.dumps({"status": 200, "content": GOOD.decode()}).encode()
    with (
        scripted_atlas(csv=json_reply(bomb(part, envelope))) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError),
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE, envelope=True)


@both
def test_a_real_invoice_of_many_small_lines_is_no_bomb(kind: Kind, tmp_path: Path) -> None:
    small = [line_item("web", 24, "0.01") for _ in range(3000)]
    csv = invoice_csv(usage=[("web", 24, "0.01")] * 3000)
    document = invoice_json(lineItems=small, subtotalCents=3000)
    with scripted_atlas(csv=csv_reply(csv), json=json_reply(document)) as server:
        assert sync(kind, server, tmp_path).ok
        with client(kind, server) as atlas:
            assert len(atlas.call("get_invoice", ORG, INVOICE).line_items) == 3000


# Item 18: secrets


def shown(error: BaseException) -> str:
    """Everything that a user or a log could see of an error."""
    detail = getattr(error, "bad_request_detail", None)
    seen = [str(error), repr(error), repr(vars(error)), repr(detail and detail.to_dict()), repr(error.args)]
    seen += traceback.format_exception(error)  # with its causes
    return "\n".join([*seen, pickle.dumps(error).decode("latin-1")])


def echo(status: int, before: str = "") -> Script:
    """Refuses with an error that has the request's headers in every field."""

    def script(connection: Connection) -> None:
        said = before + "".join(f"{name}: {value}; " for name, value in connection.request.headers.items())
        alone = connection.request.headers.get("authorization", "").partition(" ")[2]
        fields = [{"field": alone, "description": said}]
        connection.send(
            error_reply(
                status,
                errorCode=said,
                detail=said,
                reason=alone,
                parameters=[{"headers": said}, alone],
                badRequestDetail={"fields": fields},
            )
        )

    return script


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
@both
def test_an_error_that_echoes_the_request_shows_no_token(kind: Kind, status: int) -> None:
    with scripted_atlas(default=echo(status), orgs=echo(status)) as server, client(kind, server) as atlas:
        with pytest.raises(ai.APIStatusError) as caught:
            atlas.call("list_organizations")
        assert TOKEN in server.requests[-1].headers["authorization"]
    assert caught.value.status_code == status
    assert TOKEN not in shown(caught.value)


@both
def test_no_part_of_the_token_is_left_where_a_message_is_cut(kind: Kind) -> None:
    """Masked before it's shortened: the limits of messages must not cut the token in two."""
    with (
        scripted_atlas(orgs=[echo(403, "x" * size + " ") for size in range(0, 1200, 12)]) as server,
        client(kind, server) as atlas,
    ):
        for _ in range(100):
            with pytest.raises(ai.PermissionDeniedError) as caught:
                atlas.call("list_organizations")
            assert TOKEN[:14] not in shown(caught.value)


@both
def test_a_body_that_echoes_the_token_shows_none(kind: Kind) -> None:
    """As the size of a chunk, which the HTTP library quotes."""
    head = http(200, [("Transfer-Encoding", "chunked")], kind=CSV_TYPE, length=None)

    def broken(connection: Connection) -> None:
        echoed = connection.request.headers["authorization"].partition(" ")[2].encode()
        connection.send(head.replace(CSV_TYPE.encode(), b"application/json") + echoed + b"\r\n")
        connection.close()

    replies: list[dict[str, Any]] = [{"orgs": broken}, {"token": broken}]
    for each in replies:
        auth = ai.ServiceAccountAuth(*ACCOUNT)
        with scripted_atlas(**each) as server, client(kind, server, auth) as atlas:
            with pytest.raises((ai.AtlasError, httpx.HTTPError)) as caught:
                atlas.call("list_organizations")
            echoed = server.requests[-1].headers["authorization"].partition(" ")[2]
        assert "***" in str(caught.value)
        assert isinstance(caught.value, ai.AtlasError)
        assert echoed[:8] not in shown(caught.value)


@pytest.mark.parametrize("length", [8, 12, len(TOKEN) - 1])
@both
def test_a_token_that_is_cut_off_is_masked_too(kind: Kind, length: int) -> None:
    reply = error_reply(403, detail=f"blocked: Bearer {TOKEN[:length]}... {TOKEN[:length]}x", reason=TOKEN[:length])
    with (
        scripted_atlas(orgs=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.PermissionDeniedError) as caught,
    ):
        atlas.call("list_organizations")
    assert TOKEN[:8] not in shown(caught.value)
    assert caught.value.detail == "blocked: Bearer ***... ***x"


def _echoed(auth: httpx.Auth, kind: Kind, **replies: Any) -> tuple[str, str]:
    """What an error shows, and the credentials that the refused request carried."""
    with scripted_atlas(**replies) as server, client(kind, server, auth) as atlas:
        with pytest.raises(ai.AtlasError) as caught:
            atlas.call("list_organizations")
        return shown(caught.value), server.requests[-1].headers["authorization"].partition(" ")[2]


@both
def test_every_kind_of_credentials_is_masked(kind: Kind) -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="MMS Public API", qop="auth", nonce="abc", algorithm=MD5')
    said, sent = _echoed(ai.ServiceAccountAuth(*ACCOUNT), kind, orgs=echo(403))
    assert sent == "canary-made-token"
    assert sent not in said
    said, sent = _echoed(
        ai.DigestAuth("abcdefgh", "private-canary"), kind, orgs=[error_reply(401, challenge), echo(403)]
    )
    response = re.search(r'response="(\w+)"', sent)
    assert response
    assert response[1] not in said
    said, sent = _echoed(httpx.BasicAuth("name", "canary"), kind, orgs=echo(403))
    assert sent == base64.b64encode(b"name:canary").decode()
    assert sent not in said


@pytest.mark.parametrize(
    "reply",
    [
        lambda sent: http(200, body=b"x", kind=f"text/{sent}"),
        lambda sent: http(200, [("Content-Encoding", sent[:40])], b"x", kind=JSON_TYPE),
        lambda sent: f"{sent}\r\n\r\n".encode(),
        lambda sent: http(200, [(f"Authorization: Bearer {sent}\r\nno colon", "")], b"{}"),
        lambda sent: http(403, body=f"<p>{sent}".encode(), kind="text/html"),
        lambda sent: http(302, [("Location", f"https://elsewhere.example/?{sent}")]),
        lambda sent: json_reply({"results": sent}),
    ],
    ids=["type", "coding", "status line", "header", "page", "location", "results"],
)
@both
def test_no_other_place_shows_the_token(kind: Kind, reply: Callable[[str], bytes]) -> None:
    with (
        scripted_atlas(orgs=reply(TOKEN)) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.AtlasError) as caught,
    ):
        atlas.call("list_organizations")
    assert TOKEN[:20] not in shown(caught.value)


def test_the_command_shows_no_token(tmp_path: Path) -> None:
    with scripted_atlas(orgs=echo(403), json=echo(500), csv=echo(404)) as server:
        sh = shell(tmp_path, server)
        for arguments in (["orgs", "--debug"], ["owed", INVOICE, "--max-retries", "0", "-v"], ["sync", "--dir", "."]):
            ended = sh.run(*arguments)
            assert ended.status != 0
            assert TOKEN not in ended.err + ended.out, arguments


# Item 21: only our own errors

ODD: list[Any] = [None, "text", 7, [], {}, [None], [7], ["x"], {"a": None}, [{}, None], [[]], True, 1e400, "\ud800"]


@pytest.mark.parametrize(
    "fields", [*ODD, [{"field": None, "description": None}], [{}], [{"field": 5, "description": []}]], ids=repr
)
@both
def test_odd_fields_of_a_refusal_are_a_refusal(kind: Kind, fields: Any) -> None:
    replies: Any = [error_reply(400, badRequestDetail={"fields": fields}), error_reply(400, badRequestDetail=fields)]
    with scripted_atlas(list=replies) as server, client(kind, server) as atlas:
        for _ in range(2):
            with pytest.raises(ai.BadRequestError, match="SOME_CODE") as caught:
                atlas.call("list_invoices", ORG)
            assert caught.value.status_code == 400
            pickle.dumps(caught.value)


@pytest.mark.parametrize("value", ODD, ids=repr)
@both
def test_odd_values_in_an_error_are_that_error(kind: Kind, value: Any) -> None:
    names = ("error", "errorCode", "detail", "reason", "parameters", "badRequestDetail")
    replies = [error_reply(404, **{name: value}) for name in names] + [json_reply(value, status=404)]
    with scripted_atlas(json=[*replies]) as server, client(kind, server) as atlas:
        for _ in replies:
            with pytest.raises(ai.NotFoundError):
                atlas.call("get_invoice", ORG, INVOICE)


def use(invoice: ai.BillingInvoice) -> None:
    """Everything public that takes an invoice."""
    repr(invoice)
    invoice.to_dict()
    ai.owed(invoice)
    ai.reconcile(GOOD, invoice)


LISTS = ("links", "payments", "refunds", "lineItems", "linkedInvoices")


def odd_documents() -> list[dict[str, Any]]:
    """Invoices whose nested lists, and the fields in them, have odd values."""
    found = [invoice_json(**{name: value}) for name in LISTS for value in ODD]
    found += [invoice_json(payments=[payment(**{name: value})]) for name in payment() for value in ODD]
    found += [
        invoice_json(lineItems=[{**line_item(), name: value}]) for name in (*line_item(), "tags") for value in ODD
    ]
    found += [invoice_json(**{name: value}) for name in listed() if name not in {"id", "orgId"} for value in ODD]
    found += [invoice_json(lineItems=[{**line_item(), "tags": {"a": value}}]) for value in ODD]
    return found


@both
def test_odd_values_in_an_invoice_raise_our_errors_or_none(kind: Kind) -> None:
    documents = odd_documents()
    with scripted_atlas(json=[json_reply(each) for each in documents]) as server, client(kind, server) as atlas:
        for document in documents:
            try:
                use(atlas.call("get_invoice", ORG, INVOICE))
            except ai.AtlasError:
                pass
            except Exception as error:
                raise AssertionError(f"{document} raised {error!r}") from error


@pytest.mark.parametrize("field", ["payments", "lineItems", "linkedInvoices"])
@both
def test_a_list_that_cannot_be_read_is_named(kind: Kind, field: str) -> None:
    """Atlas sent it, so a login page isn't the cause."""
    with (
        scripted_atlas(json=json_reply(invoice_json(**{field: [{}, None]}))) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match=rf"\b{field}\b") as caught,
    ):
        atlas.call("get_invoice", ORG, INVOICE)
    assert "login" not in str(caught.value)


@pytest.mark.parametrize("links", [[None], None, "x", [{"rel": None}], [{"rel": "next", "href": None}, None]], ids=repr)
@both
def test_odd_links_keep_no_page_from_being_read(kind: Kind, links: Any) -> None:
    """Nobody needs them: the pages are counted."""
    reply = json_reply(page({**listed(), "links": links}, total=1, links=links))
    with scripted_atlas(list=[reply, json_reply(page(total=1))]) as server, client(kind, server) as atlas:
        assert [each.id for each in atlas.call("list_invoices", ORG)] == [INVOICE]


@pytest.mark.parametrize("linked", [[None], [{}, None], "x", [7], [[]]], ids=repr)
@both
def test_odd_linked_invoices_raise_our_errors_or_none(kind: Kind, linked: Any, tmp_path: Path) -> None:
    reply = json_reply(page(listed(linkedInvoices=linked), listed(OTHER), total=2))
    with scripted_atlas(list=reply) as server:
        try:
            report = sync(kind, server, tmp_path, linked=True)
        except ai.AtlasError:
            return
    assert csv_of(tmp_path, OTHER) is not None
    assert all(isinstance(each.error, ai.AtlasError) for each in report.failed)


def bad_bodies() -> dict[str, bytes]:
    """Replies for one invoice's JSON that ended a whole sync, and others of the kind."""
    odd: tuple[Any, ...] = ([None], ["x"], [{}, None], 7)
    lists = {f"{name} {value!r}": json_reply(invoice_json() | {name: value}) for name in LISTS for value in odd}
    fields = {"badRequestDetail": {"fields": None}}
    return {
        **lists,
        "refused": error_reply(400, **fields),
        "cookie": json_reply(invoice_json(), ("Set-Cookie", "a=\xfc\xff")),
        "cookie's name": json_reply(invoice_json(), ("Set-Cookie", "\xe4=1; Path=/\xff")),
        "challenge": error_reply(401, ("WWW-Authenticate", 'Digest realm="\xe4", nonce="\xff", qop="auth"')),
        "no JSON": json_reply(b"\xff\xfe{}"),
        "surrogate": json_reply(b'{"id": "\\ud800"}'),
        "endless number": json_reply(b'{"id": ' + b"9" * 5000 + b"}"),
        "deep": json_reply(b'{"id": ' + b"[" * 50_000),
        "retry": error_reply(404, ("Retry-After", "\xff"), ("Date", "\xff")),
    }


@both
def test_whatever_a_reply_brings_is_the_failure_of_one_invoice(kind: Kind, tmp_path: Path) -> None:
    for number, (name, reply) in enumerate(bad_bodies().items()):
        folder = tmp_path / str(number)
        with scripted_atlas(json=reply) as server:
            try:
                report = sync(kind, server, folder, workers=1)
            except Exception as error:
                raise AssertionError(f"{name} raised {error!r}") from error
        assert {each.id for each in report.failed} <= {INVOICE}, name
        assert all(isinstance(each.error, ai.AtlasError) for each in report.failed), (name, report)
        if name != "challenge":  # refused credentials end the run, with a report
            assert csv_of(folder, OTHER) == invoice_csv(OTHER), name
        assert report.failed or files_of(folder), name


@pytest.mark.parametrize("value", ["session=1; Path=/", "a=\xfc", "\xff\xfe", "a=b; Expires=\xe4", "a=" + "b" * 5000])
@both
def test_no_cookie_is_kept(kind: Kind, value: str) -> None:
    reply = json_reply(page(total=0), ("Set-Cookie", value))
    with scripted_atlas(orgs=reply) as server, client(kind, server) as atlas:
        for _ in range(3):
            atlas.call("list_organizations")
        assert all("cookie" not in each.headers for each in server.requests)


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="\xe4", nonce="a", qop="auth"',
        'Digest realm="a", nonce="\xff\xfe", qop="auth"',
        'Digest realm="a", nonce="a", opaque="\xfc", qop="auth"',
        'Digest realm="a", nonce="a", qop="\xe4uth"',
        'Digest realm="a", nonce="a", algorithm=\xe4',
        "Digest \xff",
        "\xe4\xf6\xfc",
    ],
)
@both
def test_a_digest_challenge_that_is_not_ascii_is_answered_or_refused(kind: Kind, challenge: str) -> None:
    """Whatever it is, the client can be used afterwards."""
    good = ("WWW-Authenticate", 'Digest realm="MMS Public API", qop="auth", nonce="abc", algorithm=MD5')

    def script(connection: Connection) -> None:
        header = ("WWW-Authenticate", challenge) if not served else good
        served.append(connection.request)
        signed = connection.request.headers.get("authorization", "")
        if len(served) > 2 and 'realm="MMS' in signed:
            connection.send(json_reply(page(total=0)))
        else:
            connection.send(error_reply(401, header))

    served: list[Any] = []
    with scripted_atlas(orgs=script) as server, client(kind, server, ai.DigestAuth("abcdefgh", "private")) as atlas:
        with pytest.raises(ai.AtlasError):
            atlas.call("list_organizations")
        assert atlas.call("list_organizations") == []


# Item 24: advice depends on who answered


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (web_page(403), ai.PermissionDeniedError),
        (web_page(404), ai.NotFoundError),
        (web_page(407), ai.APIStatusError),
        (web_page(511), ai.ServerError),
        (http(403, body=b"Forbidden", kind="text/plain"), ai.PermissionDeniedError),
        (http(403, body=b'{"message": "Forbidden"}', kind="application/json"), ai.PermissionDeniedError),
        (http(404), ai.NotFoundError),
    ],
    ids=["403", "404", "407", "511", "plain text", "other JSON", "no body"],
)
@both
def test_a_refusal_that_is_not_from_atlas_says_so(kind: Kind, reply: bytes, error: type[ai.APIStatusError]) -> None:
    with (
        scripted_atlas(json=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(error, match=r"(?i)not from atlas|isn't from atlas|isn't atlas|not atlas") as caught,
    ):
        atlas.call("get_invoice", ORG, INVOICE)
    assert "proxy" in str(caught.value)
    assert "base URL" in str(caught.value)
    assert NO_ORGANIZATION_ADVICE not in str(caught.value)


@both
def test_a_refusal_from_atlas_names_the_roles(kind: Kind) -> None:
    reply = error_reply(403, errorCode="USER_UNAUTHORIZED", detail="not authorized")
    with (
        scripted_atlas(json=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.PermissionDeniedError, match=NO_ORGANIZATION_ADVICE) as caught,
    ):
        atlas.call("get_invoice", ORG, INVOICE)
    assert "proxy" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"detail": "IP address 203.0.113.9 is not allowed to access this resource.", "parameters": ["203.0.113.9"]},
        {"detail": None, "parameters": ["203.0.113.9"]},
        {"detail": "IP address 203.0.113.9 is not on the access list."},
    ],
    ids=["both", "parameters", "detail"],
)
@both
def test_a_refused_address_is_named(kind: Kind, fields: dict[str, Any]) -> None:
    reply = error_reply(403, errorCode="IP_ADDRESS_NOT_ON_ACCESS_LIST", **fields)
    with (
        scripted_atlas(json=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.PermissionDeniedError, match=r"add 203\.0\.113\.9\b.* access list") as caught,
    ):
        atlas.call("get_invoice", ORG, INVOICE)
    assert NO_ORGANIZATION_ADVICE not in str(caught.value)


def jwt(expires: float) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, {"exp": int(expires)})]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2ln"])


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        (jwt(time.time() - 3600), []),
        ("opaque", [("WWW-Authenticate", 'Bearer error="invalid_token", error_description="The token expired"')]),
        ("opaque", []),
    ],
    ids=["JWT", "header", "opaque"],
)
@both
def test_an_expired_access_token_says_so(kind: Kind, token: str, headers: list[tuple[str, str]]) -> None:
    """An access token that Atlas refuses has nearly always ended: they live an hour. So the message names that."""
    reply = error_reply(401, *headers, errorCode="UNAUTHORIZED")
    with (
        scripted_atlas(orgs=reply) as server,
        client(kind, server, ai.AccessTokenAuth(token)) as atlas,
        pytest.raises(ai.AuthenticationError, match=r"access token.*expired"),
    ):
        atlas.call("list_organizations")


@both
def test_a_list_of_organizations_does_not_advise_itself(kind: Kind) -> None:
    with (
        scripted_atlas(orgs=error_reply(404)) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.NotFoundError) as caught,
    ):
        atlas.call("list_organizations")
    assert "atlas-invoices orgs" not in str(caught.value)


# Item 25: notices that read well


@pytest.mark.parametrize(
    ("value", "says", "not_says"),
    [
        ("true", "deprecated", "since"),
        ("?1", "deprecated", "since"),
        ("@1688169599", "deprecated since 2023-06-30", "@"),
        ("Sun, 01 Jan 2023 00:00:00 GMT", "deprecated since 2023-01-01", "Sun"),
    ],
)
@both
def test_a_deprecation_reads_well(kind: Kind, value: str, says: str, not_says: str) -> None:
    reply = json_reply(page(total=0), ("Deprecation", value))
    with (
        scripted_atlas(orgs=reply) as server,
        client(kind, server) as atlas,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        atlas.call("list_organizations")
    (warning,) = [each for each in caught if issubclass(each.category, FutureWarning)]
    assert says in str(warning.message)
    assert not_says not in str(warning.message)
    assert value not in str(warning.message)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (2_592_000, "30 days"),
        (172_800, "2 days"),
        (86_400, "1 day|24 h"),
        (7200, r"2 h(ours)?\b"),
        (600, r"10 min"),
        (45, r"45 s"),
    ],
)
@both
def test_a_long_wait_reads_well(kind: Kind, seconds: int, says: str) -> None:
    reply = error_reply(429, ("Retry-After", str(seconds)))
    with (
        scripted_atlas(orgs=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.RateLimitError, match=rf"wait ({says})") as caught,
    ):
        atlas.call("list_organizations")
    assert caught.value.retry_after == seconds


@both
def test_no_wait_is_not_spoken_of(kind: Kind) -> None:
    with (
        scripted_atlas(orgs=error_reply(429, ("Retry-After", "0"))) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.RateLimitError) as caught,
    ):
        atlas.call("list_organizations")
    assert "asks to wait" not in str(caught.value)
    assert caught.value.retry_after == 0


@pytest.mark.parametrize("route", ["orgs", "token"])
@pytest.mark.parametrize(("status", "is_redirect"), [(304, False), (302, True), (308, True)])
@both
def test_not_every_3xx_is_a_redirect(kind: Kind, status: int, is_redirect: bool, route: str) -> None:
    replies: Any = {route: http(status)}
    with (
        scripted_atlas(**replies) as server,
        client(kind, server, ai.ServiceAccountAuth(*ACCOUNT)) as atlas,
        pytest.raises(ai.AtlasError, match=str(status)) as caught,
    ):
        atlas.call("list_organizations")
    assert ("redirect" in str(caught.value)) is is_redirect


def test_a_token_endpoint_that_is_not_atlas_says_so(tmp_path: Path) -> None:
    with scripted_atlas(token=web_page(403)) as server:
        ended = service_account(shell(tmp_path, server)).run("orgs")
    assert ended.status == 3
    assert "proxy" in ended.error
    assert "base URL" in ended.error
