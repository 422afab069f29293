"""Money: the amount owed on an invoice, and whether its CSV adds up to it. Exact decimals, never floats."""

from __future__ import annotations

from ._amounts import EXACT as EXACT
from ._amounts import cents_or_none as cents_or_none
from ._amounts import exact_number as exact_number
from ._amounts import money as money
from ._amounts import over_or_short as over_or_short
from ._amounts import short_money as short_money
from ._csv_side import CsvSide as CsvSide
from ._csv_side import DiscountVotes as DiscountVotes
from ._csv_side import Sum as Sum
from ._owed import owed, payment_owed
from ._owed_terms import Owed, PaymentOwed
from ._owed_terms import round_cents as round_cents
from ._owed_terms import statement as statement
from ._reconcile import reconcile
from ._reconciliation import Difference, Reconciliation, Totals

__all__ = ["Difference", "Owed", "PaymentOwed", "Reconciliation", "Totals", "owed", "payment_owed", "reconcile"]
