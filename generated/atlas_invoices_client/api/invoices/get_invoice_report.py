from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_error import ApiError
from ...models.invoice_report_response import InvoiceReportResponse
from ...types import Response, Unset


def _get_kwargs(
    org_id: str,
    invoice_id: str,
    report_id: str,
    *,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(accept, Unset):
        headers["Accept"] = accept

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/atlas/v2/orgs/{org_id}/invoices/{invoice_id}/reports/{report_id}".format(
            org_id=quote(str(org_id), safe=""),
            invoice_id=quote(str(invoice_id), safe=""),
            report_id=quote(str(report_id), safe=""),
        ),
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ApiError | InvoiceReportResponse | None:
    if response.status_code == 200:
        response_200 = InvoiceReportResponse.from_dict(response.json())

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
) -> Response[ApiError | InvoiceReportResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    org_id: str,
    invoice_id: str,
    report_id: str,
    *,
    client: AuthenticatedClient | Client,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | InvoiceReportResponse]:
    """Get the state of one report

     Once the report has succeeded, the reply has a new address of its file, which is good for 15
    minutes.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        report_id (str): Report: 24 hexadecimal digits.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | InvoiceReportResponse]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        invoice_id=invoice_id,
        report_id=report_id,
        accept=accept,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    org_id: str,
    invoice_id: str,
    report_id: str,
    *,
    client: AuthenticatedClient | Client,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | InvoiceReportResponse | None:
    """Get the state of one report

     Once the report has succeeded, the reply has a new address of its file, which is good for 15
    minutes.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        report_id (str): Report: 24 hexadecimal digits.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | InvoiceReportResponse
    """

    return sync_detailed(
        org_id=org_id,
        invoice_id=invoice_id,
        report_id=report_id,
        client=client,
        accept=accept,
    ).parsed


async def asyncio_detailed(
    org_id: str,
    invoice_id: str,
    report_id: str,
    *,
    client: AuthenticatedClient | Client,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> Response[ApiError | InvoiceReportResponse]:
    """Get the state of one report

     Once the report has succeeded, the reply has a new address of its file, which is good for 15
    minutes.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        report_id (str): Report: 24 hexadecimal digits.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiError | InvoiceReportResponse]
    """

    kwargs = _get_kwargs(
        org_id=org_id,
        invoice_id=invoice_id,
        report_id=report_id,
        accept=accept,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org_id: str,
    invoice_id: str,
    report_id: str,
    *,
    client: AuthenticatedClient | Client,
    accept: str | Unset = "application/vnd.atlas.2025-03-12+json",
) -> ApiError | InvoiceReportResponse | None:
    """Get the state of one report

     Once the report has succeeded, the reply has a new address of its file, which is good for 15
    minutes.

    Args:
        org_id (str): Organization: 24 hexadecimal digits.
        invoice_id (str): Invoice: 24 hexadecimal digits.
        report_id (str): Report: 24 hexadecimal digits.
        accept (str | Unset): Media type to ask for; its date is the resource version. Change it
            only to ask for another version. Default: 'application/vnd.atlas.2025-03-12+json'.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiError | InvoiceReportResponse
    """

    return (
        await asyncio_detailed(
            org_id=org_id,
            invoice_id=invoice_id,
            report_id=report_id,
            client=client,
            accept=accept,
        )
    ).parsed
