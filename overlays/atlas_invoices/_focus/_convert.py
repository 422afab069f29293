"""Lines of invoices as rows of FOCUS, batch by batch. The mapping, column by column, is in `Converter._columns`.

FOCUS (focus.finops.org) defines the columns; where MongoDB's own report has the same fact, it's in the same column.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from atlas_invoices._csv import CURRENCY, DEFAULT_CURRENCY, currency_code
from atlas_invoices._csv._arrow import TEXT, ArrowArray, nulls, pc, scalar
from atlas_invoices._csv._arrow_numbers import Digits
from atlas_invoices._csv._arrow_tables import Rows, repeat
from atlas_invoices._csv._invoices import OpenInvoice
from atlas_invoices._errors import InvoiceFormatError

from ._columns import (
    AMOUNTS,
    BY_CATEGORY,
    CONSTANTS,
    FIELDS,
    NUMBERS,
    TAX_DESCRIPTION,
    TIMES,
    USAGE_FIELDS,
    column_names,
    focus_unit,
    host_of,
)
from ._facts import InvoiceFacts
from ._numbers import (
    TIME,
    VOTING,
    DiscountVoters,
    Number,
    column_type,
    discount_factor,
    factor_digits,
    fit,
    product,
    texts_of,
    times,
    zero,
)
from ._sums import FocusSums, is_credit, is_true

_CENTS = Decimal("0.01")
_DAY: Any = pa.date32()
# A column for each field: all columns of a field have one type.
_COLUMN_OF = {field: name for name, field in (FIELDS | USAGE_FIELDS).items()}


class Converter:
    """Turns the rows of invoices into FOCUS, and adds them up.

    Args:
        sources: the invoices.
        rows: their lines, in the same order.
        facts: what is known of each invoice's JSON, by ID.
        version: of FOCUS.
        issuer: InvoiceIssuerName.
    """

    def __init__(
        self,
        sources: Sequence[OpenInvoice],
        rows: Rows,
        facts: Mapping[str, InvoiceFacts],
        *,
        version: str,
        issuer: str,
    ) -> None:
        self._sources = sources
        self._rows = rows
        self._facts = facts
        self._issuer = issuer
        self._names = column_names(version)
        self._repeats: dict[tuple[str | None, pa.DataType], ArrowArray] = {}
        self.sums = FocusSums()
        self._discount_is_percent = self._find_discount_unit()
        self.schema = self._find_schema()

    def batches(self) -> Iterator[tuple[OpenInvoice, pa.RecordBatch]]:
        """Yield the rows of each invoice in turn, its tax last."""
        # An invoice without lines has no batch, but may have tax.
        left = deque(self._sources)
        for source, batch in self._rows.batches():
            while left[0] is not source:
                yield from self._tax(left.popleft())
            if batch.num_rows:
                yield source, self._convert(source, batch)
        for source in left:
            yield from self._tax(source)
        self.sums.rounded = {name: count for name, count in self._rounded.items() if count}

    def _find_discount_unit(self) -> bool | None:
        if self._rows.digits["discount_percent"] == Digits():
            return None
        voters = DiscountVoters()
        for batch in self._rows.columns(VOTING):
            if not voters.add(batch):
                break
        return None if voters.unit is None else voters.unit == "percent"

    def _find_schema(self) -> pa.Schema:
        digits = self._rows.digits
        price, quantity, discount = digits["unit_price"], digits["quantity"], digits["discount_percent"]
        taxes = [abs(each.cents("salesTaxCents") or 0) for each in self._facts.values()]
        amount = digits["amount"].union(Digits(len(str(max(taxes, default=0) // 100)), 2))
        contracted = price
        if self._discount_is_percent is not None:
            contracted = product(price, factor_digits(discount, is_percent=self._discount_is_percent))
        known = {
            **dict.fromkeys(AMOUNTS, amount),
            "ListCost": product(price, quantity).union(amount),
            "ContractedCost": product(contracted, quantity).union(amount),
            "ContractedUnitPrice": contracted,
            "PricingCurrencyContractedUnitPrice": contracted,
            **{name: digits[field] for name, field in (FIELDS | USAGE_FIELDS).items() if field in digits},
        }
        self._rounded: Counter[str] = Counter()
        types: dict[str, pa.DataType] = {name: column_type(known.get(name, Digits())) for name in NUMBERS}
        types |= dict.fromkeys(TIMES, TIME) | {"x_LineNumber": pa.int64()}
        return pa.schema([pa.field(name, types.get(name, TEXT)) for name in self._names])

    def _convert(self, source: OpenInvoice, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = self._columns(source, batch)
        currency = columns["BillingCurrency"] if CURRENCY in source.invoice.columns else None
        self.sums.add_lines(source, columns["BilledCost"], batch["sku"], currency)
        return self._batch(columns, batch.num_rows)

    def _batch(self, columns: Mapping[str, ArrowArray | str | None], rows: int) -> pa.RecordBatch:
        arrays = []
        for column in self.schema:
            value = columns.get(column.name)
            if value is None or isinstance(value, str):
                value = self._repeated(value, column.type, rows)
            arrays.append(value)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _repeated(self, value: str | None, kind: pa.DataType, rows: int) -> ArrowArray:
        """Return a column of one value: a part of a longer one, which is made once."""
        known = self._repeats.get((value, kind))
        if known is None or len(known) < rows:
            known = self._repeats[value, kind] = repeat(value, kind, rows)
        return known[:rows]

    def _columns(self, source: OpenInvoice, batch: pa.RecordBatch) -> dict[str, Any]:
        """Return the columns that aren't null, an array or one text for all rows."""
        rows = batch.num_rows
        sku, cluster, project = batch["sku"], batch["cluster"], batch["project_id"]
        facts = self._facts_of(source)
        columns = self._of_invoice(source, rows)
        credit = is_credit(sku)
        some = pc.any(credit).as_py()

        def usage(value: ArrowArray | str, otherwise: Any = None) -> ArrowArray:  # noqa: ANN401 - an array or a text
            if not some:
                return value
            kind = TEXT if isinstance(value, str) else value.type
            if otherwise is None or isinstance(otherwise, str):
                otherwise = scalar(otherwise, TEXT) if otherwise else nulls(1, kind)[0]
            return pc.if_else(credit, otherwise, scalar(value, TEXT) if isinstance(value, str) else value)

        amount = self._fit("BilledCost", Number(batch["amount"], self._rows.digits["amount"]))
        amount = amount.fill_null(zero(amount)) if amount.null_count else amount
        self.sums.without_amount += batch["amount"].null_count
        contracted = self._contracted_price(batch)
        contracted_price = usage(self._fit("ContractedUnitPrice", contracted))
        for name, price in (("ListCost", self._number(batch, "unit_price")), ("ContractedCost", contracted)):
            cost = self._fit(name, times(price, self._number(batch, "quantity")))
            if some or cost.null_count:
                as_cost = amount.cast(cost.type)
                cost = usage(pc.coalesce(cost, as_cost), as_cost)
            columns[name] = cost
        of_usage = {field: usage(self._field(batch, field)) for field in set(USAGE_FIELDS.values())}
        unit = usage(self._mapped(batch["unit"], self._unit))
        resource = pc.if_else(
            cluster.is_valid(), _joined([project.fill_null(scalar("", TEXT)), "/", cluster]), nulls(1, TEXT)[0]
        )
        days = batch["usage_date"]
        start, end = _time(days), _time(_next(days))
        if days.null_count:
            start, end = (
                pc.coalesce(start, columns["BillingPeriodStart"]),
                pc.coalesce(end, columns["BillingPeriodEnd"]),
            )
        account: ArrowArray = batch["organization_id"]
        if account.null_count:
            own = source.header.organization_id or (facts and facts.text("orgId"))
            account = account.fill_null(scalar(own, TEXT)) if own else account
            self.sums.without_account += account.null_count
        account_name: ArrowArray = batch["organization_name"]
        if account_name.null_count and source.header.organization_name:
            account_name = account_name.fill_null(scalar(source.header.organization_name, TEXT))
        columns |= {
            **dict.fromkeys(AMOUNTS, amount),
            **{name: self._field(batch, field) for name, field in FIELDS.items()},
            **{name: of_usage[field] for name, field in USAGE_FIELDS.items()},
            **{name: usage(*texts[:2]) for name, texts in BY_CATEGORY.items()},
            "ContractedUnitPrice": contracted_price,
            "PricingCurrencyContractedUnitPrice": contracted_price,
            "BillingAccountId": account,
            "BillingAccountName": account_name,
            "PricingUnit": unit,
            "ConsumedUnit": unit,
            "ChargePeriodStart": start,
            "ChargePeriodEnd": end,
            "ChargeDescription": pc.coalesce(batch["description"], sku),
            "ResourceId": resource,
            "ResourceType": _where(cluster, "Cluster"),
            "SubAccountName": _only(batch["project"], project),
            "SubAccountType": _where(project, "Project"),
            "Tags": _tags(batch["tags"]),
            "x_BilledDateEnd": _time(batch["date"]),
        }
        if CURRENCY in source.invoice.columns:
            stated = self._mapped(pc.map_lookup(batch["extra"], CURRENCY, "first"), currency_code)
            stated = stated.fill_null(scalar(DEFAULT_CURRENCY, TEXT))
            columns |= {"BillingCurrency": stated, "PricingCurrency": stated}
        if "HostProviderName" in self._names:
            host = self._mapped(sku, host_of)
            if facts and facts.providers:
                host = pc.coalesce(self._mapped(resource, facts.providers.get), host)
            columns["HostProviderName"] = host
        return columns

    def _contracted_price(self, batch: pa.RecordBatch) -> Number:
        """Return the prices less the discounts; null where it's unknown whether a discount is a percentage."""
        price, discount = self._number(batch, "unit_price"), self._number(batch, "discount_percent")
        has_discount = is_true(pc.not_equal(discount.values, zero(discount.values)))
        if not pc.any(has_discount).as_py():
            return price
        if self._discount_is_percent is None:
            self.sums.unknown_discounts += pc.sum(has_discount).as_py()
            return Number(pc.if_else(has_discount, nulls(1, price.values.type)[0], price.values), price.digits)
        known = Number(discount.values.fill_null(zero(discount.values)), discount.digits)
        return times(price, discount_factor(known, is_percent=self._discount_is_percent))

    def _number(self, batch: pa.RecordBatch, field: str) -> Number:
        return Number(batch[field], self._rows.digits[field])

    def _field(self, batch: pa.RecordBatch, field: str) -> ArrowArray:
        """Return a field as its columns have it."""
        if field not in self._rows.digits:
            return batch[field]
        return self._fit(_COLUMN_OF[field], self._number(batch, field))

    def _fit(self, name: str, number: Number) -> ArrowArray:
        return fit(name, number, self.schema.field(name).type, self._rounded)

    def _of_invoice(self, source: OpenInvoice, rows: int) -> dict[str, Any]:
        """Return the columns that are the same in all rows of an invoice."""
        start, end = self.period(source)
        facts = self._facts_of(source)
        return {
            "BillingCurrency": DEFAULT_CURRENCY,
            "PricingCurrency": DEFAULT_CURRENCY,
            **CONSTANTS,
            "BillingPeriodStart": _time(repeat(start, _DAY, rows)),
            "BillingPeriodEnd": _time(repeat(end, _DAY, rows)),
            "InvoiceId": source.header.invoice_id or (facts and facts.id),
            "InvoiceIssuerName": self._issuer,
        }

    def period(self, source: OpenInvoice) -> tuple[dt.date, dt.date]:
        """Return an invoice's billing period, its end exclusive; an InvoiceFormatError if it isn't known."""
        header, facts = source.header, self._facts_of(source)
        start, end = header.period_start, header.period_end
        if facts and not (start and end):
            start, end = facts.day("startDate"), facts.day("endDate")
        if not (start and end):
            name = f"{source.name}: " if source.name else ""
            raise InvoiceFormatError(
                f"{name}the CSV has no Billing Period above its header row, which FOCUS needs; download it again, or "
                "pass the invoice's JSON too"
            )
        return start, end

    def _facts_of(self, source: OpenInvoice) -> InvoiceFacts | None:
        return self._facts.get((source.header.invoice_id or "").lower())

    def _tax(self, source: OpenInvoice) -> Iterator[tuple[OpenInvoice, pa.RecordBatch]]:
        """Yield the row for sales tax, which only the JSON has."""
        facts = self._facts_of(source)
        self.sums.add_invoice(source, facts)
        cents = facts.cents("salesTaxCents") if facts else None
        if not facts or not cents:
            return
        cost = Decimal(cents) * _CENTS
        columns = self._of_invoice(source, 1)
        columns |= {
            name: pa.array([cost], self.schema.field(name).type) for name in (*AMOUNTS, "ListCost", "ContractedCost")
        }
        columns |= {
            "BillingAccountId": source.header.organization_id or facts.text("orgId"),
            "BillingAccountName": source.header.organization_name,
            "ChargePeriodStart": columns["BillingPeriodStart"],
            "ChargePeriodEnd": columns["BillingPeriodEnd"],
            **{name: tax for name, (_, _, tax) in BY_CATEGORY.items()},
            "ChargeDescription": TAX_DESCRIPTION,
        }
        self.sums.add_tax(source, cost)
        yield source, self._batch(columns, 1)

    def _unit(self, unit: str) -> str:
        known = focus_unit(unit)
        if known is None:
            self.sums.unknown_units.add(unit)
        return known or unit

    def _mapped(self, texts: ArrowArray, function: Callable[[str], str | None]) -> ArrowArray:
        """Return the texts with a function applied, once to each different one."""
        coded = texts.dictionary_encode()
        return texts_of(map(function, coded.dictionary.to_pylist())).take(coded.indices)


def _time(days: ArrowArray) -> ArrowArray:
    return days.cast(pa.timestamp("us")).cast(TIME)


def _next(days: ArrowArray) -> ArrowArray:
    return pc.add(days.cast(pa.int32()), scalar(1, pa.int32())).cast(_DAY)


def _joined(parts: list[ArrowArray | str]) -> ArrowArray:
    return pc.binary_join_element_wise(
        *[scalar(part, TEXT) if isinstance(part, str) else part for part in [*parts, ""]]
    )


def _where(present: ArrowArray, text: str) -> ArrowArray | str:
    return _only(scalar(text, TEXT), present) if present.null_count else text


def _only(value: Any, present: ArrowArray) -> ArrowArray:  # noqa: ANN401 - an array or a scalar
    """Return the value where another column isn't null: FOCUS allows no name or type without an ID."""
    return pc.if_else(present.is_valid(), value, nulls(1, TEXT)[0])


_quote = json.JSONEncoder(ensure_ascii=False).encode


def _tags(tags: ArrowArray) -> ArrowArray:
    """Return each row's tags as a JSON object, null where there are none."""
    if not len(tags.keys):
        return nulls(len(tags), TEXT)
    parts = []
    for column in (tags.keys, tags.items):
        coded = column.dictionary_encode()
        parts.append(texts_of(map(_quote, coded.dictionary.to_pylist())).take(coded.indices))
    pairs = pc.binary_join_element_wise(*parts, scalar(":", TEXT))
    lists = pa.ListArray.from_arrays(tags.offsets, pairs)
    inner = pc.binary_join(lists, scalar(",", TEXT))
    return pc.if_else(pc.equal(inner, scalar("", TEXT)), nulls(1, TEXT)[0], _joined(["{", inner, "}"]))
