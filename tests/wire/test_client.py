"""Every method of both clients against the sandbox on a real socket, with each kind of credentials."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, Twin, twin
from sandbox_http import ACCEPT, auth_for

# Each kind of credentials, and each outcome with both clients.
ATLAS = [("sync", "digest"), ("sync", "service"), ("async", "service"), ("async", "found")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(typical_lines=40, organizations=3)) as running:
        yield running


@pytest.fixture(params=ATLAS, ids="-".join)
def atlas(request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    kind, auth = request.param
    sandbox.clear_requests()
    if auth == "found":
        for name, value in sandbox.environment("api-key").items():
            monkeypatch.setenv(name, value)
        with twin(kind) as made:
            yield made
        return
    with twin(kind, auth_for(sandbox, auth), base_url=sandbox.base_url) as made:
        yield made


def test_organizations(atlas: Twin, sandbox: Sandbox) -> None:
    assert [o.id for o in atlas.call("list_organizations")] == [o.id for o in sandbox.organizations]
    named = atlas.call("list_organizations", name="Nordwind-3")
    assert [o.name for o in named] == ["Nordwind-3"]


def test_an_invoice_is_found_by_its_month_by_latest_by_pending_and_by_its_id(atlas: Twin, sandbox: Sandbox) -> None:
    org = sandbox.org_id
    pending, latest, *_ = sandbox.invoices
    linked = next(each for invoice in sandbox.invoices for each in invoice.linked)
    names = {
        "2026-08": sandbox.invoices[3],
        "2026-11": pending,
        "pending": pending,
        "latest": latest,
        "LATEST": latest,
        latest.id.upper(): latest,
        linked.id: linked,
    }
    for name, invoice in names.items():
        found = atlas.call("find_invoice", org, name)
        assert (found.id, found.status_name) == (invoice.id, invoice.status), name
    with pytest.raises(ai.NotFoundError, match="no invoice of 2024-01; its invoices are of 2025-10 to 2026-11") as no:
        atlas.call("find_invoice", org, "2024-01")
    assert no.value.status_code == 404
    with pytest.raises(ai.NotFoundError, match=f"^invoice {'0' * 24} isn't among the organization's invoices"):
        atlas.call("find_invoice", org, "0" * 24)
    sandbox.clear_requests()
    for wrong in ("2026-13", "2026-6", "06/2026", "june", "", " 2026-06", "2026-06-01", 202606, None):
        with pytest.raises(ai.InvalidIdError, match=r"its month as in 2026-06, latest or pending"):
            atlas.call("find_invoice", org, wrong)
    assert not sandbox.requests


def test_invoices_and_their_filters(atlas: Twin, sandbox: Sandbox) -> None:
    org = sandbox.org_id
    invoices = atlas.call("list_invoices", org)
    assert [i.id for i in invoices] == [i.id for i in sandbox.invoices]
    assert all(isinstance(i, ai.BillingInvoiceMetadata) for i in invoices)
    paid = atlas.call("list_invoices", org, statuses=["PAID"])
    assert {i.status_name for i in paid} == {"PAID"}
    assert len(paid) == sum(i.status == "PAID" for i in sandbox.invoices)
    some = atlas.call("list_invoices", org, from_date=date(2026, 6, 1), to_date=date(2026, 9, 1))
    assert [(i.start, i.end) for i in sandbox.invoices if i.id in {s.id for s in some}] == [
        (date(2026, 8, 1), date(2026, 9, 1)),
        (date(2026, 7, 1), date(2026, 8, 1)),
        (date(2026, 6, 1), date(2026, 7, 1)),
    ]
    assert not any(i.linked_invoices for i in invoices)
    assert any(i.linked_invoices for i in atlas.call("list_invoices", org, linked=True))


def test_one_status_by_itself_and_days_that_have_a_time(sandbox: Sandbox) -> None:
    with twin("sync", auth_for(sandbox, "digest"), base_url=sandbox.base_url) as atlas:
        paid = atlas.call("list_invoices", sandbox.org_id, statuses="PAID")
        assert paid == atlas.call("list_invoices", sandbox.org_id, statuses=["PAID"]) != []
        sandbox.clear_requests()
        evening, morning = datetime(2026, 6, 1, 23, 59, tzinfo=UTC), datetime(2026, 9, 1)  # noqa: DTZ001 - any will do
        some = atlas.call("list_invoices", sandbox.org_id, from_date=evening, to_date=morning)
        assert len(some) == 3
        query = sandbox.requests[-1].query
        assert "fromDate=2026-06-01&" in f"{query}&"
        assert "toDate=2026-09-01&" in f"{query}&"


def test_one_invoice_and_the_pending_ones(atlas: Twin, sandbox: Sandbox) -> None:
    wanted = sandbox.invoices[3]
    invoice = atlas.call("get_invoice", sandbox.org_id, wanted.id.upper())
    assert isinstance(invoice, ai.BillingInvoice)
    assert (invoice.id, invoice.amount_billed_cents) == (wanted.id, wanted.amount_billed_cents)
    assert isinstance(invoice.line_items, list)
    assert len(invoice.line_items) == len(wanted.lines)
    pending = atlas.call("list_pending_invoices", sandbox.org_id)
    assert pending[0].id == sandbox.invoices[0].id


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("envelope", [False, True])
def test_a_csv_is_what_was_sent(atlas: Twin, sandbox: Sandbox, envelope: bool, pretty: bool) -> None:
    invoice = sandbox.invoices[2].id
    csv = atlas.call("get_invoice_csv", sandbox.org_id, invoice, envelope=envelope, pretty=pretty)
    assert csv == sandbox.csv_bytes(invoice)
    query = sandbox.requests[-1].query
    assert query == "&".join([*(["envelope=true"] if envelope else []), *(["pretty=true"] if pretty else [])])


def test_a_stream_and_a_download_are_the_same_bytes(atlas: Twin, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice = sandbox.invoices[4].id
    expected = sandbox.csv_bytes(invoice)
    assert b"".join(atlas.read(sandbox.org_id, invoice)) == expected
    saved = atlas.call("download_invoice_csv", sandbox.org_id, invoice, tmp_path / "june.csv")
    assert (saved.path, saved.size) == (tmp_path / "june.csv", len(expected))
    assert saved.sha256 == hashlib.sha256(expected).hexdigest()
    assert saved.path.read_bytes() == expected


def test_an_existing_file_is_replaced_or_kept(atlas: Twin, sandbox: Sandbox, tmp_path: Path) -> None:
    invoice = sandbox.invoices[4].id
    path = tmp_path / "june.csv"
    path.write_bytes(b"mine")
    sandbox.clear_requests()
    with pytest.raises(FileExistsError):
        atlas.call("download_invoice_csv", sandbox.org_id, invoice, str(path), overwrite=False)
    assert path.read_bytes() == b"mine"
    assert not sandbox.requests
    assert atlas.call("download_invoice_csv", sandbox.org_id, invoice, str(path)).size > 4
    assert [file.name for file in tmp_path.iterdir()] == ["june.csv"]


def test_a_name_as_long_as_a_file_system_takes(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / ("数" * 83 + ".csv")  # 253 bytes of 255
    with ai.Client(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client:
        assert client.download_invoice_csv(sandbox.org_id, sandbox.invoices[1].id, path).path == path
    assert list(tmp_path.iterdir()) == [path]


def test_one_challenge_or_one_token_for_all(atlas: Twin, sandbox: Sandbox) -> None:
    for _ in range(3):
        atlas.call("list_pending_invoices", sandbox.org_id)
    assert sum(r.status == 401 for r in sandbox.requests) + sum(r.auth == "basic" for r in sandbox.requests) == 1
    assert not [r.violation for r in sandbox.requests if r.violation]


def test_requests_ask_for_their_own_version_and_say_who_asks(sandbox: Sandbox) -> None:
    sandbox.clear_requests()
    with twin("sync", auth_for(sandbox, "service"), base_url=sandbox.base_url, user_agent="report/2") as atlas:
        atlas.call("get_invoice_csv", sandbox.org_id, sandbox.invoices[1].id)
        atlas.call("get_invoice", sandbox.org_id, sandbox.invoices[1].id)
    token, csv, json = sandbox.requests
    assert csv.accept == ACCEPT["get_invoice_csv"]
    assert json.accept == ACCEPT["get_invoice"]
    assert csv.user_agent.startswith(f"report/2 atlas-invoices/{ai.__version__} ")
    assert token.user_agent.startswith("atlas-invoices/")


def test_max_bytes(sandbox: Sandbox) -> None:
    invoice = sandbox.invoices[2].id
    size = len(sandbox.csv_bytes(invoice))
    with twin("sync", auth_for(sandbox, "digest"), base_url=sandbox.base_url) as atlas:
        assert len(atlas.call("get_invoice_csv", sandbox.org_id, invoice, max_bytes=size)) == size
        with pytest.raises(ai.UnexpectedResponseError, match="max_bytes"):
            atlas.call("get_invoice_csv", sandbox.org_id, invoice, max_bytes=size - 1)


@pytest.mark.parametrize("gzip", [False, True])
def test_a_large_invoice_needs_no_memory(kind: Kind, gzip: bool, tmp_path: Path) -> None:
    with (
        Sandbox(Settings(months=2, lines=100_000, gzip=gzip, typical_lines=5)) as sandbox,
        twin(kind, auth_for(sandbox, "digest"), base_url=sandbox.base_url) as atlas,
    ):
        org, invoice = sandbox.org_id, sandbox.invoices[1].id
        expected = hashlib.sha256(sandbox.csv_bytes(invoice)).hexdigest()
        atlas.read(org, invoice)  # what is made once is made now
        tracemalloc.start()
        try:
            saved = atlas.call("download_invoice_csv", org, invoice, tmp_path / "large.csv")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert saved.sha256 == expected
    assert saved.size > 15_000_000
    assert peak < saved.size / 3  # the sandbox makes most of it


def test_pieces_of_a_stream_are_small_and_read_once(sandbox: Sandbox) -> None:
    invoice = sandbox.invoices[4].id
    with ai.Client(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client:
        stream = client.stream_invoice_csv(sandbox.org_id, invoice)
        with pytest.raises(ValueError, match="open the stream first"):
            stream.iter_bytes()
        with stream as body:
            assert all(len(piece) <= 65536 for piece in body.iter_bytes())
            with pytest.raises(ValueError, match="read once"):
                list(body.iter_bytes())
        with client.stream_invoice_csv(sandbox.org_id, invoice) as body:
            next(iter(body.iter_bytes()))  # left half read
        assert client.get_invoice(sandbox.org_id, invoice).id == invoice


@pytest.mark.parametrize(("lines", "begun"), [(5, False), (2000, False), (2000, True)])
def test_a_stream_read_after_its_block_raises(lines: int, begun: bool) -> None:
    with (
        Sandbox(Settings(months=2, lines=lines, typical_lines=5)) as sandbox,
        ai.Client(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client,
    ):
        with client.stream_invoice_csv(sandbox.org_id, sandbox.invoices[1].id) as body:
            invoice = ai.read_csv(body) if begun else None
        with pytest.raises(ValueError, match="inside its `with` block"):
            list(invoice or ai.read_csv(body))


@pytest.mark.parametrize(("lines", "begun"), [(5, False), (2000, False), (2000, True)])
def test_an_asynchronous_stream_read_after_its_block_raises(lines: int, begun: bool) -> None:
    async def main(sandbox: Sandbox) -> None:
        async with ai.AsyncClient(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client:
            async with client.stream_invoice_csv(sandbox.org_id, sandbox.invoices[1].id) as body:
                invoice = await ai.aread_csv(body) if begun else None
            with pytest.raises(ValueError, match="inside its `with` block"):
                _ = [line async for line in invoice or await ai.aread_csv(body)]

    with Sandbox(Settings(months=2, lines=lines, typical_lines=5)) as sandbox:
        asyncio.run(main(sandbox))


@pytest.mark.parametrize("as_object", [False, True])
def test_pending_may_be_a_page_or_a_single_invoice(as_object: bool) -> None:
    with (
        Sandbox(Settings(months=2, typical_lines=5, pending_as_object=as_object)) as sandbox,
        twin("sync", auth_for(sandbox, "service"), base_url=sandbox.base_url) as atlas,
    ):
        pending = atlas.call("list_pending_invoices", sandbox.org_id)
        assert all(isinstance(invoice, ai.BillingInvoice) for invoice in pending)
        assert pending[0].id == sandbox.invoices[0].id
        assert isinstance(pending[0].line_items, list)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        *[("sync", bad) for bad in ("", "0" * 23, "0" * 25, "../" * 8, "0" * 23 + "g", "0" * 23 + "\n", None, 5)],
        ("async", "x"),
    ],
)
def test_an_invalid_id_raises_before_anything_is_sent(
    kind: Kind, sandbox: Sandbox, bad: object, tmp_path: Path
) -> None:
    sandbox.clear_requests()
    good = "0" * 24
    with twin(kind, auth_for(sandbox, "digest"), base_url=sandbox.base_url) as atlas:
        for method, *args in (
            ("list_invoices", bad),
            ("list_pending_invoices", bad),
            ("get_invoice", bad, good),
            ("get_invoice", good, bad),
            ("get_invoice_csv", good, bad),
            ("stream_invoice_csv", good, bad),
            ("download_invoice_csv", good, bad, tmp_path / "x"),
        ):
            with pytest.raises(ai.InvalidIdError, match="24 hexadecimal"):
                atlas.call(method, *args)
    assert not sandbox.requests


def test_a_list_with_a_wrong_id_fails_where_it_is_called(sandbox: Sandbox) -> None:
    with (
        ai.Client(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client,
        pytest.raises(ValueError, match="24 hexadecimal"),
    ):
        client.list_invoices("nonsense")
