"""Say once, with its date, that the resource version in use is going away."""

from __future__ import annotations

import threading
import warnings
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ._text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notices:
    """What one client has been told and has passed on."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def heed(self, operation: str, headers: Mapping[str, str]) -> None:
        """Warn (`FutureWarning`, which is shown by default) if these headers announce an end; once for an operation.

        A deprecated version answers with Deprecation and Sunset, HTTP dates (Atlas documentation, "versioning").
        """
        deprecated, sunset = headers.get("deprecation"), headers.get("sunset")
        if not (deprecated or sunset):
            return
        with self._lock:
            if operation in self._said:
                return
            self._said.add(operation)
        since = f" since {_day(deprecated)}" if deprecated else ""
        until = f" and will be removed on {_day(sunset)}" if sunset else ""
        warnings.warn(
            f"{operation}: the resource version that this release asks for is deprecated{since}{until}; "
            "upgrade atlas-invoices",
            FutureWarning,
            stacklevel=2,
        )


def _day(value: str) -> str:
    try:
        # RFC 9745 writes Deprecation as @ and the seconds of the epoch.
        when = datetime.fromtimestamp(int(value[1:]), UTC) if value.startswith("@") else parsedate_to_datetime(value)
    except (ValueError, OverflowError, OSError):
        return one_line(value, 40)
    return when.date().isoformat()
