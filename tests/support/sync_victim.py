"""Run sync in processes that can be killed: `python sync_victim.py`, with two lines on stdin for each of them.

The first is the arguments in JSON, `[base_url, client_id, client_secret, org_id, folder]`, answered by `begun`. The
second is `kill` or `wait`, answered by how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import atlas_invoices as ai
from forks import fork_and_work, say, wait_for


def work(base_url: str, client_id: str, client_secret: str, org_id: str, folder: str) -> None:
    with ai.Client(auth=ai.ServiceAccountAuth(client_id, client_secret), base_url=base_url) as atlas:
        assert ai.sync_invoices(atlas, org_id, folder, linked=True).ok


if __name__ == "__main__":
    while line := sys.stdin.readline():
        child = fork_and_work(work, json.loads(line))
        say("begun")
        if sys.stdin.readline().strip() == "kill":
            os.kill(child, signal.SIGKILL)  # even if it has ended: its number stays its own until it's waited for
        say(wait_for(child))
