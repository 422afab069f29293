"""Whether a saved CSV agrees with its JSON in lines and sums."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from atlas_invoices._http._responses import ResponseHead
from atlas_invoices._sync._compare import find_difference
from atlas_invoices._sync._listing import read_raw_invoice
from scripted_atlas import INVOICE, ORG, invoice_csv, invoice_json, line_item

USAGE = [("web", 24, "1.92"), ("api", 126, "10.08")]
CREDIT = "07/01/2024,06/15/2024,,,,,web,64f0c0ffee0123456789ab01,Credit,,,,,,,,,,{}\n"


def difference(tmp_path: Path, csv: bytes, document: dict[str, Any]) -> str | None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv)
    head = ResponseHead("GET", f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}", 200, {})
    sent = read_raw_invoice(BytesIO(json.dumps(document).encode()), head)
    return find_difference(path, sent.sums)


def without_items(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in invoice_json(**fields).items() if name != "lineItems"}


def items(*amounts: str, **fields: Any) -> list[dict[str, Any]]:
    return [line_item(amount=amount) | fields for amount in amounts]


@pytest.mark.parametrize(
    ("csv", "document"),
    [
        (invoice_csv(), invoice_json()),
        (invoice_csv(), without_items()),
        (invoice_csv(), without_items(subtotalCents=1200.0)),
        (invoice_csv(), invoice_json(lineItems=items("2.02", "10.18", discountCents=10))),
        (invoice_csv(), invoice_json(lineItems=items("1.92"), linkedInvoices=[{"lineItems": items("10.08")}])),
        (invoice_csv(), without_items(subtotalCents=200, linkedInvoices=[{"subtotalCents": 1000}, {}])),
        (invoice_csv(), invoice_json(linkedInvoices=[{"lineItems": items("5.00")}])),
        (invoice_csv() + CREDIT.format("-2.00").encode(), invoice_json(lineItems=items("1.92", "10.08", "-2.00"))),
        (invoice_csv() + CREDIT.format("-2.00").encode(), invoice_json(lineItems=items("1.92", "10.08", "2.00"))),
        (invoice_csv() + CREDIT.format("2.00").encode(), invoice_json(lineItems=items("1.92", "10.08", "-2.00"))),
        (invoice_csv() + CREDIT.format("-2.00").encode(), without_items()),
        (invoice_csv(usage=[*USAGE, ("web", 1, "-2.00")]), without_items()),
        (invoice_csv(usage=[*USAGE, ("web", 1, "-2.00")]), without_items(subtotalCents=1000)),
        (invoice_csv(usage=[("web", 1, "0.004")] * 3), invoice_json(lineItems=items("0.00", "0.00", "0.00"))),
        (invoice_csv(usage=[("web", 1, "0.004")] * 3), without_items(subtotalCents=1)),
        (invoice_csv(), without_items(subtotalCents=None)),
        (invoice_csv(), without_items(subtotalCents="12.00", lineItems=7, linkedInvoices={"a": None})),
        (b"no CSV", without_items(subtotalCents=None, lineItems=[None, 7], linkedInvoices=[None])),
    ],
)
def test_they_agree_or_there_is_nothing_to_compare(csv: bytes, document: dict[str, Any], tmp_path: Path) -> None:
    assert difference(tmp_path, csv, document) is None


@pytest.mark.parametrize(
    ("csv", "document", "said"),
    [
        (invoice_csv(usage=USAGE[:1]), invoice_json(), "the CSV has 1 line, the JSON 2 line items"),
        (invoice_csv(usage=[]), invoice_json(), "the CSV has 0 lines, the JSON 2 line items"),
        (invoice_csv(usage=[*USAGE, *USAGE]), invoice_json(), "the CSV has 4 lines, the JSON 2 line items"),
        (
            invoice_csv(usage=USAGE[:1]),
            without_items(),
            "the CSV's lines add up to 1.92, the JSON's subtotalCents to 12.00: the CSV is 10.08 short",
        ),
        (
            invoice_csv(usage=[*USAGE[:1], ("api", 126, "10.07")]),
            invoice_json(),
            "the CSV's lines add up to 11.99, the JSON's line items to 12.00: the CSV is 0.01 short",
        ),
        (
            invoice_csv(usage=[("web", 1, "0.004")] * 3),
            without_items(subtotalCents=2),
            "the CSV's lines add up to 0.012, the JSON's subtotalCents to 0.02: the CSV is 0.008 short",
        ),
        (
            invoice_csv(usage=USAGE[:1]),
            invoice_json(lineItems=items("1.92", "3.00"), linkedInvoices=[{"lineItems": items("7.00")}]),
            "the CSV has 1 line, the JSON 2 line items",
        ),
        (b"no CSV", invoice_json(), "the CSV can't be read: line 1: no header row"),
    ],
)
def test_a_difference_in_words(csv: bytes, document: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert (difference(tmp_path, csv, document) or "").startswith(said)
