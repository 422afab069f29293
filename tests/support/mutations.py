"""Seeded mutations for fuzz tests, and how many cases a run has.

`ATLAS_INVOICES_FUZZ=20000` sets the number of cases, `ATLAS_INVOICES_FUZZ_SEED` another seed, and
`ATLAS_INVOICES_FUZZ_CASE` runs a single case, which a failure names.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Iterator
from typing import Any

SEED = int(os.environ.get("ATLAS_INVOICES_FUZZ_SEED", "1"))

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**30, -(10**30), 1e400, float("nan"), 1.5, "", " ", "text", "\u00e4\u20ac",
    "\ud800", "\0", "0",
    "2024-06-01T00:00:00Z", "9999-12-31T24:00:00Z", "0000-00-00", "1e999999", "-1", "0.1", "x" * 3000, [], {}, [None],
    [[]], [{}],
    {"a": None}, {"": ""}, [1, "x", None],
)  # fmt: skip


def cases(default: int) -> Iterator[tuple[int, random.Random]]:
    """The number of each case, and what makes its choices."""
    only = os.environ.get("ATLAS_INVOICES_FUZZ_CASE")
    numbers = [int(only)] if only else range(int(os.environ.get("ATLAS_INVOICES_FUZZ", default)))
    for number in numbers:
        yield number, random.Random(f"{SEED}-{number}")  # noqa: S311 - chooses test data


def mutate_json(choose: random.Random, document: Any) -> bytes:
    """The document with some of its values, names or lists changed."""
    document = copy.deepcopy(document)
    for _ in range(choose.randint(1, 3)):
        holder, key = choose.choice(list(_places(document)) or [({}, "x")])
        change = choose.randrange(5)
        if change == 0:
            del holder[key]
        elif change == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(choose.choice(holder)))
        elif change == 2 and isinstance(holder, dict):
            holder[choose.choice([str(key).upper(), "to_dict", "__class__", "", "links"])] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(choose.choice(VALUES))
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(pairs):
        yield document, key
        yield from _places(value)


PIECES = (
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"'", b"{", b"[", b"]", b"}",
    b"<html>", b"\x1f\x8b",
    b"9" * 40, b"-", b"NaN", b"1e9", b" ", b"\t", b"Credit", b"Invoice Number,", b"Date,Usage Date,SKU\n", b",,,\n",
    b'"\n', b"13/45/2024",
    b"1,234.56", b"$5", b"null", "\u20ac".encode(), b"=1+1", b"#REF!", b";",
)  # fmt: skip


def mutate_bytes(choose: random.Random, data: bytes) -> bytes:
    """The data with pieces cut, doubled, moved, overwritten or put in."""
    for _ in range(choose.randint(1, 3)):
        begin = choose.randint(0, len(data))
        end = min(len(data), begin + choose.choice([0, 1, 1, 2, 5, 30, 300]))
        change = choose.randrange(5)
        if change == 0:
            data = data[:begin] + data[end:]
        elif change == 1:
            data = data[:end] + data[begin:]
        elif change == 2:
            data = data[:begin]
        elif change == 3:
            at = choose.randint(0, len(data))
            data = data[:at] + data[begin:end] + data[at:]
        else:
            data = data[:begin] + choose.choice(PIECES) + data[choose.choice([begin, end]) :]
    return data
