"""MongoDB's own report on an invoice: CSV with the columns of FOCUS 1.3, read with exact numbers, in little memory."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from atlas_invoices._csv._arrow import TEXT, RefusedError
from atlas_invoices._csv._arrow_numbers import Digits, numbers
from atlas_invoices._errors import InvoiceFormatError

from ._columns import NUMBERS, TIMES
from ._numbers import TIME, column_type

# FOCUS's names of columns that have another one in the report.
_RENAMED = {"InvoiceIssuer": "InvoiceIssuerName"}
_NUMBERS = {*NUMBERS, "x_PricingCurrencyRate"}
_TIMES = {*TIMES, "x_BilledDateStart"}
_NEEDED = {"BillingPeriodStart", "ChargePeriodStart", "PricingCurrencyEffectiveCost", "BilledCost", "BillingCurrency"}


class ReportFile:
    """A saved report. Its columns are all there, as sent; numbers are decimals, times are times.

    Raises InvoiceFormatError for a file that isn't a report.
    """

    def __init__(self, path: Path, invoice_id: str) -> None:
        self.invoice_id = invoice_id
        self._path = path
        with path.open(encoding="utf-8-sig", newline="") as file:
            self._header = next(csv.reader(file), [])
        if missing := _NEEDED - set(self._header):
            raise self._error(f"lacks the column {min(missing)}")
        self.digits: dict[str, Digits] = defaultdict(Digits)
        for batch in self._texts():
            for name in _NUMBERS & set(batch.schema.names):
                self.digits[name] = self.digits[name].union(self._number(name, batch[name])[1])

    @property
    def names(self) -> list[str]:
        """The columns, by FOCUS's names."""
        return [_RENAMED.get(name, name) for name in self._header]

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the types of `report_schema`; a column that this report lacks is null."""
        for batch in self._texts():
            arrays: list[Any] = []
            for field in schema:
                if field.name not in batch.schema.names:
                    arrays.append(pa.nulls(batch.num_rows, field.type))
                    continue
                texts: Any = batch[field.name]
                try:
                    values = self._number(field.name, texts)[0] if field.name in _NUMBERS else texts
                    arrays.append(values.cast(field.type))
                except pa.ArrowInvalid as error:
                    raise self._error(f"has a value in {field.name} that can't be read") from error
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _number(self, name: str, texts: Any) -> tuple[Any, Digits]:  # noqa: ANN401 - arrays
        try:
            return numbers(texts)
        except RefusedError as error:
            raise self._error(f"has text that isn't a number in {name}") from error

    def _texts(self) -> Iterator[pa.RecordBatch]:
        options = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(self._header, TEXT), null_values=[""], strings_can_be_null=True
        )
        parse = arrow_csv.ParseOptions(newlines_in_values=True)
        try:
            with arrow_csv.open_csv(self._path, parse_options=parse, convert_options=options) as reader:
                for batch in reader:
                    yield pa.RecordBatch.from_arrays(batch.columns, names=self.names)
        except pa.ArrowInvalid as error:
            raise self._error(f"can't be read: {error}") from error

    def _error(self, what: str) -> InvoiceFormatError:
        return InvoiceFormatError(f"MongoDB's report on invoice {self.invoice_id} {what}; use the lines (--from lines)")


def report_schema(reports: list[ReportFile]) -> pa.Schema:
    """Return the schema of several reports: the columns of all, with decimals that hold the numbers of all."""
    fields = []
    for name in dict.fromkeys(name for report in reports for name in report.names):
        digits = Digits()
        for report in reports:
            digits = digits.union(report.digits[name])
        kind = column_type(digits) if name in _NUMBERS else TIME if name in _TIMES else TEXT
        fields.append(pa.field(name, kind))
    return pa.schema(fields)
