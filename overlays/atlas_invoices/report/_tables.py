"""The tables of the whole report, before any filter; `page.js` makes the same ones for a filter's choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

TOP = 12
MONTHS = 6
Payload = dict[str, Any]


class Table(NamedTuple):
    """Rows of cells, and the row of totals below them, if any."""

    rows: list[list[str]]
    footer: list[str] | None = None


class Tables:
    """The tables of a payload, in its first currency."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.places: int = payload["places"]
        self.cells: dict[int, list[Any]] = {
            number: cell for number, cell in enumerate(payload["cells"]) if cell[0] == 0
        }

    def figures(self) -> dict[str, str]:
        """The figures at the top."""
        total = sum(int(cell[3]) for cell in self.cells.values())
        credit = sum(int(cell[4]) for cell in self.cells.values())
        untagged = sum(int(cell[3]) - int(cell[4]) for cell in self.cells.values() if not any(cell[2]))
        return {
            "total": self.money(total),
            "credits": self.money(credit),
            "untagged": percent(untagged, total - credit) if self.payload["tags"] else "no tags",
            "lines": f"{sum(cell[5] for cell in self.cells.values()):,}",
        }

    def by_kind(self, kind: str) -> Table:
        """Sums by day, month, cluster, service or SKU."""
        keys, rows = (self.payload["kinds"][kind][name] for name in ("keys", "rows"))
        sums = add_up((key, int(amount)) for cell, key, amount in rows if cell in self.cells)
        if kind == "period":  # a month without lines is a month
            sums = {**dict.fromkeys(range(len(keys)), 0), **sums}
        return self._sums(keys, sums, in_order=kind in {"day", "period"})

    def by_project(self) -> Table:
        """Sums by project."""
        return self._sums(self.payload["projects"], add_up((cell[1], int(cell[3])) for cell in self.cells.values()))

    def by_tag(self, tag: int) -> Table:
        """Sums by the values of a tag."""
        values = self.payload["tags"][tag]["values"]
        return self._sums(values, add_up((cell[2][tag], int(cell[3])) for cell in self.cells.values()))

    def _sums(self, labels: Sequence[str], sums: dict[int, int], *, in_order: bool = False) -> Table:
        total = sum(sums.values())
        shown, rest = (sorted(sums), []) if in_order else _largest(sums)
        rows = [[labels[key], self.money(sums[key]), percent(sums[key], total)] for key in shown]
        if rest:
            amount = sum(sums[key] for key in rest)
            rows.append([f"({len(rest)} more)", self.money(amount), percent(amount, total)])
        return Table(rows, ["Total", self.money(total), percent(total, total)])

    @property
    def months(self) -> list[int]:
        """The last months, as their numbers, without open ones if others are enough; none unless there are two."""
        keys = self.payload["kinds"]["period"]["keys"]
        known = [number for number, key in enumerate(keys) if key[:1].isdigit()]
        complete = [number for number in known if number not in self.payload["open"]]
        months = complete if len(complete) > 1 else known
        return months[-MONTHS:] if len(months) > 1 else []

    def by_month(self) -> Table:
        """Sums by project and month, and how the last month differs from the one before."""
        sums: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for cell, period, amount in self.payload["kinds"]["period"]["rows"]:
            if cell in self.cells:
                sums[self.cells[cell][1]][period] += int(amount)
        last = self.months[-1]
        shown, rest = _largest({key: each[last] for key, each in sums.items()})
        rows = [[self.payload["projects"][key], *self._months([sums[key]])] for key in shown]
        if rest:
            rows.append([f"({len(rest)} more)", *self._months([sums[key] for key in rest])])
        return Table(rows, ["Total", *self._months(list(sums.values()))])

    def _months(self, sums: list[dict[int, int]]) -> list[str]:
        amounts = [sum(each.get(month, 0) for each in sums) for month in self.months]
        change = amounts[-1] - amounts[-2]
        return [*map(self.money, amounts), self.money(change, plus=True), percent(change, abs(amounts[-2]), plus=True)]

    def changes(self) -> Table:
        """The largest differences between the last two months, by project and service."""
        *_, before, last = self.months
        sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
        for cell, period, service, amount in self.payload["change"]:
            if cell in self.cells and period in (before, last):
                sums[self.cells[cell][1], service][period == last] += int(amount)
        moved = {key: now - then for key, (then, now) in sums.items() if now != then}
        keys = sorted(moved, key=lambda key: (-abs(moved[key]), key))[:TOP]
        return Table(
            [
                [
                    self.payload["projects"][project],
                    self.payload["kinds"]["service"]["keys"][service],
                    *map(self.money, sums[project, service]),
                    self.money(moved[project, service], plus=True),
                ]
                for project, service in keys
            ]
        )

    def lines(self, name: str) -> Table:
        """The largest single lines, or credits."""
        found = [line for line in self.payload[name] if line[0] in self.cells][:10]
        return Table(
            [
                [day, self.payload["projects"][self.cells[cell][1]], cluster, sku, text, self.money(int(amount))]
                for cell, amount, day, cluster, sku, text in found
            ]
        )

    def money(self, number: int, *, plus: bool = False) -> str:
        """Format a whole number of the smallest unit with two decimal places, half a cent away from zero."""
        base = 10**self.places
        cents = (abs(number) * 200 + base) // (2 * base)
        return f"{_sign(number, cents, plus)}{cents // 100:,}.{cents % 100:02}"


def percent(part: int, whole: int, *, plus: bool = False) -> str:
    """Format a share of a whole, or nothing if that is 0."""
    if not whole:
        return ""
    tenths = (abs(part) * 2000 + abs(whole)) // (2 * abs(whole))
    return f"{_sign(part * whole, tenths, plus)}{tenths // 10:,}.{tenths % 10} %"


def _largest(sums: dict[int, int]) -> tuple[list[int], list[int]]:
    """Return the keys to show, in order of their sums, and the others. A large credit is shown, too."""
    ranked = sorted(sums, key=lambda key: (-abs(sums[key]), key))
    return sorted(ranked[:TOP], key=lambda key: (-sums[key], key)), ranked[TOP:]


def _sign(number: int, shown: int, plus: bool) -> str:
    return "" if not shown else "-" if number < 0 else "+" if plus else ""


def add_up(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Add up the numbers of each key."""
    sums: dict[int, int] = defaultdict(int)
    for key, number in pairs:
        sums[key] += number
    return sums
