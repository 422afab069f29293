import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_error import ApiError
from ...models.list_invoices_order_by import ListInvoicesOrderBy
from ...models.list_invoices_sort_by import ListInvoicesSortBy
from ...models.list_invoices_status_names_item import ListInvoicesStatusNamesItem
from ...models.paginated_api_invoice_metadata_view import PaginatedApiInvoiceMetadataView
from ...types import UNSET, Response, Unset


def _get_kwargs(
    org_id: str,
    *,
    envelope: bool | Unset = UNSET,
    from_date: datetime.date | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    order_by: ListInvoicesOrderBy | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    sort_by: ListInvoicesSortBy | Unset = UNSET,
    status_names: list[ListInvoicesStatusNamesItem] | Unset = UNSET,
    to_date: datetime.date | Unset = UNSET,
    view_linked_invoices: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2023-01-01+json",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(accept, Unset):
        headers["Accept"] = accept

    params: dict[str, Any] = {}

    params["envelope"] = envelope

    json_from_date: str | Unset = UNSET
    if not isinstance(from_date, Unset):
        json_from_date = from_date.isoformat()
    params["fromDate"] = json_from_date

    params["includeCount"] = include_count

    params["itemsPerPage"] = items_per_page

    json_order_by: str | Unset = UNSET
    if not isinstance(order_by, Unset):
        json_order_by = order_by

    params["orderBy"] = json_order_by

    params["pageNum"] = page_num

    params["pretty"] = pretty

    json_sort_by: str | Unset = UNSET
    if not isinstance(sort_by, Unset):
        json_sort_by = sort_by

    params["sortBy"] = json_sort_by

    json_status_names: list[str] | Unset = UNSET
    if not isinstance(status_names, Unset):
        json_status_names = []
        for status_names_item_data in status_names:
            status_names_item: str = status_names_item_data
            json_status_names.append(status_names_item)

    params["statusNames"] = json_status_names

    json_to_date: str | Unset = UNSET
    if not isinstance(to_date, Unset):
        json_to_date = to_date.isoformat()
    params["toDate"] = json_to_date

    params["viewLinkedInvoices"] = view_linked_invoices

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/atlas/v2/orgs/{org_id}/invoices".format(
            org_id=quote(str(org_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiError | PaginatedApiInvoiceMetadataView | None:
    if response.status_code == 200:
        response_200 = PaginatedApiInvoiceMetadataView.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ApiError.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ApiError.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ApiError.from_dict(response.json())

        return response_404

    if response.status_code == 429:
        response_429 = ApiError.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = ApiError.from_dict(response.json())

        return response_500

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ApiError | PaginatedApiInvoiceMetadataView]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    from_date: datetime.date | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    order_by: ListInvoicesOrderBy | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    sort_by: ListInvoicesSortBy | Unset = UNSET,
    status_names: list[ListInvoicesStatusNamesItem] | Unset = UNSET,
    to_date: datetime.date | Unset = UNSET,
    view_linked_invoices: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2023-01-01+json",
) -> Response[ApiError | PaginatedApiInvoiceMetadataView]:
    """List the invoices of an organization

     One page of invoices, without their items. With no status and no date it is every invoice there is.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        from_date (datetime.date | Unset): Only invoices whose billing period starts on this day
            or later (startDate, inclusive).
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        order_by (ListInvoicesOrderBy | Unset): Ascending or descending. Unset means desc: the
            newest first.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        sort_by (ListInvoicesSortBy | Unset): Date to sort by. Unset means END_DATE.
        status_names (list[ListInvoicesStatusNamesItem] | Unset): Only invoices with one of these
            statuses. Unset means all.
        to_date (datetime.date | Unset): Only invoices whose billing period ends on this day or
            earlier (endDate, inclusive).
        view_linked_invoices (bool | Unset): Whether `linkedInvoices` is filled in. Unset means
            yes.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2023-01-01+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | PaginatedApiInvoiceMetadataView]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        envelope=envelope,
        from_date=from_date,
        include_count=include_count,
        items_per_page=items_per_page,
        order_by=order_by,
        page_num=page_num,
        pretty=pretty,
        sort_by=sort_by,
        status_names=status_names,
        to_date=to_date,
        view_linked_invoices=view_linked_invoices,
        accept=accept,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    from_date: datetime.date | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    order_by: ListInvoicesOrderBy | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    sort_by: ListInvoicesSortBy | Unset = UNSET,
    status_names: list[ListInvoicesStatusNamesItem] | Unset = UNSET,
    to_date: datetime.date | Unset = UNSET,
    view_linked_invoices: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2023-01-01+json",
) -> ApiError | PaginatedApiInvoiceMetadataView | None:
    """List the invoices of an organization

     One page of invoices, without their items. With no status and no date it is every invoice there is.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        from_date (datetime.date | Unset): Only invoices whose billing period starts on this day
            or later (startDate, inclusive).
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        order_by (ListInvoicesOrderBy | Unset): Ascending or descending. Unset means desc: the
            newest first.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        sort_by (ListInvoicesSortBy | Unset): Date to sort by. Unset means END_DATE.
        status_names (list[ListInvoicesStatusNamesItem] | Unset): Only invoices with one of these
            statuses. Unset means all.
        to_date (datetime.date | Unset): Only invoices whose billing period ends on this day or
            earlier (endDate, inclusive).
        view_linked_invoices (bool | Unset): Whether `linkedInvoices` is filled in. Unset means
            yes.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2023-01-01+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | PaginatedApiInvoiceMetadataView
    """

    return sync_detailed(
        org_id=org_id,
        client=client,
        envelope=envelope,
        from_date=from_date,
        include_count=include_count,
        items_per_page=items_per_page,
        order_by=order_by,
        page_num=page_num,
        pretty=pretty,
        sort_by=sort_by,
        status_names=status_names,
        to_date=to_date,
        view_linked_invoices=view_linked_invoices,
        accept=accept,
    ).parsed


async def asyncio_detailed(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    from_date: datetime.date | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    order_by: ListInvoicesOrderBy | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    sort_by: ListInvoicesSortBy | Unset = UNSET,
    status_names: list[ListInvoicesStatusNamesItem] | Unset = UNSET,
    to_date: datetime.date | Unset = UNSET,
    view_linked_invoices: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2023-01-01+json",
) -> Response[ApiError | PaginatedApiInvoiceMetadataView]:
    """List the invoices of an organization

     One page of invoices, without their items. With no status and no date it is every invoice there is.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        from_date (datetime.date | Unset): Only invoices whose billing period starts on this day
            or later (startDate, inclusive).
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        order_by (ListInvoicesOrderBy | Unset): Ascending or descending. Unset means desc: the
            newest first.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        sort_by (ListInvoicesSortBy | Unset): Date to sort by. Unset means END_DATE.
        status_names (list[ListInvoicesStatusNamesItem] | Unset): Only invoices with one of these
            statuses. Unset means all.
        to_date (datetime.date | Unset): Only invoices whose billing period ends on this day or
            earlier (endDate, inclusive).
        view_linked_invoices (bool | Unset): Whether `linkedInvoices` is filled in. Unset means
            yes.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2023-01-01+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | PaginatedApiInvoiceMetadataView]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        envelope=envelope,
        from_date=from_date,
        include_count=include_count,
        items_per_page=items_per_page,
        order_by=order_by,
        page_num=page_num,
        pretty=pretty,
        sort_by=sort_by,
        status_names=status_names,
        to_date=to_date,
        view_linked_invoices=view_linked_invoices,
        accept=accept,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    from_date: datetime.date | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    order_by: ListInvoicesOrderBy | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    sort_by: ListInvoicesSortBy | Unset = UNSET,
    status_names: list[ListInvoicesStatusNamesItem] | Unset = UNSET,
    to_date: datetime.date | Unset = UNSET,
    view_linked_invoices: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2023-01-01+json",
) -> ApiError | PaginatedApiInvoiceMetadataView | None:
    """List the invoices of an organization

     One page of invoices, without their items. With no status and no date it is every invoice there is.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        from_date (datetime.date | Unset): Only invoices whose billing period starts on this day
            or later (startDate, inclusive).
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        order_by (ListInvoicesOrderBy | Unset): Ascending or descending. Unset means desc: the
            newest first.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        sort_by (ListInvoicesSortBy | Unset): Date to sort by. Unset means END_DATE.
        status_names (list[ListInvoicesStatusNamesItem] | Unset): Only invoices with one of these
            statuses. Unset means all.
        to_date (datetime.date | Unset): Only invoices whose billing period ends on this day or
            earlier (endDate, inclusive).
        view_linked_invoices (bool | Unset): Whether `linkedInvoices` is filled in. Unset means
            yes.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2023-01-01+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | PaginatedApiInvoiceMetadataView
    """

    return (
        await asyncio_detailed(
            org_id=org_id,
            client=client,
            envelope=envelope,
            from_date=from_date,
            include_count=include_count,
            items_per_page=items_per_page,
            order_by=order_by,
            page_num=page_num,
            pretty=pretty,
            sort_by=sort_by,
            status_names=status_names,
            to_date=to_date,
            view_linked_invoices=view_linked_invoices,
            accept=accept,
        )
    ).parsed
