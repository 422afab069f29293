"""The text of `atlas-invoices owed` and `reconcile`: every term, even if some are missing, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from atlas_invoices import BillingInvoice, owed, reconcile
from atlas_invoices._money import statement
from atlas_invoices.cli._money import owed_as_json, reconciliation_as_text


def table(**fields: object) -> dict[str, list[str]]:
    """The statement's cells by label; the headings are those of the label ""."""
    headings, rows, _ = statement(owed(BillingInvoice.from_dict(fields)))
    return {label: cells for label, *cells in [headings, *rows]}


def one_payment(**payment: object) -> dict[str, list[str]]:
    return table(payments=[{"salesTaxCents": 0, "amountPaidCents": 0, **payment}])


def payment(billed: int, **fields: object) -> dict[str, object]:
    sent = {"unitPrice": "1", "salesTaxCents": 100, "currency": "USD", "amountPaidCents": 0}
    return {"amountBilledCents": billed, **sent, **fields}


def test_a_payment_in_a_foreign_currency_without_a_rate_is_unknown() -> None:
    cells = one_payment(amountBilledCents=10_000, currency="EUR")
    assert (cells[""], cells["billed USD"], cells["x rate"]) == (["EUR"], ["100.00"], ["unknown"])
    assert cells["= owed"] == cells["= outstanding"] == ["unknown"]


def test_a_payment_with_an_unreadable_rate_is_unknown() -> None:
    assert one_payment(amountBilledCents=10_000, currency="USD", unitPrice="NaN")["x rate"] == ["unknown"]


def test_an_invoice_in_dollars_has_no_line_twice() -> None:
    cells = table(statusName="CLOSED", payments=[payment(10_000)])
    assert cells == {
        "": ["USD"],
        "billed USD": ["100.00"],
        "+ sales tax": ["1.00"],
        "= owed": ["101.00"],
        "- paid": ["0.00"],
        "= outstanding": ["101.00"],
    }


def test_a_paid_invoice_owes_nothing() -> None:
    paid = payment(10_000, amountPaidCents=10_100, statusName="PAID", currency="EUR", unitPrice="0.9")
    cells = table(statusName="PAID", payments=[paid])
    assert "= owed" not in cells
    assert cells["= total"] == cells["- paid"] == ["91.00"]
    assert cells["= outstanding"] == ["0.00"]
    assert (cells["billed USD"], cells["x rate"], cells["= billed"]) == (["100.00"], ["0.9"], ["90.00"])


def test_payments_of_one_currency_have_a_column_each_and_one_for_all() -> None:
    headings, rows, parts = statement(
        owed(
            BillingInvoice.from_dict(
                {
                    "payments": [
                        payment(10_000, statusName="PAID", amountPaidCents=10_100),
                        payment(20_000, statusName="NEW", amountPaidCents=5_000),
                    ],
                    "startingBalanceCents": 1_000,
                }
            )
        )
    )
    assert (headings, parts) == (["", "USD", "USD", "USD"], [1, 2])
    assert rows == [
        ["payment", "PAID", "NEW", "all"],
        ["billed USD", "100.00", "200.00", "300.00"],
        ["+ sales tax", "1.00", "1.00", "2.00"],
        ["- starting balance", "", "", "10.00"],
        ["= owed", "101.00", "201.00", "292.00"],
        ["- paid", "101.00", "50.00", "151.00"],
        ["= outstanding", "0.00", "151.00", "141.00"],
    ]


def test_a_part_paid_in_another_currency_is_not_converted_by_guesswork() -> None:
    cells = table(payments=[payment(10_000, amountPaidCents=5_000, currency="EUR", unitPrice="0.9")])
    assert cells["= owed"] == ["91.00"]
    assert cells["- paid"] == cells["= outstanding"] == ["unknown"]


def test_a_payments_own_balance_is_a_term() -> None:
    cells = one_payment(amountBilledCents=10_000, currency="USD", unitPrice="1", startingBalanceCents=500)
    assert (cells["- starting balance"], cells["= owed"]) == (["5.00"], ["95.00"])


def test_the_starting_balance_has_its_currency() -> None:
    result = owed(
        BillingInvoice.from_dict({"payments": [payment(10_000, currency="EUR")], "startingBalanceCents": 500})
    )
    assert result.starting_balance_currency == "EUR"
    assert "the invoice's starting balance of 5.00 USD was subtracted in EUR" in result.warnings[0]
    assert result.outstanding == {"EUR": Decimal(9_600)}


def test_json_keeps_every_digit_beyond_the_28_that_python_keeps_by_default() -> None:
    long = payment(12_345_678_901_234, currency="EUR", unitPrice="1.0000000000000000000000001", salesTaxCents=0)
    result = owed(BillingInvoice.from_dict({"payments": [long]}))
    document = owed_as_json(result)
    assert document["by_currency"] == {"EUR": "12345678901234.0000000000012345678901234"}
    assert document["outstanding"] == document["by_currency"]
    assert list(document)[-2:] == ["payments", "warnings"]
    assert {row[0]: row[1] for row in statement(result).rows}["= owed"] == "123,456,789,012.34"


def test_sums_may_have_more_digits_than_python_keeps_by_default() -> None:
    long = "123456789012345678901234567890"
    rows = "".join(f"06/02/2024,06/01/2024,S,{amount}\n" for amount in (f"{long}.12", f"-{long}.11", "0.01"))
    csv = f"Date,Usage Date,SKU,Amount\n{rows}".encode()
    result = reconcile(csv, BillingInvoice.from_dict({"amountBilledCents": 2}))
    assert reconciliation_as_text(result) == ["matches: 3 lines, 0.02 USD"]
