"""MongoDB's own reports on an invoice, associated invoices and SKUs: the steps, and the methods of both clients.

A report is made in the background: create it, ask for its state now and then, fetch its file from another host.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Protocol, TypeVar

from . import _config, _operations
from ._errors import APITimeoutError, ReportFailedError, UnexpectedResponseError
from ._files import AtomicFile, SavedFile, save
from ._http._exchange import Operation
from ._http._presigned import FileHost, host_of
from ._http._retry import retry
from ._http._steps import Sleep, Steps, run, run_async
from ._models import AssociatedInvoice, InvoiceReportResponse, SkuResponse
from ._operations import Id
from ._paging import Paginator, iterate, iterate_async
from ._secret import Secret
from ._utils import duration, single_line, text_or_none

T = TypeVar("T")

# In seconds: Atlas's documentation of reports asks for a poll every 5 seconds at most, and fewer after a while.
_FIRST_POLL, _BACKOFF, _LONGEST_POLL = 5.0, 1.5, 60.0
# In seconds. Atlas doesn't say how long a report takes; runs of an hourly schedule shouldn't pile up.
MAX_WAIT = 1800.0
_USABLE = frozenset({"PENDING", "RUNNING", "SUCCEEDED"})


class Fetch(Protocol):
    """Runs an operation whose reply is read into memory."""

    def __call__(self, operation: Operation[T]) -> Steps[T]: ...


class Reports:
    """The steps for one client.

    Args:
        fetch: runs an operation.
        files: how to reach the hosts of the reports' files.
        clock: in seconds.
    """

    def __init__(self, fetch: Fetch, files: FileHost, clock: Callable[[], float] = time.monotonic) -> None:
        self.fetch = fetch
        self._files = files
        self._clock = clock

    def pages(self, org_id: Id, invoice_id: Id) -> Paginator[InvoiceReportResponse]:
        """Return the reports on an invoice, to be read page by page."""
        return Paginator(partial(_operations.reports_page, org_id, invoice_id), self.fetch)

    def sku_pages(self) -> Paginator[SkuResponse]:
        """Return the SKUs, to be read page by page."""
        return Paginator(_operations.skus_page, self.fetch)

    def download(
        self,
        org_id: Id,
        invoice_id: Id,
        target: AtomicFile,
        *,
        spec_version: str | None,
        reuse: bool,
        max_wait: float,
    ) -> Steps[SavedFile]:
        """Reuse or create a report, wait until it has succeeded, and save its file."""
        created = _operations.new_report(org_id, invoice_id, spec_version=spec_version)
        report = (yield from self._find(org_id, invoice_id, spec_version)) if reuse else None
        if report is None:
            report = yield from self.fetch(created)
        state = _operations.report(org_id, invoice_id, report.report_id)
        ready, is_new = (yield from self._wait(report, state, max_wait)), True

        def attempt() -> Steps[SavedFile]:
            nonlocal ready, is_new
            # An address lives 15 minutes, so each attempt after the first asks for a new one.
            if not is_new:
                ready = yield from self._wait(ready, state, max_wait)
            is_new = False
            return (yield from self._save(ready, target))

        return (yield from retry(attempt, self._files.policy))

    def _find(self, org_id: Id, invoice_id: Id, spec_version: str | None) -> Steps[InvoiceReportResponse | None]:
        """Find the newest report of this kind that has succeeded or still may; Atlas keeps them for 7 days."""
        kind = (_operations.REPORT_TYPE, _operations.REPORT_FORMAT)
        pages = self.pages(org_id, invoice_id)
        while pages.more:
            for report in (yield from pages.advance()):
                is_kind = (report.report_type, report.report_format) == kind and text_or_none(report.state) in _USABLE
                if is_kind and spec_version in (None, report.format_spec_version):
                    return report
        return None

    def _wait(
        self, report: InvoiceReportResponse, state: Operation[InvoiceReportResponse], max_wait: float
    ) -> Steps[InvoiceReportResponse]:
        """Ask for a report's state until it has succeeded; returns it with the address of its file."""
        began, pause, asked = self._clock(), _FIRST_POLL, False
        while True:
            if report.state == "FAILED":
                reason = text_or_none(report.failure_reason)
                raise ReportFailedError(
                    f"Atlas couldn't make report {report.report_id}"
                    f"{f': {single_line(reason)}' if reason else ' and gives no reason'}; try again later"
                )
            if report.state == "SUCCEEDED" and asked:
                return report
            if report.state != "SUCCEEDED":
                if self._clock() - began + pause > max_wait:
                    still = f"report {report.report_id} is still {single_line(report.state, 40)}"
                    raise APITimeoutError(
                        f"{still} after {duration(max_wait)}; try again later, which uses the same report, or raise "
                        "max_wait",
                        transient=False,
                    )
                yield Sleep(pause)
                pause = min(_LONGEST_POLL, pause * _BACKOFF)
            # Only this reply has the address; a list and a new report's reply have none.
            report, asked = (yield from self.fetch(state)), True

    def _save(self, report: InvoiceReportResponse, target: AtomicFile) -> Steps[SavedFile]:
        if not text_or_none(report.download_url):
            raise UnexpectedResponseError(
                f"report {report.report_id} has succeeded, but has no address; try again later"
            )
        address = Secret(str(report.download_url))
        host = host_of(address)
        exchange = self._files.exchange(address, host)
        try:
            send = partial(self._files.send, exchange, host, _config.STREAM_MAX_BYTES)
            return (yield from save(target, send))
        finally:
            yield exchange.connections.close()


class ReportMethods:
    """The methods of `Client` that this module has the steps for."""

    _reports: Reports

    def create_invoice_report(
        self, org_id: Id, invoice_id: Id, *, spec_version: str | None = None
    ) -> InvoiceReportResponse:
        """Ask Atlas to make a FOCUS report on an invoice, as CSV; returns its ID and state.

        Atlas makes it in the background; `download_invoice_report` waits for it. `spec_version` is FOCUS's, such as
        "1.3"; by default Atlas chooses.

        It's sent again only if it didn't reach Atlas, or Atlas said when to come back (429 or 503 with Retry-After).
        After any other failure the report may have been created: `list_invoice_reports` shows it.
        """
        return run(self._reports.fetch(_operations.new_report(org_id, invoice_id, spec_version=spec_version)))

    def list_invoice_reports(self, org_id: Id, invoice_id: Id) -> Iterator[InvoiceReportResponse]:
        """Yield the reports on an invoice that Atlas still keeps (7 days), newest first, all pages, lazily.

        They have no `download_url`; `get_invoice_report` returns one.
        """
        return iterate(self._reports.pages(org_id, invoice_id))

    def get_invoice_report(self, org_id: Id, invoice_id: Id, report_id: Id) -> InvoiceReportResponse:
        """Return a report: its `state` (PENDING, RUNNING, SUCCEEDED, FAILED) and, once it has succeeded, its address.

        `download_url` is a secret, hidden in the repr: anyone who has it can fetch the file for 15 minutes. Send it no
        credentials. Atlas asks not to poll more often than every 5 seconds.
        """
        return run(self._reports.fetch(_operations.report(org_id, invoice_id, report_id)))

    def download_invoice_report(
        self,
        org_id: Id,
        invoice_id: Id,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        spec_version: str | None = None,
        reuse: bool = True,
        max_wait: float = MAX_WAIT,
    ) -> SavedFile:
        """Save MongoDB's own FOCUS report on an invoice, exactly as sent; the file is complete or absent.

        Takes the newest report that Atlas still keeps, or creates one, waits until it has succeeded, and fetches its
        file from the host that Atlas names, without credentials.

        Args:
            org_id: 24 hexadecimal digits.
            invoice_id: 24 hexadecimal digits.
            path: the file; its folder must exist.
            overwrite: whether an existing file is replaced (only by a complete one), or a `FileExistsError`.
            spec_version: FOCUS's, such as "1.3"; by default Atlas chooses, and any is taken.
            reuse: whether a report from the last 7 days may be taken. Pass False for a pending invoice, whose costs
                have grown since.
            max_wait: how long to wait for the report, in seconds.

        Raises `ReportFailedError` if Atlas can't make it, `APITimeoutError` after `max_wait`, and `OSError` if the file
        system refuses.

        Example:
            >>> saved = atlas.download_invoice_report(org_id, invoice_id, "june-focus.csv")
            >>> saved.path.name
            'june-focus.csv'
        """
        target = AtomicFile(path, overwrite=overwrite)
        return run(
            self._reports.download(
                org_id, invoice_id, target, spec_version=spec_version, reuse=reuse, max_wait=max_wait
            )
        )

    def list_associated_invoices(
        self, org_id: Id, *, year: int | None = None, month: int | None = None, linked: bool = False
    ) -> list[AssociatedInvoice]:
        """Return the IDs of a month's invoices, each with its organization's.

        Args:
            org_id: 24 hexadecimal digits.
            year: such as 2026; the current one by default.
            month: 1 to 12; the current one by default.
            linked: whether invoices of linked organizations are listed too.
        """
        return run(self._reports.fetch(_operations.associated_invoices(org_id, year=year, month=month, linked=linked)))

    def list_skus(self) -> Iterator[SkuResponse]:
        """Yield what invoices can have as SKU, each with its code and a short text, all pages, lazily."""
        return iterate(self._reports.sku_pages())


class AsyncReportMethods:
    """`ReportMethods` for `AsyncClient`."""

    _reports: Reports

    async def create_invoice_report(
        self, org_id: Id, invoice_id: Id, *, spec_version: str | None = None
    ) -> InvoiceReportResponse:
        """Ask Atlas to make a FOCUS report on an invoice; the arguments are those of `Client.create_invoice_report`."""
        return await run_async(
            self._reports.fetch(_operations.new_report(org_id, invoice_id, spec_version=spec_version))
        )

    def list_invoice_reports(self, org_id: Id, invoice_id: Id) -> AsyncIterator[InvoiceReportResponse]:
        """Yield the reports on an invoice that Atlas still keeps (7 days), newest first, all pages, lazily.

        They have no `download_url`; `get_invoice_report` returns one.
        """
        return iterate_async(self._reports.pages(org_id, invoice_id))

    async def get_invoice_report(self, org_id: Id, invoice_id: Id, report_id: Id) -> InvoiceReportResponse:
        """Return a report: its state and, once it has succeeded, its address, which is a secret.

        See `Client.get_invoice_report`.
        """
        return await run_async(self._reports.fetch(_operations.report(org_id, invoice_id, report_id)))

    async def download_invoice_report(
        self,
        org_id: Id,
        invoice_id: Id,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = True,
        spec_version: str | None = None,
        reuse: bool = True,
        max_wait: float = MAX_WAIT,
    ) -> SavedFile:
        """Save MongoDB's own FOCUS report on an invoice, exactly as sent; the file is complete or absent.

        The arguments and errors are those of `Client.download_invoice_report`.
        """
        target = AtomicFile(path, overwrite=overwrite)
        return await run_async(
            self._reports.download(
                org_id, invoice_id, target, spec_version=spec_version, reuse=reuse, max_wait=max_wait
            )
        )

    async def list_associated_invoices(
        self, org_id: Id, *, year: int | None = None, month: int | None = None, linked: bool = False
    ) -> list[AssociatedInvoice]:
        """Return the IDs of a month's invoices; the arguments are those of `Client.list_associated_invoices`."""
        return await run_async(
            self._reports.fetch(_operations.associated_invoices(org_id, year=year, month=month, linked=linked))
        )

    def list_skus(self) -> AsyncIterator[SkuResponse]:
        """Yield what invoices can have as SKU, each with its code and a short text, all pages, lazily."""
        return iterate_async(self._reports.sku_pages())
