"""Compare an invoice's CSV with its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlas_invoices._csv import InvoiceCsv, missing_amount, read_csv
from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._utils import pluralize, single_line, text_or_none

from ._amounts import linked_invoices, utc_day, validate_invoice
from ._csv_side import CsvSide
from ._interpretations import OPEN_END, best_interpretation, line_rounding, sku_differences
from ._invoice_side import invoice_totals, line_matches, stated_sums
from ._line_report import line_differences
from ._reconciliation import Difference, Reconciliation
from ._totals import compare_totals

if TYPE_CHECKING:
    from atlas_invoices._csv import InvoiceHeader
    from atlas_invoices._csv._parser import SyncState
    from atlas_invoices._csv._sources import Source
    from atlas_invoices_client.models import BillingInvoice

    from ._line_match import LineMatch
    from ._reconciliation import DifferenceKind


def header_differences(header: InvoiceHeader, invoice: BillingInvoice, notes: list[str]) -> list[Difference]:
    """Return what the two say differently; what one of them doesn't say is added to `notes`."""
    differences: list[Difference] = []
    pairs: tuple[tuple[DifferenceKind, str, str | None, str | None], ...] = (
        ("invoice_id", "invoice ID", header.invoice_id, text_or_none(invoice.id)),
        ("organization_id", "organization ID", header.organization_id, text_or_none(invoice.org_id)),
    )
    for kind, what, ours, theirs in pairs:
        if ours is None or theirs is None:
            notes.append(f"{what} not compared: the {'CSV' if ours is None else 'invoice'} has none")
        elif ours.lower() != theirs.lower():
            differences.append(
                Difference(
                    kind=kind,
                    csv=ours,
                    invoice=theirs,
                    message=f"{what}: {single_line(ours, 60)} in the CSV, {single_line(theirs, 60)} in the invoice; "
                    "are these two the same invoice?",
                )
            )
    return differences + _period_differences(header, invoice, notes)


def _period_differences(header: InvoiceHeader, invoice: BillingInvoice, notes: list[str]) -> list[Difference]:
    start, end = header.period_start, header.period_end
    first, last = utc_day(invoice.start_date), utc_day(invoice.end_date)
    if start is None or end is None or first is None or last is None:
        notes.append(f"period not compared: the {'CSV' if start is None or end is None else 'invoice'} has none")
        return []
    # The CSV's end is the first day after the period; the invoice's is a moment, which may be the period's last second.
    if start == first and (end - last).days in {0, 1}:
        return []
    ours, theirs = f"{start} to {end}", f"{first} to {last}"
    return [
        Difference(
            kind="period",
            csv=ours,
            invoice=theirs,
            message=f"billing period: {ours} in the CSV, {theirs} in the invoice",
        )
    ]


_NOTHING_TO_COMPARE = Difference(
    kind="nothing_to_compare",
    message="the invoice has no lineItems, no subtotalCents and no amountBilledCents, so there was nothing to compare "
    "the CSV with",
)


def reconcile(csv: Source | InvoiceCsv, invoice: BillingInvoice) -> Reconciliation:
    """Compare an invoice's CSV with the invoice itself, to the cent.

    Compared are the header (invoice, organization, period), every line with the invoice's `lineItems`, the sums by
    project, the sums by SKU for names that both sides use (the CSV has text for people, the JSON often codes), and the
    CSV's sums with `subtotalCents`, `creditsCents` and, `salesTaxCents` included, `amountBilledCents`. The two sides
    share no line IDs, so lines are matched by project, amount and day. What isn't documented is read in the way that
    fits this invoice, and `notes` say which way that was. Fractions of a cent that round to the invoice's whole cents,
    be it line by line or sum by sum, are told apart in `rounding` and don't break the match.

    That lines stand on another day than their items, have other tags, or that all credits have the opposite sign is no
    difference, but one of `warnings`. Amounts of a project that changed places between its days, quantities, prices or
    clusters are a difference.

    An invoice with neither line items nor `subtotalCents` nor `amountBilledCents` can't be compared, and doesn't match.
    A CSV that can't be read to its end doesn't match: the reader's error becomes a difference, `unreadable` where there
    is no header, else `incomplete`. Nor does one whose last line has no line end, though `read_csv` reads it: it may be
    cut within a cell that shows in no sum (the API document's example ends with a line end). The CSV is read once, as a
    stream; no more of it is kept than sums, its credits, and what doesn't agree with the invoice at once: lines whose
    item isn't found by project, amount, day, tags, quantity, price and cluster, and amounts of exactly half a cent.

    Args:
        csv: anything `read_csv` takes, or what it returned.
        invoice: the invoice as `Client.get_invoice` returns it.

    Raises:
        TypeError: one of the two is something else, or they are the other way round.
        OSError: the file can't be opened.
        ConfigError: an `InvoiceCsv` that can be read once, and was.
        UnexpectedResponseError: the invoice's `lineItems` or `linkedInvoices` aren't lists of objects.
        IncompleteDownloadError, APIConnectionError: the body of a response ended early or broke off.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> csv = b"Date,Usage Date,SKU,Amount\\n06/02/2024,06/01/2024,Atlas M10 Instance,19.19\\n"
        >>> item = {"startDate": "2024-06-01T00:00:00Z", "sku": "NDS_AWS_INSTANCE_M10", "totalPriceCents": 1920}
        >>> result = reconcile(csv, BillingInvoice.from_dict({"lineItems": [item], "subtotalCents": 1920}))
        >>> result.matches
        False
        >>> result.differences[0].message
        "the CSV's lines sum to 19.19, the invoice's line items to 19.20: 0.01 too little in the CSV"

    """
    validate_invoice(invoice, "reconcile(csv, invoice)")
    notes: list[str] = []
    warnings: list[str] = []
    side = CsvSide()
    linked = linked_invoices(invoice, notes)
    stated = stated_sums(invoice, linked, notes)
    matches: list[LineMatch] = []
    header: InvoiceHeader | None = None
    trouble: InvoiceFormatError | None
    try:
        reading = (csv if isinstance(csv, InvoiceCsv) else read_csv(csv)).start_pass()
    except InvoiceFormatError as error:
        trouble = error
    else:
        header = reading.header
        matches = line_matches(invoice, linked, reading.columns, notes)
        trouble = _read(reading, side, matches)
    broken = [] if trouble is None else [_broken(trouble, header, side, matches)]
    differences = header_differences(header, invoice, notes) if header is not None else []
    rounding: list[Difference] = []
    match, result = best_interpretation(matches, notes, warnings)
    if not broken:
        if match is None and stated[0].subtotal is None and stated[0].billed is None:
            differences.append(_NOTHING_TO_COMPARE)
        if match is not None and result is not None:
            differences += line_differences(side, match, result)
            rounding += line_rounding(side, match, result)
            differences += sku_differences(side, match, notes)
        off, rounded = compare_totals(side, stated, notes)
        differences += off
        rounding += rounded
        if not reading.ends_line and all(difference.kind != "incomplete" for difference in differences):
            differences.insert(0, OPEN_END)
    if side.without_amount:
        lines = pluralize(side.without_amount, "line of the CSV has", "lines of the CSV have")
        notes.append(f"{lines} no amount, which is taken as 0")
    return Reconciliation(
        differences=(*broken, *differences),
        rounding=tuple(rounding),
        csv=side.totals,
        invoice=invoice_totals(stated[0], match),
        discount_unit=side.discounts.result(notes),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _read(reading: SyncState, side: CsvSide, matches: Sequence[LineMatch]) -> InvoiceFormatError | None:
    """Take in the whole CSV; return what keeps it from being read to its end."""
    try:
        side.read(reading.lines(), matches)
    except InvoiceFormatError as error:
        return error
    if reading.errors:
        return reading.errors[0]
    # Of an invoice without lines, a header row that was cut is all there is to see.
    return missing_amount(reading.layout)


def _broken(
    error: InvoiceFormatError, header: InvoiceHeader | None, side: CsvSide, matches: Sequence[LineMatch]
) -> Difference:
    if header is None:
        return Difference(kind="unreadable", message=f"the CSV can't be read: {error}")
    read = side.everything.lines
    items = len(matches[0].items) if matches else None
    of_items = "" if items is None else f" of the invoice's {items:,}"
    return Difference(
        kind="incomplete",
        key=str(error.line_number),
        csv=read,
        invoice=items,
        message=f"the CSV is not whole, {pluralize(read, 'line', 'lines')}{of_items} could be read: {error}",
    )
