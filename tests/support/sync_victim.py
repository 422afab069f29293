"""Run sync in processes that can be killed: `python sync_victim.py`, with two lines on stdin for each of them.

The first is the arguments in JSON, `[base_url, client_id, client_secret, org_id, folder]`, answered by `begun`. The
second is `kill` or `wait`, answered by how it ended: `killed`, `done` or `failed`. Forked, to save the imports.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import atlas_invoices as ai


def work(base_url: str, client_id: str, client_secret: str, org_id: str, folder: str) -> None:
    with ai.Client(auth=ai.ServiceAccountAuth(client_id, client_secret), base_url=base_url) as atlas:
        assert ai.sync_invoices(atlas, org_id, folder, linked=True).ok


def fork_and_work(arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work(*arguments)
        status = 0
    finally:
        os._exit(status)


def say(text: object) -> None:
    print(text, flush=True)  # noqa: T201 - what the test reads


if __name__ == "__main__":
    while line := sys.stdin.readline():
        child = fork_and_work(json.loads(line))
        say("begun")
        if sys.stdin.readline().strip() == "kill":
            os.kill(child, signal.SIGKILL)  # even if it has ended: its number stays its own until it's waited for
        _, status = os.waitpid(child, 0)
        say("killed" if os.WIFSIGNALED(status) else "failed" if os.WEXITSTATUS(status) else "done")
