"""The target `duckdb:PATH`: tables `invoice_lines` and `invoices`, and a view `focus`. Needs the extra `duckdb`."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb

from atlas_invoices._errors import LoadError
from atlas_invoices._focus._view import focus_view
from atlas_invoices._utils import warn

from ._schema import FACTS, INVOICES, LINES, PRECISION, SCALE, Type, check_ours

if TYPE_CHECKING:
    from ._rows import InvoiceRows

_TABLES = {"invoice_lines": LINES, "invoices": INVOICES}
_TYPES = {
    Type.TEXT: "VARCHAR",
    Type.DAY: "DATE",
    Type.INTEGER: "BIGINT",
    Type.NUMBER: f"DECIMAL({PRECISION},{SCALE})",
    Type.MAP: "MAP(VARCHAR, VARCHAR)",
}
# How DuckDB says that another process has the file open, on Linux and macOS, and on Windows.
_LOCKED = ("Could not set lock", "being used by another process")
# How it says that another transaction has written the same; its types are also those of a full disk.
_is_conflict = re.compile("conflict on|primary key", re.IGNORECASE).search
_POLL_SECONDS = 0.1
_VIEW_MARK = "Created by atlas-invoices load"


class _ConflictError(Exception):
    """Another transaction has written the same invoice."""


class DuckDBTarget:
    """An open database. It's locked against other processes until it's closed.

    Two loads in one process share the database; where both write the same invoice, DuckDB refuses the second one's
    transaction, because `invoices` has a primary key.
    """

    conflicts: ClassVar = (_ConflictError,)

    def __init__(
        self, path: str, options: Mapping[str, str], lock_timeout: float, on_progress: Callable[[str], None]
    ) -> None:
        self._path = path
        self._connection = self._connect(dict(options), lock_timeout, on_progress)
        try:
            # DuckDB doesn't answer Ctrl-C while it writes rows, five groups at once by default from 1.5 on.
            with suppress(duckdb.CatalogException):
                self._connection.execute("SET write_buffer_row_group_count = 1")
            with self._transaction():
                for name, columns in _TABLES.items():
                    self._create(name, columns)
            self._create_view()
        except BaseException:
            self.close()
            raise

    def _connect(
        self, options: dict[str, Any], lock_timeout: float, on_progress: Callable[[str], None]
    ) -> duckdb.DuckDBPyConnection:
        end = time.monotonic() + lock_timeout
        waiting = False
        while True:
            try:
                return duckdb.connect(self._path, config=options)
            except duckdb.IOException as error:
                if not any(mark in str(error) for mark in _LOCKED) or time.monotonic() >= end:
                    raise
            if not waiting:
                waiting = True
                on_progress(f"waiting up to {lock_timeout:g} s for {self._path}, which another process has open")
            time.sleep(_POLL_SECONDS)

    def _create(self, name: str, columns: Mapping[str, Type]) -> None:
        """Create a table, or add the columns that one of an earlier version lacks."""
        key = ", PRIMARY KEY (invoice_id)" if name == "invoices" else ""
        defined = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in columns.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({defined}{key})")
        found = {row[0]: row[1:] for row in self._connection.execute(f"DESCRIBE {name}").fetchall()}
        where = f"{name} in {self._path}"
        for column, kind in columns.items():
            if column in found and found[column][0] != _TYPES[kind]:
                what = f"{name}.{column} in {self._path} is {found[column][0]}, not {_TYPES[kind]}"
                raise LoadError(f"{what}; load into another database, or drop the table")
        check_ours(found, where)
        if key and found["invoice_id"][2] != "PRI":
            raise LoadError(f"{where} has no primary key invoice_id, so load didn't make it; choose another target")
        for column, kind in columns.items():
            if column not in found:
                self._connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {_TYPES[kind]}")

    def _create_view(self) -> None:
        """Create the view `focus`, or replace that of another version; one of the user's own is left alone."""
        query = focus_view()
        mark = f"{_VIEW_MARK} {hashlib.sha256(query.encode()).hexdigest()}"
        find = "SELECT comment FROM duckdb_{kind}s() WHERE {kind}_name = 'focus' AND schema_name = current_schema()"
        found = self._connection.execute(" UNION ALL ".join(find.format(kind=kind) for kind in ("table", "view")))
        comment = found.fetchone()
        if comment and not str(comment[0]).startswith(_VIEW_MARK):
            warn(f"{self._path} has something else called focus, so load's view focus wasn't created")
        elif comment != (mark,):
            with self._transaction():
                self._connection.execute(f"CREATE OR REPLACE VIEW focus AS {query}")
                self._connection.execute(f"COMMENT ON VIEW focus IS '{mark}'")

    def stored(self) -> dict[str, dict[str, object]]:
        """Return the facts about each invoice that is there, by its ID."""
        names = ("source_sha256", *FACTS)
        rows = self._connection.execute(f"SELECT invoice_id, {', '.join(names)} FROM invoices").fetchall()  # noqa: S608 - our own names
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def replace(self, invoice: InvoiceRows) -> None:
        """Write an invoice and remove its earlier lines, in one transaction."""
        with self._transaction():
            run = self._connection.execute
            run("DELETE FROM invoice_lines WHERE invoice_id = ?", [invoice.invoice_id])
            for batch in invoice.batches():
                self._connection.register("batch", batch)
                run("INSERT INTO invoice_lines BY NAME SELECT * FROM batch")
            row = invoice.row()
            marks = ", ".join("?" * len(row))
            run(f"INSERT OR REPLACE INTO invoices ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608 - our own names

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
            self._connection.commit()
        except BaseException as error:
            # After a commit that failed, DuckDB has rolled back already.
            with suppress(duckdb.TransactionException):
                self._connection.rollback()
            if str(error) == "Query interrupted":
                # A signal came while DuckDB was at work, which hides it.
                raise KeyboardInterrupt from error
            if isinstance(error, duckdb.Error) and _is_conflict(str(error)):
                raise _ConflictError from error
            raise

    def close(self) -> None:
        """Close the database, so that others can open it."""
        self._connection.close()
