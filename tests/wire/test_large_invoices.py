"""No size is a dead end: pages, JSON and CSV of the largest invoices, and what to do where a limit is met.

What takes minutes runs with `ATLAS_INVOICES_LARGE=1`.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from raw_server import Connection, Script, http
from scripted_atlas import (
    INVOICE,
    JSON_TYPE,
    ORG,
    both,
    client,
    csv_of,
    files_of,
    invoice_csv,
    invoice_json,
    json_reply,
    listed,
    page,
    query,
    scripted_atlas,
    shell,
    sync,
)

if TYPE_CHECKING:
    from client_twin import Kind

large = pytest.mark.skipif(not os.environ.get("ATLAS_INVOICES_LARGE"), reason="takes minutes: ATLAS_INVOICES_LARGE=1")
DEFAULT_MAX_BYTES = 256 * 1024 * 1024


# Pages


def with_linked(number: int, size: int) -> dict[str, Any]:
    """A listed invoice that has linked ones of so many bytes in it."""
    linked = [listed(f"{number:023x}{n:x}", org="a" * 24, note="x" * 20_000) for n in range(size // 20_000)]
    return listed(f"{number:024x}", linkedInvoices=linked)


def pages_of(invoices: list[dict[str, Any]]) -> Script:
    """A server that sends as many to a page as it's asked for."""

    def script(connection: Connection) -> None:
        asked = query(connection.request.target)
        size, number = int(asked.get("itemsPerPage", ["100"])[0]), int(asked.get("pageNum", ["1"])[0])
        begin = (number - 1) * size
        more = begin + size < len(invoices)
        connection.send(json_reply(page(*invoices[begin : begin + size], total=len(invoices), following=more)))

    return script


@pytest.mark.parametrize(
    ("small", "big"), [(0, 60), (520, 60)], ids=["the first page is too large", "the second page is too large"]
)
@both
def test_pages_that_are_too_large_are_asked_for_in_parts(kind: Kind, small: int, big: int) -> None:
    """60 invoices with 200 KB of linked ones each are 12 MB; each is listed once, in order."""
    invoices = [with_linked(number, 0 if number < small else 200_000) for number in range(small + big)]
    with scripted_atlas(list=pages_of(invoices)) as server, client(kind, server) as atlas:
        found = atlas.call("list_invoices", ORG, linked=True)
    assert [int(each.id, 16) for each in found] == list(range(small + big))
    assert sum(len(each.linked_invoices or []) for each in found) == big * 10


@both
def test_an_endless_page_is_an_error_still(kind: Kind) -> None:
    """Where the smallest page is too large, nothing smaller can be asked for."""
    sent = 0

    def script(connection: Connection) -> None:
        nonlocal sent
        connection.send(http(200, kind=JSON_TYPE, length=None), b'{"results": [')
        piece = (json.dumps(listed(note="x" * 100_000)) + ",").encode()
        for _ in range(400):
            connection.send(piece)
            sent += len(piece)
        connection.close()

    with (
        scripted_atlas(list=script) as server,
        client(kind, server) as atlas,
        pytest.raises(ai.UnexpectedResponseError),
    ):
        atlas.call("list_invoices", ORG, linked=True)
    assert len(server.requests) < 20


# JSON


@both
def test_the_bound_of_an_invoice_is_an_argument(kind: Kind) -> None:
    """A model is in memory as a whole, so its JSON has a bound, which the message names and the caller can raise."""
    size = len(json.dumps(invoice_json()))
    with scripted_atlas() as server, client(kind, server) as atlas:
        assert atlas.call("get_invoice", ORG, INVOICE, max_bytes=size).id == INVOICE
        with pytest.raises(ai.UnexpectedResponseError, match=rf"{size - 1:,} bytes.*max_bytes"):
            atlas.call("get_invoice", ORG, INVOICE, max_bytes=size - 1)


def test_the_bound_of_an_invoice_is_an_option(tmp_path: Path) -> None:
    """The command's message names the option, as the library's names the argument."""
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        for command in ("owed", "reconcile"):
            ended = sh.run(command, INVOICE, "--max-bytes", "100")
            assert ended.status == 6, ended
            assert "--max-bytes" in ended.error
            assert sh.run(command, INVOICE, "--max-bytes", "1000000").status == 0


def padded(size: int) -> Script:
    """An invoice's JSON with so many bytes of blanks inside, packed."""
    document = json.dumps(invoice_json()).encode()
    packed = gzip.compress(document[:-1] + b" " * size + b"}", 1)
    reply = http(200, [("Content-Encoding", "gzip")], packed, kind=JSON_TYPE)
    return lambda connection: connection.send(reply)


@both
def test_sync_keeps_a_json_as_it_comes(kind: Kind, tmp_path: Path) -> None:
    """To the byte, and larger than what sync used to read at once."""
    with scripted_atlas(json=padded(20_000_000)) as server:
        assert sync(kind, server, tmp_path).ok
    (path,) = [path for path in files_of(tmp_path) if path.suffix == ".json"]
    assert path.stat().st_size == len(json.dumps(invoice_json())) + 20_000_000
    assert json.loads(path.read_bytes())["id"] == INVOICE
    assert csv_of(tmp_path) == invoice_csv()


@large
@both
def test_sync_keeps_a_json_larger_than_any_bound(kind: Kind, tmp_path: Path) -> None:
    with scripted_atlas(json=padded(DEFAULT_MAX_BYTES + 1)) as server:
        report = sync(kind, server, tmp_path)
    assert report.ok, [each.error for each in report.failed]


@large
def test_a_larger_json_than_the_bound_can_be_owed_and_reconciled(tmp_path: Path) -> None:
    """By default, or with what the message says."""
    with scripted_atlas(json=padded(DEFAULT_MAX_BYTES + 1)) as server:
        sh = shell(tmp_path, server)
        for command in ("owed", "reconcile"):
            ended = sh.run(command, INVOICE)
            if ended.status != 0:
                assert "--max-bytes" in ended.error
                ended = sh.run(command, INVOICE, "--max-bytes", str(2 * DEFAULT_MAX_BYTES))
            assert ended.status == 0, ended


@pytest.fixture(scope="module")
def million() -> Iterator[Sandbox]:
    """A local Atlas with an invoice of a million lines, all of them in its JSON too."""
    with Sandbox(Settings(months=2, lines=1_000_000, lines_in_json=10**9, typical_lines=10)) as sandbox:
        yield sandbox


@large
@pytest.mark.parametrize(
    "arguments",
    [
        ["download", "ID", "-o", "a.csv"],
        ["show", "ID"],
        ["export", "ID", "--format", "csv", "-o", "out.csv"],
        ["export", "ID", "--format", "jsonl", "-o", "out.jsonl"],
        ["export", "ID", "--format", "parquet", "-o", "out.parquet"],
        ["owed", "ID"],
        ["reconcile", "ID"],
        ["sync", "--dir", "invoices"],
    ],
    ids=lambda arguments: "-".join(arguments[:4]),
)
def test_a_million_lines_go_through_every_command(arguments: list[str], million: Sandbox, tmp_path: Path) -> None:
    invoice = million.invoices[1].id
    sh = shell(tmp_path).without("MONGODB_ATLAS_ACCESS_TOKEN").with_env(**million.environment())
    ended = sh.run(*(invoice if each == "ID" else each for each in arguments), seconds=900)
    if ended.status and "--max-bytes" in ended.err:
        more = ["--max-bytes", str(4 * 1024**3)]
        ended = sh.run(*(invoice if each == "ID" else each for each in arguments), *more, seconds=900)
    assert ended.status == 0, ended
