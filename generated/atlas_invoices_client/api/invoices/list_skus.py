from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_error import ApiError
from ...models.paginated_api_sku_view import PaginatedApiSKUView
from ...types import UNSET, Response, Unset


def _get_kwargs(
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
        "url": "/api/atlas/v2/skus",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiError | PaginatedApiSKUView | None:
    if response.status_code == 200:
        response_200 = PaginatedApiSKUView.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ApiError.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ApiError.from_dict(response.json())

        return response_403

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
) -> Response[ApiError | PaginatedApiSKUView]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | PaginatedApiSKUView]:
    """List the SKUs that invoices can have

     One page of SKUs, each with its code and a short text.

    Args:
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
        Response[ApiError | PaginatedApiSKUView]
    """

    kwargs = _get_kwargs(
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
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | PaginatedApiSKUView | None:
    """List the SKUs that invoices can have

     One page of SKUs, each with its code and a short text.

    Args:
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
        ApiError | PaginatedApiSKUView
    """

    return sync_detailed(
        client=client,
        envelope=envelope,
        include_count=include_count,
        items_per_page=items_per_page,
        page_num=page_num,
        pretty=pretty,
        accept=accept,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | PaginatedApiSKUView]:
    """List the SKUs that invoices can have

     One page of SKUs, each with its code and a short text.

    Args:
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
        Response[ApiError | PaginatedApiSKUView]
    """

    kwargs = _get_kwargs(
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
    *,
    client: AuthenticatedClient | Client,
    envelope: bool | Unset = UNSET,
    include_count: bool | Unset = UNSET,
    items_per_page: int | Unset = UNSET,
    page_num: int | Unset = UNSET,
    pretty: bool | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | PaginatedApiSKUView | None:
    """List the SKUs that invoices can have

     One page of SKUs, each with its code and a short text.

    Args:
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
        ApiError | PaginatedApiSKUView
    """

    return (
        await asyncio_detailed(
            client=client,
            envelope=envelope,
            include_count=include_count,
            items_per_page=items_per_page,
            page_num=page_num,
            pretty=pretty,
            accept=accept,
        )
    ).parsed
