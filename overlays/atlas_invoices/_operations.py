"""The five operations as calls: what to send, what comes back, how it's read. The clients only do the I/O.

Each is built from the generated module of its operation: URL, query and Accept header come from its `_get_kwargs`,
and what was parsed from its `_parse_response` (tests/contract holds both in place).
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import httpx
from attrs import frozen

from atlas_invoices_client import Client as GeneratedClient
from atlas_invoices_client.api.invoices import get_invoice, get_invoice_csv, list_invoices, list_pending_invoices
from atlas_invoices_client.api.organizations import list_organizations
from atlas_invoices_client.models import AtlasOrganization, BillingInvoice, BillingInvoiceMetadata, Link
from atlas_invoices_client.types import UNSET, Unset

from . import _ids
from ._errors import UnexpectedResponseError
from ._http import _responses

if TYPE_CHECKING:
    from atlas_invoices_client.models.list_invoices_status_names_item import ListInvoicesStatusNamesItem

    from ._ids import Id


T = TypeVar("T")

# Of a reply that is kept in memory.
DEFAULT_MAX_BYTES = 256 * 1024 * 1024
# The API document's maximum: fewer requests count less against the limit.
PAGE_SIZE = 500
# 16 KiB for each entry of a page, which has about one.
_PAGE_BYTES = 8 * 1024 * 1024
# What a reply costs in memory is a matter of its objects and lists more than of its bytes: three, "{},", make a model.
# Real objects have a hundred bytes and more each, real lists are at the least `"tag":["value"],`.
_ANY_PARTS, _BYTES_FOR_AN_OBJECT, _BYTES_FOR_A_LIST = 10_000, 64, 8
# Half a million invoices, or organizations: a server that has more is making them up.
_MOST_PAGES = 1000

# The generated parsers ask their client one thing only: whether an undocumented status raises; none gets so far here.
_PARSER_CLIENT = GeneratedClient(base_url="")


@frozen
class Operation(Generic[T]):
    """One request, the kind of document expected, how to read it, and how large it may be where it's read at once."""

    name: str
    kwargs: dict[str, Any]
    kind: _responses.Kind
    read: Callable[[_responses.ResponseHead, bytes], T]
    enveloped: bool = False
    max_bytes: int = DEFAULT_MAX_BYTES


@frozen
class Page(Generic[T]):
    """One page of a list; `more` says whether the server has another, `where` what it answers, for messages."""

    items: tuple[T, ...]
    more: bool
    where: str


class Paginator:
    """How far a list has been read, so that a server that repeats itself doesn't keep us reading for ever."""

    def __init__(self) -> None:
        """Begin at the first page."""
        self.number = 1
        self._seen: set[int] = set()

    def advance(self, page: Page[Any]) -> None:
        """Take a page that came and go to the next; raise `UnexpectedResponseError` where it came before."""
        if self.number >= _MOST_PAGES:
            raise UnexpectedResponseError(f"{page.where}: the list has no end after {self.number:,} pages")
        mark = hash(tuple(str(item.id) for item in page.items))
        if mark in self._seen:
            raise UnexpectedResponseError(
                f"{page.where}: page {self.number} is the same page as one before it, so the list has no end; "
                "is a cache or proxy in between that drops the query?"
            )
        self._seen.add(mark)
        self.number += 1


def invoice_csv(org_id: Id, invoice_id: Id, *, envelope: bool = False, pretty: bool = False) -> Operation[bytes]:
    """The call this project exists for."""
    kwargs = get_invoice_csv._get_kwargs(  # noqa: SLF001 - held in place by tests/contract
        _ids.organization_id(org_id),
        _ids.invoice_id(invoice_id),
        envelope=True if envelope else UNSET,
        pretty=True if pretty else UNSET,
    )
    return Operation("get_invoice_csv", kwargs, "csv", _read_envelope if envelope else _read_bytes, enveloped=envelope)


def invoice(org_id: Id, invoice_id: Id) -> Operation[BillingInvoice]:
    """One invoice as JSON."""
    kwargs = get_invoice._get_kwargs(_ids.organization_id(org_id), _ids.invoice_id(invoice_id))  # noqa: SLF001 - held in place by tests/contract
    read = _reader(get_invoice._parse_response)  # noqa: SLF001 - held in place by tests/contract

    def read_invoice(head: _responses.ResponseHead, body: bytes) -> BillingInvoice:
        parsed: BillingInvoice = read(head, body)
        # Every field is optional, so any object would do as an invoice, an error's too.
        if parsed.id is UNSET:
            raise _responses.unreadable(head, "json")
        return parsed

    return Operation("get_invoice", kwargs, "json", read_invoice)


def invoices_page(
    org_id: Id,
    *,
    page: int,
    statuses: str | Sequence[str] | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    linked: bool = False,
) -> Operation[Page[BillingInvoiceMetadata]]:
    """One page of the organization's invoices, newest end date first."""
    if isinstance(statuses, str):
        statuses = [statuses]  # a str is a sequence too, of letters
    kwargs = list_invoices._get_kwargs(  # noqa: SLF001 - held in place by tests/contract
        _ids.organization_id(org_id),
        items_per_page=PAGE_SIZE,
        page_num=page,
        view_linked_invoices=linked,
        # A status nobody has seen yet is sent as it is: whether it's one is the server's to say.
        status_names=cast("list[ListInvoicesStatusNamesItem]", list(statuses)) if statuses else UNSET,
        from_date=_day(from_date, "from_date") if from_date else UNSET,
        to_date=_day(to_date, "to_date") if to_date else UNSET,
    )
    read = _page_reader(list_invoices._parse_response, BillingInvoiceMetadata)  # noqa: SLF001 - held in place by tests/contract
    return Operation("list_invoices", kwargs, "json", read, max_bytes=_PAGE_BYTES)


def _day(day: date, name: str) -> date:
    """The day alone: a datetime is a date too, and the API takes no time of day."""
    if not isinstance(day, date):
        raise TypeError(f"{name} is a datetime.date, not {type(day).__name__}")
    return day.date() if isinstance(day, datetime) else day


def organizations_page(*, page: int, name: str | None = None) -> Operation[Page[AtlasOrganization]]:
    """One page of the organizations that the credentials can see."""
    kwargs = list_organizations._get_kwargs(items_per_page=PAGE_SIZE, page_num=page, name=name or UNSET)  # noqa: SLF001 - held in place by tests/contract
    read = _page_reader(list_organizations._parse_response, AtlasOrganization)  # noqa: SLF001 - likewise
    return Operation("list_organizations", kwargs, "json", read, max_bytes=_PAGE_BYTES)


def pending_invoices(org_id: Id) -> Operation[list[BillingInvoice]]:
    """The invoices of the open period.

    The API document shows a page; clients in the wild read a single invoice. Either is accepted.
    """
    kwargs = list_pending_invoices._get_kwargs(_ids.organization_id(org_id))  # noqa: SLF001 - held in place by tests/contract
    read = _reader(list_pending_invoices._parse_response)  # noqa: SLF001 - likewise

    def read_either(head: _responses.ResponseHead, body: bytes) -> list[BillingInvoice]:
        page = read(head, body)
        if isinstance(page.results, list):
            return list(_page(head, page, BillingInvoice).items)
        if "id" in page.additional_properties:
            return [BillingInvoice.from_dict(page.to_dict())]
        raise _responses.unreadable(head, "json")

    return Operation("list_pending_invoices", kwargs, "json", read_either)


def _read_bytes(_head: _responses.ResponseHead, body: bytes) -> bytes:
    return body


def _read_envelope(head: _responses.ResponseHead, body: bytes) -> bytes:
    return _responses.open_envelope(head, body)


def _reader(parse: Callable[..., Any]) -> Callable[[_responses.ResponseHead, bytes], Any]:
    """Read a success with a generated parser; what it can't read is no traceback but `UnexpectedResponseError`."""

    def read(head: _responses.ResponseHead, body: bytes) -> Any:  # noqa: ANN401 - the generated parsers' own type, restored by each caller
        if (
            body.count(b"{") > _ANY_PARTS + len(body) // _BYTES_FOR_AN_OBJECT
            or body.count(b"[") > _ANY_PARTS + len(body) // _BYTES_FOR_A_LIST
        ):
            raise UnexpectedResponseError(
                f"{head.where}: the reply can't be read, for it has far more parts than Atlas sends"
            )
        response = httpx.Response(head.status, content=body, headers={"content-type": "application/json"})
        try:
            parsed = parse(client=_PARSER_CLIENT, response=response)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _responses.unreadable(head, "json") from None
        if parsed is None:
            raise _responses.unreadable(head, "json")
        return parsed

    return read


def _page_reader(parse: Callable[..., Any], model: type[T]) -> Callable[[_responses.ResponseHead, bytes], Page[T]]:
    read = _reader(parse)
    return lambda head, body: _page(head, read(head, body), model)


def _page(head: _responses.ResponseHead, parsed: Any, model: type[T]) -> Page[T]:  # noqa: ANN401 - the three generated page models share no base
    if not isinstance(parsed.results, list):
        raise UnexpectedResponseError(f"{head.where}: expected a page of results, got JSON without any")
    # The generated parser leaves a whole list unparsed where one of its items is no object.
    if not all(isinstance(item, model) for item in parsed.results):
        raise _responses.unreadable(head, "json")
    links = parsed.links if isinstance(parsed.links, list) else []
    # A full page without a link is followed too: one request too many costs less than an invoice too few.
    more = any(isinstance(link, Link) and link.rel == "next" for link in links) or len(parsed.results) >= PAGE_SIZE
    return Page(tuple(parsed.results), more=more and bool(parsed.results), where=head.where)


def _by_name(_: Unset) -> str:
    return "UNSET"


# The generated class doesn't say how it's pickled: a copy would be another object than the `UNSET` it's compared with.
copyreg.pickle(Unset, _by_name)
