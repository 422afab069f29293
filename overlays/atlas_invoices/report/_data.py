"""Read what a report shows: exact sums by project and tags, so that a filter only has to add them up."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import field, frozen

from atlas_invoices._csv import (
    CREDIT_SKU,
    CURRENCY,
    EXACT,
    TAG_PREFIX,
    Group,
    InvoiceCsv,
    InvoiceHeader,
    LineItem,
    Sources,
    currency_code,
    missing_amount,
    month,
    naming,
    open_all,
    summarize,
)
from atlas_invoices._models import BillingInvoice

from ._services import service

# Of each set of lines that a filter may choose, so the largest of any choice are among them.
_LINES = 10
_CENTS = 2

# A currency, a project, and a value or None for each tag.
Cell: TypeAlias = tuple[str, str | None, tuple[str | None, ...]]
Key: TypeAlias = str | None
# How lines are ordered: by amount, then as the invoices have them.
Order: TypeAlias = tuple[Decimal, int, int]


class Totals(defaultdict[Any, Decimal]):
    """Sums by any key, exact."""

    def __init__(self) -> None:
        super().__init__(Decimal)

    def add(self, key: object, amount: Decimal) -> None:
        """Add an amount to the key's sum."""
        self[key] = EXACT.add(self[key], amount)


@frozen
class Line:
    """A line of the tables of single lines."""

    amount: Decimal
    day: dt.date | None
    sku: str | None
    cluster: str | None
    text: str | None


@frozen
class Invoice:
    """One invoice: its header, the sum of its lines by currency, and its JSON, if there is one."""

    header: InvoiceHeader
    totals: Mapping[str, Decimal]
    lines: int
    document: BillingInvoice | None

    @property
    def is_open(self) -> bool:
        """Whether its period isn't over (a status of the Atlas Admin API document), as far as is known."""
        return self.document is not None and self.document.status_name == "PENDING"


@frozen
class ReportData:
    """Sums of all invoices, each by cell and a key: `sums["day"][cell, "2026-06-01"]`.

    The kinds of sums are day, period, cluster, sku, service; and `change` by cell, period and service. `amounts`,
    `credits` and `counts` (lines) are by cell alone. `largest` and `credit_lines` are heaps of each cell's lines.
    """

    tags: tuple[str, ...]
    invoices: list[Invoice] = field(factory=list)
    amounts: Totals = field(factory=Totals)
    credits: Totals = field(factory=Totals)
    counts: dict[Cell, int] = field(factory=lambda: defaultdict(int))
    sums: dict[str, Totals] = field(factory=lambda: defaultdict(Totals))
    largest: dict[Cell, list[tuple[Order, Line]]] = field(factory=dict)
    credit_lines: dict[Cell, list[tuple[Order, Line]]] = field(factory=dict)

    @property
    def places(self) -> int:
        """How many decimal places the amounts have at most, and 2 at least."""
        amounts = [amount for sums in (self.amounts, *self.sums.values()) for amount in sums.values()]
        amounts += [
            line.amount for heaps in (self.largest, self.credit_lines) for heap in heaps.values() for _, line in heap
        ]
        return max([_CENTS, *(-int(amount.as_tuple().exponent) for amount in amounts)])


def read_report(sources: Sources, documents: Mapping[str, BillingInvoice]) -> ReportData:
    """Read all invoices; see `build_report`."""
    opened = open_all(sources)
    columns = dict.fromkeys(name for each in opened for name in each.invoice.columns)
    data = ReportData(tuple(name.removeprefix(TAG_PREFIX) for name in columns if name.startswith(TAG_PREFIX)))
    for number, each in enumerate(opened):
        with naming(each.name):
            _add_invoice(data, number, each.invoice, documents.get(each.header.invoice_id or ""))
    return data


def _add_invoice(data: ReportData, number: int, invoice: InvoiceCsv, document: BillingInvoice | None) -> None:
    if without_amount := missing_amount(invoice.layout):
        raise without_amount
    source: InvoiceCsv | list[LineItem] = invoice if invoice.rereadable else list(invoice)
    by_cell = ("project", *(f"tag:{key}" for key in data.tags))
    split = len(by_cell)
    period = month(invoice.header.period_start)

    def read(name: str) -> Iterable[tuple[Cell, Any, Group]]:
        for group in summarize(source, by=[*by_cell, name]).groups:
            project, *tags = group.key[:split]
            yield (group.currency, _text(project), tuple(map(_text, tags))), group.key[split], group

    for cell, day, group in read("day"):
        data.sums["day"].add((cell, day and day.isoformat()), group.amount)
    for cell, cluster, group in read("cluster"):
        data.sums["cluster"].add((cell, cluster), group.amount)
    count, totals = 0, Totals()
    for cell, sku, group in read("sku"):
        totals.add(group.currency, group.amount)
        count += group.lines
        data.amounts.add(cell, group.amount)
        data.counts[cell] += group.lines
        data.sums["sku"].add((cell, sku), group.amount)
        data.sums["service"].add((cell, service(sku)), group.amount)
        data.sums["period"].add((cell, period), group.amount)
        data.sums["change"].add((cell, period, service(sku)), group.amount)
        if sku == CREDIT_SKU:
            data.credits.add(cell, group.amount)
    _add_lines(data, number, source)
    data.invoices.append(Invoice(invoice.header, totals, count, document))


def _add_lines(data: ReportData, number: int, lines: Iterable[LineItem]) -> None:
    """Keep the largest lines and the largest credits of each cell."""
    for position, line in enumerate(lines):
        cell = (
            currency_code(line.extra.get(CURRENCY)),
            line.project,
            tuple(line.tags.get(key) for key in data.tags),
        )
        text = line.note or line.description if line.is_credit else line.description
        amount = line.amount or Decimal(0)
        # heapq keeps the largest: of credits, those that are most below zero; of equal ones, the first.
        order = (amount.copy_negate() if line.is_credit else amount, -number, -position)
        heap = (data.credit_lines if line.is_credit else data.largest).setdefault(cell, [])
        kept = (order, Line(amount, line.usage_date, line.sku, line.cluster, text))
        if len(heap) < _LINES:
            heapq.heappush(heap, kept)
        elif order > heap[0][0]:
            heapq.heapreplace(heap, kept)


def ordered(keys: Iterable[Key]) -> list[Key]:
    """Return the keys once each, in alphabetical order, None last."""
    return sorted(set(keys), key=lambda key: (key is None, key or ""))


def _text(part: object) -> str | None:
    return None if part is None else str(part)
