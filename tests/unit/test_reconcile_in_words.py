"""What `atlas-invoices reconcile` prints of sums: exact ones, however long."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices import reconcile
from atlas_invoices.cli import _money as _reconcile
from atlas_invoices_client.models import BillingInvoice

if TYPE_CHECKING:
    import pytest


def test_a_sum_of_more_digits_than_python_keeps_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    row = "06/02/2024,06/01/2024,S,{}\n"
    long = "123456789012345678901234567890"
    csv = "Date,Usage Date,SKU,Amount\n" + row.format(f"{long}.12") + row.format(f"-{long}.11") + row.format("0.01")
    result = reconcile(csv.encode(), BillingInvoice.from_dict({"amountBilledCents": 2}))
    assert result.matches
    _reconcile._say(result)
    assert capsys.readouterr().out == "matches: 3 lines, 0.02 USD\n"
    lines = row.format(f"{long}.12")
    alone = reconcile(f"Date,Usage Date,SKU,Amount\n{lines}".encode(), BillingInvoice.from_dict({}))
    assert _reconcile._usd(Decimal("0.5")) == "0.01 USD"
    assert _reconcile._usd(alone.csv.total_cents) == f"{int(long):,}.12 USD"  # type: ignore[arg-type]
