"""What the synchronous and the asynchronous reader have in common: what was found, and whether a second loop may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_invoices._errors import ConfigError

from ._sources import is_rereadable

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

    from ._parser import OnError, Parser
    from ._preamble import InvoiceHeader


class Opened:
    """An opened invoice: its header at once, its trailing rows and errors as reading goes on."""

    _parser: Parser

    def __init__(self, source: object, on_error: OnError) -> None:
        """Check the settings; nothing is read yet."""
        if on_error not in {"raise", "collect"}:
            raise ConfigError(f"on_error is 'raise' or 'collect', not {on_error!r}")
        self._on_error = on_error
        self._rereadable = is_rereadable(source)
        self._kind = type(source).__name__
        self._claimed = False

    @property
    def header(self) -> InvoiceHeader:
        """What stands above the table."""
        return self._parser.header

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header row, as the file has them and in its order."""
        return self._parser.columns

    @property
    def trailing(self) -> tuple[tuple[str, ...], ...]:
        """The rows behind the last item that are none (totals, remarks); complete once a loop is done."""
        return tuple(tuple(row) for row in self._parser.trailing)

    @property
    def errors(self) -> list[InvoiceFormatError]:
        """With `on_error="collect"`, the rows that could not be read, in file order; complete once a loop is done."""
        return list(self._parser.errors)

    def _claim_again(self) -> bool:
        """Whether this loop is another than the first; where the source can't be read again, a ConfigError."""
        if self._claimed and not self._rereadable:
            raise ConfigError(
                f"this invoice comes from a {self._kind}, which can be read once, and that was done: keep the lines in"
                " a list, or save the CSV and read it from its path"
            )
        again, self._claimed = self._claimed, True
        return again
