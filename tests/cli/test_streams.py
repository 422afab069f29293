"""What comes out where: raw bytes for programs, nothing that a terminal would obey for people; streams that fail."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from command import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atlas_invoices.sandbox import Sandbox
    from command import Run

# What a terminal would obey: a title by ESC and by C1, a text that runs backwards, a line written over.
HOSTILE = "Acme\x1b]0;owned\x07\x9b31m\u202egro.evil\rover"
HEADER = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount\r\n"
)
INVOICE = (
    f"Invoice Number,{'1' * 24},\r\n\r\n{HEADER}"
    f'06/02/2024,06/01/2024,"Ärger {HOSTILE}",,,,"{HOSTILE}",,sku,,,,,,hours,1,2,0,2\r\n'
).encode()

unix = pytest.mark.skipif(sys.platform == "win32", reason="has no such terminals, devices and shells")


def on_a_terminal(*arguments: str, env: dict[str, str], cwd: Path) -> tuple[int, str]:
    """Run the command with a terminal as its stdout; returns the exit status and what the terminal got."""
    import pty  # noqa: PLC0415 - isn't there on Windows

    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [COMMAND, *arguments], env={**os.environ, **env}, cwd=cwd, stdout=theirs, stderr=subprocess.PIPE
        ) as process:
            os.close(theirs)
            got = b""
            # Linux answers EIO, and others an end, when the last writer is gone.
            with contextlib.suppress(OSError):
                while piece := os.read(ours, 65536):
                    got += piece
            process.communicate(timeout=60)
    finally:
        os.close(ours)
    return process.returncode, got.decode()


@pytest.fixture
def hostile(server: Sandbox, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An Atlas that sends hostile names, and a file that has some."""
    (tmp_path / "hostile.csv").write_bytes(INVOICE)
    kind = {"content-type": "application/vnd.atlas.2023-01-01+json"}
    invoice = {"id": "1" * 24, "orgId": HOSTILE, "statusName": HOSTILE, "startDate": "2024-06-01T00:00:00Z"}
    lists = {
        "/orgs": [{"id": HOSTILE, "name": HOSTILE}],
        "/invoices": [invoice],
        "/pending": [invoice],
    }
    for path, results in lists.items():
        server.fail(200, path=path, headers=kind, body=json.dumps({"results": results, "totalCount": 1}).encode())
    server.fail(200, path="/csv", headers={"content-type": "text/csv"}, body=INVOICE)
    yield server.environment("api-key")
    server.faults.clear()


COMMANDS = [
    *(("orgs", "--format", form) for form in ("csv", "json", "table")),
    *(("list", "--format", form) for form in ("csv", "table")),
    ("pending", "--format", "csv"),
    *(("export", "hostile.csv", "--format", form) for form in ("csv", "jsonl")),
    *(("show", "hostile.csv", "--format", form) for form in ("csv", "table")),
    ("download", "1" * 24, "-o", "-"),
]


@unix
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_nothing_reaches_a_terminal_raw(arguments: tuple[str, ...], hostile: dict[str, str], tmp_path: Path) -> None:
    status, shown = on_a_terminal(*arguments, env={**hostile, "NO_COLOR": "1", "TERM": "dumb"}, cwd=tmp_path)
    assert status == 0, shown
    assert "Acme" in shown
    for line in shown.split("\r\n"):  # the terminal driver's line ends
        assert line.isprintable(), line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("download", "1" * 24, "-o", "-"), INVOICE),
        (("export", "hostile.csv", "--format", "csv"), HOSTILE.encode()),
        (("orgs", "--format", "csv"), HOSTILE.encode()),
    ],
    ids=["download", "export", "orgs"],
)
def test_a_pipe_gets_the_bytes_as_they_are(
    arguments: tuple[str, ...], expected: bytes, hostile: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [COMMAND, *arguments], env={**os.environ, **hostile}, cwd=tmp_path, capture_output=True, check=True, timeout=60
    )
    assert expected in done.stdout


FAILING = [
    ("list",),
    ("list", "--format", "json"),
    ("orgs", "--format", "csv"),
    ("doctor",),
    ("show", "hostile.csv"),
    ("show", "hostile.csv", "--format", "csv"),
    ("export", "hostile.csv", "--format", "csv"),
    ("export", "hostile.csv", "--format", "jsonl"),
    ("export", "hostile.csv", "--format", "parquet"),
    ("sandbox", "--months", "2"),
    ("list", "--help"),
    ("--version",),
]


def in_a_shell(redirection: str, *arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", COMMAND, *arguments],
        env={**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@unix
@pytest.mark.parametrize("turn", range(len(FAILING)), ids=lambda turn: " ".join(FAILING[turn]))
def test_a_stdout_that_fails_is_one_line_and_status_1(turn: int, server: Sandbox, tmp_path: Path) -> None:
    arguments = FAILING[turn]
    # To be quick, one kind of failure for each.
    redirection, why = [(">&-", "it is closed"), (">/dev/full", "No space left on device")][turn % 2]
    (tmp_path / "hostile.csv").write_bytes(INVOICE)
    done = in_a_shell(redirection, *arguments, env=server.environment("api-key"), cwd=tmp_path)
    assert done.stderr == f"error: stdout: {why}\n"
    assert done.returncode == 1


@unix
@pytest.mark.parametrize("redirection", [">&-", "<&- >&-", ">/dev/full"])
def test_what_needs_no_stdout_is_done_without(redirection: str, server: Sandbox, tmp_path: Path) -> None:
    invoice = server.invoices[1].id
    done = in_a_shell(redirection, "download", invoice, env=server.environment("api-key"), cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[1:]) == (0, [])
    assert (tmp_path / f"{invoice}.csv").read_bytes() == server.csv_bytes(invoice)


@unix
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_without_stderr_nothing_else_changes(redirection: str, server: Sandbox, tmp_path: Path) -> None:
    env = server.environment("api-key")
    listed = in_a_shell(redirection, "list", "--format", "json", "-v", env=env, cwd=tmp_path)
    assert (listed.returncode, len(json.loads(listed.stdout))) == (0, len(server.invoices))
    failed = in_a_shell(redirection, "download", "0" * 24, "--debug", env=env, cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (4, "")
    assert in_a_shell(f"{redirection} >&-", "list", env=env, cwd=tmp_path).returncode == 1


@unix
def test_a_result_that_could_not_be_shown_fails_once(run: Run, server: Sandbox, tmp_path: Path) -> None:
    """The failure of the work itself is said as ever; that its document wasn't written too."""
    invoice = server.invoices[1].id
    assert run("download", invoice, "-o", "cut.csv").returncode == 0
    cut = (tmp_path / "cut.csv").read_bytes().splitlines(keepends=True)[:-1]
    (tmp_path / "cut.csv").write_bytes(b"".join(cut))
    done = in_a_shell(
        ">/dev/full",
        *("reconcile", invoice, "--csv", "cut.csv", "--format", "json"),
        env=server.environment("api-key"),
        cwd=tmp_path,
    )
    assert done.returncode == 6
    assert [line[:15] for line in done.stderr.splitlines()] == ["error: the CSV ", "error: stdout: "]
