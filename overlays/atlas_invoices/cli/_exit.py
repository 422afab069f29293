"""Exit statuses: the status and the error line of each failure. Needs no extra and imports nothing slow."""

from __future__ import annotations

import sys

from . import _output
from ._output import short_path

OK = 0
OTHER = 1
USAGE = 2
CREDENTIALS = 3
NOT_FOUND = 4
TRY_LATER = 5
WRONG_DATA = 6
INTERRUPTED = 130

_MAX_REASON = 250


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit status for a failure, and the line that describes it."""
    from atlas_invoices import _errors

    match error:
        case KeyboardInterrupt():
            return INTERRUPTED, "interrupted"
        case OSError():
            return OTHER, _file_error(error)
        case _errors.InvalidIdError():
            status = USAGE
        case _errors.TokenError():
            status = TRY_LATER if _errors.is_transient(error) else CREDENTIALS
        case _errors.CredentialsError() | _errors.AuthenticationError() | _errors.PermissionDeniedError():
            status = CREDENTIALS
        case _errors.NotFoundError():
            status = NOT_FOUND
        case _errors.RateLimitError() | _errors.ServerError() | _errors.APIConnectionError():
            status = TRY_LATER
        case _errors.TooLargeError():
            # The option that has the argument's name.
            return WRONG_DATA, str(error).replace("max_bytes", "--max-bytes")
        case _errors.InvoiceFormatError() | _errors.IncompleteDownloadError() | _errors.UnexpectedResponseError():
            status = WRONG_DATA
        case _errors.AtlasError():
            status = OTHER
        case _:
            return OTHER, f"unexpected {type(error).__name__}: {error}; --debug shows a traceback"
    return status, str(error)


def _file_error(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return f"{short_path(error.filename2 or error.filename)} exists; use --force to replace it"
    # Our own messages may name a folder.
    reason = short_path(error.strerror or str(error), _MAX_REASON)
    return f"{short_path(error.filename)}: {reason}" if error.filename else reason


def fail(error: BaseException, explanation: tuple[int, str] | None = None) -> int:
    """Print a failure on one line, with a traceback only if --debug is given; returns the exit status."""
    if _output.verbosity.debug:
        import traceback

        traceback.print_exception(error)
    status, text = explanation or explain(error)
    _output.error(text)
    return status


def finish(status: int) -> int:
    """Flush stdout; returns the exit status, which is that of the flush if nothing else failed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has stopped.
        return status or OTHER
    except OSError as error:
        failed = fail(error)
        return status or failed
    return status
