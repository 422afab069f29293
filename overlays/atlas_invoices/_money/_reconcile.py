"""Compares an invoice's CSV with the invoice itself."""

from __future__ import annotations

from atlas_invoices._csv import InvoiceCsv, InvoiceHeader, Source, missing_amount, read_csv
from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._utils import pluralize, single_line, text_or_none
from atlas_invoices_client.models import BillingInvoice

from ._amounts import linked_invoices, utc_day, validate_invoice
from ._csv_side import CsvSide
from ._invoice_side import best_interpretation, interpretations, invoice_totals, stated_sums
from ._line_match import LineMatcher
from ._line_report import line_differences, line_rounding, sku_differences
from ._reconciliation import Difference, DifferenceKind, Reconciliation
from ._totals import compare_totals

_NOTHING_TO_COMPARE = Difference(
    kind="nothing_to_compare",
    message="nothing to compare the CSV with: the invoice has no lineItems, subtotalCents or amountBilledCents",
)
# Even if everything that can be read agrees, a digit or a cell that no sum shows may be lost.
_NO_LINE_END = Difference(
    kind="incomplete",
    message="the CSV's last line has no line end, so the file may have been cut off; download it again",
)


def reconcile(csv: Source | InvoiceCsv, invoice: BillingInvoice) -> Reconciliation:
    """Compare an invoice's CSV with the invoice itself, to the cent.

    Compares the header (invoice, organization, period), every line with the invoice's `lineItems`, the sums by
    project, the sums by SKU for names that both sides use (the CSV has readable names, the JSON often codes), and the
    CSV's sums with `subtotalCents`, `creditsCents` and, with `salesTaxCents` added and `startingBalanceCents`
    subtracted, `amountBilledCents`. The two sides share no line IDs, so lines are matched by project, amount and day.
    Undocumented details are interpreted in the way that fits this invoice; `notes` say how. Fractions of a cent that
    round to the invoice's whole cents, line by line or sum by sum, are listed in `rounding` and don't break the match.

    A line with a different day or different tags than its item, the opposite sign of all credits, or a starting balance
    isn't a difference but one of `warnings`.

    An invoice with neither line items nor `subtotalCents` nor `amountBilledCents` can't be compared and doesn't match.
    A CSV that can't be read to its end doesn't match: the reader's error becomes a difference, `unreadable` without a
    header, `incomplete` otherwise. A CSV whose last line has no line end doesn't match either, though `read_csv` reads
    it: it may have been cut within a cell that no sum shows (the API document's example ends with a line end).

    The CSV is read once, as a stream. Only sums, credits, amounts of exactly half a cent, and lines without an item of
    the same project, amount, day, tags, quantity, price and cluster are kept in memory.

    Args:
        csv: anything `read_csv` accepts, or what it returned.
        invoice: the invoice as `Client.get_invoice` returns it.

    Raises:
        TypeError: one of the two is something else, or they are swapped.
        OSError: the file can't be opened.
        ConfigError: an `InvoiceCsv` that can only be read once was already read.
        UnexpectedResponseError: the invoice's `lineItems` or `linkedInvoices` aren't lists of objects.
        IncompleteDownloadError, APIConnectionError: the response ended early or broke off.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> csv = b"Date,Usage Date,SKU,Amount\\n06/02/2024,06/01/2024,Atlas M10 Instance,19.19\\n"
        >>> item = {"startDate": "2024-06-01T00:00:00Z", "sku": "NDS_AWS_INSTANCE_M10", "totalPriceCents": 1920}
        >>> result = reconcile(csv, BillingInvoice.from_dict({"lineItems": [item], "subtotalCents": 1920}))
        >>> result.matches
        False
        >>> result.differences[0].message
        "the CSV's lines add up to 19.19, the invoice's line items to 19.20: the CSV is 0.01 short"

    """
    validate_invoice(invoice, "reconcile(csv, invoice)")
    notes: list[str] = []
    warnings: list[str] = []
    side = CsvSide()
    linked = linked_invoices(invoice, notes)
    stated = stated_sums(invoice, linked, notes)
    matchers: list[LineMatcher] = []
    header: InvoiceHeader | None = None
    error: InvoiceFormatError | None
    try:
        reading = (csv if isinstance(csv, InvoiceCsv) else read_csv(csv)).start_pass()
        header = reading.header
        matchers = interpretations(invoice, linked, reading.columns, notes)
        side.read(reading.lines(), matchers)
        # If the invoice has no lines, a header row that was cut is the only sign of a cut file.
        error = reading.errors[0] if reading.errors else missing_amount(reading.layout)
    except InvoiceFormatError as raised:
        error = raised
    differences = [] if error is None else [_read_error(error, header, side, matchers)]
    if header is not None:
        differences += _header_differences(header, invoice, notes)
    other_invoice = any(difference.kind == "invoice_id" for difference in differences)
    rounding: list[Difference] = []
    best = best_interpretation(matchers, notes, warnings)
    # The lines of two invoices differ everywhere, which says nothing more.
    if other_invoice:
        warnings.clear()
    if mixed := side.mixed_currencies:
        message = f"the CSV has amounts in {mixed}, so they can't be added up and compared with the invoice"
        differences.append(Difference(kind="currency", message=message))
    elif error is None and not other_invoice:
        if best is not None:
            differences += line_differences(side, *best)
            rounding += line_rounding(side, *best)
            differences += sku_differences(side, best[0], notes)
        elif stated[0].subtotal is None and stated[0].billed is None:
            differences.append(_NOTHING_TO_COMPARE)
        unfit, rounded = compare_totals(side, stated, notes, warnings)
        differences += unfit
        rounding += rounded
        if not reading.ends_line and all(difference.kind != "incomplete" for difference in differences):
            differences.insert(0, _NO_LINE_END)
    if side.without_amount:
        lines = pluralize(side.without_amount, "line of the CSV has", "lines of the CSV have")
        notes.append(f"{lines} no amount; counted as 0")
    return Reconciliation(
        differences=tuple(differences),
        rounding=tuple(rounding),
        csv=side.totals,
        invoice=invoice_totals(stated[0], best and best[0]),
        discount_unit=side.discounts.result(notes),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _read_error(
    error: InvoiceFormatError, header: InvoiceHeader | None, side: CsvSide, matchers: list[LineMatcher]
) -> Difference:
    if header is None:
        return Difference(kind="unreadable", message=f"the CSV can't be read: {error}")
    lines = side.everything.lines
    items = len(matchers[0].items) if matchers else None
    of_items = "" if items is None else f" of the invoice's {items:,}"
    return Difference(
        kind="incomplete",
        key=str(error.line_number),
        csv=lines,
        invoice=items,
        message=f"the CSV is incomplete; {pluralize(lines, 'line', 'lines')}{of_items} could be read: {error}",
    )


def _header_differences(header: InvoiceHeader, invoice: BillingInvoice, notes: list[str]) -> list[Difference]:
    """Compare the header with the invoice; add what one of them lacks to `notes`."""
    differences: list[Difference] = []
    pairs: tuple[tuple[DifferenceKind, str, str | None, str | None], ...] = (
        ("invoice_id", "invoice ID", header.invoice_id, text_or_none(invoice.id)),
        ("organization_id", "organization ID", header.organization_id, text_or_none(invoice.org_id)),
    )
    for kind, name, in_csv, in_invoice in pairs:
        if in_csv is None or in_invoice is None:
            notes.append(f"{name} not compared: the {'CSV' if in_csv is None else 'invoice'} has none")
        elif in_csv.lower() != in_invoice.lower():
            message = (
                f"{name}: {single_line(in_csv, 60)} in the CSV, {single_line(in_invoice, 60)} in the invoice; check "
                "that both are the same invoice"
            )
            differences.append(Difference(kind=kind, csv=in_csv, invoice=in_invoice, message=message))
    start, end = header.period_start, header.period_end
    first, last = utc_day(invoice.start_date), utc_day(invoice.end_date)
    if start is None or end is None or first is None or last is None:
        notes.append(f"period not compared: the {'CSV' if start is None or end is None else 'invoice'} has none")
    # The CSV's end is the first day after the period; the invoice's is a moment, which may be the period's last second.
    elif start != first or (end - last).days not in {0, 1}:
        in_csv, in_invoice = f"{start} to {end}", f"{first} to {last}"
        message = f"billing period: {in_csv} in the CSV, {in_invoice} in the invoice"
        differences.append(Difference(kind="period", csv=in_csv, invoice=in_invoice, message=message))
    return differences
