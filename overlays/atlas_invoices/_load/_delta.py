"""The target `delta:URI`: a Delta Lake table of lines. Needs the extra `delta`.

Each invoice is one commit of delta-rs, which a reader sees wholly or not at all. Files of a run that was killed before
its commit stay beside the table, where no reader looks; `VACUUM` deletes them. Of two runs that write the same invoice
at once, delta-rs refuses the second one's commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.schema import Schema

from atlas_invoices._errors import LoadError

from ._rows import WIDE_LINES, InvoiceRows
from ._schema import STORED_WITH_LINES, check_ours


class DeltaTarget:
    """An open table; it's created if it doesn't exist."""

    conflicts: ClassVar = (CommitFailedError,)

    def __init__(
        self, uri: str, options: Mapping[str, str], _lock_timeout: float, _on_progress: Callable[[str], None]
    ) -> None:
        self._table = DeltaTable.create(uri, WIDE_LINES, mode="ignore", storage_options=dict(options))
        schema: Any = self._table.schema()
        found = pa.schema(schema.to_arrow())
        for name in set(found.names) & set(WIDE_LINES.names):
            kind, expected = found.field(name).type, WIDE_LINES.field(name).type
            if kind != expected:
                raise LoadError(f"{name} is {kind} in {uri}, not {expected}; load into another table")
        check_ours(found.names, uri)
        missing = [field for field in WIDE_LINES if field.name not in found.names]
        if missing:
            self._table.alter.add_columns(list(Schema.from_arrow(pa.schema(missing)).fields))

    def stored(self) -> dict[str, dict[str, object]]:
        """Return the facts about each invoice that is there, by its ID."""
        names = ("invoice_id", *STORED_WITH_LINES)
        query = f"SELECT DISTINCT {', '.join(names)} FROM lines"  # noqa: S608 - these are our own names
        rows: Any = QueryBuilder().register("lines", self._table).execute(query).read_all()
        return {row.pop("invoice_id"): row for row in pa.table(rows).to_pylist()}

    def replace(self, invoice: InvoiceRows) -> None:
        """Write an invoice and remove its earlier lines, in one commit."""
        literal = invoice.invoice_id.replace("'", "''")
        write_deltalake(
            self._table,
            invoice.wide_reader(),
            mode="overwrite",
            predicate=f"invoice_id = '{literal}'",
            # The table may have columns that aren't ours.
            schema_mode="merge",
        )

    def close(self) -> None:
        """Do nothing: a Delta table isn't held open."""
