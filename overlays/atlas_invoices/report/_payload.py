"""The report's data as the page's script gets it: labels once, and every amount as a whole number of the smallest unit.

With `places` 4, 1.25 dollars are 12500: the script adds such numbers as BigInt, and so do the tables made in Python.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

from attrs import frozen

from atlas_invoices._csv import EXACT, month

from ._data import Cell, Key, Line, Order, ReportData, ordered

K = TypeVar("K", bound=Hashable)

UNTAGGED = "(untagged)"
_MAX_LABEL = 100
_MAX_TEXT = 160


@frozen
class Labels(Generic[K]):
    """Keys and what the page calls them."""

    index: dict[K, int]
    labels: list[str]


def labels(keys: Sequence[K], names: Iterable[str | None], missing: str) -> Labels[K]:
    """Give each key a label of its own, since a chart would draw equal ones as one."""
    found: list[str] = []
    seen: Counter[str] = Counter()
    for name in names:
        label = missing if name is None else shorten(name, _MAX_LABEL) or "(blank)"
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return Labels({key: number for number, key in enumerate(keys)}, found)


def shorten(text: str, limit: int = _MAX_TEXT) -> str:
    """Return text on one line, cut to `limit` characters."""
    line = " ".join(text[: 2 * limit].split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def make_payload(data: ReportData) -> dict[str, Any]:
    """Return the data as JSON has it; `_tables` and the page's script read it."""
    cells = sorted(data.amounts, key=lambda cell: (cell[0], cell[1] is None, cell[1] or "", [t or "" for t in cell[2]]))
    lines_in: Counter[str] = Counter()
    for cell, count in data.counts.items():
        lines_in[cell[0]] += count
    currencies = [currency for currency, _ in lines_in.most_common()] or ["USD"]
    projects = _labels_of((cell[1] for cell in cells), "(no project)")
    # Untagged comes first, so its number is 0.
    values = [
        [None, *(value for value in ordered(cell[2][place] for cell in cells) if value is not None)]
        for place in range(len(data.tags))
    ]
    tags = [labels(keys, keys, UNTAGGED) for keys in values]
    scale = _Scale(data.places)
    place_of = {cell: number for number, cell in enumerate(cells)}
    kinds = {
        "day": _labels_of((key for _, key in data.sums["day"]), "(no day)"),
        # Those without lines, too.
        "period": _labels_of((month(invoice.header.period_start) for invoice in data.invoices), "(no month)"),
        "service": _labels_of((key for _, key in data.sums["service"]), ""),
        "sku": _labels_of((key for _, key in data.sums["sku"]), "(no SKU)"),
    }

    def rows(kind: str, index: dict[Key, int]) -> list[list[Any]]:
        return [[place_of[cell], index[key], scale(amount)] for (cell, key), amount in data.sums[kind].items()]

    def lines(heaps: dict[Cell, list[tuple[Order, Line]]]) -> list[list[Any]]:
        found = sorted(
            ((order, cell, line) for cell, heap in heaps.items() for order, line in heap), key=lambda f: f[0]
        )
        return [
            [
                place_of[cell],
                scale(line.amount),
                line.day.isoformat() if line.day else "",
                *(shorten(part or "") for part in (line.cluster, line.sku, line.text)),
            ]
            for _, cell, line in reversed(found)
        ]

    return {
        "places": data.places,
        "currencies": currencies,
        "projects": projects.labels,
        "tags": [
            {"key": shorten(key, _MAX_LABEL), "values": tag.labels} for key, tag in zip(data.tags, tags, strict=True)
        ],
        "cells": [
            [
                currencies.index(cell[0]),
                projects.index[cell[1]],
                [tag.index[value] for tag, value in zip(tags, cell[2], strict=True)],
                scale(data.amounts[cell]),
                scale(data.credits.get(cell, Decimal(0))),
                data.counts[cell],
            ]
            for cell in cells
        ],
        "kinds": {
            **{kind: {"keys": each.labels, "rows": rows(kind, each.index)} for kind, each in kinds.items()},
            "cluster": _clusters(data, place_of, scale),
        },
        # Months that are compared only if there aren't two others.
        "open": sorted(
            {kinds["period"].index[month(each.header.period_start)] for each in data.invoices if each.is_open}
        ),
        "change": [
            [place_of[cell], kinds["period"].index[period], kinds["service"].index[name], scale(amount)]
            for (cell, period, name), amount in data.sums["change"].items()
        ],
        "largest": lines(data.largest),
        "credits": lines(data.credit_lines),
    }


@frozen
class _Scale:
    """Makes whole numbers, as text because JSON's numbers are floats to JavaScript."""

    places: int

    def __call__(self, amount: Decimal) -> str:
        return f"{EXACT.scaleb(amount, self.places):.0f}"


def _labels_of(keys: Iterable[Key], missing: str) -> Labels[Key]:
    found = ordered(keys)
    return labels(found, found, missing)


def _clusters(data: ReportData, place_of: dict[Cell, int], scale: _Scale) -> dict[str, Any]:
    """Tell clusters with the same name in different projects apart."""
    projects = defaultdict(set)
    for cell, name in data.sums["cluster"]:
        projects[name].add(cell[1])

    def key(cell: Cell, name: Key) -> tuple[Key, Key]:
        return (name, None) if name is None or len(projects[name]) == 1 else (name, cell[1] or "no project")

    keys = sorted(
        {key(cell, name) for cell, name in data.sums["cluster"]}, key=lambda k: (k[0] is None, k[0] or "", k[1] or "")
    )
    names = [name if project is None else f"{name} ({project})" for name, project in keys]
    found = labels(keys, names, "(no cluster)")
    rows = [
        [place_of[cell], found.index[key(cell, name)], scale(amount)]
        for (cell, name), amount in data.sums["cluster"].items()
    ]
    return {"keys": found.labels, "rows": rows}
