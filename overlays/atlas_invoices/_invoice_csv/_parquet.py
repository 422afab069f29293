"""Write an invoice as Parquet, so that what has failed on the way can't be read as one."""

from __future__ import annotations

import io
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet as pq

from ._arrow import arrow_schema, read_batches
from ._arrow_columns import UNCODED
from ._columns import COLUMNS, Kind

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from ._reader import Pass

# The stubs want a path or a pyarrow file here.
_parquet_writer: Any = pq.ParquetWriter
_BATCHES_IN_ROW_GROUP = 3
_GROUPS_BEFORE_RELEASE = 4
# Parquet dictionaries for all that repeats; trying one for the others costs time. Readers skip row groups by the days.
_CODED = [
    *(column.field for column in COLUMNS if column.name not in UNCODED),
    *(f"{field}.key_value.{part}" for field in ("tags", "extra") for part in ("key", "value")),
]
_WITH_STATISTICS = [column.field for column in COLUMNS if column.kind is Kind.DATE]


def write_parquet(reading: Pass, file: SupportsWrite[bytes]) -> None:
    """Write the batches as they come, some in one row group, because readers like them large.

    However the writer ends, and be it as garbage, pyarrow has it write the footer that makes a file of what is there.
    So it writes to memory, from which each row group goes on only when it's whole, and the footer behind the last line.
    """
    schema = arrow_schema(reading.header)
    held = io.BytesIO()
    with _parquet_writer(held, schema, use_dictionary=_CODED, write_statistics=_WITH_STATISTICS) as writer:
        batches = read_batches(reading)
        for number in count(1):
            group = list(islice(batches, _BATCHES_IN_ROW_GROUP))
            if not group:
                break
            writer.write_table(pa.Table.from_batches(group, schema).unify_dictionaries())
            # pyarrow keeps what each thread has freed, a good third of all it takes; giving it back takes time, too.
            del group
            _pass_on(held, file)
            if number % _GROUPS_BEFORE_RELEASE == 0:
                pa.default_memory_pool().release_unused()
    _pass_on(held, file)


def _pass_on(held: io.BytesIO, file: SupportsWrite[bytes]) -> None:
    file.write(held.getvalue())
    held.seek(0)
    held.truncate()
