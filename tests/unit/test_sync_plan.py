"""What is fetched, and why."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import attrs
import pytest

from atlas_invoices import BillingInvoiceMetadata, ConfigError, UnexpectedResponseError
from atlas_invoices._http._responses import ResponseHead
from atlas_invoices._sync import _listing, sync_invoices, sync_invoices_async
from atlas_invoices._sync._compare import JsonSums
from atlas_invoices._sync._folder import Entry, FileFacts
from atlas_invoices._sync._listing import AMOUNTS, ListedInvoice, RawInvoice, read_raw_invoice
from atlas_invoices._sync._plan import SyncOptions, make_plan

ORG = "f" * 24
FACTS = FileFacts(1, "0" * 64)


def options(**changes: Any) -> SyncOptions:
    return SyncOptions("https://example.com", ORG, "folder", **changes)


def listed(**changes: Any) -> ListedInvoice:
    found = _listing.read_listing([metadata()], linked=False).invoices[0]
    return attrs.evolve(found, **changes)


def metadata(**changes: Any) -> BillingInvoiceMetadata:
    fields: dict[str, Any] = {
        "id": "a" * 24,
        "org_id": ORG,
        "status_name": "PAID",
        "start_date": datetime(2026, 5, 1, tzinfo=UTC),
        "end_date": datetime(2026, 6, 1, tzinfo=UTC),
        "updated": datetime(2026, 6, 4, 6, 30, tzinfo=UTC),
        **dict.fromkeys(AMOUNTS.values(), 100),
    }
    return BillingInvoiceMetadata(**fields | changes)


def why(now: ListedInvoice, before: ListedInvoice | None, *, intact: bool = True, settled: bool = True) -> str | None:
    entries = {before.id: Entry(before, FACTS, FACTS, "", settled)} if before else {}
    plan = make_plan([now], entries, lambda _: intact, options())
    assert len(plan.fetch) + len(plan.unchanged) == 1
    return plan.fetch[0].reason if plan.fetch else None


@pytest.mark.parametrize("status", ["CLOSED", "FAILED", "FORGIVEN", "FREE", "INVOICED", "PAID", "PREPAID"])
def test_what_is_final_and_here_is_left_alone(status: str) -> None:
    assert why(listed(status=status), listed(status=status)) is None


@pytest.mark.parametrize("status", ["PENDING", "UNDER_REVIEW", "paid", "", None])
def test_what_is_not_known_to_be_final_is_fetched_each_time(status: str | None) -> None:
    assert why(listed(status=status), listed(status=status)) == "not final"


@pytest.mark.parametrize(
    "before",
    [
        {"status": "INVOICED"},
        {"status": None},
        {"updated": None},
        {"updated": "2026-06-04T06:30:01+00:00"},
        *({"amounts": {**dict.fromkeys(AMOUNTS, 100), name: 101}} for name in AMOUNTS),
        {"amounts": dict.fromkeys(AMOUNTS)},
    ],
)
def test_what_has_changed_is_fetched(before: dict[str, Any]) -> None:
    assert why(listed(), listed(**before)) == "changed"


def test_the_other_reasons() -> None:
    assert why(listed(), None) == "new"
    assert why(listed(), listed(), intact=False) == "file missing or damaged"
    assert why(listed(), listed(), settled=False) == "not final"
    assert why(listed(), listed(organization_id=None, start=None, end=None)) is None, "not what is compared"


@pytest.mark.parametrize(
    ("since", "until", "start", "covered"),
    [
        (date(2026, 5, 31), None, date(2026, 5, 1), True),
        (date(2026, 5, 1), None, date(2026, 4, 30), False),
        (None, date(2026, 5, 1), date(2026, 5, 31), True),
        (None, date(2026, 4, 30), date(2026, 5, 1), False),
        (date(2026, 5, 9), date(2026, 5, 2), date(2026, 5, 5), True),
        (datetime(2026, 5, 31, 23, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC), date(2026, 5, 1), True),
        (date(2026, 5, 1), date(2026, 5, 1), None, True),
        (None, None, date(1, 1, 1), True),
    ],
)
def test_months(since: date | None, until: date | None, start: date | None, covered: bool) -> None:
    assert options(since=since, until=until).covers(start) is covered


def test_both_forms_take_the_same_arguments() -> None:
    ours, theirs = (inspect.signature(form).parameters for form in (sync_invoices, sync_invoices_async))
    assert list(ours) == list(theirs)
    assert [each.default for each in ours.values()] == [each.default for each in theirs.values()]


def test_a_range_without_a_month_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"since \(2026-06\) is later than until \(2026-05\)"):
        options(since=date(2026, 6, 1), until=date(2026, 5, 31))


def test_times_are_compared_as_moments() -> None:
    other_zone = datetime.fromisoformat("2026-06-04T08:30:00+02:00")
    naive = datetime(2026, 6, 4, 6, 30)  # noqa: DTZ001 - a server that leaves out the zone
    for updated in (other_zone, naive):
        (found,) = _listing.read_listing([metadata(updated=updated)], linked=False).invoices
        assert not found.differs(listed())


def test_newest_first_with_linked_ones_only_if_asked_for() -> None:
    inside = metadata(id="C" * 24, org_id="e" * 24)
    found = [metadata(start_date=None, id="d" * 24), metadata(id="b" * 24, start_date=datetime(2020, 1, 1, tzinfo=UTC))]
    found.append(metadata(linked_invoices=[inside]))
    assert [each.id[0] for each in _listing.read_listing(found, linked=False).invoices] == ["d", "a", "b"]
    invoices = _listing.read_listing(found, linked=True).invoices
    assert [(each.id[0], each.linked) for each in invoices] == [("d", False), ("a", False), ("c", True), ("b", False)]


@pytest.mark.parametrize(
    ("status", "updated", "older"),
    [
        (None, None, False),
        ("PAID", "2026-06-04T06:30:00Z", False),
        ("PAID", "2027-01-01T00:00:00Z", False),
        ("UNDER_REVIEW", "soon", False),
        ("PAID", "2026-06-04T08:30:00+02:00", False),
        ("PAID", "2026-06-04T06:29:59.999Z", True),
        ("PENDING", None, True),
    ],
)
def test_files_older_than_the_listing_are_recognized(status: str | None, updated: str | None, older: bool) -> None:
    document = RawInvoice(status, updated, ())
    assert document.is_older_than(listed(updated="2026-06-04T06:30:00.123000+00:00")) is older


HEAD = ResponseHead("GET", f"/api/atlas/v2/orgs/{'b' * 24}/invoices/{'a' * 24}", 200, {})


def read(body: bytes) -> RawInvoice:
    return read_raw_invoice(BytesIO(body), HEAD)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "can't be read"),
        (b'{"id": "\xff"}', "can't be read"),
        (b'{"id": NaN}', "can't be read"),
        (b'{"id": ' + b"[" * 200_000, "can't be read"),
        (b'{"id": "%s"} x' % (b"a" * 24), "can't be read"),
        (b'{"id": "%s",}' % (b"a" * 24), "can't be read"),
        (b'{"id": "%s", "lineItems": [{}}' % (b"a" * 24), "can't be read"),
        (b"[]", "can't be read"),
        (b"{}", "can't be read"),
        (b'{"id": 7}', "can't be read"),
        (b'{"id": "bbbbbbbbbbbbbbbbbbbbbbbb"}', "expected invoice a+, got b+"),
        (b'{"lineItems": [' + b"{}," * 20_000, "far more parts"),
    ],
)
def test_what_is_not_the_invoice_is_not_saved(body: bytes, said: str) -> None:
    with pytest.raises(UnexpectedResponseError, match=said):
        read(body)


def test_the_fields_that_a_sync_reads() -> None:
    body = b' { "unit": 0.12345678901234567890, "id" : "AAAAAAAAAAAAAAAAAAAAAAAA", "statusName": "PAID"}\n'
    assert read(body) == RawInvoice("PAID", None, (JsonSums(),))
    lines = b'{"id": "%s", "lineItems": [{"totalPriceCents": 5}, {"totalPriceCents": -2}], "subtotalCents": 3}'
    assert read(lines % (b"a" * 24)) == RawInvoice(None, None, (JsonSums(lines=2, cents=3, subtotal=3),))
    assert read(b'{"lineItems": [ ], "id": "%s"}' % (b"a" * 24)) == RawInvoice(None, None, (JsonSums(),))


def test_an_invoice_is_read_alike_however_its_json_falls_into_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"totalPriceCents": 1000 + number, "note": '\u00e9\u6570 "[{'} for number in range(50)]
    linked = [{"lineItems": [{"totalPriceCents": 5}, {"totalPriceCents": -2}]}]
    document = {"more": [1, -2.5e3, True, None, []], "lineItems": items, "linkedInvoices": linked, "id": "a" * 24}
    document["subtotalCents"] = 12345
    total = sum(1000 + number for number in range(50))
    expected = read(json.dumps(document).encode())
    assert expected == RawInvoice(None, None, (JsonSums(50, total, 0, 12345), JsonSums(2, 3)))
    for size in (1, 2, 3, 7, 64, 1000):
        monkeypatch.setattr("atlas_invoices._json_stream._PIECE", size)
        assert read(json.dumps(document, ensure_ascii=False, indent=size % 3).encode()) == expected
