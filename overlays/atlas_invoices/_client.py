"""The clients: `Client` for threads and `AsyncClient` for asyncio, with the same methods."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import date
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Generic, NoReturn, Self, TypeVar

import httpx

from atlas_invoices_client.models import AtlasOrganization, BillingInvoice, BillingInvoiceMetadata

from . import _config, _operations
from ._errors import is_transient, is_unprocessed
from ._files import AtomicFile, SavedFile, save, write
from ._http._exchange import AsyncCsvStream, CsvStream, Exchange, Operation, Response
from ._http._network import Proxy, Verify
from ._http._presigned import FileHost
from ._http._retry import RetryPolicy, retry
from ._http._steps import Steps, run, run_async
from ._http._transport import make_async_client, make_client
from ._ids import is_id
from ._invoice_names import find_invoice, invoice_name
from ._operations import Id
from ._paging import Paginator, iterate, iterate_async
from ._reports import AsyncReportMethods, ReportMethods, Reports
from ._utils import DEFAULT_MAX_BYTES, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT

__all__ = [
    "AsyncClient",
    "Client",
]

T = TypeVar("T")
Transport = TypeVar("Transport", httpx.BaseTransport, httpx.AsyncBaseTransport)


class _BaseClient(Generic[Transport]):
    """Settings and steps, the same for both clients; each adds its way to wait."""

    _http: ClassVar[Callable[..., httpx.Client | httpx.AsyncClient]]
    _files: ClassVar[Callable[..., FileHost]]

    def __init__(
        self,
        auth: httpx.Auth | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        retry_policy: RetryPolicy | None = None,
        token_cache: _config.TokenCacheSetting = None,
        user_agent: str | None = None,
        transport: Transport | None = None,
        verify: Verify = True,
        proxy: Proxy = None,
    ) -> None:
        settings = _config.resolve(
            auth,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            retry_policy=retry_policy,
            token_cache=token_cache,
            user_agent=user_agent,
            transport=transport,
            verify=verify,
            proxy=proxy,
        )
        self.base_url = str(settings.base_url)
        self._policy = settings.policy
        self._exchange = Exchange(partial(self._http, **settings.http), settings.policy, settings.http["proxy"])
        self._reports = Reports(self._fetch, self._files(settings=settings.http_without_auth, policy=settings.policy))

    def __repr__(self) -> str:
        # A client with invalid settings has no base URL, and may still be shown in a traceback.
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', None)!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # A copy would share no connections, and would spread the credentials.
        raise TypeError(f"{type(self).__name__} can't be pickled or copied; make a new one with the same arguments")

    def _fetch(self, operation: Operation[T], max_bytes: int | None = None) -> Steps[T]:
        """Run an operation whose reply is read into memory."""
        limit = operation.max_bytes if max_bytes is None else max_bytes

        def attempt() -> Steps[T]:
            response = yield from self._exchange.send(operation, limit)
            return operation.read(response.head, (yield from response.read_all()))

        return retry(attempt, self._policy, retryable=is_transient if operation.idempotent else is_unprocessed)

    def _send_csv(self, org_id: Id, invoice_id: Id) -> Callable[[], Steps[Response]]:
        return partial(self._exchange.send, _operations.invoice_csv(org_id, invoice_id), _config.STREAM_MAX_BYTES)

    def _download(self, org_id: Id, invoice_id: Id, target: AtomicFile) -> Steps[SavedFile]:
        send = self._send_csv(org_id, invoice_id)
        return retry(lambda: save(target, send), self._policy)

    def _write(self, operation: Operation[Any], target: AtomicFile) -> Steps[Response]:
        """Write a reply to a file, to be committed or discarded later."""
        send = partial(self._exchange.send, operation, _config.STREAM_MAX_BYTES)
        return retry(lambda: write(target, send), self._policy)

    def _organization_pages(self, name: str | None) -> Paginator[AtlasOrganization]:
        return Paginator(partial(_operations.organizations_page, name=name), self._fetch)

    def _invoice_pages(self, org_id: Id, **filters: Any) -> Paginator[BillingInvoiceMetadata]:  # noqa: ANN401 - typed by both clients' `list_invoices`
        return Paginator(partial(_operations.invoices_page, org_id, **filters), self._fetch)

    def _find_invoice(self, org_id: Id, name: str) -> Steps[BillingInvoiceMetadata]:
        name = invoice_name(name)
        listed = yield from self._invoice_pages(org_id, linked=is_id(name)).read_all()
        return find_invoice(listed, name)


class Client(ReportMethods, _BaseClient[httpx.BaseTransport]):
    """Reads invoices from Atlas. Safe to share between threads; close it, or use it in a `with` block.

    Args:
        auth: `ServiceAccountAuth`, `DigestAuth`, `AccessTokenAuth` or any `httpx.Auth`; by default credentials from
            the environment, as for the command.
        base_url: the server, https unless it's this machine; default `MONGODB_ATLAS_BASE_URL`, else
            `https://cloud.mongodb.com`.
        timeout: seconds that one step of a request (connect, send, each read) may take; None for no limit.
        max_retries: how often a failed request is retried.
        retry_policy: a `RetryPolicy` with your own waits and deadline, instead of `max_retries`.
        token_cache: whether a service account's access token is shared with other processes of this user, through a
            file that only they can read: True for the user's cache folder (needs `atlas-invoices[cli]`), or a folder
            of your own; off by default. An unusable folder or file is a `UserWarning`, and isn't used.
        user_agent: text to put before our own in the User-Agent header.
        transport: an httpx transport to use instead of the network.
        verify: the path of a CA bundle or an `ssl.SSLContext`; False turns TLS checks off.
        proxy: a proxy's URL; by default `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` decide, and this machine is reached
            without one.

    Raises `ConfigError` for invalid settings. Every method raises subclasses of `AtlasError`: `InvalidIdError` before
    any request, `APIConnectionError` without an answer, `APIStatusError` for a refusal, `UnexpectedResponseError` or
    `IncompleteDownloadError` for an answer that can't be used. After `close` they raise `ValueError`.

    Example:
        >>> import atlas_invoices as ai
        >>> with ai.Client() as atlas:
        ...     for org in atlas.list_organizations():
        ...         print(org.id, org.name)
    """

    _http = staticmethod(make_client)
    _files = staticmethod(partial(FileHost, httpx.Client, httpx.HTTPTransport))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; later calls raise `ValueError`."""
        self._exchange.connections.close().run()

    def list_organizations(self, *, name: str | None = None) -> Iterator[AtlasOrganization]:
        """Yield the organizations that the credentials can see, all pages, lazily; `name` is a prefix to filter by."""
        return iterate(self._organization_pages(name))

    def list_invoices(
        self,
        org_id: Id,
        *,
        statuses: str | Sequence[str] | None = None,
        from_date: date | None = None,
        to_date: date | None = None,
        linked: bool = False,
    ) -> Iterator[BillingInvoiceMetadata]:
        """Yield the organization's invoices without their lines, newest first, all pages, lazily.

        Args:
            org_id: 24 hexadecimal digits.
            statuses: only these, such as `["PAID", "PENDING"]`, or one, such as `"paid"`; all by default.
            from_date: only invoices whose period starts on this day or later (inclusive); of a datetime, its day.
            to_date: only invoices whose period ends on this day or earlier (inclusive); of a datetime, its day.
            linked: whether each invoice brings those of linked organizations in `linked_invoices`.
        """
        return iterate(
            self._invoice_pages(org_id, statuses=statuses, from_date=from_date, to_date=to_date, linked=linked)
        )

    def find_invoice(self, org_id: Id, name: str) -> BillingInvoiceMetadata:
        """Return the invoice that a name means, without its lines.

        Args:
            org_id: 24 hexadecimal digits.
            name: a month such as `"2026-06"`, in which the invoice's period starts (UTC), whatever its status;
                `"latest"`, the one of the newest period whose status isn't PENDING; `"pending"`, the one whose status
                is PENDING; or an invoice ID.

        A linked organization's invoice is found only by its ID, and only if the credentials may see it; a month,
        `latest` and `pending` mean the organization's own invoices.

        Raises `InvalidIdError` for any other name, before any request, and for one that several invoices fit, with a
        list of them; `NotFoundError` if none fits.

        Example:
            >>> invoice = atlas.find_invoice(org_id, "2026-06")
            >>> print(invoice.start_date.date(), invoice.end_date.date())
            2026-06-01 2026-07-01
        """
        return run(self._find_invoice(org_id, name))

    def list_pending_invoices(self, org_id: Id, *, max_bytes: int = DEFAULT_MAX_BYTES) -> list[BillingInvoice]:
        """Return the invoices of the open period, with linked organizations' if Atlas sends them.

        Raises an `UnexpectedResponseError` rather than read more than `max_bytes` of JSON.
        """
        return run(self._fetch(_operations.pending_invoices(org_id), max_bytes))

    def get_invoice(self, org_id: Id, invoice_id: Id, *, max_bytes: int = DEFAULT_MAX_BYTES) -> BillingInvoice:
        """Return one invoice with lines, payments and refunds; amounts are whole US cents.

        Raises an `UnexpectedResponseError` rather than read more than `max_bytes` of JSON, which has about 600 bytes
        for each line.
        """
        return run(self._fetch(_operations.invoice(org_id, invoice_id), max_bytes))

    def get_invoice_csv(
        self,
        org_id: Id,
        invoice_id: Id,
        *,
        envelope: bool = False,
        pretty: bool = False,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> bytes:
        """Return one invoice as CSV, exactly as sent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            envelope: request the reply wrapped in JSON, for networks that hide statuses and headers; it's unwrapped
                here, and an error inside is raised like any other.
            pretty: Atlas's `pretty` parameter.
            max_bytes: raise an `UnexpectedResponseError` rather than hold more than this in memory.
        """
        operation = _operations.invoice_csv(org_id, invoice_id, envelope=envelope, pretty=pretty)
        return run(self._fetch(operation, max_bytes))

    def stream_invoice_csv(self, org_id: Id, invoice_id: Id) -> CsvStream:
        """Return one invoice as CSV in pieces, in constant memory; a context manager.

        Example:
            >>> with atlas.stream_invoice_csv(org_id, invoice_id) as body:
            ...     for chunk in body.iter_bytes():
            ...         total += len(chunk)
        """
        return CsvStream(partial(retry, self._send_csv(org_id, invoice_id), self._policy))

    def download_invoice_csv(
        self, org_id: Id, invoice_id: Id, path: str | os.PathLike[str], *, overwrite: bool = True
    ) -> SavedFile:
        """Save one invoice as CSV, exactly as sent, in constant memory; the file is complete or absent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            path: the file; its folder must exist.
            overwrite: whether an existing file is replaced (only by a complete one), or a `FileExistsError`.

        Raises `OSError` if the file system refuses.
        """
        return run(self._download(org_id, invoice_id, AtomicFile(path, overwrite=overwrite)))


class AsyncClient(AsyncReportMethods, _BaseClient[httpx.AsyncBaseTransport]):
    """`Client` for asyncio: the same settings, methods and errors, with `await`, `async for` and `async with`.

    Safe to share between the tasks of an event loop; another loop, as in a second `asyncio.run`, gets its own
    connections. It works with asyncio only: elsewhere, as under trio, its methods raise `ConfigError`.

    Example:
        >>> async with ai.AsyncClient() as atlas:
        ...     async for invoice in atlas.list_invoices(org_id):
        ...         saved = await atlas.download_invoice_csv(org_id, invoice.id, f"{invoice.id}.csv")
    """

    _http = staticmethod(make_async_client)
    _files = staticmethod(partial(FileHost, httpx.AsyncClient, httpx.AsyncHTTPTransport))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; later calls raise `ValueError`."""
        await self._exchange.connections.close().run_async()

    def list_organizations(self, *, name: str | None = None) -> AsyncIterator[AtlasOrganization]:
        """Yield the organizations that the credentials can see, all pages, lazily; `name` is a prefix to filter by."""
        return iterate_async(self._organization_pages(name))

    def list_invoices(
        self,
        org_id: Id,
        *,
        statuses: str | Sequence[str] | None = None,
        from_date: date | None = None,
        to_date: date | None = None,
        linked: bool = False,
    ) -> AsyncIterator[BillingInvoiceMetadata]:
        """Yield the organization's invoices without their lines, newest first, all pages, lazily.

        The arguments are those of `Client.list_invoices`.
        """
        return iterate_async(
            self._invoice_pages(org_id, statuses=statuses, from_date=from_date, to_date=to_date, linked=linked)
        )

    async def find_invoice(self, org_id: Id, name: str) -> BillingInvoiceMetadata:
        """Return the invoice that a name means: `"2026-06"`, `"latest"`, `"pending"` or an ID.

        The arguments and errors are those of `Client.find_invoice`.
        """
        return await run_async(self._find_invoice(org_id, name))

    async def list_pending_invoices(self, org_id: Id, *, max_bytes: int = DEFAULT_MAX_BYTES) -> list[BillingInvoice]:
        """Return the invoices of the open period, with linked organizations' if Atlas sends them.

        Raises an `UnexpectedResponseError` rather than read more than `max_bytes` of JSON.
        """
        return await run_async(self._fetch(_operations.pending_invoices(org_id), max_bytes))

    async def get_invoice(self, org_id: Id, invoice_id: Id, *, max_bytes: int = DEFAULT_MAX_BYTES) -> BillingInvoice:
        """Return one invoice with lines, payments and refunds; amounts are whole US cents.

        Raises an `UnexpectedResponseError` rather than read more than `max_bytes` of JSON, which has about 600 bytes
        for each line.
        """
        return await run_async(self._fetch(_operations.invoice(org_id, invoice_id), max_bytes))

    async def get_invoice_csv(
        self,
        org_id: Id,
        invoice_id: Id,
        *,
        envelope: bool = False,
        pretty: bool = False,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> bytes:
        """Return one invoice as CSV, exactly as sent; the arguments are those of `Client.get_invoice_csv`."""
        operation = _operations.invoice_csv(org_id, invoice_id, envelope=envelope, pretty=pretty)
        return await run_async(self._fetch(operation, max_bytes))

    def stream_invoice_csv(self, org_id: Id, invoice_id: Id) -> AsyncCsvStream:
        """Return one invoice as CSV in pieces, in constant memory; an asynchronous context manager.

        Example:
            >>> async with atlas.stream_invoice_csv(org_id, invoice_id) as body:
            ...     async for chunk in body.aiter_bytes():
            ...         total += len(chunk)
        """
        return AsyncCsvStream(partial(retry, self._send_csv(org_id, invoice_id), self._policy))

    async def download_invoice_csv(
        self, org_id: Id, invoice_id: Id, path: str | os.PathLike[str], *, overwrite: bool = True
    ) -> SavedFile:
        """Save one invoice as CSV, exactly as sent, in constant memory; the file is complete or absent.

        The arguments and errors are those of `Client.download_invoice_csv`.
        """
        return await run_async(self._download(org_id, invoice_id, AtomicFile(path, overwrite=overwrite)))
