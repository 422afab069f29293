"""Which failure ends the command with which exit status, and its one line."""

from __future__ import annotations

import traceback

import click

from atlas_invoices import _errors

from . import _output
from ._exit import CREDENTIALS, INTERRUPTED, NOT_FOUND, OTHER, TRY_LATER, USAGE, WRONG_DATA
from ._table import short_path

# Of what the file system says, which is a few words, and of what may name a folder.
_LONGEST_REASON = 250
# The first match counts.
_STATUS: tuple[tuple[tuple[type[BaseException], ...], int], ...] = (
    ((click.UsageError, _errors.InvalidIdError), USAGE),
    ((_errors.CredentialsError, _errors.AuthenticationError, _errors.PermissionDeniedError), CREDENTIALS),
    ((_errors.NotFoundError,), NOT_FOUND),
    ((_errors.RateLimitError, _errors.ServerError, _errors.APIConnectionError), TRY_LATER),
    ((_errors.InvoiceFormatError, _errors.IncompleteDownloadError, _errors.UnexpectedResponseError), WRONG_DATA),
    ((KeyboardInterrupt, click.Abort), INTERRUPTED),
)


def report(error: BaseException) -> int:
    """Say what failed, with a traceback only with --debug; returns the exit status."""
    if _output.volume.debug:
        traceback.print_exception(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _output.error("interrupted")
    else:
        _output.error(_in_words(error))
    return status_of(error)


def status_of(error: BaseException) -> int:
    """The exit status that stands for this failure."""
    if isinstance(error, _errors.TokenError):
        return TRY_LATER if _errors.is_transient(error) else CREDENTIALS
    return next((status for types, status in _STATUS if isinstance(error, types)), OTHER)


def file_trouble(error: OSError) -> str:
    """What the file system refused, and where."""
    if isinstance(error, FileExistsError):
        return f"{short_path(error.filename2 or error.filename)} exists; --force replaces it"
    # What we say ourselves may name a folder.
    what = short_path(error.strerror or str(error), _LONGEST_REASON)
    return f"{short_path(error.filename)}: {what}" if error.filename else what


def _in_words(error: BaseException) -> str:
    if isinstance(error, click.UsageError):
        usage = error.ctx.command_path if error.ctx else "atlas-invoices"
        return f"{error.format_message()} (`{usage} --help` shows the usage)"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        return file_trouble(error)
    if isinstance(error, _errors.AtlasError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; --debug shows more"
