"""What a run did, invoice by invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

Outcome = Literal["saved", "unchanged", "failed", "not tried", "gone"]


@frozen
class SyncedInvoice:
    """One invoice, and what became of it.

    Attributes:
        id: 24 hexadecimal digits; for a failure in the listing itself, what stood there, made printable.
        organization_id: whose invoice it is, where Atlas says so; a linked one has another than the report.
        period_start: first day of the billing period, in UTC; None where Atlas doesn't say.
        period_end: the day after its last.
        status: Atlas's, such as `PAID`, when it was listed.
        outcome: `saved` (fetched in this run), `unchanged`, `failed`, `not tried` (the run stopped early) or `gone`
            (in the folder, where it stays, but no longer listed).
        reason: why it was or would have been fetched: `new`, `not final`, `changed`, `file missing or damaged`.
            For one that is gone, the last of these where that is so, else None.
        csv_path: its CSV, where this run found or made it right, else None.
        json_path: its JSON, likewise.
        size: bytes of the CSV, likewise.
        error: why it failed: an `AtlasError`, or an `OSError` of the file system.
        linked: whether it's of an organization that this one pays for.
    """

    id: str
    organization_id: str | None
    period_start: date | None
    period_end: date | None
    status: str | None
    outcome: Outcome
    reason: str | None = None
    csv_path: Path | None = None
    json_path: Path | None = None
    size: int | None = None
    error: Exception | None = None
    linked: bool = False


@frozen
class SyncReport:
    """What a run did: every invoice that was asked for, newest first, then those that are gone.

    Example:
        >>> report = ai.sync_invoices(atlas, org_id, "invoices")
        >>> for invoice in report.failed:
        ...     print(invoice.id, invoice.error)
    """

    directory: Path
    organization_id: str
    invoices: tuple[SyncedInvoice, ...]

    @property
    def ok(self) -> bool:
        """Whether the folder now has everything that was asked for."""
        return not (self.failed or self.not_tried)

    @property
    def saved(self) -> tuple[SyncedInvoice, ...]:
        """Fetched in this run."""
        return self._with("saved")

    @property
    def unchanged(self) -> tuple[SyncedInvoice, ...]:
        """Here already."""
        return self._with("unchanged")

    @property
    def failed(self) -> tuple[SyncedInvoice, ...]:
        """Could not be fetched or saved; the next run tries them again."""
        return self._with("failed")

    @property
    def not_tried(self) -> tuple[SyncedInvoice, ...]:
        """Left for the next run: credentials were refused, the disk was full or the server down, as it'd be for all."""
        return self._with("not tried")

    @property
    def gone(self) -> tuple[SyncedInvoice, ...]:
        """In the folder, where they stay, but no longer listed."""
        return self._with("gone")

    def _with(self, outcome: Outcome) -> tuple[SyncedInvoice, ...]:
        return tuple(invoice for invoice in self.invoices if invoice.outcome == outcome)
