"""Decide what to fetch, from the listing and the manifest: plain data in, plain data out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._job import Job
    from ._listing import Listed
    from ._manifest import Entry

Reason = Literal["new", "not final", "changed", "file missing or damaged"]


@frozen
class Task:
    """An invoice to fetch, and why. `before` is its entry in the manifest, where its files are still what it says."""

    listed: Listed
    reason: Reason
    before: Entry | None


@frozen
class Plan:
    """What is to be done, newest first; `gone` are invoices of the folder that are no longer listed."""

    fetch: tuple[Task, ...]
    unchanged: tuple[Entry, ...]
    gone: tuple[Entry, ...]


def make_plan(
    listed: Sequence[Listed], entries: Mapping[str, Entry], intact: Callable[[Entry], bool], job: Job
) -> Plan:
    """Plan a run; `intact` says whether an entry's files are there as they were saved."""
    fetch: list[Task] = []
    unchanged: list[Entry] = []
    for invoice in listed:
        if not job.covers(invoice.first_day):
            continue
        entry = entries.get(invoice.id)
        whole = entry is not None and intact(entry)
        reason = _why(invoice, entry, whole)
        if reason:
            fetch.append(Task(invoice, reason, entry if whole else None))
        elif entry:
            unchanged.append(entry)
    here = {invoice.id for invoice in listed}
    gone = [
        entry
        for id_, entry in entries.items()
        # A linked invoice isn't listed where linked ones weren't asked for.
        if id_ not in here and job.covers(entry.listed.first_day) and (job.linked or not entry.listed.linked)
    ]
    return Plan(tuple(fetch), tuple(unchanged), tuple(gone))


def _why(invoice: Listed, entry: Entry | None, whole: bool) -> Reason | None:
    if entry is None:
        return "new"
    if not whole:
        return "file missing or damaged"
    if invoice.differs(entry.listed):
        return "changed"
    if not (invoice.final and entry.settled):
        return "not final"
    return None
