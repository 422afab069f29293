"""Files on the command line: errors are one short line, and the invoice itself is never overwritten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command import COMMAND

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox
    from command import Run

INVOICE = "Date,Usage Date,SKU,Amount\n07/01/2024,06/30/2024,M10,1\n"
unix = pytest.mark.skipif(sys.platform == "win32", reason="has other links, signals and rights")


@pytest.fixture
def june(tmp_path: Path) -> Path:
    path = tmp_path / "june.csv"
    path.write_text(INVOICE, encoding="utf-8")
    return path


def refused(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 400
    return done.stderr


@unix
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("kind", ["itself", "hard link", "link to it", "through a link", "in a linked folder"])
def test_an_export_never_replaces_its_invoice(run: Run, june: Path, kind: str, form: str) -> None:
    other = june.with_name("other.csv")
    source, target = "june.csv", "./june.csv"
    if kind == "hard link":
        other.hardlink_to(june)
        target = "other.csv"
    elif kind in {"link to it", "through a link"}:
        other.symlink_to("june.csv")
        source, target = ("june.csv", "other.csv") if kind == "link to it" else ("other.csv", "june.csv")
    elif kind == "in a linked folder":
        (june.parent / "here").symlink_to(".")
        target = "here/june.csv"
    for force in ((), ("--force",)):
        said = refused(run("export", source, "--format", form, "-o", target, *force), 2)
        assert "is the invoice itself" in said
    assert june.read_text(encoding="utf-8") == INVOICE


@unix
def test_an_export_never_writes_to_its_invoice_through_the_shell(june: Path) -> None:
    for command in (
        '"$0" export june.csv --format csv >> june.csv',
        '"$0" export - --format csv < june.csv >> june.csv',
    ):
        done = subprocess.run(
            ["sh", "-c", command, COMMAND], cwd=june.parent, capture_output=True, text=True, check=False, timeout=60
        )
        assert "is the invoice itself" in refused(done, 2)
    assert june.read_text(encoding="utf-8") == INVOICE


def test_a_minus_is_stdin(run: Run, june: Path) -> None:
    for arguments in (("show", "--format", "json"), ("show",), ("export", "--format", "jsonl")):
        done = subprocess.run(
            [COMMAND, arguments[0], "-", *arguments[1:]], input=INVOICE, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == run(arguments[0], str(june), *arguments[1:]).stdout
    bad = subprocess.run([COMMAND, "show", "-"], input="<html>", capture_output=True, text=True, check=False)
    assert refused(bad, 6).startswith("error: stdin: ")


@unix
def test_a_closed_stdin_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" show - <&-', COMMAND], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "stdin is closed" in refused(done, 2)


@pytest.mark.parametrize("command", [("show",), ("export", "-o", "out.csv")])
def test_files_that_are_not_several_invoices(run: Run, june: Path, command: tuple[str, ...]) -> None:
    folder = june.parent / "invoices"
    folder.mkdir()
    assert "no invoice CSV (*.csv) in the folder invoices" in refused(run(*command, "invoices"), 2)
    assert "june.csv is given twice; name it once" in refused(run(*command, "june.csv", "-", "june.csv"), 2)
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(f"Invoice Number,{'a' * 24},\n\n{INVOICE}", encoding="utf-8")
    twice = refused(run(*command, "june.csv", "invoices"), 6)
    assert f"invoice '{'a' * 24}' twice: invoices/a.csv and invoices/b.csv; leave one of them out" in twice
    (folder / "b.csv").write_text(f"Invoice Number,{'b' * 24},\n{INVOICE}1,2,3,4,5\n", encoding="utf-8")
    assert refused(run(*command, "june.csv", "invoices"), 6).startswith("error: invoices/b.csv: line 4")


@pytest.mark.skipif(sys.platform != "linux", reason="has no folder where root can create nothing")
@pytest.mark.usefixtures("june")
def test_a_folder_that_takes_no_files_is_named(run: Run, server: Sandbox) -> None:
    for arguments in (
        ("export", "june.csv", "--format", "csv", "-o", "/proc/out.csv"),
        ("download", server.invoices[1].id, "-o", "/proc/out.csv"),
    ):
        said = refused(run(*arguments), 1)
        assert ".part" not in said
        assert said.startswith("error: /proc/out.csv: can't create a file in the folder /proc (")
        assert said.endswith("); choose another folder\n")


@unix
def test_a_long_path_is_shortened_in_its_middle(run: Run, tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(12):
        folder /= "d" * 200
        # A path as a whole may be longer than what one call takes.
        folder.mkdir()
    path = folder / "the-invoice.csv"
    path.write_text(INVOICE + "1,2,3,4,5\n", encoding="utf-8")
    assert "the-invoice.csv: line 3" in refused(run("show", str(path)), 6)
    assert "the-invoice.csv' is neither" in refused(run("show", f"{folder}/no/the-invoice.csv"), 2)
    path.write_text(INVOICE, encoding="utf-8")
    out = folder / "out.csv"
    out.write_text("old", encoding="utf-8")
    assert "out.csv exists; use --force" in refused(run("export", str(path), "--format", "csv", "-o", str(out)), 1)
    refused(run("export", str(path), "--format", "csv", "-o", f"{folder}/no/out.csv"), 1)
    refused(run("show", "n" * 5000), 2)


@unix
@pytest.mark.parametrize("where", ["a pipe", "a terminal"])
def test_an_interrupt_is_one_line(tmp_path: Path, where: str) -> None:
    import pty  # noqa: PLC0415 - isn't there on Windows

    ours, theirs = pty.openpty() if where == "a terminal" else os.pipe()
    with subprocess.Popen(
        [COMMAND, "show", "-", "--by", "sku"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        # The command reads its stdin once it is at work: more than a pipe holds is taken by it alone.
        process.stdin.write(INVOICE.encode() + b"07/01/2024,06/30/2024,M10,1\n" * 10_000)
        process.stdin.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        said = os.read(ours, 10_000)
    os.close(ours)
    # After a terminal's ^C, the message starts on a new line.
    assert said == (b"\r\nerror: interrupted\r\n" if where == "a terminal" else b"error: interrupted\n")
