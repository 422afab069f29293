"""A Parquet export to stdout that fails leaves nothing that a reader would take for the whole invoice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_invoices.sandbox import Settings
from command import COMMAND
from wire_sandbox import WireSandbox

pytestmark = pytest.mark.slow

HEADER = b"Date,Usage Date,SKU,Amount\n"
LINE = b"07/01/2024,06/30/2024,Atlas M10 Instance - AWS,1.92\n"
BAD = b"07/01/2024,not a day,Atlas M10 Instance - AWS,1.92\n"


def export(source: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        # Warnings are errors: nothing may warn about data that was left unwritten.
        [COMMAND, "export", source, "--format", "parquet", *(["--max-retries", "0"] if env else [])],
        env={**os.environ, "PYTHONWARNINGS": "error", **(env or {})},
        cwd=cwd,
        capture_output=True,
        check=False,
        timeout=120,
    )


def check_no_parquet(content: bytes) -> None:
    assert not (len(content) > 4 and content.endswith(b"PAR1"))
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(pa.BufferReader(content))


@pytest.mark.parametrize("good_lines", [0, 60_006, 400_000])
def test_a_bad_row_leaves_no_parquet(good_lines: int, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(HEADER + LINE * good_lines + BAD + LINE)
    done = export("bad.csv", tmp_path)
    assert done.returncode == 6
    assert done.stderr.startswith(f"error: bad.csv: line {good_lines + 2}, column 'Usage Date': ".encode())
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b"", "the types of all rows are known before the first is written"


@pytest.fixture(scope="module")
def large() -> Iterator[WireSandbox]:
    """A local Atlas whose newest closed invoice is no single piece."""
    with WireSandbox(Settings(lines=20_000)) as sandbox:
        yield sandbox


FAULTS: dict[str, Callable[[WireSandbox], None]] = {
    "cut": lambda server: server.cut(200_000, path="/csv"),
    "reset": lambda server: server.reset(200_000, path="/csv"),
    "too short": lambda server: server.overstate_length(7, path="/csv"),
    "gzip cut": lambda server: server.faults.damaged_gzip("truncate", path="/csv"),
    "gzip flipped": lambda server: server.faults.damaged_gzip("flip", path="/csv"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_the_way_leaves_no_parquet(fault: str, large: WireSandbox, tmp_path: Path) -> None:
    invoice = max(large.invoices, key=lambda i: i.line_count)
    FAULTS[fault](large)
    done = export(invoice.id, tmp_path, large.environment("api-key"))
    assert done.returncode in {5, 6}, done.stderr
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1
    check_no_parquet(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_export_leaves_no_parquet(number: signal.Signals, status: int, tmp_path: Path) -> None:
    (tmp_path / "big.csv").write_bytes(HEADER + LINE * 3_000_000)
    out = tmp_path / "big.parquet"
    with (
        out.open("wb") as file,
        subprocess.Popen([COMMAND, "export", "big.csv", "--format", "parquet"], cwd=tmp_path, stdout=file) as process,
    ):
        while out.stat().st_size < 100:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) == status
    check_no_parquet(out.read_bytes())
