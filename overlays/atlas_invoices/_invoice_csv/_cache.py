"""A value for each key, made once: what repeats from line to line is parsed once, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
V = TypeVar("V")
MOST = 4096


class Cache(dict[K, V]):
    """`cache[key]` is `make(key)`; a key that isn't `worth` keeping is made each time."""

    def __init__(self, make: Callable[[K], V], *, worth: Callable[[K], bool] | None = None) -> None:
        """Start empty."""
        super().__init__()
        self._make = make
        self._worth = worth

    def __missing__(self, key: K) -> V:
        """Make what isn't there yet; dict calls this, so that a hit costs no Python code."""
        value = self._make(key)
        if self._worth is None or self._worth(key):
            if len(self) >= MOST:
                self.clear()
            self[key] = value
        return value
