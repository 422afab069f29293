"""Tell when a version that we ask for ends: in every report, and as a breaking change from 90 days before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from drift.operation_diff import Change, requested, successor
from drift.schema import Resolver
from openapi_tools.model import as_code
from openapi_tools.operations import Operation

_WARNING: Final = timedelta(days=90)


def find_sunsets(old: Resolver, new: Resolver, operations: Sequence[Operation], today: date) -> list[Change]:
    """The versions we ask for that end; upstream's date counts, or the fragment's where upstream has removed them.

    Those that end within 90 days, or have ended, are `breaking`, the others `additive`.
    """
    return [change for ours in operations for change in _sunsets(old, new, ours, today)]


def _sunsets(old: Resolver, new: Resolver, ours: Operation, today: date) -> Iterator[Change]:
    for at, node in {**requested(old, ours), **requested(new, ours)}.items():
        day = node.get("x-sunset")
        if day is None:
            continue
        place = (*at, "x-sunset")
        fact, is_due = _describe(str(day), today)
        if heir := successor(new, ours, place):
            fact += f"; upstream offers {as_code(heir)}"
        yield Change("breaking" if is_due else "additive", ours.title, place, fact, "calls fail then")


def _describe(day: str, today: date) -> tuple[str, bool]:
    try:
        end = date.fromisoformat(day)
    except ValueError:
        return f"ends on {as_code(day)}, which is not a date", True
    left = (end - today).days
    when = f"in {left} days" if left > 0 else f"{-left} days ago" if left else "today"
    return f"{'ends' if left >= 0 else 'ended'} on {end}, {when}", end - today <= _WARNING
