"""What one run is asked to do, checked before anything is sent or touched."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_invoices import _ids
from atlas_invoices._errors import ConfigError

if TYPE_CHECKING:
    import os

# Three years of invoices are then two rounds. A rate limit is kept by the client, for all of them together.
DEFAULT_WORKERS = 20


@frozen
class Job:
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
    ) -> Job:
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
