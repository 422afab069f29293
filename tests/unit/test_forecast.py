"""The forecast of the open period: usage of complete days, for every day, plus what else there is so far."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from atlas_invoices import summarize
from atlas_invoices.cli._forecast import Basis, cost, find_basis

FIRST, END = date(2026, 11, 1), date(2026, 12, 1)
NOW = b"""Date,Usage Date,SKU,Project,Amount
11/01/2026,10/31/2026,M10,Alpha,7
11/02/2026,11/01/2026,M10,Alpha,10
11/03/2026,11/02/2026,M10,Alpha,20
11/03/2026,11/02/2026,M10,Beta,3
11/04/2026,11/03/2026,M10,Alpha,1
11/04/2026,11/02/2026,Credit,,-5
"""
BEFORE = b"""Date,Usage Date,SKU,Project,Amount
10/02/2026,10/01/2026,M10,Alpha,400
10/02/2026,10/01/2026,M10,Gamma,50
"""


def test_the_newest_day_is_not_taken_as_complete() -> None:
    now = summarize(NOW, by=["project", "day", "sku"]).groups
    basis = find_basis(now, FIRST, END)
    assert basis == Basis(FIRST, counted=2, days=30)
    alpha = cost("Alpha", now, None, basis)
    assert (alpha.so_far, alpha.per_day, alpha.forecast) == (38, 15, 15 * 30 + 7)
    assert (alpha.before, alpha.growth) == (None, None)


def test_all_projects_add_up_with_credits_and_the_month_before() -> None:
    now, before = (summarize(data, by=["project", "day", "sku"]).groups for data in (NOW, BEFORE))
    basis = find_basis(now, FIRST, END)
    total = cost(None, now, before, basis)
    assert (total.so_far, total.forecast) == (36, Decimal("16.5") * 30 + 7 - 5)
    names = ["Alpha", "Beta", "Gamma", "(none)"]
    assert sum(cost(name, now, before, basis).forecast for name in names) == total.forecast
    assert [cost(name, now, before, basis).growth for name in names] == [57, 45, -50, -5]
    assert total.growth == total.forecast - 450


def test_the_first_day_counts_if_there_is_no_other() -> None:
    one = summarize(NOW.split(b"\n11/03")[0], by=["project", "day", "sku"]).groups
    assert find_basis(one, FIRST, END).counted == 1
    assert find_basis((), FIRST, END) == Basis(FIRST, counted=1, days=30)
    assert cost(None, (), None, Basis(FIRST, 1, 30)).forecast == 0
