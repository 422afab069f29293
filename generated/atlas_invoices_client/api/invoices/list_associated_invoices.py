from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_error import ApiError
from ...models.org_associated_invoice_response import OrgAssociatedInvoiceResponse
from ...types import UNSET, Response, Unset


def _get_kwargs(
    org_id: str,
    *,
    include_linked_orgs: bool | Unset = UNSET,
    month: int | Unset = UNSET,
    year: int | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(accept, Unset):
        headers["Accept"] = accept

    params: dict[str, Any] = {}

    params["includeLinkedOrgs"] = include_linked_orgs

    params["month"] = month

    params["year"] = year

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/atlas/v2/orgs/{org_id}/associatedInvoices".format(
            org_id=quote(str(org_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiError | OrgAssociatedInvoiceResponse | None:
    if response.status_code == 200:
        response_200 = OrgAssociatedInvoiceResponse.from_dict(response.json())

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
) -> Response[ApiError | OrgAssociatedInvoiceResponse]:
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
    include_linked_orgs: bool | Unset = UNSET,
    month: int | Unset = UNSET,
    year: int | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | OrgAssociatedInvoiceResponse]:
    """List the IDs of a month's invoices

     The invoices of one month, with those of linked organizations if requested. Not a page, so all of
    them.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        include_linked_orgs (bool | Unset): Whether the invoices of linked organizations are
            listed too. Unset means no.
        month (int | Unset): Month, 1 to 12. Unset means the current one.
        year (int | Unset): Year, such as 2026. Unset means the current one.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | OrgAssociatedInvoiceResponse]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        include_linked_orgs=include_linked_orgs,
        month=month,
        year=year,
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
    include_linked_orgs: bool | Unset = UNSET,
    month: int | Unset = UNSET,
    year: int | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | OrgAssociatedInvoiceResponse | None:
    """List the IDs of a month's invoices

     The invoices of one month, with those of linked organizations if requested. Not a page, so all of
    them.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        include_linked_orgs (bool | Unset): Whether the invoices of linked organizations are
            listed too. Unset means no.
        month (int | Unset): Month, 1 to 12. Unset means the current one.
        year (int | Unset): Year, such as 2026. Unset means the current one.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | OrgAssociatedInvoiceResponse
    """

    return sync_detailed(
        org_id=org_id,
        client=client,
        include_linked_orgs=include_linked_orgs,
        month=month,
        year=year,
        accept=accept,
    ).parsed


async def asyncio_detailed(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    include_linked_orgs: bool | Unset = UNSET,
    month: int | Unset = UNSET,
    year: int | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | OrgAssociatedInvoiceResponse]:
    """List the IDs of a month's invoices

     The invoices of one month, with those of linked organizations if requested. Not a page, so all of
    them.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        include_linked_orgs (bool | Unset): Whether the invoices of linked organizations are
            listed too. Unset means no.
        month (int | Unset): Month, 1 to 12. Unset means the current one.
        year (int | Unset): Year, such as 2026. Unset means the current one.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | OrgAssociatedInvoiceResponse]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        include_linked_orgs=include_linked_orgs,
        month=month,
        year=year,
        accept=accept,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org_id: str,
    *,
    client: AuthenticatedClient | Client,
    include_linked_orgs: bool | Unset = UNSET,
    month: int | Unset = UNSET,
    year: int | Unset = UNSET,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | OrgAssociatedInvoiceResponse | None:
    """List the IDs of a month's invoices

     The invoices of one month, with those of linked organizations if requested. Not a page, so all of
    them.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        include_linked_orgs (bool | Unset): Whether the invoices of linked organizations are
            listed too. Unset means no.
        month (int | Unset): Month, 1 to 12. Unset means the current one.
        year (int | Unset): Year, such as 2026. Unset means the current one.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | OrgAssociatedInvoiceResponse
    """

    return (
        await asyncio_detailed(
            org_id=org_id,
            client=client,
            include_linked_orgs=include_linked_orgs,
            month=month,
            year=year,
            accept=accept,
        )
    ).parsed
