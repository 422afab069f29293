"""File systems and what is on them: odd ones work, devices stay devices, modes stay, other programs' files stay."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
from command import COMMAND
from raw_server import Connection, http
from scripted_atlas import (
    CSV_TYPE,
    INVOICE,
    ORG,
    OTHER,
    Shell,
    both,
    client,
    csv_of,
    csv_reply,
    files_of,
    invoice_csv,
    json_reply,
    listed,
    page,
    scripted_atlas,
    shell,
    sync,
)

if TYPE_CHECKING:
    from client_twin import Kind

GOOD = invoice_csv()
LOCK = ".atlas-invoices.lock"
DOWNLOAD = ("download", INVOICE, "--force", "-o")
CSV_ROUTE = f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv"


def pending(**fields: Any) -> bytes:
    """A list whose first invoice is fetched by every run of sync."""
    return json_reply(page(listed(statusName="PENDING", **fields), listed(OTHER), total=2))


# Item 10: fsync, locks, mounts, devices


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
@both
def test_a_file_system_without_fsync_is_no_failure(
    kind: Kind, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv")
        assert sync(kind, server, tmp_path / "invoices").ok
    assert (tmp_path / "june.csv").read_bytes() == csv_of(tmp_path / "invoices") == GOOD


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@both
def test_a_disk_that_fails_is_a_failure(
    kind: Kind, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with scripted_atlas() as server, client(kind, server) as atlas, pytest.raises(OSError) as caught:  # noqa: PT011 - its number is compared
        atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv")
    assert caught.value.errno == number
    assert list(tmp_path.iterdir()) == []


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(("make", "cause"), [(_folder, "directory"), (_loop, "symbolic link")])
def test_a_lock_that_cannot_be_had_names_path_and_cause(
    make: Callable[[Path], None], cause: str, tmp_path: Path
) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        make(sh.folder / LOCK)
        ended = sh.run("sync", "--dir", ".")
    assert ended.status == 1
    assert LOCK in ended.error
    assert cause in ended.error
    assert files_of(sh.folder) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EPERM])
@both
def test_a_lock_that_fails_names_path_and_cause(
    kind: Kind, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with scripted_atlas() as server, pytest.raises(OSError, match=re.escape(LOCK)) as caught:
        sync(kind, server, tmp_path)
    assert caught.value.errno == number
    assert os.strerror(number) in str(caught.value)


@both
def test_a_lock_of_another_user_need_only_be_readable(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that two users share, where the first one's umask leaves others only reading."""
    opened = os.open

    def open_(path: Any, flags: int, mode: int = 0o777, **others: Any) -> int:
        if os.fspath(path).endswith(LOCK) and flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, flags, mode, **others)

    (tmp_path / LOCK).write_text("")
    monkeypatch.setattr(os, "open", open_)
    with scripted_atlas() as server:
        assert sync(kind, server, tmp_path).ok
        with (tmp_path / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(ai.AtlasError, match="another sync"):
                sync(kind, server, tmp_path, lock_timeout=0.1)


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    tried = subprocess.run([unshare, "-rm", "mount", "--bind", "/tmp", "/tmp"], capture_output=True, check=False)  # noqa: S108 - nothing is written there
    return tried.returncode == 0


def test_a_mounted_file_says_what_to_do_before_the_download(tmp_path: Path) -> None:
    """A container's volume for a single file: it can't be replaced by another."""
    if not _may_mount():
        pytest.skip("needs `unshare -rm` to mount")
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        (sh.folder / "mounted").write_text("before")
        script = 'mount --bind mounted mounted && exec "$0" "$@"'
        ended = sh.execute(["unshare", "-rm", "sh", "-c", script, str(COMMAND), *DOWNLOAD, "mounted"])
        assert server.count(CSV_ROUTE) == 0
    assert ended.status == 1
    assert re.search(r"mounted.*mount", ended.error), ended
    assert (sh.folder / "mounted").read_text() == "before"
    assert [path.name for path in sh.folder.iterdir()] == ["mounted"]


def test_the_library_names_a_file_that_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a mount can't be told beforehand, the system's own answer names the file and leaves no other."""

    def replace(*_: Any, **__: Any) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    (tmp_path / "mounted").write_text("before")
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "rename", replace)
    with scripted_atlas() as server, client("sync", server) as atlas, pytest.raises(OSError, match="mounted") as caught:
        atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "mounted")
    assert caught.value.errno == errno.EBUSY
    assert [path.name for path in tmp_path.iterdir()] == ["mounted"]


@contextmanager
def fifo_reader(path: Path) -> Iterator[Callable[[], bytes]]:
    """Keeps a FIFO open for reading, so that nobody waits to write; returns what has come so far."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def read() -> bytes:
        try:
            return os.read(descriptor, 65536)
        except BlockingIOError:
            return b""

    try:
        yield read
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("linked", [False, True], ids=["FIFO", "link to one"])
@pytest.mark.parametrize("command", ["download", "export"])
def test_a_fifo_is_written_through_or_refused(command: str, linked: bool, tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        fifo = sh.folder / "fifo"
        os.mkfifo(fifo)
        (sh.folder / "link").symlink_to(fifo)
        target = "link" if linked else "fifo"
        (sh.folder / "june.csv").write_bytes(GOOD)
        arguments = {
            "download": [*DOWNLOAD, target],
            "export": ["export", "june.csv", "--format", "csv", "--force", "-o", target],
        }[command]
        with fifo_reader(fifo) as read:
            ended = sh.run(*arguments)
            came = read()
    check_through_or_refused(ended.status, came, GOOD if command == "download" else None)
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    assert (sh.folder / "link").is_symlink()


def check_through_or_refused(status: int, came: bytes, expected: bytes | None) -> None:
    if status == 0:
        assert came == expected if expected is not None else came
    else:
        assert status in {1, 2}
        assert came == b""


@pytest.mark.parametrize("command", ["download", "export"])
def test_a_link_to_standard_output_is_never_replaced(command: str, tmp_path: Path) -> None:
    """As `/dev/stdout` is one. Where it leads to a file, only that file could be written to."""
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        link, out = sh.folder / "link", sh.folder / "out"
        link.symlink_to("/dev/stdout")
        (sh.folder / "june.csv").write_bytes(GOOD)
        arguments = {
            "download": [*DOWNLOAD, "link"],
            "export": ["export", "june.csv", "--format", "csv", "--force", "-o", "link"],
        }[command]
        for stdout in ("file", "pipe"):
            with out.open("wb") as file:
                done = subprocess.run(
                    [COMMAND, *arguments],
                    env=sh.env,
                    cwd=sh.folder,
                    stdout=file if stdout == "file" else subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    check=False,
                    timeout=30,
                )
            came = done.stdout if stdout == "pipe" else out.read_bytes()
            check_through_or_refused(done.returncode, came, GOOD if command == "download" else None)
            assert link.is_symlink(), stdout
            assert str(link.readlink()) == "/dev/stdout"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
@both
def test_a_link_to_a_device_is_never_replaced(kind: Kind, device: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(device)
    with scripted_atlas() as server, client(kind, server) as atlas:
        try:
            atlas.call("download_invoice_csv", ORG, INVOICE, link)
        except OSError as error:
            assert str(link) in str(error)  # noqa: PT017 - either is right
    assert link.is_symlink()
    assert stat.S_ISCHR(Path(device).stat().st_mode)


@both
def test_a_socket_is_never_replaced(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with (
            scripted_atlas() as server,
            client(kind, server) as atlas,
            pytest.raises(OSError, match="socket"),
        ):
            atlas.call("download_invoice_csv", ORG, INVOICE, "socket")
    assert stat.S_ISSOCK(Path("socket").lstat().st_mode)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, as another program might."""
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_sync_waits_for_a_lock_no_longer_than_it_may(tmp_path: Path) -> None:
    """Exit status 1 or 5: another failure, or one that passes by itself."""
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        with locked(sh.folder / "invoices"):
            began = time.monotonic()
            ended = sh.run("sync", "--dir", "invoices", "--lock-timeout", "0.3")
            assert time.monotonic() - began < 10
        assert ended.status in {1, 5}, ended
        assert re.search(r"another sync.*invoices", ended.err)
        assert "--lock-timeout" in ended.error
        assert sh.run("sync", "--dir", "invoices", "--lock-timeout", "0.3").status == 0
        assert "600" in sh.run("sync", "--help").out


@both
def test_the_library_waits_no_longer_either(kind: Kind, tmp_path: Path) -> None:
    """The argument has the option's name; what ends the waiting is an `AtlasError` that names the folder."""
    with scripted_atlas() as server:
        with locked(tmp_path), pytest.raises(ai.AtlasError, match=re.escape(str(tmp_path))):
            sync(kind, server, tmp_path, lock_timeout=0.2)
        assert sync(kind, server, tmp_path, lock_timeout=0.2).ok


@contextmanager
def holding(sh: Shell, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command under way, which the server keeps waiting."""
    with sh.popen(*arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def slow(connection: Connection) -> None:
    """Half of the reply, and then nothing."""
    connection.send(http(200, kind=CSV_TYPE, length=len(GOOD)) + GOOD[:-10])
    connection.hang()


def test_sync_says_whom_it_waits_for(tmp_path: Path) -> None:
    """The other one is a process of ours, which is named by its ID."""
    with scripted_atlas(csv=slow) as server:
        sh = shell(tmp_path, server)
        with holding(sh, "sync", "--dir", "invoices") as other:
            until(lambda: server.count(CSV_ROUTE))
            ended = sh.run("sync", "--dir", "invoices", "--lock-timeout", "0.2")
    assert ended.status in {1, 5}
    assert re.search(rf"\b{other.pid}\b", ended.err), ended


# Item 19: modes and groups


@pytest.fixture(params=[0o600, 0o640, 0o664, 0o444], ids=oct)
def mode(request: pytest.FixtureRequest) -> int:
    """Of a file that is there already."""
    chosen: int = request.param
    return chosen


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@both
def test_a_replaced_file_keeps_its_mode(kind: Kind, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_text("before")
    path.chmod(mode)
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("download_invoice_csv", ORG, INVOICE, path, overwrite=True)
    assert (path.read_bytes(), mode_of(path)) == (GOOD, mode)


@both
def test_sync_keeps_the_modes_of_what_it_replaces(kind: Kind, mode: int, tmp_path: Path) -> None:
    again = pending(updated="2024-08-01T00:00:00Z")
    with scripted_atlas(list=[pending(), again]) as server:
        sync(kind, server, tmp_path)
        paths = [*files_of(tmp_path), tmp_path / "manifest.json"]
        assert len(paths) == 3
        for path in paths:
            path.chmod(mode)
        before = {path: path.stat().st_ino for path in paths}
        assert INVOICE in {each.id for each in sync(kind, server, tmp_path).saved}
    assert {mode_of(path) for path in paths} == {mode}
    assert before != {path: path.stat().st_ino for path in paths}


def test_the_commands_keep_the_mode(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        for name, arguments in {
            "a.csv": [*DOWNLOAD, "a.csv"],
            "b.csv": ["export", INVOICE, "--format", "csv", "--force", "-o", "b.csv"],
        }.items():
            path = sh.folder / name
            path.write_text("before")
            path.chmod(0o600)
            assert sh.run(*arguments).status == 0
            assert path.read_text() != "before"
            assert mode_of(path) == 0o600


@both
def test_a_replaced_file_keeps_its_group(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_text("before")
    others = [group for group in os.getgroups() if group != path.stat().st_gid]
    if os.geteuid() == 0:
        others.append(54321)
    if not others:
        pytest.skip("this user is in one group only")
    try:
        os.chown(path, -1, others[0])
    except OSError as error:
        pytest.skip(f"can't give a file to another group: {error}")
    path.chmod(0o640)
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("download_invoice_csv", ORG, INVOICE, path)
    assert (path.read_bytes(), path.stat().st_gid, mode_of(path)) == (GOOD, others[0], 0o640)


@both
def test_a_replaced_file_keeps_its_owner(kind: Kind, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = tmp_path / "june.csv"
    path.write_text("before")
    path.chmod(0o600)
    os.chown(path, 54321, 54322)
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("download_invoice_csv", ORG, INVOICE, path)
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (54321, 54322, 0o600)


@both
def test_a_new_file_has_the_usual_mode(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "june.csv")
    assert mode_of(tmp_path / "june.csv") == mode_of(tmp_path / "usual")


# Item 20: folders that aren't there, files of others, left-overs


def test_a_folder_that_is_not_there_is_no_file(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        (sh.folder / "june.csv").write_bytes(GOOD)
        for target in ("results/", "results/.", "results//", "deep/er/"):
            for arguments in ([*DOWNLOAD, target], ["export", "june.csv", "--format", "csv", "--force", "-o", target]):
                if arguments[0] == "export" and target != "results/":
                    continue
                ended = sh.run(*arguments)
                assert ended.status in {1, 2}, (arguments, ended)
                assert re.search(r"results|deep", ended.error)
                assert re.search(r"(?i)folder|directory", ended.error)
        assert server.count(CSV_ROUTE) == 0
    assert [path.name for path in sh.folder.iterdir()] == ["june.csv"]


@pytest.mark.parametrize("target", ["results/", "results/.", "no/file.csv"])
@both
def test_nor_in_the_library(kind: Kind, target: str, tmp_path: Path) -> None:
    with scripted_atlas() as server, client(kind, server) as atlas:
        with pytest.raises(OSError, match=r"results|no"):
            atlas.call("download_invoice_csv", ORG, INVOICE, f"{tmp_path}/{target}")
        assert server.requests == []
    assert list(tmp_path.iterdir()) == []


OF_OTHERS = (
    f".{INVOICE}.csv.a1b2c3",
    f".{INVOICE}.csv.part",
    f"{INVOICE}.csv.part",
    ".manifest.json.part",
    "report.csv.part",
    ".rsync.part",
    f".~lock.{INVOICE}.csv#",
    "tmp1234abcd.tmp",
)


@both
def test_sync_removes_no_file_of_another_program(kind: Kind, tmp_path: Path) -> None:
    """However old it is."""
    long_ago = time.time() - 30 * 86400
    for name in OF_OTHERS:
        (tmp_path / name).write_text("of another program")
        os.utime(tmp_path / name, (long_ago, long_ago))
    with scripted_atlas() as server:
        assert sync(kind, server, tmp_path).ok
    assert {path.name for path in tmp_path.iterdir()} >= set(OF_OTHERS)


def temporary_files(folder: Path) -> list[Path]:
    """What isn't finished: hidden, and not the lock."""
    return [path for path in folder.glob(".*") if path.name != LOCK]


def test_a_download_into_the_folder_of_a_sync_is_left_alone(tmp_path: Path) -> None:
    """The other one's temporary file has a name that could be the sync's own; it's fresh, so it stays."""
    with scripted_atlas(csv=[slow, csv_reply(GOOD)]) as server:
        sh = shell(tmp_path, server)
        with holding(sh, "download", INVOICE, "-o", f"{INVOICE}.csv"):
            found = until(lambda: temporary_files(sh.folder))
            until(lambda: server.count(CSV_ROUTE))
            ended = sh.run("sync", "--dir", ".")
            assert ended.status == 0
            assert temporary_files(sh.folder) == found


def test_what_a_killed_run_left_is_cleaned_up_a_day_later(tmp_path: Path) -> None:
    with scripted_atlas(csv=[slow, csv_reply(GOOD)]) as server:
        sh = shell(tmp_path, server)
        with sh.popen("download", INVOICE, "-o", f"{INVOICE}.csv") as process:
            until(lambda: server.count(CSV_ROUTE) and temporary_files(sh.folder))
            process.send_signal(signal.SIGKILL)
        (left,) = temporary_files(sh.folder)
        yesterday = time.time() - 25 * 3600
        os.utime(left, (yesterday, yesterday))
        assert sh.run("sync", "--dir", ".").status == 0
    assert temporary_files(sh.folder) == []
    assert csv_of(sh.folder) == GOOD


@both
def test_a_leftover_that_cannot_be_deleted_stops_no_sync(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of that name, or another user's file in a folder with the sticky bit."""
    names = [f".{INVOICE}.csv.{digit * 16}.part" for digit in "ab"]
    (tmp_path / names[0]).mkdir()
    (tmp_path / names[1]).write_text("")
    for name in names:
        os.utime(tmp_path / name, (0, 0))
    unlinked = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == names[1]:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
        unlinked(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with scripted_atlas() as server:
        assert sync(kind, server, tmp_path).ok


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync", "--dir", "~/invoices"],
        ["sync", "--dir", "~"],
        ["sync", "--dir", "~someone/invoices"],
        ["download", INVOICE, "-o", "~/june.csv"],
        ["export", INVOICE, "--format", "csv", "-o", "~/june.csv"],
    ],
    ids=" ".join,
)
def test_a_path_whose_tilde_was_not_expanded_is_refused(arguments: list[str], tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        ended = sh.run(*arguments)
        assert server.count(CSV_ROUTE) == 0
    assert ended.status == 1
    assert "~ isn't expanded" in ended.error
    assert list(sh.folder.iterdir()) == []
