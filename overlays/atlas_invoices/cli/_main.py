"""Runs the command line; whatever ends it becomes one line on stderr and an exit status."""

from __future__ import annotations

import signal
import sys
import warnings
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._version import __version__

from . import _exit, _output

if TYPE_CHECKING:
    from . import _account, _export, _invoices, _load, _money, _report, _sandbox, _show, _sync  # noqa: F401 - for tools that freeze a program (PyInstaller), which follow import statements only

# Name: module, which is imported when the command is called, and text for the list of commands.
COMMANDS = {
    "orgs": ("_invoices", "List the organizations that the credentials can see."),
    "list": ("_invoices", "List an organization's invoices."),
    "pending": ("_invoices", "List the invoices of the open period."),
    "download": ("_invoices", "Save one invoice as CSV, exactly as sent."),
    "sync": ("_sync", "Keep a folder with every invoice of an organization."),
    "show": ("_show", "Show where an invoice's money went."),
    "export": ("_export", "Write an invoice's lines with types: csv, jsonl or parquet."),
    "load": ("_load", "Load invoices into DuckDB, Delta Lake or Iceberg, each whole and once."),
    "report": ("_report", "Make one HTML page that shows where the money went."),
    "owed": ("_money", "Show the amount owed on an invoice, term by term."),
    "reconcile": ("_money", "Check that an invoice's CSV adds up to the invoice."),
    "logout": ("_account", "Revoke and delete the cached access token."),
    "doctor": ("_account", "Check credentials, server and permissions, step by step."),
    "sandbox": ("_sandbox", "Run a local Atlas with realistic invoices."),
}


class _LazyGroup(click.Group):
    """A group that imports a command when it's called, and lists its commands without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"{__package__}.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            # A terminal shows ^C, so the error needs a new line. click would write one to a pipe too.
            if sys.stderr.isatty():
                click.echo(err=True)
            raise click.Abort from interrupt

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="atlas-invoices", message="%(prog)s %(version)s")
def app() -> None:
    """Get MongoDB Atlas invoices out of Atlas.

    Credentials come from the environment: MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET for a service
    account, MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY for an API key, or
    MONGODB_ATLAS_ACCESS_TOKEN. Without these, they come from a profile of the Atlas CLI (--profile). Run
    `atlas-invoices doctor` to check them.
    """


def run(arguments: list[str]) -> int:
    """Run with these arguments; returns the exit status."""
    _output.verbosity.debug = "--debug" in arguments
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Windows has no SIGHUP; nohup ignores it.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    warnings.showwarning = _output.show_warning
    try:
        app.main(args=arguments, prog_name="atlas-invoices", standalone_mode=False)
    except BrokenPipeError:
        # The reader of our output has stopped.
        return _exit.OTHER
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return _exit.USAGE
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _exit.OTHER
    except BaseException as error:  # noqa: BLE001 - every failure becomes an exit status here
        return _exit.fail(error, _explain(error))
    return _exit.OK


def _explain(error: BaseException) -> tuple[int, str]:
    match error:
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "atlas-invoices"
            return _exit.USAGE, f"{error.format_message()} (see `{command} --help`)"
        case click.ClickException():
            return _exit.OTHER, error.format_message()
        case click.Abort():
            return _exit.INTERRUPTED, "interrupted"
        case _:
            return _exit.explain(error)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    # An exception runs every `finally` block, so that no partial file is left.
    raise SystemExit(128 + number)
