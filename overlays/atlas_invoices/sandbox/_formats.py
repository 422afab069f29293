"""How numbers and times are spelled, in the CSV and in the JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


def plain(number: Decimal) -> str:
    """Without an exponent: 1E+2 is "100"."""
    return format(number, "f")


def timestamp(moment: datetime | date) -> str:
    """ISO 8601 in UTC with a Z; a day is its midnight."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
