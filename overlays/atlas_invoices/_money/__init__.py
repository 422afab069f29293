"""Money: the amount owed on an invoice, and whether its CSV adds up to it. Exact decimals, never floats."""

from __future__ import annotations

from ._amounts import money as money
from ._owed import Owed, PaymentOwed, owed, payment_owed
from ._reconcile import reconcile
from ._reconciliation import Difference, Reconciliation, Totals

__all__ = ["Difference", "Owed", "PaymentOwed", "Reconciliation", "Totals", "owed", "payment_owed", "reconcile"]
