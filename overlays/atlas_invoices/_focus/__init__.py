"""Invoices in FOCUS (FinOps Open Cost and Usage Specification), the table that cost tools exchange. Needs `arrow`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from atlas_invoices._csv import NamedSource, Sources, expand_sources, missing_amount, naming, open_all, require
from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import warn

from ._columns import MONGODB as MONGODB

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_invoices_client.models import BillingInvoice

    from ._convert import Converter
    from ._facts import InvoiceFacts

__all__ = ["to_focus"]


def to_focus(
    source: Sources,
    *,
    invoice: BillingInvoice | Iterable[BillingInvoice] | None = None,
    version: str = "1.2",
    issuer: str = MONGODB,
) -> pa.Table:
    """Return invoices in FOCUS as a `pyarrow.Table`: a row for each line, and one for an invoice's sales tax.

    BilledCost adds up to the invoice's `amountBilledCents`. It's in US dollars, the currency of the lines; what is paid
    may be in another one. Costs and prices are exact decimals, times are `timestamp[us, UTC]`, ends are exclusive,
    Tags are a JSON object. Our own columns begin with `x_`.

    Args:
        source: one invoice CSV, several, or a folder, as for `to_arrow`.
        invoice: the invoice as `Client.get_invoice` returns it, or several. Only it has the sales tax. By default, the
            JSON beside a CSV is used, such as `sync` keeps.
        version: of FOCUS, "1.2" or "1.3".
        issuer: InvoiceIssuerName, if you are billed by a marketplace.

    Warns (UserWarning) where FOCUS can't be met: no JSON, a prepaid invoice, an unknown unit, a discount of which it's
    unknown whether it is a percentage, products of more than 38 digits.

    Raises what `to_arrow` raises, InvoiceFormatError for a CSV without a billing period or without amounts, and
    ConfigError for another version or for an `invoice` that isn't among the sources.

    Example:
        >>> data = b'''Invoice Number,666acb8787ba43606905dcae,
        ... Billing Period,"June 1, 2024 - July 1, 2024",
        ... Organization ID,666acb8787ba43606905dcac,
        ...
        ... Date,Usage Date,SKU,Unit,Unit Price,Quantity,Amount
        ... 07/01/2024,06/30/2024,Atlas M10 Instance - AWS,server hours,0.08,24,1.92
        ... '''
        >>> json = {"id": "666acb8787ba43606905dcae", "salesTaxCents": 38, "amountBilledCents": 230}
        >>> table = to_focus(data, invoice=BillingInvoice.from_dict(json))
        >>> table.select(["ChargeCategory", "PricingUnit", "BilledCost"]).to_pylist()[0]
        {'ChargeCategory': 'Usage', 'PricingUnit': 'Hours', 'BilledCost': Decimal('1.92')}
        >>> table["BilledCost"].to_pylist()
        [Decimal('1.92'), Decimal('0.38')]
    """
    require("to_focus", "arrow", "pyarrow")
    import pyarrow as pa

    from ._facts import facts_of, read_facts  # noqa: PLC0415 - _money is slow to import

    sources = expand_sources(source)
    if invoice is None:
        facts = read_facts(json_files(sources))
    else:
        facts = {each.id: each for each in map(facts_of, invoice if isinstance(invoice, Iterable) else [invoice])}
    with open_focus(sources, facts, version=version, issuer=issuer, must_match=invoice is not None) as converter:
        table = pa.Table.from_batches([batch for _, batch in converter.batches()], converter.schema)
        for warning in converter.sums.warnings():
            warn(warning)
    return table


def json_files(sources: Iterable[NamedSource]) -> Iterator[Path]:
    """Yield the JSON files beside the CSVs."""
    for each in sources:
        if isinstance(each.source, (str, Path)):
            path = Path(each.source).with_suffix(".json")
            if path.is_file():
                yield path


def is_folder(output: str) -> bool:
    """Whether an output path names a folder: it is one, or ends in a separator."""
    return output.endswith((os.sep, "/")) or Path(output).is_dir()


@contextmanager
def open_focus(
    sources: Iterable[NamedSource],
    facts: Mapping[str, InvoiceFacts],
    *,
    version: str,
    issuer: str = MONGODB,
    must_match: bool = False,
) -> Iterator[Converter]:
    """Read all lines, which then wait in a temporary file; yield what converts them."""
    from atlas_invoices._csv._arrow_tables import read_rows  # noqa: PLC0415 - pyarrow is an extra

    from ._convert import Converter  # noqa: PLC0415 - pyarrow is an extra

    opened = open_all(tuple(sources))
    for each in opened:
        with naming(each.name):
            if without_amount := missing_amount(each.invoice.layout):
                raise without_amount
    if len(opened) == len(facts) == 1 and not opened[0].header.invoice_id:
        # A CSV that doesn't say which invoice it is.
        facts = {"": next(iter(facts.values()))}
    ids = {(each.header.invoice_id or "").lower() for each in opened}
    if must_match and (others := facts.keys() - ids):
        raise ConfigError(f"the CSVs don't include invoice {min(others)}, whose JSON was passed; leave it out")
    with read_rows(opened, "exact") as rows:
        yield Converter(opened, rows, facts, version=version, issuer=issuer)
