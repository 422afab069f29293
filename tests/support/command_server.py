"""Runs the command in forks of one process that has imported it, because imports take most of a short run.

A run is still a process with its own arguments, environment, folder and output; it lacks an interpreter's start and
end. Tests of those, of stdin, signals, terminals and failing streams run the installed command.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from atlas_invoices import cli
from command import COMMAND

# Loaded once, by the server; the command imports them when it needs them.
PRELOADED = ("pyarrow.parquet", "httpx", "rich.console", "rich.table", "platformdirs")


class _Server:
    """The process that forks, and the line to it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self._replies = self._channel.makefile("r", encoding="ascii")
        self._lock = threading.Lock()
        atexit.register(self._stop)

    def _stop(self) -> None:
        self._replies.close()
        self._channel.close()
        self._process.wait(20)

    def run(self, request: dict[str, Any]) -> tuple[int, str, str]:
        """The exit status, stdout and stderr of a run."""
        with ExitStack() as theirs, ThreadPoolExecutor(2) as pool, self._lock:
            ends, texts = [], []
            for _ in ("stdout", "stderr"):
                read, write = os.pipe()
                ends.append(theirs.enter_context(open(write, "wb")).fileno())  # noqa: PTH123 - a descriptor has no path
                texts.append(pool.submit(_read, read))
            socket.send_fds(self._channel, [b"\0"], ends)
            theirs.close()
            self._channel.sendall(json.dumps(request).encode() + b"\n")
            return int(self._replies.readline()), texts[0].result(), texts[1].result()


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8", newline="") as file:
        return file.read()


_server = cache(_Server)


def run_command(arguments: Sequence[str], env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, which comes after 60 seconds at the latest.

    Where no fork can do it, on Windows or with a variable that Python reads at its start, run the installed command.
    """
    at_start = {name: value for name, value in env.items() if name.startswith(("PYTHON", "LC_", "LANG"))}
    if sys.platform == "win32" or not at_start.items() <= os.environ.items():
        return subprocess.run(
            [COMMAND, *arguments],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
    request = {"arguments": arguments, "env": dict(env), "cwd": str(cwd)}
    return subprocess.CompletedProcess(arguments, *_server().run(request))


def become_a_run(channel: socket.socket) -> None:
    """Fork for each request; returns in the forks, and ends the process when no more requests can come."""
    requests = channel.makefile("r", encoding="utf-8")
    while True:
        _, outputs, _, _ = socket.recv_fds(channel, 1, 2)
        if not outputs:
            sys.exit(0)
        request = json.loads(requests.readline())
        if (process := os.fork()) == 0:
            break
        for descriptor in outputs:
            os.close(descriptor)
        _, status = os.waitpid(process, 0)
        channel.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    requests.close()
    channel.close()
    signal.alarm(60)
    for number, descriptor in enumerate(outputs, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = ["atlas-invoices", *request["arguments"]]


if __name__ == "__main__":
    from atlas_invoices.cli._main import COMMANDS

    for name in (*PRELOADED, *(f"atlas_invoices.cli.{module}" for module, _ in COMMANDS.values())):
        import_module(name)
    gc.freeze()
    become_a_run(socket.socket(fileno=int(sys.argv[1])))
    status = cli.main()
    sys.stdout.flush()
    sys.stderr.flush()
    # To tear down an interpreter with so many modules takes as long as the run.
    os._exit(status)
