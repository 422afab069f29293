"""The file that shares a token between processes: when it is trusted, when it is replaced, and who can read it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atlas_invoices import Client, ConfigError, ServiceAccountAuth
from atlas_invoices._auth import parse_base_url
from atlas_invoices._auth._oauth import Token
from atlas_invoices._auth._token_cache import CacheLease, TokenCache, cache_folder
from atlas_invoices._secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "token-canary-5f1d"
CLIENT_ID = "mdb_sa_id_canary"
SERVER = parse_base_url("https://a.example")
as_owner = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")


class Process:
    """What one process sees: its own monotonic clock, the wall's, and a folder that all of them share."""

    def __init__(self, folder: Path, *, monotonic: float = 500.0, wall: float = 1_800_000_000.0) -> None:
        self.now, self.time, self.chance = monotonic, wall, 0.5
        self.cache = TokenCache(
            folder,
            SERVER,
            Secret(CLIENT_ID),
            clock=lambda: self.now,
            wall=lambda: self.time,
            chance=lambda: self.chance,
        )
        self.path = self.cache.file.path
        self.fetches = 0

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.time += seconds

    def get(self, replaced: Token | None = None, *, value: str = CANARY, lifetime: float = 3600) -> Token:
        """A token, from the file or else a new one."""
        with self.lease(replaced) as lease:
            assert not lease.poll()
            return lease.token or self.fetched(lease, value, lifetime)

    def lease(self, replaced: Token | None = None) -> CacheLease:
        """The lease of a caller that waits 30 seconds for a token."""
        return CacheLease(self.cache, replaced, self.now + 30)

    def fetched(self, lease: CacheLease, value: str, lifetime: float) -> Token:
        self.fetches += 1
        return lease.store(Token(Secret(value), self.now + lifetime - 300, self.now + lifetime))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "atlas-invoices"


def put(process: Process, document: Any, mode: int = 0o600) -> None:
    """Write this into the process's file."""
    process.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    process.path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    process.path.chmod(mode)


def good(process: Process, **changes: Any) -> dict[str, Any]:
    document = {"version": 1, "access_token": "from-the-file", "expires_at": process.time + 3000, "lifetime": 3600}
    return document | changes


def test_another_process_takes_the_token_from_the_file(folder: Path) -> None:
    one = Process(folder)
    one.get()
    other = Process(folder, monotonic=7.0)
    other.time += 600
    token = other.get()
    assert (one.fetches, other.fetches) == (1, 0)
    assert token.value.reveal() == CANARY
    assert [token.renew_at, token.expires_at] == pytest.approx([7 + 2700, 7 + 3000])


@as_owner
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it(folder: Path, umask: int) -> None:
    process = Process(folder)
    before = os.umask(umask)
    try:
        process.get()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [(path.suffix, stat.S_IMODE(path.stat().st_mode)) for path in files] == [(".json", 0o600), (".lock", 0o600)]
    assert {len(path.stem) for path in files} == {64}, "a digest: neither server nor account shows"
    assert CLIENT_ID not in process.path.read_text()
    assert set(json.loads(process.path.read_text())) == {"version", "access_token", "expires_at", "lifetime"}


def test_accounts_and_servers_have_files_of_their_own(folder: Path) -> None:
    urls = [SERVER, parse_base_url("https://b.example"), parse_base_url("https://a.example/x")]
    files = {TokenCache(folder, url, Secret(name)).file.path for url in urls for name in ("one", "two")}
    assert len(files) == 6


CORRUPT: dict[str, tuple[Any, str]] = {
    "empty": (b"", "isn't a JSON object"),
    "binary": (bytes(range(256)), "isn't a JSON object"),
    "cut short": (b'{"version": 1, "access_to', "isn't a JSON object"),
    "a list": (["x"], "isn't a JSON object"),
    "deep": (b"[" * 60_000, "isn't a JSON object"),
    "large": (b" " * 140_000, "larger than 128 KiB"),
    "no version": ({"version": None}, "another version"),
    "version 2": ({"version": 2}, "another version"),
    "no token": ({"access_token": None}, "it has no valid token"),
    "empty token": ({"access_token": ""}, "it has no valid token"),
    "token with a line break": ({"access_token": f"{CANARY}\r\nX: y"}, "it has no valid token"),
    "token beyond ASCII": ({"access_token": f"{CANARY}é"}, "it has no valid token"),
    "expiry as text": ({"expires_at": "3600"}, "its expiry is invalid"),
    "expiry true": ({"expires_at": True}, "its expiry is invalid"),
    "expiry negative": ({"expires_at": -1}, "its expiry is invalid"),
    "expiry NaN": ({"expires_at": float("nan")}, "its expiry is invalid"),
    "expiry infinite": ({"expires_at": float("inf")}, "its expiry is invalid"),
    "expiry huge": ({"expires_at": 10**400}, "its expiry is invalid"),
    "expiry in two days": ({"expires_at": 1_800_000_000 + 2 * 86400, "lifetime": 86400}, "its expiry is invalid"),
    "lifetime of a week": ({"lifetime": 7 * 86400}, "its expiry is invalid"),
    "lifetime zero": ({"lifetime": 0}, "its expiry is invalid"),
}


@pytest.mark.parametrize("case", CORRUPT)
def test_a_corrupt_file_is_ignored_with_one_warning_and_replaced(folder: Path, case: str) -> None:
    change, reason = CORRUPT[case]
    process = Process(folder)
    put(process, good(process, **change) if isinstance(change, dict) else change)
    with pytest.warns(UserWarning, match=reason) as caught:
        token = process.get()
    assert len(caught) == 1
    assert str(process.path) in str(caught[0].message)
    assert CANARY not in str(caught[0].message)
    assert (token.value.reveal(), process.fetches) == (CANARY, 1)
    assert Process(folder).get(value="another").value.reveal() == CANARY


@as_owner
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_read_or_write_is_ignored_and_replaced(folder: Path, mode: int) -> None:
    process = Process(folder)
    put(process, good(process), mode)
    with pytest.warns(UserWarning, match=rf"others can read or write it \(mode {mode:04o}\)"):
        assert process.get().value.reveal() == CANARY
    assert stat.S_IMODE(process.path.stat().st_mode) == 0o600


@as_owner
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_or_folder_is_ignored(folder: Path) -> None:
    process = Process(folder)
    put(process, good(process))
    os.chown(process.path, 12345, 12345)
    with pytest.warns(UserWarning, match="it belongs to another user; a new token replaces it"):
        assert process.get().value.reveal() == CANARY
    os.chown(folder, 12345, 12345)
    with pytest.warns(UserWarning, match="the folder belongs to another user"):
        assert Process(folder).get().value.reveal() == CANARY


@as_owner
def test_a_symbolic_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    process = Process(folder)
    put(process, good(process))
    target = tmp_path / "precious"
    process.path.rename(target)
    process.path.symlink_to(target)
    before = target.read_bytes()
    with pytest.warns(UserWarning, match="it isn't a regular file"):
        assert process.get().value.reveal() == CANARY
    assert target.read_bytes() == before
    assert not process.path.is_symlink()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):  # a socket's whole path is short
        one.bind(path.name)


OTHER_KINDS: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda path: os.mkfifo(path, 0o600),
    "a socket": _socket,
    "a symbolic link": lambda path: path.symlink_to("nowhere"),
    "a device": lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
}


@as_owner
@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_anything_but_a_file_is_replaced_and_never_waited_for(folder: Path, kind: str) -> None:
    process = Process(folder)
    folder.mkdir(mode=0o700, parents=True)
    try:
        OTHER_KINDS[kind](process.path)
    except PermissionError:
        pytest.skip("only root can make devices")
    with pytest.warns(UserWarning, match="is ignored: it isn't a regular file; a new token replaces it") as caught:
        assert process.get().value.reveal() == CANARY
    assert len(caught) == 1
    assert Process(folder).get(value="another").value.reveal() == CANARY, "it has been replaced"


@as_owner
@pytest.mark.parametrize("suffix", [".json", ".lock", ".new"])
def test_a_folder_with_its_name_is_reported_and_fails_no_request(folder: Path, suffix: str) -> None:
    process = Process(folder)
    blocked = process.path.with_suffix(suffix)
    blocked.mkdir(parents=True)
    folder.chmod(0o700)
    with pytest.warns(UserWarning, match="aren't shared") as caught:
        assert process.get().value.reveal() == CANARY
    assert [str(one.message) for one in caught] == [
        f"access tokens aren't shared through {folder}: {blocked.name} is a folder; remove it"
    ]
    assert not [path for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"], "nothing half written"
    blocked.rmdir()
    Process(folder).get()
    assert Process(folder).get(value="another").value.reveal() == CANARY


@as_owner
@pytest.mark.parametrize("mode", [0o755, 0o711, 0o770])
def test_a_folder_that_others_can_access_is_not_used(folder: Path, mode: int) -> None:
    process = Process(folder)
    folder.mkdir(parents=True)
    folder.chmod(mode)
    with pytest.warns(UserWarning, match=rf"others can access the folder \(mode {mode:04o}\); run `chmod 700`"):
        process.get()
    process.get()  # A second warning would be an error.
    assert process.fetches == 2
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_link_or_a_file_is_not_used(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    (tmp_path / "real").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for place in (folder, tmp_path / "file"):
        with pytest.warns(UserWarning, match="a symbolic link or a file|File exists"):
            Process(place).get()
    assert list((tmp_path / "real").iterdir()) == []


def test_a_folder_that_cannot_be_made_fails_no_request(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = Process(tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="aren't shared through .*: Not a directory"):
        process.get()
    process.get()  # A second warning would be an error.
    assert process.fetches == 2


def test_if_warnings_are_errors_the_token_is_used_and_nothing_stays_locked(folder: Path) -> None:
    process = Process(folder)
    blocked = process.path.with_suffix(".new")
    blocked.mkdir(parents=True)
    folder.chmod(0o700)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert process.get().value.reveal() == CANARY
    blocked.rmdir()
    assert Process(folder).get().value.reveal() == CANARY
    assert process.path.exists()


@pytest.mark.parametrize(
    ("passed", "fetches"), [(0, 0), (3299, 0), (3301, 1), (3599, 1), (3601, 1), (-50, 0), (-70, 1), (-80000, 1)]
)
def test_the_wall_clock_decides_how_long_others_use_a_token(folder: Path, passed: float, fetches: int) -> None:
    """Renewed 300 s before its end; from the future, beyond what clocks are set right by, it isn't trusted."""
    Process(folder).get()
    other = Process(folder, wall=1_800_000_000 + passed)
    token = other.get()
    assert other.fetches == fetches
    assert token.expires_at <= other.now + 3600, "no jump of the clock makes it live longer than it was given"


def test_renewals_are_spread_from_half_to_one_and_a_half_times_the_margin(folder: Path) -> None:
    Process(folder).get()
    renewed = []
    for chance in (0.0, 0.5, 1.0):
        other = Process(folder)
        other.chance = chance
        renewed.append(other.get().expires_at - other.get().renew_at)
    assert renewed == pytest.approx([150, 300, 450])


def test_a_token_that_this_process_renews_is_not_taken_again(folder: Path) -> None:
    one = Process(folder)
    old = one.get()
    # The wall clock says that it lives on, the process's own that it's due.
    new = one.get(replaced=old, value="new")
    assert (new.value.reveal(), one.fetches) == ("new", 2)
    # Another process has the old one still, and takes the new one instead of fetching a third.
    other = Process(folder)
    assert other.get(replaced=old).value.reveal() == "new"
    assert other.fetches == 0


def test_a_refused_token_is_dropped_only_if_it_is_still_the_one(folder: Path) -> None:
    one, other = Process(folder), Process(folder)
    old = one.get()
    assert other.get().value.reveal() == CANARY
    one.cache.refuse(old)
    assert one.get(value="new").value.reveal() == "new"
    other.cache.refuse(old)
    assert other.get(value="newer").value.reveal() == "new"
    assert (one.fetches, other.fetches) == (2, 0)


def test_a_refused_token_is_gone_even_if_no_new_one_comes(folder: Path) -> None:
    one = Process(folder)
    one.cache.refuse(one.get())
    with one.lease() as lease:
        assert not lease.poll()
        assert lease.token is None
        assert not one.path.exists()


def test_while_one_renews_early_others_use_the_old_token(folder: Path) -> None:
    one, other = Process(folder), Process(folder)
    one.get()
    one.later(3400)
    other.later(3400)
    with one.lease() as renewing:
        assert not renewing.poll()
        assert renewing.token is None
        token = other.get()
        assert (token.value.reveal(), other.fetches) == (CANARY, 0)
        assert token.renew_at == pytest.approx(other.now + 30), "it looks again soon"
        # Once it has ended, there's nothing to use: they wait.
        other.later(300)
        with other.lease() as waiting:
            assert waiting.poll()
            other.later(19)
            assert waiting.poll()
            other.later(2)
            assert not waiting.poll(), "and keep time for a request of their own"
            assert waiting.token is None
            other.fetched(waiting, "unshared", 3600)
        one.fetched(renewing, "new", 3600)
    assert json.loads(one.path.read_text())["access_token"] == "new"


def test_a_lock_that_this_very_thread_holds_is_not_waited_for(folder: Path) -> None:
    one, other = Process(folder), Process(folder)
    with one.lease() as fetching, other.lease() as waiting:
        assert not fetching.poll()
        steps = waiting.wait()
        step = next(steps)
        assert asyncio.run(step.run_async()), "a task can wait for another task of its thread"
        step = steps.send(True)
        assert not step.run(), "blocking the thread would block the task that holds the lock"
        with pytest.raises(StopIteration):
            steps.send(False)
        assert waiting.token is None


def test_while_another_process_renews_a_due_token_it_is_still_used(folder: Path) -> None:
    one, other = Process(folder), Process(folder)
    old = one.get()
    one.later(3400)
    other.later(3400)
    with other.lease() as renewing:
        assert not renewing.poll()
        one.time -= 60 * 40  # The wall clock was set back, and says that there's an hour left.
        kept = one.get(replaced=old)
        assert (kept.value.reveal(), one.fetches) == (CANARY, 1)
        assert kept.expires_at == pytest.approx(old.expires_at)
        assert kept.renew_at == pytest.approx(one.now + 30)


def test_a_half_written_file_of_a_killed_process_is_replaced(folder: Path) -> None:
    process = Process(folder)
    folder.mkdir(mode=0o700, parents=True)
    left = process.path.with_suffix(".new")
    left.write_text('{"version": 1, "access_')
    process.get()
    assert not left.exists()
    assert Process(folder).get(value="another").value.reveal() == CANARY


@pytest.mark.parametrize("setting", [None, False])
def test_it_is_off_by_default(setting: bool | None) -> None:
    assert cache_folder(setting) is None


def test_a_folder_of_your_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert cache_folder("here") == cache_folder(Path("here")) == tmp_path / "here", "wherever the process goes later"


def test_a_folder_below_a_home_that_nobody_knows_is_never_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("~/tokens") == tmp_path / "tokens"
    with pytest.warns(UserWarning, match="no home folder"):
        assert cache_folder("~a-user-that-is-not-there/tokens") is None


def test_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = cache_folder(True)
    assert folder is not None
    assert folder.name == "atlas-invoices"
    assert folder.is_relative_to(tmp_path)


def test_without_the_extra_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "platformdirs", None)
    with pytest.raises(ConfigError, match=r"atlas-invoices\[cli\]"):
        Client(ServiceAccountAuth("client-id", "client-secret"), base_url="https://a.example", token_cache=True)
