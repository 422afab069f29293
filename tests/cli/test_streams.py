"""What comes out where: raw bytes for programs, nothing that a terminal would obey for people; streams that fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from command import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
def test_nothing_reaches_a_terminal_raw(
    arguments: tuple[str, ...], hostile: dict[str, str], on_a_terminal: Callable[..., tuple[int, str]]
) -> None:
    status, shown = on_a_terminal(*arguments, env={**hostile, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"})
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
    assert (tmp_path / f"2026-10-{invoice}.csv").read_bytes() == server.csv_bytes(invoice)


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
    assert [line[:15] for line in done.stderr.splitlines()] == ["error: cut.csv ", "error: stdout: "]


def test_programs_get_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_text("Date,Usage Date,SKU,Project,Amount\n06/01/2024,06/01/2024,S,é😀,1\n", encoding="utf-8")
    for form in ("json", "csv"):
        done = subprocess.run(
            [COMMAND, "show", str(path), "--by", "project", "--format", form],
            env={**os.environ, "PYTHONIOENCODING": "latin-1"},
            capture_output=True,
            check=True,
        )
        assert "é😀" in done.stdout.decode()


@unix
def test_a_hangup_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_bytes(b"Date,Usage Date,SKU,Amount\n" + b"06/01/2024,06/01/2024,S,1\n" * 400_000)
    out = tmp_path / "out"
    out.mkdir()
    with subprocess.Popen([COMMAND, "export", str(path), "--format", "jsonl", "-o", str(out / "a")]) as process:
        while not list(out.iterdir()):
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 128 + signal.SIGHUP
    assert not list(out.iterdir())
