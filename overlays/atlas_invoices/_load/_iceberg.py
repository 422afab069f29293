"""The target `iceberg:CATALOG.NAMESPACE.TABLE`: an Iceberg table of lines. Needs the extra `iceberg`.

pyiceberg finds the catalog: in `.pyiceberg.yaml`, `PYICEBERG_CATALOG__<NAME>__…` or the storage options. Each invoice
is one commit, which a reader sees wholly or not at all. Files of a run that was killed before its commit stay in
storage, where no reader looks. Of two runs that write at once, pyiceberg tries one's commit again, unless both write
the same invoice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import ClassVar

import pyarrow as pa
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.expressions import EqualTo

from atlas_invoices._errors import ConfigError

from ._rows import WIDE_LINES, InvoiceRows
from ._schema import STORED_WITH_LINES, check_ours


class IcebergTarget:
    """An open table; it and its namespace are created if they don't exist."""

    conflicts: ClassVar = (CommitFailedException, ValidationException)

    def __init__(
        self, place: str, options: Mapping[str, str], _lock_timeout: float, _on_progress: Callable[[str], None]
    ) -> None:
        name, _, identifier = place.partition(".")
        namespace, _, table = identifier.rpartition(".")
        if not (name and namespace and table):
            raise ConfigError(f"iceberg:{place} isn't a target: write iceberg:CATALOG.NAMESPACE.TABLE")
        catalog = load_catalog(name, **options)
        catalog.create_namespace_if_not_exists(namespace)
        self._table = catalog.create_table_if_not_exists(identifier, WIDE_LINES)
        found = self._table.schema().column_names
        check_ours(found, identifier)
        if not set(WIDE_LINES.names) <= set(found):
            with self._table.update_schema() as update:
                update.union_by_name(WIDE_LINES)

    def stored(self) -> dict[str, dict[str, object]]:
        """Return the facts about each invoice that is there, by its ID."""
        scan = self._table.scan(selected_fields=("invoice_id", *STORED_WITH_LINES))
        found: dict[str, dict[str, object]] = {}
        for batch in scan.to_arrow_batch_reader():
            distinct = pa.Table.from_batches([batch]).group_by(batch.schema.names).aggregate([])
            found.update((row.pop("invoice_id"), row) for row in distinct.to_pylist())
        return found

    def replace(self, invoice: InvoiceRows) -> None:
        """Write an invoice and remove its earlier lines, in one commit."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Delete operation did not match any records", UserWarning)
            mine = EqualTo("invoice_id", invoice.invoice_id)  # type: ignore[call-arg, arg-type] # mypy sees pydantic's signature
            self._table.overwrite(invoice.wide_reader(), mine)

    def close(self) -> None:
        """Do nothing: an Iceberg table isn't held open."""
