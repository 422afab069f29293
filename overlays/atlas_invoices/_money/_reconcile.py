"""Does a CSV add up to its invoice: the lines, the sums and the header of one against those of the other."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._invoice_csv import InvoiceCsv, read_csv
from atlas_invoices._text import one_line, text_or_none
from atlas_invoices._words import counted

from ._amounts import EXACT, money
from ._csv_side import CsvSide
from ._cut import OPEN_END
from ._given import require_invoice
from ._header import header_differences
from ._invoice_side import line_matches, stated_sums
from ._line_report import line_differences
from ._lists import linked_invoices
from ._reconciliation import Difference, Reconciliation, Totals
from ._totals import compare_totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlas_invoices._invoice_csv import InvoiceHeader
    from atlas_invoices._invoice_csv._reader import Pass
    from atlas_invoices._invoice_csv._sources import Source
    from atlas_invoices_client.models import BillingInvoice

    from ._invoice_side import Stated
    from ._line_match import LineMatch, MatchResult

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
    fits this invoice, and `notes` say which way that was. Fractions of a cent that round to the invoice's whole cents
    are told apart in `rounding` and don't break the match.

    An invoice with neither line items nor `subtotalCents` nor `amountBilledCents` can't be compared, and doesn't match.
    A CSV that can't be read to its end doesn't match: the reader's error becomes a difference, `unreadable` where there
    is no header, else `incomplete`. Nor does one whose last line has no line end, though `read_csv` reads it: it may be
    cut within a cell that shows in no sum (the API document's example ends with a line end). The CSV is read once, as a
    stream; no more of it is kept than sums, and the lines that the invoice lacks.

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
    require_invoice(invoice, "reconcile(csv, invoice)")
    notes: list[str] = []
    side = CsvSide()
    linked = linked_invoices(invoice, notes)
    stated = stated_sums(invoice, linked, notes)
    matches = line_matches(invoice, linked, notes)
    header: InvoiceHeader | None = None
    trouble: InvoiceFormatError | None
    try:
        reading = (csv if isinstance(csv, InvoiceCsv) else read_csv(csv)).claim()
    except InvoiceFormatError as error:
        trouble = error
    else:
        header = reading.parser.header
        trouble = _read(reading, side, matches)
    broken = [] if trouble is None else [_broken(trouble, header, side, matches)]
    differences = header_differences(header, invoice, notes) if header is not None else []
    rounding: list[Difference] = []
    match, result = _best(matches, notes)
    if not broken:
        if match is None and stated[0].subtotal is None and stated[0].billed is None:
            differences.append(_NOTHING_TO_COMPARE)
        if match is not None and result is not None:
            differences += line_differences(side, match, result)
            rounding += _line_rounding(side, match, result)
            differences += _sku_differences(side, match, notes)
        off, rounded = compare_totals(side, stated, notes)
        differences += off
        rounding += rounded
        if not reading.ends_line and all(difference.kind != "incomplete" for difference in differences):
            differences.insert(0, OPEN_END)
    if side.without_amount:
        lines = counted(side.without_amount, "line of the CSV has", "lines of the CSV have")
        notes.append(f"{lines} no amount, which is taken as 0")
    return Reconciliation(
        differences=(*broken, *differences),
        rounding=tuple(rounding),
        csv=side.totals,
        invoice=_invoice_totals(stated[0], match),
        discount_unit=side.discounts.result(notes),
        notes=tuple(notes),
    )


def _read(reading: Pass, side: CsvSide, matches: Sequence[LineMatch]) -> InvoiceFormatError | None:
    """Take in the whole CSV; return what keeps it from being read to its end."""
    try:
        side.read(reading.lines(), matches)
    except InvoiceFormatError as error:
        return error
    if reading.parser.errors:
        return reading.parser.errors[0]
    if reading.parser.rows is None or "Amount" not in reading.columns:
        # Of an invoice without lines, a header row that was cut is all there is to see.
        return InvoiceFormatError("its header row has no column Amount", column="Amount")
    return None


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
        key=None if error.line_number is None else str(error.line_number),
        csv=read,
        invoice=items,
        message=f"the CSV is not whole, {counted(read, 'line', 'lines')}{of_items} could be read: {error}",
    )


def _best(matches: Sequence[LineMatch], notes: list[str]) -> tuple[LineMatch | None, MatchResult | None]:
    """Choose the reading of the line items that leaves the fewest lines unmatched; the first among equals."""
    if not matches:
        return None, None
    results = [(match, match.finish()) for match in matches]
    match, result = min(results, key=lambda pair: pair[1].unmatched)
    if match.label is not None:
        notes.append(f"the line items fit best when {match.label}")
    if result.other_days:
        lines = counted(result.other_days, "line has", "lines have")
        notes.append(f"{lines} another day in the CSV than in the invoice, with the same amount")
    if result.other_tags:
        lines = counted(result.other_tags, "line has", "lines have")
        notes.append(f"{lines} other tags in the CSV than in the invoice; tags may have changed")
    if result.flipped_credits:
        credits_ = counted(result.flipped_credits, "credit has", "credits have")
        notes.append(f"{credits_} opposite signs in the CSV and the invoice")
    return match, result


def _line_rounding(side: CsvSide, match: LineMatch, result: MatchResult) -> list[Difference]:
    if not side.everything.fractional or result.unmatched:
        return []
    total = sum(cents or 0 for cents in match.cents)
    return [
        Difference(
            kind="rounding",
            key="lineItems",
            csv=side.everything.cents,
            invoice=Decimal(total),
            message=f"{counted(side.everything.fractional, 'line has', 'lines have')} fractions of a cent that the "
            f"invoice rounds: the CSV's lines sum to {money(side.everything.cents)}, the line items to {money(total)}",
        )
    ]


def _sku_differences(side: CsvSide, match: LineMatch, notes: list[str]) -> list[Difference]:
    """Compare SKUs that have the same name on both sides; where lines are missing, those have been named already."""
    theirs: dict[str, int] = {}
    for item, cents in zip(match.items, match.cents, strict=True):
        sku = text_or_none(item.sku)
        if sku:
            theirs[sku] = theirs.get(sku, 0) + (cents or 0)
    shared = [sku for sku in side.by_sku if sku in theirs]
    if len(shared) < len(side.by_sku):
        notes.append(f"SKUs of the CSV that the invoice has by the same name: {len(shared)} of {len(side.by_sku)}")
    if side.everything.lines != len(match.items):
        return []
    differences = []
    for sku in shared:
        ours = side.by_sku[sku]
        # A credit's sign may differ from side to side, so sizes are compared.
        gap = EXACT.subtract(ours.cents.copy_abs(), Decimal(abs(theirs[sku]))).copy_abs()
        if gap > ours.slack:
            differences.append(
                Difference(
                    kind="sku",
                    key=sku,
                    csv=ours.cents,
                    invoice=Decimal(theirs[sku]),
                    message=f"SKU {one_line(sku, 60)}: {money(ours.cents)} in the CSV, "
                    f"{money(theirs[sku])} in the invoice",
                )
            )
    return differences


def _invoice_totals(stated: Stated, match: LineMatch | None) -> Totals:
    def decimal(cents: int | None) -> Decimal | None:
        return None if cents is None else Decimal(cents)

    return Totals(
        lines=None if match is None else len(match.items),
        total_cents=None if match is None else Decimal(sum(cents or 0 for cents in match.cents)),
        subtotal_cents=decimal(stated.subtotal),
        credits_cents=decimal(stated.credits),
        sales_tax_cents=decimal(stated.tax),
        amount_billed_cents=decimal(stated.billed),
    )
