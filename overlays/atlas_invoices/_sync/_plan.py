"""What a sync has to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from atlas_invoices import _ids
from atlas_invoices._errors import ConfigError

if TYPE_CHECKING:
    from ._folder import Entry
    from ._listing import ListedInvoice


# Three years of invoices are then two rounds. A rate limit is kept by the client, for all of them together.
DEFAULT_WORKERS = 20


@frozen
class SyncOptions:
    """One run's arguments; `since` and `until` are first days of months, both inclusive."""

    server: str
    org_id: str
    directory: Path
    since: date | None
    until: date | None
    linked: bool
    verify: bool
    workers: int

    @classmethod
    def checked(
        cls,
        server: str,
        org_id: str,
        directory: str | os.PathLike[str],
        *,
        since: date | None,
        until: date | None,
        linked: bool,
        verify: bool,
        workers: int,
    ) -> SyncOptions:
        """The job; raises `InvalidIdError`, or `ConfigError` for numbers and months that won't do."""
        if workers < 1:
            raise ConfigError(f"workers is a number of invoices at a time, from 1 up, not {workers!r}")
        since, until = since and first_of_month(since), until and first_of_month(until)
        if since and until and since > until:
            raise ConfigError(f"since ({since:%Y-%m}) is later than until ({until:%Y-%m}): no month is between them")
        return cls(
            server=server,
            org_id=_ids.organization_id(org_id),
            directory=Path(directory),
            since=since,
            until=until,
            linked=linked,
            verify=verify,
            workers=workers,
        )

    def covers(self, start: date | None) -> bool:
        """Whether an invoice is asked for whose period starts on this day; one without a start is in every period."""
        if start is None:
            return True
        month = first_of_month(start)
        return (self.since is None or self.since <= month) and (self.until is None or month <= self.until)


def first_of_month(day: date) -> date:
    """The first day of the month, a plain date even of a datetime."""
    return date(day.year, day.month, 1)


Reason = Literal["new", "not final", "changed", "file missing or damaged"]


@frozen
class Task:
    """An invoice to fetch, and why. `before` is its entry in the manifest, where its files are still what it says."""

    listed: ListedInvoice
    reason: Reason
    before: Entry | None


@frozen
class Plan:
    """What is to be done, newest first; `gone` are invoices of the folder that are no longer listed."""

    fetch: tuple[Task, ...]
    unchanged: tuple[Entry, ...]
    gone: tuple[Entry, ...]


def make_plan(
    listed: Sequence[ListedInvoice], entries: Mapping[str, Entry], intact: Callable[[Entry], bool], job: SyncOptions
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


def _why(invoice: ListedInvoice, entry: Entry | None, whole: bool) -> Reason | None:
    if entry is None:
        return "new"
    if not whole:
        return "file missing or damaged"
    if invoice.differs(entry.listed):
        return "changed"
    if not (invoice.final and entry.settled):
        return "not final"
    return None
