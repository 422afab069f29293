"""The versions that we ask for: which ones upstream offers instead, and when they end.

An end is in every report, and breaking from 90 days before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from drift import operation
from drift.rules import Change
from drift.schema import Resolver
from openapi_tools.model import Location, as_code
from openapi_tools.operations import LocatedOperation, Operation, find_operation

_WARNING: Final = timedelta(days=90)
_DATED: Final = re.compile(r"(application/vnd\.atlas\.)([0-9]{4}-[0-9]{2}-[0-9]{2})(\+[a-z]+)")


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
        yield Change("breaking" if is_due else "additive", ours.title, place, fact, "calls fail from that day on")


def _describe(day: str, today: date) -> tuple[str, bool]:
    try:
        end = datetime.fromisoformat(day).date()
    except ValueError:
        return f"ends on {as_code(day)}, which is not a date", True
    left = (end - today).days
    when = f"in {left} days" if left > 0 else f"{-left} days ago" if left else "today"
    return f"{'ends' if left >= 0 else 'ended'} on {end}, {when}", end - today <= _WARNING


def is_newer(media_type: str, ours: Operation) -> bool:
    """Whether a media type is a newer version of the one that we ask for."""
    old, new = _DATED.fullmatch(ours.accept), _DATED.fullmatch(media_type)
    return old is not None and new is not None and old[3] == new[3] and new[2] > old[2]


def requested(resolver: Resolver, ours: Operation) -> dict[Location, Mapping[str, Any]]:
    """The parts we ask for, by location: the operation, and our media type in successes and the request body."""
    found = find_operation(resolver.root, ours)
    if found is None:
        return {}
    return {(): found.node, **{at: media for at, media in _offered(resolver, found) if at[-1] == ours.accept}}


def _offered(resolver: Resolver, found: LocatedOperation) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    """Every media type of the request body and of the successes."""
    holders: list[tuple[Location, Mapping[str, Any]]] = [
        (("responses", status), response)
        for status, response in operation.responses(resolver, found).items()
        if status.startswith("2")
    ]
    at: Location = ("requestBody",)
    if "requestBody" in found.node:
        holders.append((at, resolver.resolve(found.node["requestBody"], "RequestBody", at)))
    for at, node in holders:
        for name, media in operation.content(node, at).items():
            yield (*at, "content", name), media


def successor(new: Resolver, ours: Operation, at: Location) -> str | None:
    """The newest version that is offered beside the one that we ask for, if `at` is about that one."""
    found = find_operation(new.root, ours)
    if found is None or at[:-1] not in requested(new, ours):
        return None
    return max((name for name in (at[-1] for at, _ in _offered(new, found)) if is_newer(name, ours)), default=None)
