"""A reply that isn't what was asked for is never taken for it: another invoice, text, a cut file, half a list."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import atlas_invoices as ai
from client_twin import Kind, Twin
from raw_server import Connection, RawServer, Script, http
from scripted_atlas import (
    CSV_TYPE,
    HEADER,
    INVOICE,
    ORG,
    OTHER,
    OTHER_ORG,
    USAGE,
    both,
    chunked,
    client,
    csv_of,
    csv_reply,
    files_of,
    invoice_csv,
    invoice_json,
    json_reply,
    line_item,
    listed,
    page,
    preamble,
    query,
    row,
    scripted_atlas,
    shell,
    sync,
    unframed,
)

GOOD = invoice_csv()
BOM = b"\xef\xbb\xbf"


def get(atlas: Twin, _: Path) -> bytes:
    body: bytes = atlas.call("get_invoice_csv", ORG, INVOICE)
    return body


def stream(atlas: Twin, _: Path) -> bytes:
    return b"".join(atlas.read(ORG, INVOICE))


def download(atlas: Twin, path: Path) -> bytes:
    try:
        atlas.call("download_invoice_csv", ORG, INVOICE, path)
    except ai.AtlasError:
        assert not list(path.parent.iterdir()), "a failed download leaves no file"
        raise
    return path.read_bytes()


# Each way to read a CSV with one client, and one with the other: both read bodies by the same code.
ways = pytest.mark.parametrize(
    ("kind", "way"),
    [("sync", get), ("async", get), ("sync", stream), ("async", stream), ("sync", download), ("async", download)],
    ids=lambda value: getattr(value, "__name__", value),
)
Way = Callable[[Twin, Path], bytes]


def wrapped(body: bytes) -> bytes:
    """The reply to a request with `envelope=true`."""
    return json_reply({"status": 200, "content": body.decode()})


# Item 1: another invoice's answer


@ways
def test_the_csv_of_another_invoice_is_refused(kind: Kind, way: Way, tmp_path: Path) -> None:
    with scripted_atlas(csv=csv_reply(invoice_csv(OTHER))) as server, client(kind, server) as atlas:
        with pytest.raises(ai.UnexpectedResponseError, match=OTHER) as caught:
            way(atlas, tmp_path / "june.csv")
        assert INVOICE in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        BOM + invoice_csv(OTHER),
        invoice_csv(OTHER).replace(b"\n", b"\r\n"),
        invoice_csv(OTHER).replace(f"Invoice Number,{OTHER}".encode(), f'"Invoice Number","{OTHER}"'.encode()),
        invoice_csv(OTHER).replace(b"Invoice Number,", b"Organization Name,Acme,\nInvoice Number, "),
        invoice_csv(OTHER).replace(b"Invoice Number", b"invoice number"),
        invoice_csv(OTHER).replace(b"Invoice Number", b"Invoice Number:"),
        invoice_csv(OTHER).replace(b"Invoice Number,", b"Invoice Number,,"),
        b"Invoice Number,,\n" + invoice_csv(OTHER),
        invoice_csv(OTHER, usage=USAGE * 2000),
    ],
    ids=[
        "byte order mark",
        "CRLF",
        "quoted",
        "second line and a blank",
        "lower case",
        "colon",
        "empty cell",
        "empty value",
        "long",
    ],
)
@both
def test_another_invoice_is_told_however_its_preamble_is_written(kind: Kind, body: bytes) -> None:
    for reply in (csv_reply(body), chunked(body), _in_pieces(body[:400], body[400:])):
        with (
            scripted_atlas(csv=reply) as server,
            client(kind, server) as atlas,
            pytest.raises(ai.UnexpectedResponseError, match=OTHER),
        ):
            atlas.call("get_invoice_csv", ORG, INVOICE)


def _in_pieces(first: bytes, rest: bytes) -> Script:
    """The first bytes one by one."""

    def script(connection: Connection) -> None:
        head = http(200, kind=CSV_TYPE, length=len(first) + len(rest))
        connection.send(head, *(bytes([byte]) for byte in first), rest)

    return script


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        BOM + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(f"Invoice Number,{INVOICE}".encode(), f'"Invoice Number","{INVOICE.upper()}"'.encode()),
        invoice_csv(org=OTHER_ORG),
        invoice_csv(usage=[]),
    ],
    ids=["as documented", "byte order mark", "CRLF", "quoted, upper case", "of a linked organization", "no lines"],
)
@both
def test_the_right_invoice_is_passed_on_as_sent(kind: Kind, body: bytes, tmp_path: Path) -> None:
    with scripted_atlas(csv=csv_reply(body)) as server, client(kind, server) as atlas:
        assert get(atlas, tmp_path) == body
        assert stream(atlas, tmp_path) == body
        assert download(atlas, tmp_path / "june.csv") == body
        assert atlas.call("get_invoice_csv", ORG, INVOICE.upper()) == body


@both
def test_an_envelope_with_another_invoice_is_refused(kind: Kind) -> None:
    replies: Any = [wrapped(invoice_csv(OTHER)), wrapped(GOOD)]
    with scripted_atlas(csv=replies) as server, client(kind, server) as atlas:
        with pytest.raises(ai.UnexpectedResponseError, match=OTHER):
            atlas.call("get_invoice_csv", ORG, INVOICE, envelope=True)
        assert atlas.call("get_invoice_csv", ORG, INVOICE, envelope=True) == GOOD


@both
def test_the_json_of_another_invoice_is_refused(kind: Kind) -> None:
    replies: Any = [json_reply(invoice_json(OTHER)), json_reply(invoice_json(INVOICE.upper()))]
    with scripted_atlas(json=replies) as server, client(kind, server) as atlas:
        with pytest.raises(ai.UnexpectedResponseError, match=OTHER) as caught:
            atlas.call("get_invoice", ORG, INVOICE)
        assert INVOICE in str(caught.value)
        assert atlas.call("get_invoice", ORG, INVOICE).id.lower() == INVOICE


@both
def test_a_linked_invoice_has_another_organization_than_was_asked(kind: Kind) -> None:
    """An invoice is asked for under the organization that pays, so `orgId` may be a linked one's: the ID decides."""
    with scripted_atlas(json=json_reply(invoice_json(org=OTHER_ORG))) as server, client(kind, server) as atlas:
        assert atlas.call("get_invoice", ORG, INVOICE).org_id == OTHER_ORG


@both
def test_a_list_of_another_organization_is_refused(kind: Kind) -> None:
    """Without linked invoices, a list's invoices are the organization's own."""
    reply = json_reply(page(listed(org=OTHER_ORG), listed(OTHER, org=OTHER_ORG), total=2))
    with (
        scripted_atlas(list=reply) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match=OTHER_ORG),
    ):
        atlas.call("list_invoices", ORG)


@both
def test_a_list_with_linked_invoices_has_some_of_the_organization(kind: Kind) -> None:
    """Those of linked organizations may be beside them; a list of nothing else is another organization's."""
    mixed = json_reply(page(listed(org=OTHER_ORG), listed(OTHER), total=2))
    foreign = json_reply(page(listed(org=OTHER_ORG), listed(OTHER, org=OTHER_ORG), total=2))
    with scripted_atlas(list=[mixed, foreign]) as server, client(kind, server) as atlas:
        assert [each.id for each in atlas.call("list_invoices", ORG, linked=True)] == [INVOICE, OTHER]
        with pytest.raises(ai.UnexpectedResponseError, match=OTHER_ORG):
            atlas.call("list_invoices", ORG, linked=True)


@pytest.mark.parametrize(
    "document", [page(invoice_json(org=OTHER_ORG)), invoice_json(org=OTHER_ORG)], ids=["page", "one"]
)
@both
def test_pending_invoices_of_another_organization_are_refused(kind: Kind, document: dict[str, Any]) -> None:
    with (
        scripted_atlas(pending=json_reply(document)) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match=OTHER_ORG),
    ):
        atlas.call("list_pending_invoices", ORG)


def test_the_commands_refuse_another_organization(tmp_path: Path) -> None:
    foreign = {
        "list": json_reply(page(listed(org=OTHER_ORG))),
        "pending": json_reply(page(invoice_json(org=OTHER_ORG))),
    }
    with scripted_atlas(**foreign) as server:
        sh = shell(tmp_path, server)
        for arguments in (["pending"], ["list", "--linked"], ["sync", "--dir", "invoices", "--linked"]):
            ended = sh.run(*arguments)
            assert (ended.status, ended.out) == (6, ""), arguments
            assert OTHER_ORG in ended.error
    assert list(sh.folder.iterdir()) == []


@both
def test_sync_stores_no_invoice_under_another_name(kind: Kind, tmp_path: Path) -> None:
    csv, document = csv_reply(invoice_csv(OTHER)), json_reply(invoice_json(OTHER))
    cases: list[dict[str, Any]] = [{"csv": csv}, {"json": document}, {"csv": csv, "json": document}]
    for replies in cases:
        folder = tmp_path / "-".join(replies)
        with scripted_atlas(**replies) as server:
            report = sync(kind, server, folder)
        assert [each.id for each in report.failed] == [INVOICE]
        assert isinstance(report.failed[0].error, ai.UnexpectedResponseError)
        assert files_of(folder) == []
        assert csv_of(folder, OTHER) == invoice_csv(OTHER)


def test_sync_keeps_an_earlier_copy_when_a_cache_replies(tmp_path: Path) -> None:
    again = listed(updated="2024-08-01T00:00:00Z"), listed(OTHER)
    replies: Any = {
        "csv": [csv_reply(GOOD), csv_reply(invoice_csv(OTHER))],
        "list": [json_reply(page(listed(), listed(OTHER), total=2)), json_reply(page(*again, total=2))],
    }
    with scripted_atlas(**replies) as server:
        assert sync("sync", server, tmp_path).ok
        report = sync("sync", server, tmp_path, verify=True)
    assert [each.id for each in report.failed] == [INVOICE]
    assert csv_of(tmp_path) == GOOD


def test_every_command_refuses_another_invoice(tmp_path: Path) -> None:
    """A cache in between replies to every request with one invoice."""
    replies: Any = {"csv": csv_reply(invoice_csv(OTHER)), "json": json_reply(invoice_json(OTHER))}
    with scripted_atlas(**replies) as server:
        sh = shell(tmp_path, server)
        for arguments in (
            ["reconcile", INVOICE],
            ["owed", INVOICE],
            ["show", INVOICE],
            ["export", INVOICE, "--format", "csv", "-o", "out.csv"],
            ["download", INVOICE],
            ["download", INVOICE, "-o", "-"],
            ["sync", "--dir", "."],
        ):
            ended = sh.run(*arguments)
            assert ended.status == 6, (arguments, ended)
            assert OTHER in ended.err, arguments
            assert files_of(sh.folder) == [], arguments
            assert not (sh.folder / "out.csv").exists()


# Item 2: any text is an invoice

SIGN_IN = b"Sign in to continue to the network.\nBy signing in, you accept the terms.\n"


@pytest.mark.parametrize("media_type", ["text/plain", CSV_TYPE, None])
@ways
def test_text_is_no_invoice(kind: Kind, way: Way, media_type: str | None, tmp_path: Path) -> None:
    with (
        scripted_atlas(csv=csv_reply(SIGN_IN, kind=media_type)) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match="CSV"),
    ):
        way(atlas, tmp_path / "june.csv")


@pytest.mark.parametrize(
    "body",
    [
        HEADER.encode(),
        BOM + HEADER.encode() + b"\n\n",
        preamble().encode(),
        b"Invoice Number,\n",
        b"a,b,c\n1,2,3\n4,5,6\n",
        b"Date,Description,Amount\n07/01/2024,x,1.00\n",
        b"\n" * 1000 + SIGN_IN,
        HEADER.encode() + b",,,,\n",
        HEADER.encode() + b"," * (HEADER.count(",")) + b"\n",
        HEADER.encode() + b"-- end of report --\n",
        HEADER.encode() + row().encode()[:40],
        b"Sign in to continue\nDate,Usage Date,SKU\n",
        b"Sign in, to continue\nDate,Usage Date,SKU\n,,\n",
    ],
    ids=[
        "bare header",
        "bare header and blanks",
        "preamble",
        "label",
        "other CSV",
        "bank statement",
        "blanks and text",
        "header and commas",
        "header and a row of commas",
        "header and text",
        "header and part of a line",
        "text and header",
        "text and header and commas",
    ],
)
@both
def test_a_csv_without_header_or_content_is_refused(kind: Kind, body: bytes, tmp_path: Path) -> None:
    with scripted_atlas(csv=csv_reply(body)) as server, client(kind, server) as atlas:
        for way in (get, stream, download):
            with pytest.raises(ai.UnexpectedResponseError, match="CSV"):
                way(atlas, tmp_path / "june.csv")


@pytest.mark.parametrize(
    "piece", [b"lorem ipsum dolor sit amet\n" * 3000, b"lorem ipsum," * 6000], ids=["lines", "line"]
)
@both
def test_endless_text_is_refused_long_before_its_end(kind: Kind, piece: bytes, tmp_path: Path) -> None:
    """The preamble's limits hold on the wire too: of 32 MB, at most a few are read."""
    sent = 0

    def script(connection: Connection) -> None:
        nonlocal sent
        connection.send(http(200, kind=CSV_TYPE, length=None))
        while sent < 32_000_000:
            connection.send(piece)
            sent += len(piece)
        connection.close()

    with (
        scripted_atlas(csv=script) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match="CSV"),
    ):
        download(atlas, tmp_path / "june.csv")
    assert sent < 16_000_000


@pytest.mark.parametrize(
    "head",
    ["", 'Billing Period,"June 1, 2024 - July 1, 2024",\n\n', "Invoice Number,,\n"],
    ids=["none", "other", "empty"],
)
@both
def test_a_preamble_that_names_no_invoice_is_a_warning(kind: Kind, head: str, tmp_path: Path) -> None:
    body = invoice_csv(head=head)
    with scripted_atlas(csv=csv_reply(body)) as server, client(kind, server) as atlas:
        for way in (get, stream, download):
            with pytest.warns(UserWarning, match=INVOICE):
                assert way(atlas, tmp_path / "june.csv") == body


def test_the_command_warns_of_a_preamble_that_names_no_invoice(tmp_path: Path) -> None:
    with scripted_atlas(csv=csv_reply(invoice_csv(head=""))) as server:
        ended = shell(tmp_path, server).run("download", INVOICE, "-o", "june.csv")
    assert ended.status == 0
    (warning,) = ended.warnings
    assert INVOICE in warning
    assert (tmp_path / "work" / "june.csv").read_bytes() == invoice_csv(head="")


@both
def test_the_stream_begins_before_the_reply_has_ended(kind: Kind) -> None:
    """The beginning is held back until it can be judged, no longer."""
    arrived = threading.Event()

    def script(connection: Connection) -> None:
        connection.send(http(200, kind=CSV_TYPE, length=len(GOOD) + 4 * len(row())), GOOD)
        assert arrived.wait(5)
        connection.send(row().encode() * 4)

    with scripted_atlas(csv=script) as server, client(kind, server) as atlas:
        if isinstance(atlas.client, ai.Client):
            with atlas.client.stream_invoice_csv(ORG, INVOICE) as body:
                found = _noting(arrived, body.iter_bytes())
        else:
            found = asyncio.run(_streamed(server, arrived))
    assert found == GOOD + row().encode() * 4


def _noting(arrived: threading.Event, pieces: Iterator[bytes]) -> bytes:
    first = next(pieces)
    arrived.set()
    return first + b"".join(pieces)


async def _streamed(server: RawServer, arrived: threading.Event) -> bytes:
    settings: Any = {"base_url": server.url, "verify": False}
    async with (
        ai.AsyncClient(ai.AccessTokenAuth("a"), **settings) as atlas,
        atlas.stream_invoice_csv(ORG, INVOICE) as body,
    ):
        found = b""
        async for piece in body.aiter_bytes():
            found += piece
            arrived.set()
        return found


@both
def test_a_download_takes_constant_memory(kind: Kind, tmp_path: Path) -> None:
    piece = row().encode() * 400

    def script(connection: Connection) -> None:
        connection.send(http(200, kind=CSV_TYPE, length=len(GOOD) + 200 * len(piece)), GOOD)
        for _ in range(200):
            connection.send(piece)

    with scripted_atlas(csv=script) as server, client(kind, server) as atlas:
        atlas.call("list_organizations")
        tracemalloc.start()
        try:
            saved = atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert saved.size == len(GOOD) + 200 * len(piece) > 10_000_000
    assert peak < 6_000_000


# Item 3: cut, with nothing to show it

CUT = invoice_csv(usage=[*USAGE, ("web", 24, "98765.43")])[: -len("5.43\n")]


@ways
def test_an_unframed_reply_that_ends_within_a_line_is_not_accepted(kind: Kind, way: Way, tmp_path: Path) -> None:
    with (
        scripted_atlas(csv=unframed(CUT)) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.IncompleteDownloadError, match="try again"),
    ):
        way(atlas, tmp_path / "june.csv")


@both
def test_an_unframed_reply_that_ends_within_a_quoted_cell_is_not_accepted(kind: Kind) -> None:
    """Its last byte is a line end, but one within a cell."""
    whole = GOOD + row().replace("c0,,Acme", 'c0,"5"" disk\nsee contract",Acme').encode()
    cut = whole[: whole.index(b"see contract")]
    assert cut.endswith(b"\n")
    with scripted_atlas(csv=[unframed(cut), unframed(whole), csv_reply(cut)]) as server, client(kind, server) as atlas:
        with pytest.raises(ai.IncompleteDownloadError, match="try again"):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == whole
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == cut, "the length is declared"


@pytest.mark.parametrize("end", [1, 60, len(row()) + 1], ids=["line end", "line", "line before"])
@both
def test_a_cut_anywhere_in_a_line_is_not_accepted(kind: Kind, end: int) -> None:
    with (
        scripted_atlas(csv=unframed(GOOD[:-end])) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.IncompleteDownloadError),
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE)


@both
def test_it_is_tried_again(kind: Kind) -> None:
    policy = ai.RetryPolicy(max_retries=1, base=0.01)
    replies: Any = [unframed(CUT), unframed(GOOD)]
    with scripted_atlas(csv=replies) as server, client(kind, server, retry_policy=policy) as atlas:
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == GOOD
        assert server.count(f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv") == 2


@pytest.mark.parametrize(
    "reply",
    [
        unframed(GOOD),
        unframed(GOOD.replace(b"\n", b"\r\n")),
        csv_reply(CUT),
        chunked(CUT),
        unframed(gzip.compress(CUT), ("Content-Encoding", "gzip")),
    ],
    ids=["unframed, whole", "unframed, CRLF", "of that length", "chunked", "gzip"],
)
@both
def test_what_is_framed_or_ends_with_a_line_is_accepted(kind: Kind, reply: Any) -> None:
    with scripted_atlas(csv=reply) as server, client(kind, server) as atlas:
        assert atlas.call("get_invoice_csv", ORG, INVOICE).replace(b"\r\n", b"\n") in {GOOD, CUT}


def test_the_commands_say_try_again(tmp_path: Path) -> None:
    with scripted_atlas(csv=unframed(CUT)) as server:
        sh = shell(tmp_path, server)
        for arguments in (["download", INVOICE], ["sync", "--dir", "."], ["show", INVOICE]):
            ended = sh.run(*arguments, "--max-retries", "0")
            assert ended.status == 6, (arguments, ended)
            assert "try again" in ended.err
            assert files_of(sh.folder) == []


@pytest.mark.parametrize(
    "document",
    [invoice_json(), {k: v for k, v in invoice_json().items() if k != "lineItems"}],
    ids=["line items", "subtotal alone"],
)
@both
def test_sync_fetches_again_what_differs_from_the_json(kind: Kind, document: dict[str, Any], tmp_path: Path) -> None:
    """Cut at a line's end, nothing shows it but the JSON: it isn't final, so the next run fetches it again."""
    lost = invoice_csv(usage=USAGE[:1])
    with scripted_atlas(csv=[unframed(lost), csv_reply(GOOD)], json=json_reply(document)) as server:
        sync(kind, server, tmp_path)
        report = sync(kind, server, tmp_path)
    assert [each.id for each in report.saved] == [INVOICE]
    assert csv_of(tmp_path) == GOOD


def test_sync_says_what_differs_from_the_json(tmp_path: Path) -> None:
    with scripted_atlas(csv=unframed(invoice_csv(usage=USAGE[:1]))) as server:
        ended = shell(tmp_path, server).run("sync", "--dir", ".", "--format", "json")
    (warning,) = ended.warnings
    assert INVOICE in warning
    (difference,) = [each["difference"] for each in json.loads(ended.out)["invoices"] if each["id"] == INVOICE]
    assert difference == "the CSV has 1 line, the JSON 2 line items"
    assert difference in warning
    assert ended.status == 0


@both
def test_an_open_period_may_grow_between_two_requests(kind: Kind, tmp_path: Path) -> None:
    reply = json_reply(page(listed(statusName="PENDING"), total=1))
    with scripted_atlas(list=reply, csv=csv_reply(invoice_csv(usage=[*USAGE, *USAGE]))) as server:
        report = sync(kind, server, tmp_path)
    assert [each.difference for each in report.saved] == [None]


SUBCENTS = [("web", 24, "1.924"), ("api", 126, "10.084")]


@pytest.mark.parametrize(
    ("usage", "document"),
    [
        (USAGE, invoice_json()),
        (
            SUBCENTS,
            invoice_json(lineItems=[line_item("web", 24, "1.92"), line_item("api", 126, "10.08")], subtotalCents=1201),
        ),
        (USAGE, {"id": INVOICE, "orgId": ORG, "statusName": "PAID", "updated": "2024-07-02T00:00:00Z"}),
    ],
    ids=["equal", "fractions of a cent", "nothing to compare"],
)
@both
def test_what_agrees_is_final(kind: Kind, usage: Any, document: dict[str, Any], tmp_path: Path) -> None:
    csv = invoice_csv(usage=usage)
    with scripted_atlas(csv=csv_reply(csv), json=json_reply(document)) as server:
        assert sync(kind, server, tmp_path).ok
        report = sync(kind, server, tmp_path)
    assert {each.outcome for each in report.invoices} == {"unchanged"}
    assert csv_of(tmp_path) == csv


def test_a_file_whose_last_line_has_no_end_is_a_warning(tmp_path: Path) -> None:
    sh = shell(tmp_path)
    (sh.folder / "cut.csv").write_bytes(CUT)
    (sh.folder / "whole.csv").write_bytes(GOOD)
    for arguments in (
        ["show", "cut.csv"],
        ["export", "cut.csv", "--format", "csv"],
        ["export", "-", "--format", "jsonl"],
    ):
        ended = sh.run(*arguments, stdin=CUT)
        assert ended.status == 0, ended
        assert re.search(r"line end.*cut", " ".join(ended.warnings)), ended
    assert sh.run("show", "whole.csv").err == ""


# Item 4: paging


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    """Invoices with consecutive IDs, the last one excluded."""
    return [listed(f"{number:024x}") for number in range(first, last)]


def paged(*pages: dict[str, Any]) -> Script:
    """The page that is asked for; after the last one, empty ones."""

    def script(connection: Connection) -> None:
        number = int(query(connection.request.target).get("pageNum", ["1"])[0])
        last = {**pages[-1], "results": [], "links": []}
        connection.send(json_reply(pages[number - 1] if number <= len(pages) else last))

    return script


def ids(found: list[Any]) -> list[int]:
    return [int(each.id, 16) for each in found]


@both
def test_a_gateway_that_drops_the_link_loses_no_invoice(kind: Kind) -> None:
    pages = [page(*numbered(n, min(n + 100, 250)), total=250) for n in (0, 100, 200)]
    with scripted_atlas(list=paged(*pages)) as server, client(kind, server) as atlas:
        assert ids(atlas.call("list_invoices", ORG)) == list(range(250))


@both
def test_organizations_are_counted_too(kind: Kind) -> None:
    found = [{"id": f"{n:024x}", "name": "A", "links": []} for n in range(5)]
    pages = [page(*found[:3], total=5), page(*found[3:], total=5)]
    with scripted_atlas(orgs=paged(*pages)) as server, client(kind, server) as atlas:
        assert ids(atlas.call("list_organizations")) == list(range(5))


@both
def test_an_invoice_on_two_pages_is_listed_once(kind: Kind) -> None:
    """A new invoice came while the list was read, and moved one to the next page."""
    pages = [page(*numbered(0, 3), total=5, following=True), page(*numbered(2, 5), total=5)]
    with scripted_atlas(list=paged(*pages)) as server, client(kind, server) as atlas:
        assert ids(atlas.call("list_invoices", ORG)) == list(range(5))


@pytest.mark.parametrize(
    "pages",
    [
        [page(*numbered(0, 100), total=250)],
        [page(*numbered(0, 2), total=4, following=True), page(*numbered(3, 4), total=4)],
        [page(*numbered(0, 3), total=5, following=True), page(*numbered(2, 4), total=5)],
        [page(total=3)],
    ],
    ids=["no more pages", "one slipped away", "one twice, one missing", "none of three"],
)
@both
def test_fewer_than_were_counted_is_an_error(kind: Kind, pages: list[dict[str, Any]]) -> None:
    with scripted_atlas(list=paged(*pages)) as server, client(kind, server) as atlas:
        with pytest.raises(ai.UnexpectedResponseError, match=rf"\b{pages[0]['totalCount']}\b"):
            atlas.call("list_invoices", ORG)
        assert len(server.requests) == len(pages) + 1, "one more page is asked for"


@pytest.mark.parametrize("total", [None, 0, 1, -3])
@both
def test_a_count_that_says_nothing_is_ignored(kind: Kind, total: Any) -> None:
    with scripted_atlas(list=paged(page(*numbered(0, 2), total=total))) as server, client(kind, server) as atlas:
        assert ids(atlas.call("list_invoices", ORG)) == [0, 1]


@pytest.mark.parametrize("total", ["5", 5.0, "5.0", " 5 "])
@both
def test_a_count_may_be_text_or_have_a_point(kind: Kind, total: Any) -> None:
    pages = [page(*numbered(0, 3), total=total), page(*numbered(3, 5), total=total)]
    with scripted_atlas(list=paged(*pages)) as server, client(kind, server) as atlas:
        assert ids(atlas.call("list_invoices", ORG)) == list(range(5))


@pytest.mark.parametrize("total", ["many", 1.5, "-3", True, [5], {"a": 5}, float("nan"), float("inf")])
@both
def test_a_count_that_is_no_whole_number_is_refused(kind: Kind, total: Any) -> None:
    with (
        scripted_atlas(list=paged(page(*numbered(0, 2), total=total))) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match="totalCount"),
    ):
        atlas.call("list_invoices", ORG)


@both
def test_pending_invoices_are_counted_too(kind: Kind) -> None:
    """The operation has no page parameter (API document), so fewer than counted is an error at once."""
    whole, part = page(invoice_json(), total=1), page(invoice_json(), total=2)
    replies: Any = [json_reply(whole), json_reply(part)]
    with scripted_atlas(pending=replies) as server, client(kind, server) as atlas:
        assert [each.id for each in atlas.call("list_pending_invoices", ORG)] == [INVOICE]
        with pytest.raises(ai.UnexpectedResponseError, match=r"\b2\b"):
            atlas.call("list_pending_invoices", ORG)


def test_the_commands_end_with_the_data_is_wrong(tmp_path: Path) -> None:
    with scripted_atlas(list=paged(page(*numbered(0, 2), total=4))) as server:
        sh = shell(tmp_path, server)
        for arguments in (["list", "--format", "json"], ["sync", "--dir", "invoices"]):
            ended = sh.run(*arguments)
            assert (ended.status, ended.out) == (6, ""), arguments
            assert re.search(r"\b4\b", ended.error)


# Item 5: reconcile knows no starting balance


def balanced(**fields: Any) -> dict[str, Any]:
    """Subtotal 12.00, tax 0.58, starting balance 1.00, billed 11.58."""
    return invoice_json(**{"startingBalanceCents": 100, "amountBilledCents": 1158, **fields})


def said(result: ai.Reconciliation) -> str:
    return "\n".join([*result.notes, *result.warnings])


@pytest.mark.parametrize(
    ("balance", "billed"), [(100, 1158), (1258, 0), (-250, 1508)], ids=["taken off", "all of it", "owed from before"]
)
def test_a_starting_balance_is_taken_off_what_is_billed(balance: int, billed: int) -> None:
    document = balanced(startingBalanceCents=balance, amountBilledCents=billed)
    result = ai.reconcile(GOOD, ai.BillingInvoice.from_dict(document))
    assert result.matches, result.differences
    assert "startingBalanceCents" in said(result)


@pytest.mark.parametrize("balance", [0, None])
def test_without_a_balance_no_note_speaks_of_one(balance: int | None) -> None:
    document = balanced(amountBilledCents=1258, startingBalanceCents=balance)
    result = ai.reconcile(GOOD, ai.BillingInvoice.from_dict(document))
    assert result.matches, result.differences
    assert "startingBalanceCents" not in said(result)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"amountBilledCents": 1157}, "amountBilledCents"),
        ({"startingBalanceCents": 200}, "amountBilledCents"),
        ({"amountBilledCents": 1200}, "amountBilledCents"),
        ({"subtotalCents": 1300, "amountBilledCents": 1258}, "subtotalCents"),
        ({"creditsCents": -500}, "creditsCents"),
    ],
)
def test_a_difference_names_the_field(fields: dict[str, int], name: str) -> None:
    result = ai.reconcile(GOOD, ai.BillingInvoice.from_dict(balanced(**fields)))
    assert not result.matches
    assert any(name in each.message for each in result.differences), result.differences


def test_the_command_reconciles_a_starting_balance(tmp_path: Path) -> None:
    """The note is for everybody, not only with -v: what was paid from a balance isn't in the CSV."""
    replies: Any = [json_reply(balanced()), json_reply(balanced(amountBilledCents=1157))]
    with scripted_atlas(json=replies) as server:
        sh = shell(tmp_path, server)
        matches, differs = sh.run("reconcile", INVOICE), sh.run("reconcile", INVOICE)
    assert matches.status == 0
    assert "matches" in matches.out
    assert "startingBalanceCents" in matches.err
    assert differs.status == 6
    assert "amountBilledCents" in differs.out
