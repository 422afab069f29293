"""Runs the command line; whatever ends it becomes one line on stderr and an exit status."""

from __future__ import annotations

import re
import signal
import sys
import warnings
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._invoice_names import similar_month
from atlas_invoices._utils import closest, single_line
from atlas_invoices._version import __version__

from . import _exit, _output
from ._commands import COMMANDS, help_text

if TYPE_CHECKING:
    from . import _account, _completion, _export, _focus, _invoices, _load, _money, _report, _sandbox, _show, _sync  # noqa: F401 - for tools that freeze a program (PyInstaller), which follow import statements only

# What other tools call these; any other word is compared with the names.
_SYNONYMS = {
    "budget": "pending --forecast",
    "config": "doctor",
    "costs": "show",
    "fetch": "download",
    "forecast": "pending --forecast",
    "get": "download",
    "help": "--help",
    "invoices": "list",
    "organizations": "orgs",
    "profile": "doctor",
    "summary": "show",
    "verify": "reconcile",
    "version": "--version",
}
_OPTION_SYNONYMS = {
    "--after": "--since",
    "--before": "--until",
    "--end": "--until",
    "--from": "--since",
    "--group": "--by",
    "--group-by": "--by",
    "--start": "--since",
    "--to": "--until",
}


def _command(name: str) -> click.Command:
    command: click.Command = getattr(import_module(f"{__package__}.{COMMANDS[name][0]}"), f"{name}_command")
    return command


class _LazyGroup(click.Group):
    """A group that imports a command when it's called, and lists its commands without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        return _command(cmd_name) if cmd_name in COMMANDS else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Not left to click, which does something else since 8.2. Completion has no arguments either.
        if not args and not ctx.resilient_parsing:
            click.echo(self.get_help(ctx), err=True)
            raise SystemExit(_exit.USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        # An option goes to click, which knows whether it's one of the group's.
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        if name in {"auth", "login"}:
            way = "set MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET, or use a profile of the Atlas CLI"
            raise click.UsageError(f"no command {name!r}; {way}; `atlas-invoices doctor` checks them", ctx)
        meant = _SYNONYMS.get(name) or closest(name, COMMANDS)
        hint = f"; did you mean `atlas-invoices {meant}`?" if meant else ""
        raise click.UsageError(f"no command {single_line(repr(name), 60)}{hint}", ctx)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            # A terminal shows ^C, so the error needs a new line. click would write one to a pipe too.
            if sys.stderr.isatty():
                click.echo(err=True)
            raise click.Abort from interrupt

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        return help_text().rstrip()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="atlas-invoices", message="%(prog)s %(version)s")
def app() -> None:
    """The command; `help_text` describes it."""


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
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _exit.OTHER
    except BaseException as error:  # noqa: BLE001 - every failure becomes an exit status here
        return _exit.fail(error, _explain(error, arguments))
    return _exit.OK


def _explain(error: BaseException, arguments: list[str]) -> tuple[int, str]:
    match error:
        case click.NoSuchOption(ctx=click.Context() as ctx):
            return (
                _exit.USAGE,
                f"{ctx.command_path} has no option {error.option_name}; {_suggest(error, ctx, arguments)}",
            )
        case click.MissingParameter(param=click.Argument(metavar=str() as what), ctx=click.Context() as ctx) if (
            what.startswith(("INVOICE", "SOURCE"))
        ):
            example = f"as in `{ctx.command_path} latest`; `atlas-invoices list` shows all invoices and what is open"
            every = "; `atlas-invoices sync --dir DIR` saves every invoice" if ctx.info_name == "download" else ""
            text = f"no {what.rstrip('.')} given; write one, {example}{every} (see `{ctx.command_path} --help`)"
            return _exit.USAGE, text
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "atlas-invoices"
            return _exit.USAGE, f"{error.format_message()}{_suggest_options(error)} (see `{command} --help`)"
        case click.ClickException():
            return _exit.OTHER, error.format_message()
        case click.Abort():
            return _exit.INTERRUPTED, "interrupted"
        case _:
            return _exit.explain(error)


def _suggest(error: click.NoSuchOption, ctx: click.Context, arguments: list[str]) -> str:
    """Return what a user probably means by an option that the command lacks: a format, a similar option, a command."""
    wrong = _OPTION_SYNONYMS.get(error.option_name, error.option_name)
    options = _options(ctx.command)
    value = wrong.lstrip("-")
    if wrong in {"-o", "--output"} and wrong in arguments:
        value = "".join(arguments[arguments.index(wrong) + 1 :][:1])
    formats = getattr(options.get("--format"), "type", None)
    if value in getattr(formats, "choices", ()):
        return f"did you mean --format {value}?"
    if found := wrong if wrong in options else closest(wrong, options):
        return f"did you mean {found}?"
    if wrong in {"--since", "--until"} and any(each.name == "sources" for each in ctx.command.params):
        return (
            "name each month, such as 2026-05 2026-06, or the folder that "
            "`atlas-invoices sync --dir FOLDER --since 2026-05` keeps"
        )
    having = [name for name in COMMANDS if wrong in _options(_command(name))]
    if having:
        *others, last = having
        what = "it" if wrong == error.option_name else wrong
        return f"{', '.join(others)} and {last} have {what}" if others else f"{last} has {what}"
    return f"see `{ctx.command_path} --help`"


def _suggest_options(error: click.UsageError) -> str:
    """Return the options for an argument too many: a month, or the CSV to reconcile."""
    found = re.match(r"Got unexpected extra argument \((.+)\)", error.message)
    options = _options(error.ctx.command) if found and error.ctx else {}
    if found and "--csv" in options:
        return f"; did you mean --csv {found[1]}?"
    month = similar_month(found[1]) if found and "--since" in options else None
    return f"; did you mean --since {month} --until {month}?" if month else ""


def _options(command: click.Command) -> dict[str, click.Option]:
    parameters = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    return {name: each for each in parameters for name in each.opts}


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    # An exception runs every `finally` block, so that no partial file is left.
    raise SystemExit(128 + number)
