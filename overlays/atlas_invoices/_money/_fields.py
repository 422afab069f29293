"""Fields of a generated model, which checks no types: absent ones and times that stayed text become `None`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from atlas_invoices_client.types import Unset

if TYPE_CHECKING:
    from datetime import date

T = TypeVar("T")


def present(value: T | Unset | None) -> T | None:
    """Return a model's field as `None` where it was not sent or was null."""
    return None if isinstance(value, Unset) else value


def utc_time(moment: datetime | Unset | None) -> datetime | None:
    """Return a model's time, `None` where there is none that the generated model could parse."""
    known: object = present(moment)
    return known if isinstance(known, datetime) else None


def utc_day(moment: datetime | Unset | None) -> date | None:
    """Return the day of a model's time as sent: Atlas sends times in UTC, so no zone is applied to them."""
    known = utc_time(moment)
    return None if known is None else known.date()
