"""A PostgreSQL server of the tests' own, on a free port of this machine, with the programs that are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest


def _program(name: str) -> str:
    # Debian keeps them off the PATH, one folder for each version.
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)
    if found is None:
        pytest.skip(f"PostgreSQL isn't installed: there's no {name} (apt-get install postgresql)")
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """Run an empty server until the block ends; its URL. Skips the test where PostgreSQL isn't installed."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder, socket.socket() as free:
        # It refuses to run as root.
        as_user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        data = f"{folder}/data"
        settings = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        start = [pg_ctl, "-D", data, "-w", "-l", f"{folder}/log", "-o", settings, "start"]
        stop = [pg_ctl, "-D", data, "-m", "immediate", "stop"]
        run = partial(subprocess.run, check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user)
        run([initdb, "-D", data, "-A", "trust", "-U", "tests", "--no-sync", "-E", "UTF8"])
        run(start)
        try:
            # Any password does, but dlt wants one.
            yield f"postgresql://tests:any@127.0.0.1:{port}/postgres"
        finally:
            run(stop)
