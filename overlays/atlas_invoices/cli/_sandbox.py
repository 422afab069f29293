"""The command sandbox."""

from __future__ import annotations

import os
import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import click

from . import _output
from ._session import Choice

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox


@click.command(name="sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port; 0 picks a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--allow-remote",
    is_flag=True,
    help="With --host: let other machines in, as in a container. They can read everything here, unencrypted.",
)
@click.option("--odd", is_flag=True, help="Names that break careless programs: formulas, quotes, emoji, many scripts.")
@click.option("--lines", type=click.IntRange(min=0), metavar="N", help="Lines of the newest closed invoice.")
@click.option(
    "--months", type=click.IntRange(min=1, max=240), default=14, show_default=True, help="Number of monthly invoices."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed makes other invoices.")
@click.option(
    "--credentials",
    type=Choice(["service-account", "api-key"]),
    default="service-account",
    show_default=True,
    help="Credentials to print; the server accepts both.",
)
def sandbox_command(
    port: int,
    host: str,
    allow_remote: bool,
    odd: bool,
    lines: int | None,
    months: int,
    seed: int,
    credentials: Literal["service-account", "api-key"],
) -> None:
    """Run a local Atlas with realistic invoices until interrupted.

    Prints the environment variables that make the command and the library use it, for another shell to read:

    \b
        : > sandbox.env; atlas-invoices sandbox > sandbox.env &
        until [ -s sandbox.env ]; do sleep 0.1; done; . ./sandbox.env
    """
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise click.UsageError('the sandbox needs an extra: pip install "atlas-invoices[sandbox]"')
    from atlas_invoices import _credentials
    from atlas_invoices._http._network import is_loopback
    from atlas_invoices.sandbox import Settings, serve

    if not is_loopback(host) and not allow_remote:
        raise click.UsageError(f"{host} lets other machines in, without encryption; add --allow-remote if that's right")

    def print_variables(sandbox: Sandbox) -> None:
        variables = sandbox.environment(credentials)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        # Real credentials of another kind could take precedence and be sent to the sandbox.
        lines.append(f"unset {' '.join(name for name in _credentials.NAMES if name not in variables)}")
        # In one write, so that a reader that sees the first line sees all.
        click.echo("\n".join(lines))
        _output.note(
            f"local Atlas running at {sandbox.base_url} with made-up keys and invoices; stop it with Ctrl-C, or with "
            f"`kill {os.getpid()}` if it runs in the background"
        )
        if allow_remote:
            _output.warning("other machines can reach it, unencrypted; there, use --insecure-http")

    try:
        settings = Settings(host=host, port=port, odd=odd, lines=lines, months=months, seed=seed)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    serve(settings, print_variables)
