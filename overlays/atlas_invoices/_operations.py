"""The operations as requests and readers. The clients only run them.

Each is built from the generated module of its operation: its `_get_kwargs` gives URL, query and Accept header, its
`_parse_response` the model (tests/contract holds both in place).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs

from atlas_invoices_client import Client as GeneratedClient
from atlas_invoices_client.api.invoices import (
    create_invoice_report,
    get_invoice,
    get_invoice_csv,
    get_invoice_report,
    list_associated_invoices,
    list_invoice_reports,
    list_invoices,
    list_pending_invoices,
    list_skus,
)
from atlas_invoices_client.api.organizations import list_organizations
from atlas_invoices_client.models import InvoiceReportRequest
from atlas_invoices_client.models.list_invoices_status_names_item import ListInvoicesStatusNamesItem

from . import _ids
from ._errors import InvalidIdError, UnexpectedResponseError
from ._http import _responses
from ._http._exchange import Operation
from ._models import (
    UNSET,
    AssociatedInvoice,
    AtlasOrganization,
    BillingInvoice,
    BillingInvoiceMetadata,
    InvoiceReportResponse,
    SkuResponse,
    Unset,
)
from ._paging import Page
from ._utils import number_or_none

T = TypeVar("T")
# The types of a generated model's `id`; anything but 24 hexadecimal digits is refused when it's used.
Id: TypeAlias = str | Unset | None

_PAGE_BYTES = 8 * 1024 * 1024

# The generated parsers ask their client only whether an undocumented status raises, and none gets this far.
_PARSER_CLIENT = GeneratedClient(base_url="")


def invoice_csv(org_id: Id, invoice_id: Id, *, envelope: bool = False, pretty: bool = False) -> Operation[bytes]:
    """The invoice as CSV."""
    kwargs = get_invoice_csv._get_kwargs(  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
        _ids.organization_id(org_id),
        _ids.invoice_id(invoice_id),
        envelope=True if envelope else UNSET,
        pretty=True if pretty else UNSET,
    )
    return Operation(
        "get_invoice_csv",
        kwargs,
        "csv",
        _read_envelope if envelope else _read_bytes,
        enveloped=envelope,
        if_too_large="raise max_bytes, or use stream_invoice_csv or download_invoice_csv, which need no memory for it",
    )


def invoice(org_id: Id, invoice_id: Id) -> Operation[BillingInvoice]:
    """One invoice as JSON."""
    kwargs = get_invoice._get_kwargs(_ids.organization_id(org_id), _ids.invoice_id(invoice_id))  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _reader(get_invoice._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes

    def read_invoice(head: _responses.ResponseHead, body: bytes) -> BillingInvoice:
        parsed: BillingInvoice = read(head, body)
        # Every field is optional, so any object would pass for an invoice, even an error.
        if not isinstance(parsed.id, str):
            raise _responses.unreadable(head, "json")
        # Not `org_id`: a linked invoice is requested in the organization that pays for it.
        _responses.check_invoice(head, parsed.id)
        return parsed

    return Operation("get_invoice", kwargs, "json", read_invoice)


def invoices_page(
    org_id: Id,
    *,
    page: int,
    size: int,
    statuses: str | Sequence[str] | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    linked: bool = False,
) -> Operation[Page[BillingInvoiceMetadata]]:
    """One page of the organization's invoices, newest end date first."""
    if isinstance(statuses, str):
        statuses = [statuses]  # a str is a sequence too, of letters
    kwargs = list_invoices._get_kwargs(  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
        _ids.organization_id(org_id),
        items_per_page=size,
        page_num=page,
        view_linked_invoices=linked,
        # The server decides whether a status exists.
        status_names=cast("list[ListInvoicesStatusNamesItem]", [str.upper(s) for s in statuses]) if statuses else UNSET,
        from_date=_day(from_date, "from_date") if from_date else UNSET,
        to_date=_day(to_date, "to_date") if to_date else UNSET,
    )
    read = _page_reader(list_invoices._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes

    def read_invoices(head: _responses.ResponseHead, body: bytes) -> Page[BillingInvoiceMetadata]:
        found = read(head, body)
        _responses.check_organizations(head, _organizations(found.items), linked=linked)
        return found

    return Operation("list_invoices", kwargs, "json", read_invoices, max_bytes=_PAGE_BYTES, if_too_large="")


def _organizations(invoices: Sequence[BillingInvoice | BillingInvoiceMetadata]) -> Iterator[str]:
    """Yield the organization of each invoice; an invalid ID is only that entry's problem."""
    for invoice in invoices:
        with suppress(InvalidIdError):
            yield _ids.organization_id(invoice.org_id)


def _day(day: date, name: str) -> date:
    """Drop the time of a datetime, which is a date too: the API takes none."""
    if not isinstance(day, date):
        raise TypeError(f"{name} must be a datetime.date, not {type(day).__name__}")
    return day.date() if isinstance(day, datetime) else day


def organizations_page(*, page: int, size: int, name: str | None = None) -> Operation[Page[AtlasOrganization]]:
    """One page of the organizations that the credentials can see."""
    kwargs = list_organizations._get_kwargs(items_per_page=size, page_num=page, name=name or UNSET)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _page_reader(list_organizations._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    return Operation("list_organizations", kwargs, "json", read, max_bytes=_PAGE_BYTES, if_too_large="")


def pending_invoices(org_id: Id) -> Operation[list[BillingInvoice]]:
    """The invoices of the open period.

    The API document shows a page, some clients read a single invoice; either is accepted.
    """
    kwargs = list_pending_invoices._get_kwargs(_ids.organization_id(org_id))  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _reader(list_pending_invoices._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read_single = _reader(get_invoice._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes

    def read_own(head: _responses.ResponseHead, body: bytes) -> list[BillingInvoice]:
        found = read_either(head, body)
        _responses.check_organizations(head, _organizations(found))
        return found

    def read_either(head: _responses.ResponseHead, body: bytes) -> list[BillingInvoice]:
        page = read(head, body)
        if isinstance(page.results, list):
            found = _page(head, page)
            # The operation has no parameter for another page.
            if len(found.items) < found.total:
                raise UnexpectedResponseError(
                    f"the server sent {len(found.items):,} of {found.total:,} pending invoices ({head.endpoint})"
                )
            return list(found.items)
        if "id" in page.additional_properties:
            return [read_single(head, body)]
        raise _responses.unreadable(head, "json")

    return Operation("list_pending_invoices", kwargs, "json", read_own)


# The only report there is (Atlas Admin API document).
REPORT_TYPE: Final = "FOCUS"
REPORT_FORMAT: Final = "CSV"


def new_report(org_id: Id, invoice_id: Id, *, spec_version: str | None = None) -> Operation[InvoiceReportResponse]:
    """A new report on an invoice. Sent twice, it would make two."""
    body = InvoiceReportRequest(
        report_format=REPORT_FORMAT, report_type=REPORT_TYPE, format_spec_version=spec_version or UNSET
    )
    kwargs = create_invoice_report._get_kwargs(_ids.organization_id(org_id), _ids.invoice_id(invoice_id), body=body)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _report_reader(create_invoice_report._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    return Operation(
        "create_invoice_report", kwargs, "json", read, success=HTTPStatus.CREATED, idempotent=False, if_too_large=""
    )


def report(org_id: Id, invoice_id: Id, report_id: Id) -> Operation[InvoiceReportResponse]:
    """One report's state, with a new address of its file."""
    ids = _ids.organization_id(org_id), _ids.invoice_id(invoice_id), _ids.report_id(report_id)
    kwargs = get_invoice_report._get_kwargs(*ids)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _report_reader(get_invoice_report._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    return Operation("get_invoice_report", kwargs, "json", read, if_too_large="")


def reports_page(org_id: Id, invoice_id: Id, *, page: int, size: int) -> Operation[Page[InvoiceReportResponse]]:
    """One page of the reports on an invoice, newest first, without addresses."""
    ids = _ids.organization_id(org_id), _ids.invoice_id(invoice_id)
    kwargs = list_invoice_reports._get_kwargs(*ids, items_per_page=size, page_num=page)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _page_reader(list_invoice_reports._parse_response, "report_id")  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    return Operation("list_invoice_reports", kwargs, "json", read, max_bytes=_PAGE_BYTES, if_too_large="")


def associated_invoices(
    org_id: Id, *, year: int | None = None, month: int | None = None, linked: bool = False
) -> Operation[list[AssociatedInvoice]]:
    """The IDs of a month's invoices, all of them."""
    kwargs = list_associated_invoices._get_kwargs(  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
        _ids.organization_id(org_id),
        month=UNSET if month is None else month,
        year=UNSET if year is None else year,
        include_linked_orgs=linked,
    )
    read = _reader(list_associated_invoices._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes

    def read_list(head: _responses.ResponseHead, body: bytes) -> list[AssociatedInvoice]:
        found = read(head, body).associated_invoices
        if not isinstance(found, list):
            raise _responses.unreadable(head, "json")
        return found

    return Operation("list_associated_invoices", kwargs, "json", read_list, if_too_large="")


def skus_page(*, page: int, size: int) -> Operation[Page[SkuResponse]]:
    """One page of the SKUs that invoices can have."""
    kwargs = list_skus._get_kwargs(items_per_page=size, page_num=page)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    read = _page_reader(list_skus._parse_response)  # noqa: SLF001 - private in the generated module; a contract test fails if it changes
    return Operation("list_skus", kwargs, "json", read, max_bytes=_PAGE_BYTES, if_too_large="")


def _report_reader(parse: Callable[..., Any]) -> Callable[[_responses.ResponseHead, bytes], InvoiceReportResponse]:
    read = _reader(parse)

    def read_report(head: _responses.ResponseHead, body: bytes) -> InvoiceReportResponse:
        parsed: InvoiceReportResponse = read(head, body)
        # Every field is optional, so any object would pass for a report, even an error.
        if not isinstance(parsed.report_id, str) or not isinstance(parsed.state, str):
            raise _responses.unreadable(head, "json")
        _responses.check_report(head, parsed.report_id)
        if isinstance(parsed.invoice_id, str):
            _responses.check_invoice(head, parsed.invoice_id)
        return parsed

    return read_report


def _read_bytes(_head: _responses.ResponseHead, body: bytes) -> bytes:
    return body


def _read_envelope(head: _responses.ResponseHead, body: bytes) -> bytes:
    return _responses.open_envelope(head, body)


@attrs.frozen
class _Reply:
    """The part of an `httpx.Response` that generated parsers read; making a whole one takes longer than parsing."""

    status_code: int
    content: bytes

    def json(self) -> Any:  # noqa: ANN401 - any JSON
        return json.loads(self.content)


def _reader(parse: Callable[..., Any]) -> Callable[[_responses.ResponseHead, bytes], Any]:
    """Return a reader for a generated parser, whose failures become `UnexpectedResponseError`."""

    def read(head: _responses.ResponseHead, body: bytes) -> Any:  # noqa: ANN401 - a generated parser's type, which each caller restores
        _responses.PartsCheck(head).add(body)
        try:
            parsed = parse(client=_PARSER_CLIENT, response=_Reply(head.status, body))
            if parsed is not None:
                _check_lists(head, parsed)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _responses.unreadable(head, "json") from None
        if parsed is None:
            raise _responses.unreadable(head, "json")
        return parsed

    return read


def _page_reader(parse: Callable[..., Any], key: str = "id") -> Callable[[_responses.ResponseHead, bytes], Page[Any]]:
    read = _reader(parse)
    return lambda head, body: _page(head, read(head, body), key)


def _page(head: _responses.ResponseHead, parsed: Any, key: str = "id") -> Page[Any]:  # noqa: ANN401 - the generated page models share no base
    if not isinstance(parsed.results, list):
        raise UnexpectedResponseError(f"expected a page of results, got JSON without any ({head.endpoint})")
    more = any(link.rel == "next" for link in parsed.links or [])
    total = number_or_none(parsed.total_count or 0)
    if total is None or total % 1:
        raise UnexpectedResponseError(f"the list's totalCount isn't a whole number ({head.endpoint})")
    return Page(tuple(parsed.results), more=more, total=int(total), endpoint=head.endpoint, key=key)


@cache
def _list_names(model: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(model) if "list[" in str(field.type))


def _check_lists(head: _responses.ResponseHead, model: attrs.AttrsInstance) -> None:
    """Refuse a model in which the generated parser left a list unparsed, because one of its items isn't an object.

    Links are dropped instead: only those of a page are used, and pages are counted too. In a list of invoices, a linked
    one that isn't an object becomes one without an ID, so that a sync reports it and goes on.
    """
    for name in _list_names(model.__class__):
        items = getattr(model, name)
        if not items:
            continue
        if isinstance(model, BillingInvoiceMetadata) and name == "linked_invoices" and isinstance(items, list):
            items = [item if attrs.has(type(item)) else _metadata(item) for item in items]
            model.linked_invoices = items
        # The parser reads all items or none.
        if isinstance(items, list) and attrs.has(type(items[0])):
            for item in items:
                _check_lists(head, item)
        elif name == "links":
            setattr(model, name, UNSET)
        else:
            field = re.sub("_(.)", lambda match: match[1].upper(), name)  # as in the JSON
            raise UnexpectedResponseError(f"the reply can't be read: {field} isn't a list of objects ({head.endpoint})")


def _metadata(item: object) -> BillingInvoiceMetadata:
    return BillingInvoiceMetadata.from_dict(item if isinstance(item, dict) else {})
