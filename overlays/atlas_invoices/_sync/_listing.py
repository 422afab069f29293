"""The invoices that a sync lists, and what it reads of the JSON of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import IO, Any

from attrs import Attribute, field, frozen
from attrs.validators import instance_of, matches_re, optional

from atlas_invoices import _ids
from atlas_invoices._errors import InvalidIdError, UnexpectedResponseError
from atlas_invoices._http._responses import PartsCheck, ResponseHead, check_invoice, unreadable
from atlas_invoices._invoice_names import file_name, utc, with_linked
from atlas_invoices._json_stream import members
from atlas_invoices._utils import single_line
from atlas_invoices_client.models import BillingInvoiceMetadata

from ._compare import JsonSums

# Every documented status except PENDING (Atlas Admin API document). An invoice with an unknown one may still change.
_FINAL = frozenset({"CLOSED", "FAILED", "FORGIVEN", "FREE", "INVOICED", "PAID", "PREPAID"})

# The amounts to compare: the API's names and the model's.
AMOUNTS = {
    "amountBilledCents": "amount_billed_cents",
    "amountPaidCents": "amount_paid_cents",
    "creditsCents": "credits_cents",
    "salesTaxCents": "sales_tax_cents",
    "startingBalanceCents": "starting_balance_cents",
    "subtotalCents": "subtotal_cents",
}


def _iso_date(_instance: object, _attribute: Attribute[Any], value: str) -> None:
    date.fromisoformat(value[:10])


_text = optional(instance_of(str))
_id = matches_re("[0-9a-f]{24}")
_time = optional([instance_of(str), _iso_date])


@frozen
class ListedInvoice:
    """An invoice as listed: times are ISO 8601 in UTC, amounts whole cents by their API names.

    A field that is missing or invalid in the listing is None.
    """

    id: str = field(validator=_id)
    organization_id: str | None = field(validator=optional(_id))
    start: str | None = field(validator=_time)
    end: str | None = field(validator=_time)
    status: str | None = field(validator=_text)
    updated: str | None = field(validator=_text)
    amounts: Mapping[str, int | None]
    linked: bool = field(validator=instance_of(bool))

    @property
    def final(self) -> bool:
        """Whether its status is one that no longer changes by itself."""
        return self.status in _FINAL

    @property
    def first_day(self) -> date | None:
        """First day of the billing period, in UTC."""
        return date.fromisoformat(self.start[:10]) if self.start else None

    @property
    def last_day_exclusive(self) -> date | None:
        """The day after the billing period's last, in UTC."""
        return date.fromisoformat(self.end[:10]) if self.end else None

    def file_name(self, ending: str) -> str:
        """The name of its CSV or JSON."""
        return file_name(self.id, self.first_day, ending)

    def differs(self, other: ListedInvoice) -> bool:
        """Whether status, `updated` or an amount differs."""
        return (self.status, self.updated, self.amounts) != (other.status, other.updated, other.amounts)


@frozen
class Listing:
    """All listed invoices, newest first, each once; and the IDs and errors of entries that can't be used."""

    invoices: tuple[ListedInvoice, ...]
    unusable: tuple[tuple[str, UnexpectedResponseError], ...]


def read_listing(models: Iterable[BillingInvoiceMetadata], *, linked: bool) -> Listing:
    """Check listed invoices; with `linked`, also those nested in others."""
    invoices: dict[str, ListedInvoice] = {}
    unusable: list[tuple[str, UnexpectedResponseError]] = []
    for model, nested in with_linked(models) if linked else ((model, False) for model in models):
        try:
            invoice = _read(model, nested)
        except UnexpectedResponseError as error:
            unusable.append((_shown_id(model), error))
        else:
            invoices.setdefault(invoice.id, invoice)
    newest_first = sorted(invoices.values(), key=lambda each: each.start or "9999", reverse=True)
    return Listing(tuple(newest_first), tuple(unusable))


def _read(model: object, linked: bool) -> ListedInvoice:
    if not isinstance(model, BillingInvoiceMetadata):
        raise UnexpectedResponseError("the listing has an entry that isn't an invoice; skipped it")
    try:
        id_ = _ids.invoice_id(model.id)
    except InvalidIdError:
        # It would become a file name.
        raise UnexpectedResponseError(
            f"the listing has an invoice whose ID {_shown_id(model)} isn't 24 hexadecimal digits; skipped it"
        ) from None
    return ListedInvoice(
        id=id_,
        organization_id=_organization(model.org_id),
        start=_instant(model.start_date) if isinstance(model.start_date, datetime) else None,
        end=_instant(model.end_date) if isinstance(model.end_date, datetime) else None,
        status=single_line(model.status_name, 40) if isinstance(model.status_name, str) else None,
        updated=_instant(model.updated),
        amounts={name: _cents(getattr(model, attribute)) for name, attribute in AMOUNTS.items()},
        linked=linked,
    )


def _shown_id(model: object) -> str:
    value = getattr(model, "id", None)
    return single_line(repr(value if isinstance(value, (str, int)) else None), 60)


def _organization(value: object) -> str | None:
    try:
        return _ids.organization_id(value)
    except InvalidIdError:
        return None


def _instant(value: object) -> str | None:
    """A model's time as ISO 8601 in UTC; text that the model couldn't parse stays as it is."""
    if isinstance(value, datetime):
        try:
            return utc(value).isoformat()
        except OverflowError:
            return None
    return single_line(value, 40) if isinstance(value, str) else None


def _cents(value: object) -> int | None:
    return value if isinstance(value, int) else None


@frozen
class RawInvoice:
    """The parts of an invoice's JSON that a sync uses."""

    status: object
    updated: object
    sums: tuple[JsonSums, ...]

    def is_older_than(self, listed: ListedInvoice) -> bool:
        """Whether it shows an earlier state than the listing, although it was fetched later.

        Not documented, but a server with replicas can do this; such a copy must not count as final.
        """
        if listed.final and self.status == "PENDING":
            return True
        try:
            sent = utc(datetime.fromisoformat(str(self.updated)))
            # To the second: the two replies may differ in precision.
            return sent.replace(microsecond=0) < utc(datetime.fromisoformat(str(listed.updated))).replace(microsecond=0)
        except (ValueError, OverflowError):
            return False


def read_raw_invoice(file: IO[bytes], head: ResponseHead) -> RawInvoice:
    """Read a saved reply; raises `UnexpectedResponseError` unless it's the JSON of the invoice requested."""
    fields: dict[str, object] = {}
    own, linked = JsonSums(), []
    try:
        for name, value, in_list in members(file, PartsCheck(head).add):
            if not in_list:
                fields[name] = value
            elif name == "lineItems":
                own.add(value)
            elif name == "linkedInvoices":
                linked.append(JsonSums.of_invoice(value))
    except (ValueError, RecursionError):
        raise unreadable(head, "json") from None
    id_ = fields.get("id")
    if not isinstance(id_, str):
        raise unreadable(head, "json")
    check_invoice(head, id_)
    own.set_subtotal(fields)
    return RawInvoice(fields.get("statusName"), fields.get("updated"), (own, *linked))
