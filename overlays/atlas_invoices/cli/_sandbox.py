"""`atlas-invoices sandbox`."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import click

from . import _output

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox


@click.command(name="sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--lines", type=click.IntRange(min=0), metavar="N", help="The newest closed invoice has this many lines.")
@click.option(
    "--months", type=click.IntRange(min=1, max=240), default=14, show_default=True, help="How many monthly invoices."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another number, other invoices.")
@click.option(
    "--credentials",
    type=click.Choice(["service-account", "api-key"]),
    default="service-account",
    show_default=True,
    help="Which kind the printed variables hold; both work.",
)
def sandbox_command(
    port: int, lines: int | None, months: int, seed: int, credentials: Literal["service-account", "api-key"]
) -> None:
    """Run a local Atlas with realistic invoices until interrupted.

    Prints the variables that point the command and the library at it, for another shell to read:

    \b
        : > sandbox.env; atlas-invoices sandbox > sandbox.env &
        until [ -s sandbox.env ]; do sleep 0.1; done; . ./sandbox.env
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise click.UsageError('the sandbox needs an extra: pip install "atlas-invoices[sandbox]"')
    from atlas_invoices import _credentials  # noqa: PLC0415 - imports httpx
    from atlas_invoices.sandbox import Settings, serve  # noqa: PLC0415 - needs the extra

    def ready(sandbox: Sandbox) -> None:
        variables = sandbox.environment(credentials)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        # Real credentials of another kind would go before these, and be sent to the sandbox.
        lines.append(f"unset {' '.join(name for name in _credentials.NAMES if name not in variables)}")
        # All at once: who waits for the first line has the last one, too.
        click.echo("\n".join(lines))
        _output.note(f"a local Atlas at {sandbox.base_url}, with made-up keys and invoices; Ctrl-C ends it")

    try:
        settings = Settings(port=port, lines=lines, months=months, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    serve(settings, ready)
