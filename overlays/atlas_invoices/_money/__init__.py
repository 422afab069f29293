"""Money: what an invoice owes, and whether its CSV adds up to it; decimals and whole cents only, never a float."""

from __future__ import annotations

from atlas_invoices._money._owed import Owed, owed
from atlas_invoices._money._payment import PaymentOwed, payment_owed
from atlas_invoices._money._reconcile import reconcile
from atlas_invoices._money._reconciliation import Difference, Reconciliation, Totals

__all__ = ["Difference", "Owed", "PaymentOwed", "Reconciliation", "Totals", "owed", "payment_owed", "reconcile"]
