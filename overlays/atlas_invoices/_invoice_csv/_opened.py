"""What the synchronous and the asynchronous reader have in common: what was found, and whether a second loop may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from atlas_invoices._errors import ConfigError

from ._errors_text import quoted
from ._reading import Reading
from ._sources import is_rereadable

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

    from ._parser import OnError
    from ._preamble import InvoiceHeader

R = TypeVar("R", bound=Reading)


class Opened(Generic[R]):
    """An opened invoice: its header at once, its trailing rows and errors as reading goes on.

    Each loop has a pass of its own, so that loops may run side by side; what is shown is of the latest.
    """

    _pass: R

    def __init__(self, source: object, on_error: OnError) -> None:
        """Check the settings; nothing is read yet."""
        if on_error not in {"raise", "collect"}:
            raise ConfigError(f"on_error is 'raise' or 'collect', not {on_error!r}")
        self._on_error = on_error
        self._rereadable = is_rereadable(source)
        self._kind = type(source).__name__
        self._claimed = False
        # Those that a loop, or nobody, still holds; `close` closes them all.
        self._passes: WeakSet[R] = WeakSet()

    def __repr__(self) -> str:
        """Whose invoice this is."""
        header = self.header
        known = header.period_start is not None
        period = f"{header.period_start} to {header.period_end} (exclusive)" if known else "period unknown"
        names = [quoted(text) if text else "unknown" for text in (header.invoice_id, header.organization_name)]
        return f"<{type(self).__name__} {names[0]}, {period}, organization {names[1]}>"

    @property
    def header(self) -> InvoiceHeader:
        """What stands above the table."""
        return self._pass.header

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header row, as the file has them and in its order."""
        return self._pass.columns

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The rows behind the last item that are none (totals, remarks); complete once a loop is done."""
        return self._pass.trailing

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that could not be read, in file order; complete once a loop is done."""
        return self._pass.errors

    def _claim_again(self) -> bool:
        """Whether this loop is another than the first; where the source can't be read again, a ConfigError."""
        if self._claimed and not self._rereadable:
            raise ConfigError(
                f"this invoice comes from a {self._kind}, which can be read once, and that was done: keep the lines in"
                " a list, or save the CSV and read it from its path"
            )
        again, self._claimed = self._claimed, True
        return again
