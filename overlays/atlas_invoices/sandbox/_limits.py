"""The API's rate limit: one token bucket for each organization."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._settings import RateLimit


@frozen
class Allowance:
    """One request's share of the bucket; `retry_after` is in whole seconds, 0 where the request is allowed."""

    allowed: bool
    remaining: int
    retry_after: int

    def headers(self, limit: RateLimit) -> dict[str, str]:
        """The rate limit headers of the Atlas Admin API document."""
        found = {"RateLimit-Limit": str(limit.capacity), "RateLimit-Remaining": str(self.remaining)}
        if not self.allowed:
            found["Retry-After"] = str(self.retry_after)
        return found


@define
class Buckets:
    """Token buckets by name, each full at first. Used from one thread, the server's."""

    limit: RateLimit
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(init=False, factory=dict)

    def take(self, name: str) -> Allowance:
        """Take one token from that bucket, if there is one."""
        now = self.clock()
        level, then = self._levels.get(name, (float(self.limit.capacity), now))
        level = min(self.limit.capacity, level + (now - then) * self.limit.refill)
        allowed = level >= 1
        self._levels[name] = (level - 1 if allowed else level, now)
        wait = 0 if allowed else max(1, math.ceil((1 - level) / self.limit.refill))
        return Allowance(allowed, int(self._levels[name][0]), wait)
