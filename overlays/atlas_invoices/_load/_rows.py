"""The rows of one invoice, read while a table takes them, and its row of `invoices` after the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from atlas_invoices._csv import CREDIT_SKU, EXACT, Decimals, OpenInvoice
from atlas_invoices._csv._arrow import pc
from atlas_invoices._csv._arrow_tables import read_fixed
from atlas_invoices._focus._numbers import DiscountVoters

from ._schema import INVOICES, LINES, PRECISION, SCALE, STORED_WITH_LINES, Type

_TYPES: dict[Type, pa.DataType] = {
    Type.TEXT: pa.string(),
    Type.DAY: pa.date32(),
    Type.INTEGER: pa.int64(),
    Type.NUMBER: pa.decimal128(PRECISION, SCALE),
    Type.MAP: pa.map_(pa.string(), pa.string()),
}


def arrow_schema(columns: Mapping[str, Type]) -> pa.Schema:
    """Return columns as an Arrow schema."""
    return pa.schema([pa.field(name, _TYPES[kind]) for name, kind in columns.items()])


_LINES = arrow_schema(LINES)
WIDE_LINES = arrow_schema(LINES | STORED_WITH_LINES)


class InvoiceRows:
    """One invoice on its way into a table.

    `stored` is what tells later whether it has changed; see FACTS. `read_providers` returns `host_providers`.
    """

    def __init__(
        self,
        source: OpenInvoice,
        stored: Mapping[str, object],
        decimals: Decimals,
        read_providers: Callable[[], Mapping[str, str]],
    ) -> None:
        self.invoice_id = source.header.invoice_id or ""
        self.lines = 0
        self.amount = Decimal(0)
        self.credits = Decimal(0)
        # An engine may hide an error of its source, or show it as its own.
        self.failure: BaseException | None = None
        self._source = source
        self._stored = stored
        self._decimals = decimals
        self._read_providers = read_providers
        self._discounts = DiscountVoters()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the lines, with the columns of LINES."""
        try:
            for batch in read_fixed(self._source, _LINES, self._decimals):
                self._add(batch)
                yield batch
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failure = error
            raise

    def wide_reader(self) -> pa.RecordBatchReader:
        """Return a reader of the lines with the columns of STORED_WITH_LINES."""
        return pa.RecordBatchReader.from_batches(WIDE_LINES, map(self._widen, self.batches()))

    def _widen(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        values = [self._stored.get(name) for name in STORED_WITH_LINES]
        added = [pa.repeat(pa.scalar(value, pa.string()), batch.num_rows) for value in values]
        return pa.RecordBatch.from_arrays([*batch.columns, *added], schema=WIDE_LINES)

    def _add(self, batch: pa.RecordBatch) -> None:
        self.lines += batch.num_rows
        self._discounts.add(batch)
        amounts: Any = batch.column("amount")
        credits_ = amounts.filter(pc.equal(batch.column("sku"), CREDIT_SKU))
        self.amount = EXACT.add(self.amount, pc.sum(amounts).as_py() or 0)
        self.credits = EXACT.add(self.credits, pc.sum(credits_).as_py() or 0)

    def row(self) -> dict[str, object]:
        """Return the row of INVOICES; call it after the last batch."""
        header = self._source.header
        providers = self._read_providers()
        own = {
            "lines": self.lines,
            "amount": self.amount,
            "credits": self.credits,
            "discount_unit": self._discounts.unit,
            # DuckDB's form of a map.
            "host_providers": {"key": list(providers), "value": list(providers.values())},
        }
        return {name: self._stored.get(name, own.get(name, getattr(header, name, None))) for name in INVOICES}
