"""Blank lines without end cost no memory, whatever reads them."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

HEADER = "Date,Usage Date,SKU,Amount\\n"
ROW = "07/01/2024,06/15/2024,Atlas,1.25\\n"
# Reads an invoice with so many blank lines after its first line; prints the result, and how far the peak rose, in MB.
# The peak is VmHWM, because ru_maxrss begins with that of the process which started this one.
PROGRAM = f"""
import sys
import atlas_invoices as ai
ai.to_arrow(b"{HEADER}{ROW}")
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
def pieces():
    yield b"{HEADER}{ROW}"
    for _ in range(int(sys.argv[1]) // 20_000):
        yield sys.argv[2].encode().decode("unicode_escape").encode() * 20_000
    yield b"{ROW}"
before = peak()
result = {{read}}
print(result, (peak() - before) // 1024)
"""
READ = {
    "to_arrow": "sum(ai.to_arrow(pieces()).column('amount').to_pylist())",
    "summarize": "ai.summarize(pieces(), by=['sku']).total",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from Linux's /proc")
@pytest.mark.parametrize("blank", ["\\n", "\\r\\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("how", READ)
def test_blank_lines_take_no_memory(how: str, blank: str) -> None:
    """Each took some 200 bytes, 80 MB in all.

    A small file is read first, so that pyarrow's own memory isn't counted.
    """
    program = PROGRAM.format(read=READ[how])
    done = subprocess.run(
        [sys.executable, "-c", program, "400000", blank], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    total, megabytes = done.stdout.split()
    assert Decimal(total) == Decimal("2.5")
    assert int(megabytes) < 50
