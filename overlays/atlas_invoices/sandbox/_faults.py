"""Faults on demand: what a test asks the server to do wrong, to which request, and how often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from attrs import define, field

from . import _wire
from ._requests import Problem
from ._responses import fixed_reply

if TYPE_CHECKING:
    from ._wire import Effect


_CODES = {
    400: "VALIDATION_ERROR",
    401: "USER_UNAUTHORIZED",
    403: "USER_UNAUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    406: "INVALID_VERSION",
    410: "VERSION_GONE",
    429: "RATE_LIMITED",
}


class Where(TypedDict, total=False):
    """Which requests a fault strikes."""

    path: str | None
    """Only those whose path ends so (`"/csv"`, `"/api/oauth/token"`); `None`, the default, is any."""
    times: int
    """How many of them; 1 by default."""
    after: int
    """How many of them are let through before; 0 by default."""
    before_auth: bool
    """Whether those that are not yet authenticated count, a digest client's first one for instance.

    By default, a fault waits for those that would have been answered. The token endpoint counts as authenticated.
    """


@define
class _Planned:
    effect: Effect
    path: str | None = None
    times: int = 1
    after: int = 0
    before_auth: bool = False


@define
class Faults:
    """Plans faults, for requests in the order they arrive; `Where` says which.

    Safe to use from several threads.
    """

    _planned: list[_Planned] = field(init=False, factory=list)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def status(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **where: Unpack[Where],
    ) -> None:
        """Answer with `status` and `body` as it is (`headers` may name its type); without one, the documented error."""
        problem = Problem(status, _CODES.get(status, "UNEXPECTED_ERROR"), headers=dict(headers or {}))
        self._plan(fixed_reply(problem, body), where)

    def cut(self, after_bytes: int, **where: Unpack[Where]) -> None:
        """Close the connection after `after_bytes` bytes of the body."""
        self._plan(_wire.partial(after_bytes, reset=False), where)

    def reset(self, after_bytes: int | None = None, **where: Unpack[Where]) -> None:
        """Reset the connection after `after_bytes` bytes of the body, or with `None` in place of an answer."""
        effect = _wire.no_reply() if after_bytes is None else _wire.partial(after_bytes, reset=True)
        self._plan(effect, where)

    def wrong_length(self, by: int, **where: Unpack[Where]) -> None:
        """Declare `by` bytes more (or fewer, if negative) than are sent."""
        self._plan(_wire.wrong_length(by), where)

    def damaged_gzip(self, how: Literal["flip", "truncate"] = "truncate", **where: Unpack[Where]) -> None:
        """Send a compressed body with a byte changed, or half of it; Content-Length agrees with what is sent."""
        self._plan(_wire.damaged_gzip(how), where)

    def drip(self, chunk_bytes: int, seconds: float, **where: Unpack[Where]) -> None:
        """Send the body `chunk_bytes` at a time, `seconds` apart."""
        self._plan(_wire.drip(chunk_bytes, seconds), where)

    def delay(self, seconds: float, **where: Unpack[Where]) -> None:
        """Begin the answer `seconds` late."""
        self._plan(_wire.delay(seconds), where)

    def raw(self, data: bytes, **where: Unpack[Where]) -> None:
        """Write `data` to the connection in place of an HTTP reply, and close."""
        self._plan(_wire.raw(data), where)

    def clear(self) -> None:
        """Forget what is planned."""
        with self._lock:
            self._planned.clear()

    def match(self, path: str, *, authenticated: bool) -> Effect | None:
        """The fault for this request, if there is one; it counts as used."""
        with self._lock:
            for planned in self._planned:
                if planned.before_auth == authenticated or not path.endswith(planned.path or ""):
                    continue
                if planned.after > 0:
                    planned.after -= 1
                    continue
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
                return planned.effect
        return None

    def _plan(self, effect: Effect, where: Where) -> None:
        with self._lock:
            self._planned.append(_Planned(effect, **where))
