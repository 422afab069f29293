"""What `atlas-invoices reconcile` prints of sums: exact ones, however long."""

from __future__ import annotations

from atlas_invoices import BillingInvoice, reconcile
from atlas_invoices.cli._money import reconciliation_as_text


def test_sums_may_have_more_digits_than_python_keeps_by_default() -> None:
    long = "123456789012345678901234567890"
    rows = "".join(f"06/02/2024,06/01/2024,S,{amount}\n" for amount in (f"{long}.12", f"-{long}.11", "0.01"))
    csv = f"Date,Usage Date,SKU,Amount\n{rows}".encode()
    result = reconcile(csv, BillingInvoice.from_dict({"amountBilledCents": 2}))
    assert reconciliation_as_text(result) == ["matches: 3 lines, 0.02 USD"]
