"""The clients: `Client` for threads and `AsyncClient` for asyncio, with the same methods."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import httpx

from . import _config, _operations
from ._files import AtomicFile, SavedFile, writing
from ._http import _retry
from ._http._exchange import CsvStream, Line
from ._http._exchange_async import AsyncCsvStream, AsyncLine

if TYPE_CHECKING:
    from atlas_invoices_client.models import AtlasOrganization, BillingInvoice, BillingInvoiceMetadata

    from ._ids import Id


T = TypeVar("T")


class Client:
    """Reads invoices from Atlas. Safe to share between threads; close it, or use it in a `with` block.

    Args:
        auth: `ServiceAccountAuth`, `DigestAuth`, `AccessTokenAuth` or any `httpx.Auth`; without it, credentials are
            found in the environment, as the command finds them.
        base_url: the server, https unless it's this machine; default `MONGODB_ATLAS_BASE_URL`, else
            `https://cloud.mongodb.com`.
        timeout: seconds that one step of a request (connect, send, each read) may take; None for no limit.
        max_retries: how often a failed request is tried again.
        retry_policy: in place of `max_retries`, a `RetryPolicy` with waits and deadline of your own.
        token_cache: whether a service account's access token is shared with other processes of this user, through a
            file that only they can read: True for the user's cache folder (needs `atlas-invoices[cli]`), or a folder
            of your own; off by default. A folder or file that won't do is a `UserWarning`, and does without.
        user_agent: goes before our own in the User-Agent header.
        transport: an httpx transport in place of the network.
        verify: the path of a CA bundle or an `ssl.SSLContext`; False turns TLS checks off.
        proxy: a proxy's URL; by default the usual environment variables decide.

    Raises `ConfigError` for settings that won't do. Every method raises subclasses of `AtlasError`: `InvalidIdError`
    before any request, `APIConnectionError` without an answer, `APIStatusError` for a refusal,
    `UnexpectedResponseError` or `IncompleteDownloadError` for an answer that can't be used.

    Example:
        >>> import atlas_invoices as ai
        >>> with ai.Client() as atlas:
        ...     for org in atlas.list_organizations():
        ...         print(org.id, org.name)
    """

    def __init__(
        self,
        auth: httpx.Auth | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout | None = _config.DEFAULT_TIMEOUT,
        max_retries: int = _config.DEFAULT_MAX_RETRIES,
        retry_policy: _retry.RetryPolicy | None = None,
        token_cache: _config.TokenCacheSetting = None,
        user_agent: str | None = None,
        transport: httpx.BaseTransport | None = None,
        verify: _config.Verify = True,
        proxy: _config.Proxy = None,
    ) -> None:
        """Nothing is sent yet."""
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
        self._line = Line(lambda: settings.connect(httpx.Client), settings.policy)

    def __repr__(self) -> str:
        """Name the server, no secret."""
        # A client whose settings were refused has none, and may yet be shown in a traceback.
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', None)!r})"

    def __enter__(self) -> Self:
        """Use it in a block."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._line.http.close()

    def list_organizations(self, *, name: str | None = None) -> Iterator[AtlasOrganization]:
        """Yield the organizations that the credentials can see, all pages, lazily; `name` is a prefix to filter by."""
        return self._pages(lambda page: _operations.organizations_page(page=page, name=name))

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
            statuses: only these, such as `["PAID", "PENDING"]`, or one, such as `"PAID"`; all by default.
            from_date: only invoices whose period starts on this day or later (inclusive); of a datetime, its day.
            to_date: only invoices whose period ends on this day or earlier (inclusive); of a datetime, its day.
            linked: whether each invoice brings those of linked organizations in `linked_invoices`.
        """

        def page_call(page: int) -> _operations.Operation[_operations.Page[BillingInvoiceMetadata]]:
            return _operations.invoices_page(
                org_id, page=page, statuses=statuses, from_date=from_date, to_date=to_date, linked=linked
            )

        page_call(1)  # so that a wrong ID is told at the call, not at the first step of the loop
        return self._pages(page_call)

    def list_pending_invoices(self, org_id: Id) -> list[BillingInvoice]:
        """Return the invoices of the open period, linked organizations' included where Atlas sends them."""
        return self._get(_operations.pending_invoices(org_id))

    def get_invoice(self, org_id: Id, invoice_id: Id) -> BillingInvoice:
        """Return one invoice with lines, payments and refunds; amounts are whole US cents."""
        return self._get(_operations.invoice(org_id, invoice_id))

    def get_invoice_csv(
        self,
        org_id: Id,
        invoice_id: Id,
        *,
        envelope: bool = False,
        pretty: bool = False,
        max_bytes: int = _operations.DEFAULT_MAX_BYTES,
    ) -> bytes:
        """Return one invoice as CSV, exactly as sent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            envelope: ask for the reply wrapped in JSON, for networks that hide statuses and headers; it's unwrapped
                here, and an error inside is raised like any other.
            pretty: Atlas's `pretty` parameter.
            max_bytes: an `UnexpectedResponseError` rather than more than this in memory.
        """
        return self._get(_operations.invoice_csv(org_id, invoice_id, envelope=envelope, pretty=pretty), max_bytes)

    def stream_invoice_csv(self, org_id: Id, invoice_id: Id) -> CsvStream:
        """Return one invoice as CSV in pieces, in constant memory; a context manager.

        Example:
            >>> with atlas.stream_invoice_csv(org_id, invoice_id) as body:
            ...     for chunk in body.iter_bytes():
            ...         total += len(chunk)
        """
        call = _operations.invoice_csv(org_id, invoice_id)
        return CsvStream(lambda: _retry.call(lambda: self._line.open(call, _config.STREAM_MAX_BYTES), self._policy))

    def download_invoice_csv(
        self, org_id: Id, invoice_id: Id, path: str | os.PathLike[str], *, overwrite: bool = True
    ) -> SavedFile:
        """Save one invoice as CSV, exactly as sent, in constant memory; the file is complete or absent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            path: where to; the folder must exist.
            overwrite: whether an existing file is replaced (only by a complete one), or a `FileExistsError`.

        Raises `OSError` for what the file system refuses.
        """
        call = _operations.invoice_csv(org_id, invoice_id)
        target = AtomicFile(path, overwrite=overwrite)

        def attempt() -> SavedFile:
            with target:
                reply = self._line.open(call, _config.STREAM_MAX_BYTES)
                try:
                    for piece in reply.iter_bytes():
                        target.write(piece)
                finally:
                    reply.close()
            return target.saved

        return _retry.call(attempt, self._policy)

    def _get(self, call: _operations.Operation[T], max_bytes: int | None = None) -> T:
        def attempt() -> T:
            reply = self._line.open(call, call.max_bytes if max_bytes is None else max_bytes)
            try:
                # Not a list of pieces: a server that sends single bytes would make each cost fifty.
                body = io.BytesIO()
                for piece in reply.iter_bytes():
                    body.write(piece)
            finally:
                reply.close()
            return call.read(reply.head, body.getvalue())

        return _retry.call(attempt, self._policy)

    def _pages(self, page_call: Callable[[int], _operations.Operation[_operations.Page[T]]]) -> Iterator[T]:
        paginator = _operations.Paginator()
        while True:
            page = self._get(page_call(paginator.number))
            paginator.advance(page)
            yield from page.items
            if not page.more:
                return


class AsyncClient:
    """`Client` for asyncio: the same settings, methods and errors, with `await`, `async for` and `async with`.

    Safe to share between the tasks of one event loop.

    Example:
        >>> async with ai.AsyncClient() as atlas:
        ...     async for invoice in atlas.list_invoices(org_id):
        ...         saved = await atlas.download_invoice_csv(org_id, invoice.id, f"{invoice.id}.csv")
    """

    def __init__(
        self,
        auth: httpx.Auth | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout | None = _config.DEFAULT_TIMEOUT,
        max_retries: int = _config.DEFAULT_MAX_RETRIES,
        retry_policy: _retry.RetryPolicy | None = None,
        token_cache: _config.TokenCacheSetting = None,
        user_agent: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        verify: _config.Verify = True,
        proxy: _config.Proxy = None,
    ) -> None:
        """Nothing is sent yet."""
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
        self._line = AsyncLine(lambda: settings.connect(httpx.AsyncClient), settings.policy)

    def __repr__(self) -> str:
        """Name the server, no secret."""
        # A client whose settings were refused has none, and may yet be shown in a traceback.
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', None)!r})"

    async def __aenter__(self) -> Self:
        """Use it in a block."""
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()

    def list_organizations(self, *, name: str | None = None) -> AsyncIterator[AtlasOrganization]:
        """Yield the organizations that the credentials can see, all pages, lazily; `name` is a prefix to filter by."""
        return self._pages(lambda page: _operations.organizations_page(page=page, name=name))

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

        Args:
            org_id: 24 hexadecimal digits.
            statuses: only these, such as `["PAID", "PENDING"]`, or one, such as `"PAID"`; all by default.
            from_date: only invoices whose period starts on this day or later (inclusive); of a datetime, its day.
            to_date: only invoices whose period ends on this day or earlier (inclusive); of a datetime, its day.
            linked: whether each invoice brings those of linked organizations in `linked_invoices`.
        """

        def page_call(page: int) -> _operations.Operation[_operations.Page[BillingInvoiceMetadata]]:
            return _operations.invoices_page(
                org_id, page=page, statuses=statuses, from_date=from_date, to_date=to_date, linked=linked
            )

        page_call(1)  # so that a wrong ID is told at the call, not at the first step of the loop
        return self._pages(page_call)

    async def list_pending_invoices(self, org_id: Id) -> list[BillingInvoice]:
        """Return the invoices of the open period, linked organizations' included where Atlas sends them."""
        return await self._get(_operations.pending_invoices(org_id))

    async def get_invoice(self, org_id: Id, invoice_id: Id) -> BillingInvoice:
        """Return one invoice with lines, payments and refunds; amounts are whole US cents."""
        return await self._get(_operations.invoice(org_id, invoice_id))

    async def get_invoice_csv(
        self,
        org_id: Id,
        invoice_id: Id,
        *,
        envelope: bool = False,
        pretty: bool = False,
        max_bytes: int = _operations.DEFAULT_MAX_BYTES,
    ) -> bytes:
        """Return one invoice as CSV, exactly as sent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            envelope: ask for the reply wrapped in JSON, for networks that hide statuses and headers; it's unwrapped
                here, and an error inside is raised like any other.
            pretty: Atlas's `pretty` parameter.
            max_bytes: an `UnexpectedResponseError` rather than more than this in memory.
        """
        return await self._get(_operations.invoice_csv(org_id, invoice_id, envelope=envelope, pretty=pretty), max_bytes)

    def stream_invoice_csv(self, org_id: Id, invoice_id: Id) -> AsyncCsvStream:
        """Return one invoice as CSV in pieces, in constant memory; a context manager.

        Example:
            >>> async with atlas.stream_invoice_csv(org_id, invoice_id) as body:
            ...     async for chunk in body.aiter_bytes():
            ...         total += len(chunk)
        """
        call = _operations.invoice_csv(org_id, invoice_id)
        return AsyncCsvStream(
            lambda: _retry.call_async(lambda: self._line.open(call, _config.STREAM_MAX_BYTES), self._policy)
        )

    async def download_invoice_csv(
        self, org_id: Id, invoice_id: Id, path: str | os.PathLike[str], *, overwrite: bool = True
    ) -> SavedFile:
        """Save one invoice as CSV, exactly as sent, in constant memory; the file is complete or absent.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            path: where to; the folder must exist.
            overwrite: whether an existing file is replaced (only by a complete one), or a `FileExistsError`.

        Raises `OSError` for what the file system refuses.
        """
        call = _operations.invoice_csv(org_id, invoice_id)
        target = AtomicFile(path, overwrite=overwrite)

        async def attempt() -> SavedFile:
            async with writing(target) as file:
                reply = await self._line.open(call, _config.STREAM_MAX_BYTES)
                try:
                    async for piece in reply.aiter_bytes():
                        await file.write(piece)
                finally:
                    await reply.close()
            return target.saved

        return await _retry.call_async(attempt, self._policy)

    async def _get(self, call: _operations.Operation[T], max_bytes: int | None = None) -> T:
        async def attempt() -> T:
            reply = await self._line.open(call, call.max_bytes if max_bytes is None else max_bytes)
            try:
                # Not a list of pieces: a server that sends single bytes would make each cost fifty.
                body = io.BytesIO()
                async for piece in reply.aiter_bytes():
                    body.write(piece)
            finally:
                await reply.close()
            return call.read(reply.head, body.getvalue())

        return await _retry.call_async(attempt, self._policy)

    async def _pages(self, page_call: Callable[[int], _operations.Operation[_operations.Page[T]]]) -> AsyncIterator[T]:
        paginator = _operations.Paginator()
        while True:
            page = await self._get(page_call(paginator.number))
            paginator.advance(page)
            for item in page.items:
                yield item
            if not page.more:
                return
