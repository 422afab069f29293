from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_error import ApiError
from ...models.paginated_invoice_report_view import PaginatedInvoiceReportView
from ...types import UNSET, Response, Unset


def _get_kwargs(
    org_id: str,
    invoice_id: str,
    *,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(accept, Unset):
        headers["Accept"] = accept

    params: dict[str, Any] = {}

    params["envelope"] = envelope

    params["includeCount"] = include_count

    params["itemsPerPage"] = items_per_page

    params["pageNum"] = page_num

    params["pretty"] = pretty

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/atlas/v2/orgs/{org_id}/invoices/{invoice_id}/reports".format(
            org_id=quote(str(org_id), safe=""),
            invoice_id=quote(str(invoice_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiError | PaginatedInvoiceReportView | None:
    if response.status_code == 200:
        response_200 = PaginatedInvoiceReportView.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ApiError.from_dict(response.json())

        return response_400

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
) -> Response[ApiError | PaginatedInvoiceReportView]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    org_id: str,
    invoice_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | PaginatedInvoiceReportView]:
    """List the reports on one invoice

     One page of the reports that Atlas still keeps, the newest first, without the addresses of their
    files.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | PaginatedInvoiceReportView]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        invoice_id=invoice_id,
        envelope=envelope,
        include_count=include_count,
        items_per_page=items_per_page,
        page_num=page_num,
        pretty=pretty,
        accept=accept,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    org_id: str,
    invoice_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | PaginatedInvoiceReportView | None:
    """List the reports on one invoice

     One page of the reports that Atlas still keeps, the newest first, without the addresses of their
    files.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | PaginatedInvoiceReportView
    """

    return sync_detailed(
        org_id=org_id,
        invoice_id=invoice_id,
        client=client,
        envelope=envelope,
        include_count=include_count,
        items_per_page=items_per_page,
        page_num=page_num,
        pretty=pretty,
        accept=accept,
    ).parsed


async def asyncio_detailed(
    org_id: str,
    invoice_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | PaginatedInvoiceReportView]:
    """List the reports on one invoice

     One page of the reports that Atlas still keeps, the newest first, without the addresses of their
    files.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | PaginatedInvoiceReportView]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        invoice_id=invoice_id,
        envelope=envelope,
        include_count=include_count,
        items_per_page=items_per_page,
        page_num=page_num,
        pretty=pretty,
        accept=accept,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org_id: str,
    invoice_id: str,
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | PaginatedInvoiceReportView | None:
    """List the reports on one invoice

     One page of the reports that Atlas still keeps, the newest first, without the addresses of their
    files.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        envelope (bool | Unset): Whether the reply is wrapped as JSON, with the HTTP status in
            `status` and the body in `content`. Unset means no.
        include_count (bool | Unset): Whether the reply says how many entries there are on all
            pages. Unset means yes.
        items_per_page (int | Unset): Entries on a page, 1 to 500. Unset means 100.
        page_num (int | Unset): Page to get, counted from 1. Unset means 1.
        pretty (bool | Unset): Whether JSON comes indented. Unset means no.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | PaginatedInvoiceReportView
    """

    return (
        await asyncio_detailed(
            org_id=org_id,
            invoice_id=invoice_id,
            client=client,
            envelope=envelope,
            include_count=include_count,
            items_per_page=items_per_page,
            page_num=page_num,
            pretty=pretty,
            accept=accept,
        )
    ).parsed
