"""Read Retry-After, which API replies and token replies may both carry."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that Retry-After asks to wait: whole seconds or an HTTP date (RFC 9110 §10.2.3), else None.

    A date is counted from the reply's own, where it has one: the two clocks may differ.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
        return seconds if math.isfinite(seconds) else None
    when = _moment(value)
    if when is None:
        return None
    begins = _moment(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (when - begins).total_seconds())


def _moment(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
