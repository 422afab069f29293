"""What people see in notebooks, `help` and tracebacks: short, real and named as they import it."""

from __future__ import annotations

import pickle
import pydoc
import traceback
from collections.abc import Mapping
from decimal import Decimal
from typing import get_type_hints

import pytest

import atlas_invoices as ai

CSV = b"Date,Usage Date,SKU,Project,Amount\n07/01/2024,06/30/2024,M10,<b>A</b>,1234.50\n07/01/2024,06/30/2024,M20,,-1\n"
PAYMENT = {"amountBilledCents": 10_000, "unitPrice": "0.9", "salesTaxCents": 0, "currency": "EUR", "amountPaidCents": 0}


def test_a_line_shows_what_it_has() -> None:
    first, second = ai.read_csv(CSV)
    assert repr(second) == (
        "LineItem(date=datetime.date(2024, 7, 1), usage_date=datetime.date(2024, 6, 30), sku='M20', "
        "amount=Decimal('-1'), line_number=3)"
    )
    assert "project='<b>A</b>'" in repr(first)


def test_a_summary_is_a_short_line_and_a_table() -> None:
    summary = ai.summarize(CSV, by="project")
    assert repr(summary) == "<Summary by project: 2 groups, 1,233.5 USD>"
    html = summary._repr_html_()
    assert "<th" in html
    assert "&lt;b&gt;A&lt;/b&gt;" in html
    assert "<b>" not in html
    assert '<td style="text-align: right">1,234.5</td>' in html
    many = ai.summarize([ai.LineItem(sku=str(n)) for n in range(60)], by="sku")._repr_html_()
    assert (many.count("<tr>"), "10 more" in many) == (1 + 50 + 2, True)


def test_an_amount_owed_is_a_short_line_and_a_table() -> None:
    owed = ai.owed(ai.BillingInvoice.from_dict({"payments": [PAYMENT]}))
    assert repr(owed) == "<Owed 90.00 EUR, outstanding 90.00 EUR>"
    assert "= outstanding" in owed._repr_html_()


def test_a_reconciliation_says_whether_it_matches() -> None:
    result = ai.reconcile(CSV, ai.BillingInvoice.from_dict({"subtotalCents": 1, "amountBilledCents": 2}))
    assert repr(result) == f"<Reconciliation: {len(result.differences)} differences>"
    assert result.differences[0].message.replace("'", "&#x27;") in result._repr_html_()
    good = ai.reconcile(CSV, ai.BillingInvoice.from_dict({"amountBilledCents": 123_350}))
    assert repr(good) == "<Reconciliation: matches, 2 lines, 1,233.50 USD>"


def test_a_model_shows_what_was_sent() -> None:
    assert (repr(ai.UNSET), str(ai.UNSET)) == ("UNSET", "UNSET")
    invoice = ai.BillingInvoice.from_dict({"id": "1", "payments": [PAYMENT] * 5, "new": 1})
    shown = repr(invoice)
    assert shown.startswith("BillingInvoice(id='1', payments=[BillingPayment(amount_billed_cents=10000, ")
    assert shown.endswith(", … 5 in all], additional_properties={'new': 1})")
    assert "UNSET" not in shown


def test_help_shows_types() -> None:
    assert "from_date: datetime.date | None = None" in pydoc.render_doc(ai.Client.list_invoices)
    assert "on_error: Literal['raise', 'collect'] = 'raise'" in pydoc.render_doc(ai.read_csv)
    text = pydoc.render_doc(ai.LineItem, renderer=pydoc.plaintext)
    assert "ForwardRef" not in text
    assert "usage_date: datetime.date | None = None" in text


def test_help_names_types_as_they_are_imported() -> None:
    functions = [value for name in ai.__all__ if callable(value := getattr(ai, name)) and not isinstance(value, type)]
    assert not [each for each in functions if "atlas_invoices._" in pydoc.render_doc(each)]
    text = pydoc.render_doc(ai.summarize, renderer=pydoc.plaintext)
    assert "function summarize in module atlas_invoices\n" in text
    # An alias stays short.
    assert "(source: 'Sources | Iterable[LineItem]', *, by: str | " in text
    assert ") -> atlas_invoices.Summary\n" in text
    assert "groups: tuple[atlas_invoices.Group, ...]" in pydoc.render_doc(ai.Summary)
    # Programs that read types still find them.
    assert get_type_hints(ai.Summary)["totals"] == Mapping[str, Decimal]
    (line,) = pickle.loads(pickle.dumps([ai.LineItem(sku="x")]))  # noqa: S301 - our own bytes
    assert type(line) is ai.LineItem


def test_a_traceback_names_errors_as_they_are_imported() -> None:
    with pytest.raises(ai.ConfigError) as caught:
        ai.summarize(CSV, by="sqqqqqqqqqqqqqqqq-ku")
    assert traceback.format_exception_only(caught.value)[0].startswith("atlas_invoices.ConfigError: ")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert type(again) is ai.ConfigError
