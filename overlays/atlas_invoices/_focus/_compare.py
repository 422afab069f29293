"""Compare lines with MongoDB's own report: usage by day, project, cluster and SKU; credits and tax apart."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
from attrs import frozen

from atlas_invoices._csv import EXACT
from atlas_invoices._csv._arrow import pc

_ZERO = Decimal(0)
_HALF_CENT = Decimal("0.005")


class Key(NamedTuple):
    """The columns that rows are joined by; `None` where empty."""

    day: dt.date | None
    project_id: str | None
    cluster: str | None
    sku: str | None


@frozen
class Entry:
    """The sum of one key on one side, in dollars, and its number of rows."""

    amount: Decimal = _ZERO
    rows: int = 0

    def plus(self, amount: Decimal, rows: int) -> Entry:
        """Return it with more rows."""
        return Entry(EXACT.add(self.amount, amount), self.rows + rows)


@frozen
class Mismatch:
    """A key whose sums differ. `reason` is `only in the lines`, `only in the report`, `rounding` or `amount`."""

    key: Key
    lines: Decimal | None
    report: Decimal | None
    reason: str

    @property
    def difference(self) -> Decimal:
        """The lines' sum less the report's."""
        return EXACT.subtract(self.lines or _ZERO, self.report or _ZERO)


@frozen
class Comparison:
    """Both sides' sums of usage, and the mismatches, the largest first; `without_sku` if SKUs were left out."""

    lines: Decimal
    report: Decimal
    keys: int
    mismatches: list[Mismatch]
    without_sku: bool

    @property
    def matches(self) -> bool:
        """Whether nothing but rounding differs."""
        return all(each.reason == "rounding" for each in self.mismatches)


def sum_usage(batches: Iterable[pa.RecordBatch], cost: str) -> dict[Key, Entry]:
    """Add up a column of the rows of usage by key."""
    names = ["ChargePeriodStart", "SubAccountId", "ResourceName", "x_AtlasSku"]
    found: dict[Key, Entry] = defaultdict(Entry)
    for batch in batches:
        usage: Any = batch.filter(pc.equal(batch["ChargeCategory"], "Usage"))
        columns = [
            usage[name] if name in usage.schema.names else pa.nulls(usage.num_rows, pa.string()) for name in names
        ]
        columns[0] = columns[0].cast(pa.date32())
        table: Any = pa.table([*columns, usage[cost]], [*names, cost])
        sums = table.group_by(names, use_threads=False).aggregate([(cost, "sum"), (cost, "count")])
        for row in sums.to_pylist():
            key = Key(*(row[name] for name in names))
            found[key] = found[key].plus(row[f"{cost}_sum"] or _ZERO, row[f"{cost}_count"])
    return dict(found)


def compare(lines: Mapping[Key, Entry], report: Mapping[Key, Entry]) -> Comparison:
    """Join both sides.

    Lines are rounded to a cent each and reports aren't, so half a cent for each line is rounding. It isn't documented
    that a report has the SKUs of the CSV: if no key is on both sides, they're joined without.
    """
    without_sku = bool(lines and report) and not lines.keys() & report.keys()
    if without_sku:
        lines, report = _drop_sku(lines), _drop_sku(report)
    mismatches = []
    keys = {**lines, **report}
    for key in keys:
        ours, theirs = lines.get(key), report.get(key)
        if ours is None or theirs is None:
            reason = "only in the report" if ours is None else "only in the lines"
        else:
            difference = EXACT.subtract(ours.amount, theirs.amount).copy_abs()
            if not difference:
                continue
            reason = "rounding" if difference <= _HALF_CENT * ours.rows else "amount"
        mismatches.append(Mismatch(key, ours.amount if ours else None, theirs.amount if theirs else None, reason))
    mismatches.sort(key=lambda each: (each.reason == "rounding", -abs(each.difference)))
    return Comparison(_total(lines), _total(report), len(keys), mismatches, without_sku)


def _drop_sku(entries: Mapping[Key, Entry]) -> dict[Key, Entry]:
    found: dict[Key, Entry] = defaultdict(Entry)
    for key, entry in entries.items():
        short = key._replace(sku=None)
        found[short] = found[short].plus(entry.amount, entry.rows)
    return found


def _total(entries: Mapping[Key, Entry]) -> Decimal:
    total = _ZERO
    for entry in entries.values():
        total = EXACT.add(total, entry.amount)
    return total
