"""What a forked child must not take over: locks, and work under way, of threads that the child doesn't have."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that has to be put in order in a forked child."""

    def after_fork(self) -> None:
        """Start anew; called in the child, which has one thread then."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(thing: Forkable) -> None:
    """Have `thing.after_fork()` called in every forked child, for as long as it lives."""
    _watched.add(thing)


def _after_fork() -> None:
    for thing in list(_watched):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_after_fork)
