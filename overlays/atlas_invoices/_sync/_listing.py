"""The invoices that a sync lists, and their JSON as sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from attrs import evolve, frozen

from atlas_invoices import _ids, _operations
from atlas_invoices._errors import InvalidIdError, UnexpectedResponseError
from atlas_invoices._utils import single_line
from atlas_invoices_client.models import BillingInvoiceMetadata

# Every documented status but PENDING (Atlas Admin API document); one that nobody has seen yet may still change.
_FINAL = frozenset({"CLOSED", "FAILED", "FORGIVEN", "FREE", "INVOICED", "PAID", "PREPAID"})

AMOUNTS = {
    "amountBilledCents": "amount_billed_cents",
    "amountPaidCents": "amount_paid_cents",
    "creditsCents": "credits_cents",
    "salesTaxCents": "sales_tax_cents",
    "startingBalanceCents": "starting_balance_cents",
    "subtotalCents": "subtotal_cents",
}
"""The API's names of the amounts that are compared, and the models' names of them."""

NO_LINKED = (
    "no linked invoices came: no organization is linked to this one, or the credentials may not see their invoices, "
    "which takes Organization Billing Admin or Organization Owner of this one"
)
"""Roles: Atlas Admin API document. That without them a listing is just shorter, and not refused, is not documented."""


@frozen
class ListedInvoice:
    """An invoice as the listing has it: times are ISO 8601 in UTC, amounts whole cents by their API names.

    What wasn't sent, or isn't what the API document says, is None.
    """

    id: str
    organization_id: str | None
    start: str | None
    end: str | None
    status: str | None
    updated: str | None
    amounts: Mapping[str, int | None]
    linked: bool

    @property
    def final(self) -> bool:
        """Whether its status is one in which an invoice doesn't change any more by itself."""
        return self.status in _FINAL

    @property
    def first_day(self) -> date | None:
        """The period's first day, in UTC."""
        return date.fromisoformat(self.start[:10]) if self.start else None

    @property
    def last_day_exclusive(self) -> date | None:
        """The day after the period's last, in UTC."""
        return date.fromisoformat(self.end[:10]) if self.end else None

    def differs(self, other: ListedInvoice) -> bool:
        """Whether status, `updated` or an amount is another."""
        return (self.status, self.updated, self.amounts) != (other.status, other.updated, other.amounts)


@frozen
class Listing:
    """Everything listed, newest first, each invoice once; and what was listed in a way that can't be used."""

    invoices: tuple[ListedInvoice, ...]
    unusable: tuple[tuple[str, UnexpectedResponseError], ...]


def read_listing(found: Iterable[BillingInvoiceMetadata], *, linked: bool) -> Listing:
    """Check what a listing has; with `linked`, also the invoices inside others."""
    invoices: dict[str, ListedInvoice] = {}
    unusable: list[tuple[str, UnexpectedResponseError]] = []
    for model, inside in _flat(found, linked=linked, inside=False):
        try:
            listed = _listed(model, inside)
        except UnexpectedResponseError as error:
            unusable.append((_shown_id(model), error))
        else:
            invoices.setdefault(listed.id, listed)
    newest_first = sorted(invoices.values(), key=lambda each: each.start or "9999", reverse=True)
    return Listing(tuple(newest_first), tuple(unusable))


def _instant(value: object) -> str | None:
    """A model's time as ISO 8601 in UTC; one that the model couldn't read, as it is."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        try:
            return aware.astimezone(UTC).isoformat()
        except OverflowError:
            return None
    return single_line(value, 40) if isinstance(value, str) else None


def _flat(found: Iterable[Any], *, linked: bool, inside: bool) -> Iterator[tuple[Any, bool]]:
    for model in found:
        yield model, inside
        nested = getattr(model, "linked_invoices", None)
        if linked and isinstance(nested, list):
            yield from _flat(nested, linked=True, inside=True)


def _listed(model: object, inside: bool) -> ListedInvoice:
    if not isinstance(model, BillingInvoiceMetadata):
        raise UnexpectedResponseError("the listing has an entry that isn't an invoice; nothing was saved for it")
    try:
        id_ = _ids.invoice_id(model.id)
    except InvalidIdError:
        # It would become a file's name.
        raise UnexpectedResponseError(
            f"the listing has an invoice whose ID {_shown_id(model)} isn't 24 hexadecimal digits; nothing was saved "
            "for it"
        ) from None
    return ListedInvoice(
        id=id_,
        organization_id=_organization(model.org_id),
        start=_instant(model.start_date) if isinstance(model.start_date, datetime) else None,
        end=_instant(model.end_date) if isinstance(model.end_date, datetime) else None,
        status=_status(model.status_name),
        updated=_instant(model.updated),
        amounts={name: _cents(getattr(model, field)) for name, field in AMOUNTS.items()},
        linked=inside,
    )


def _shown_id(model: object) -> str:
    value = getattr(model, "id", None)
    return single_line(repr(value if isinstance(value, (str, int)) else None), 60)


def _organization(value: object) -> str | None:
    try:
        return _ids.organization_id(value)
    except InvalidIdError:
        return None


def _status(value: object) -> str | None:
    return single_line(value, 40) if isinstance(value, str) else None


def _cents(value: object) -> int | None:
    return value if isinstance(value, int) else None


@frozen
class RawInvoice:
    """The reply's body, and of its fields those that are looked at."""

    content: bytes
    status: object
    updated: object

    def is_older_than(self, listed: ListedInvoice) -> bool:
        """Whether it's of an earlier state than the listing, which was read before it, says.

        Not documented, but a server of several machines can answer so; what was saved then must not count as final.
        """
        if listed.final and self.status == "PENDING":
            return True
        try:
            updated = datetime.fromisoformat(str(self.updated))
            then = datetime.fromisoformat(str(listed.updated))
            # To the second: the two replies may tell the time with other precision.
            return _utc(updated).replace(microsecond=0) < _utc(then).replace(microsecond=0)
        except (ValueError, OverflowError):
            return False


# So much of each is read at a time by all workers; what is larger, one after the other: many at once would fill the
# memory. The JSON of ten thousand lines has about 6 MB.
AT_ONCE = 8 * 1024 * 1024


def call(org_id: str, invoice_id: str) -> _operations.Operation[RawInvoice]:
    """`get_invoice`'s call, whose reply is read as a `RawInvoice`."""
    request: _operations.Operation[Any] = _operations.invoice(org_id, invoice_id)
    return evolve(request, read=lambda _head, body: read_document(body, invoice_id))


def read_document(body: bytes, invoice_id: str) -> RawInvoice:
    """Check a reply; raises `UnexpectedResponseError` for what isn't JSON, or is another invoice's."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UnexpectedResponseError(f"invoice {invoice_id}: the server sent a damaged JSON; try again") from None
    id_ = found.get("id") if isinstance(found, dict) else None
    if not isinstance(id_, str) or id_.lower() != invoice_id:
        raise UnexpectedResponseError(
            f"asked for invoice {invoice_id}, the server sent something else; is a cache or proxy in between?"
        )
    return RawInvoice(body, found.get("statusName"), found.get("updated"))


def _refuse(name: str) -> None:
    raise ValueError(name)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
