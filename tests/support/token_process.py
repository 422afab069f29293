"""One of many processes that share a token: prints "ready", waits for a line, makes one request, prints the outcome.

    python token_process.py BASE_URL CLIENT_ID FOLDER PLAN

The client's secret comes in the environment, as TOKEN_PROCESS_SECRET. Plans: "ask"; "crowd", twelve processes at once;
"full", on a full disk; "hold", which takes the account's lock and keeps it; "fork", where the process forks while a
thread makes a request; "patience 2", which gives up after two seconds and prints the error's class.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
import warnings
from pathlib import Path

from atlas_invoices import AtlasError, Client, ServiceAccountAuth
from atlas_invoices._auth import parse_base_url
from atlas_invoices._auth._token_cache import TokenCache
from atlas_invoices._http._retry import RetryPolicy
from atlas_invoices._locks import FileLock
from atlas_invoices._secret import Secret


def main(base_url: str, client_id: str, folder: str, plan: str) -> None:
    """Carry out the plan."""
    if plan == "crowd":
        gather(12)
    auth = ServiceAccountAuth(client_id, os.environ["TOKEN_PROCESS_SECRET"])
    if plan == "full":
        # No file may grow: the first byte fails, as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if plan == "hold":
        lock = account_lock(base_url, client_id, Path(folder))
        assert lock.acquire()
    policy = RetryPolicy(deadline=float(plan.split()[1])) if plan.startswith("patience") else None
    with Client(auth, base_url=base_url, token_cache=folder, retry_policy=policy) as atlas:
        if plan != "crowd":
            say("ready")
            sys.stdin.readline()
        if plan == "fork":
            fork_while_asking(atlas)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                count = len(list(atlas.list_organizations()))
            except AtlasError as error:
                say(type(error).__name__)
                return
        say(f"{count} organizations, warnings: {[str(warning.message) for warning in caught]}")


def account_lock(base_url: str, client_id: str, folder: Path) -> FileLock:
    """The lock under which an account's token is fetched."""
    return FileLock(TokenCache(folder, parse_base_url(base_url), Secret(client_id)).file.lock_path)


def gather(number: int) -> None:
    """Return in so many processes at once; they share the imported modules, but no client."""
    at_the_start, start = os.pipe()
    children = []
    for _ in range(number):
        child = os.fork()
        if child == 0:
            os.close(start)
            os.read(at_the_start, 1)  # Returns when the parent closes the pipe.
            return
        children.append(child)
    say("ready")
    sys.stdin.readline()
    os.close(start)
    for child in children:
        os.waitpid(child, 0)
    sys.exit()


def fork_while_asking(atlas: Client) -> None:
    """Make a request in the child, while a thread of the parent leads the token request and holds the lock."""
    asking = threading.Thread(target=lambda: list(atlas.list_organizations()))
    asking.start()
    time.sleep(0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads, which are tested here.
        child = os.fork()
    if child == 0:
        started = time.monotonic()
        asked = list(atlas.list_organizations())
        say(f"child: {len(asked)} organizations, {'soon' if time.monotonic() - started < 5 else 'late'}")
        os._exit(0)
    asking.join()
    os.waitpid(child, 0)


def say(text: str) -> None:
    """Print a line in one piece: many processes write into the same pipe."""
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
