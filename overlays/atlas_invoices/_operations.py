"""The five operations as requests and readers, and paging. The clients only run them.

Each is built from the generated module of its operation: its `_get_kwargs` gives URL, query and Accept header, its
`_parse_response` the model (tests/contract holds both in place).
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeAlias, TypeVar, cast

import httpx
from attrs import frozen

from atlas_invoices_client import Client as GeneratedClient
from atlas_invoices_client.api.invoices import get_invoice, get_invoice_csv, list_invoices, list_pending_invoices
from atlas_invoices_client.api.organizations import list_organizations
from atlas_invoices_client.models import AtlasOrganization, BillingInvoice, BillingInvoiceMetadata, Link
from atlas_invoices_client.models.list_invoices_status_names_item import ListInvoicesStatusNamesItem
from atlas_invoices_client.types import UNSET, Unset

from . import _ids
from ._errors import UnexpectedResponseError
from ._http import _responses
from ._http._exchange import Operation
from ._http._steps import Steps

T = TypeVar("T")
# The types of a generated model's `id`; anything but 24 hexadecimal digits is refused when it's used.
Id: TypeAlias = str | Unset | None

# The API document's maximum: fewer requests count less against the limit.
PAGE_SIZE = 500
# 16 KiB for each entry of a page; real ones have about one.
_PAGE_BYTES = 8 * 1024 * 1024
# In memory, a reply costs as much as its objects and lists rather than its bytes: the three bytes of "{}," make a
# model. Real objects have a hundred bytes and more each, real lists are at least `"tag":["value"],`.
_FREE_PARTS, _BYTES_PER_OBJECT, _BYTES_PER_LIST = 10_000, 64, 8
# Half a million invoices or organizations: a server that sends more is making them up.
_MAX_PAGES = 1000

# The generated parsers ask their client only whether an undocumented status raises, and none gets this far.
_PARSER_CLIENT = GeneratedClient(base_url="")


@frozen
class Page(Generic[T]):
    """One page of a list; `more` says whether the server has another, `endpoint` is for messages."""

    items: tuple[T, ...]
    more: bool
    endpoint: str


class Paginator(Generic[T]):
    """Reads a list page by page, and stops at a server that repeats itself.

    Args:
        operation: makes the operation of one page, `operation(page=1)`; called at once, so that invalid arguments
            raise before anything is sent.
        fetch: makes the steps that run an operation.
    """

    def __init__(
        self,
        operation: Callable[..., Operation[Page[T]]],
        fetch: Callable[[Operation[Page[T]]], Steps[Page[T]]],
    ) -> None:
        self._operation = operation
        self._fetch = fetch
        self._next = operation(page=1)
        self._number = 1
        self._seen: set[int] = set()
        self.more = True

    def advance(self) -> Steps[tuple[T, ...]]:
        """Fetch the next page and return its items; raises `UnexpectedResponseError` for a list without end."""
        page = yield from self._fetch(self._next)
        if self._number >= _MAX_PAGES:
            raise UnexpectedResponseError(f"the list still goes on after {self._number:,} pages ({page.endpoint})")
        mark = hash(tuple(str(item.id) for item in cast("tuple[Any, ...]", page.items)))
        if mark in self._seen:
            raise UnexpectedResponseError(
                f"page {self._number} is the same page as an earlier one, so the list would never end; is a cache or "
                f"proxy in between that drops the query? ({page.endpoint})"
            )
        self._seen.add(mark)
        self.more = page.more
        self._number += 1
        self._next = self._operation(page=self._number)
        return page.items


def invoice_csv(org_id: Id, invoice_id: Id, *, envelope: bool = False, pretty: bool = False) -> Operation[bytes]:
    """The invoice as CSV."""
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
        # Every field is optional, so any object would pass for an invoice, even an error.
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
        # The server decides whether a status exists.
        status_names=cast("list[ListInvoicesStatusNamesItem]", [str.upper(s) for s in statuses]) if statuses else UNSET,
        from_date=_day(from_date, "from_date") if from_date else UNSET,
        to_date=_day(to_date, "to_date") if to_date else UNSET,
    )
    read = _page_reader(list_invoices._parse_response, BillingInvoiceMetadata)  # noqa: SLF001 - held in place by tests/contract
    return Operation("list_invoices", kwargs, "json", read, max_bytes=_PAGE_BYTES)


def _day(day: date, name: str) -> date:
    """Drop the time of a datetime, which is a date too: the API takes none."""
    if not isinstance(day, date):
        raise TypeError(f"{name} must be a datetime.date, not {type(day).__name__}")
    return day.date() if isinstance(day, datetime) else day


def organizations_page(*, page: int, name: str | None = None) -> Operation[Page[AtlasOrganization]]:
    """One page of the organizations that the credentials can see."""
    kwargs = list_organizations._get_kwargs(items_per_page=PAGE_SIZE, page_num=page, name=name or UNSET)  # noqa: SLF001 - held in place by tests/contract
    read = _page_reader(list_organizations._parse_response, AtlasOrganization)  # noqa: SLF001 - held in place by tests/contract
    return Operation("list_organizations", kwargs, "json", read, max_bytes=_PAGE_BYTES)


def pending_invoices(org_id: Id) -> Operation[list[BillingInvoice]]:
    """The invoices of the open period.

    The API document shows a page, some clients read a single invoice; either is accepted.
    """
    kwargs = list_pending_invoices._get_kwargs(_ids.organization_id(org_id))  # noqa: SLF001 - held in place by tests/contract
    read = _reader(list_pending_invoices._parse_response)  # noqa: SLF001 - held in place by tests/contract

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
    """Return a reader for a generated parser, whose failures become `UnexpectedResponseError`."""

    def read(head: _responses.ResponseHead, body: bytes) -> Any:  # noqa: ANN401 - a generated parser's type, which each caller restores
        if (
            body.count(b"{") > _FREE_PARTS + len(body) // _BYTES_PER_OBJECT
            or body.count(b"[") > _FREE_PARTS + len(body) // _BYTES_PER_LIST
        ):
            raise UnexpectedResponseError(
                f"the reply can't be read: it has far more parts than Atlas sends ({head.endpoint})"
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
        raise UnexpectedResponseError(f"expected a page of results, got JSON without any ({head.endpoint})")
    # The generated parser leaves the whole list unparsed if one of its items isn't an object.
    if not all(isinstance(item, model) for item in parsed.results):
        raise _responses.unreadable(head, "json")
    links = parsed.links if isinstance(parsed.links, list) else []
    # A full page is followed without a link too: one request too many costs less than a missing invoice.
    more = any(isinstance(link, Link) and link.rel == "next" for link in links) or len(parsed.results) >= PAGE_SIZE
    return Page(tuple(parsed.results), more=more and bool(parsed.results), endpoint=head.endpoint)


def _by_name(_: Unset) -> str:
    return "UNSET"


# By default a pickled copy of the generated class would be another object than the `UNSET` it's compared with.
copyreg.pickle(Unset, _by_name)
