"""Work in forks, which tests kill: a fork saves the imports. How one ended is `killed`, `failed` or `done`."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any


def say(text: str) -> None:
    """Write a line for the test."""
    print(text, flush=True)  # noqa: T201 - what the test reads


def fork_and_work(work: Callable[..., None], arguments: list[Any]) -> int:
    """Start the work in a fork, and return its process ID."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work(*arguments)
        status = 0
    finally:
        os._exit(status)


def wait_for(child: int) -> str:
    """Wait for a fork, and return how it ended."""
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else "failed" if os.WEXITSTATUS(status) else "done"


def answer(work: Callable[..., None]) -> None:
    """Do the work of each line of stdin, its arguments in JSON, in a fork, and say how that ended."""
    # About forks in a process with threads, which pyarrow may have; a child starts its own.
    warnings.simplefilter("ignore", DeprecationWarning)
    while line := sys.stdin.readline():
        say(wait_for(fork_and_work(work, json.loads(line))))
