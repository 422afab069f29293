"""The options of every command that calls Atlas, and the client they make."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atlas_invoices._errors import ConfigError

from . import _output

if TYPE_CHECKING:
    import httpx

    from atlas_invoices import Client


class _NotEmpty(click.types.StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        if value == "":
            raise click.BadParameter("it is empty; is a variable not set?", ctx, param)
        return super().convert(value, param, ctx)


NOT_EMPTY = _NotEmpty()


F = TypeVar("F", bound="Callable[..., Any]")


class Session:
    """What the shared options came to."""

    def __init__(self, org: str | None, base_url: str | None, timeout: float, max_retries: int) -> None:
        """Nothing is looked up or sent yet."""
        self.org = org
        self.base_url = base_url
        self.timeout = timeout
        self.max_retries = max_retries

    def server(self) -> str:
        """The server's base URL; one that won't do is a usage error, wherever it came from."""
        from atlas_invoices._auth import parse_base_url  # noqa: PLC0415 - imports httpx
        from atlas_invoices._credentials import find_base_url  # noqa: PLC0415 - likewise

        try:
            return str(parse_base_url(self.base_url or find_base_url()))
        except ConfigError as error:
            raise click.UsageError(str(error)) from None

    def client(self, auth: httpx.Auth | None = None, *, token_cache: bool = True) -> Client:
        """A client with these credentials, or those that are found.

        Runs one after the other, or side by side, make one token request, unless without `token_cache`.
        """
        from atlas_invoices import Client  # noqa: PLC0415 - imports httpx, which takes longer than the rest of the start

        return Client(
            auth,
            base_url=self.server(),
            timeout=self.timeout,
            max_retries=self.max_retries,
            token_cache=token_cache,
            user_agent="atlas-invoices-cli",
        )

    def org_id(self, client: Client) -> str:
        """The organization: --org, else the environment's, else the only one that the credentials can see."""
        from atlas_invoices._credentials import ORG_ID, find_org_id  # noqa: PLC0415 - imports httpx

        org = self.org or find_org_id()
        if org:
            return org
        seen = list(client.list_organizations())
        if len(seen) == 1 and seen[0].id:
            _output.note(f"organization {seen[0].id} ({seen[0].name}), the only one these credentials can see")
            return str(seen[0].id)
        which = f"there are {len(seen)}: `atlas-invoices orgs` lists them" if seen else "these credentials can see none"
        raise click.UsageError(f"say which organization, with --org or {ORG_ID}; {which}")


def atlas_options(function: F) -> F:
    """Add the shared options to a command; it gets a `Session` as its first argument."""
    return _with_options(function, one_organization=True)


def calls_atlas_for_no_organization(function: F) -> F:
    """The same for a command that has no use for --org: it takes it, as every command does, but its help has none."""
    return _with_options(function, one_organization=False)


def _with_options(function: F, *, one_organization: bool) -> F:
    @click.option(
        "--org",
        type=NOT_EMPTY,
        metavar="ORG_ID",
        hidden=not one_organization,
        help="The organization (else MONGODB_ATLAS_ORG_ID, else the only one).",
    )
    @click.option(
        "--base-url", type=NOT_EMPTY, metavar="URL", help="The server (else MONGODB_ATLAS_BASE_URL, else Atlas)."
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True, max=1_000_000),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long one step of a request may take.",
    )
    @click.option(
        "--max-retries",
        type=click.IntRange(min=0),
        default=4,
        show_default=True,
        metavar="N",
        help="How often a failed request is tried again.",
    )
    @click.option("-v", "--verbose", count=True, help="Say what is asked and answered, and what is tried again.")
    @click.option("-q", "--quiet", is_flag=True, help="Say only what failed.")
    @click.option("--debug", is_flag=True, help="Say everything, with a traceback of a failure.")
    @functools.wraps(function)
    def with_session(
        *,
        org: str | None,
        base_url: str | None,
        timeout: float,
        max_retries: int,
        verbose: int,
        quiet: bool,
        debug: bool,  # noqa: ARG001 - read at the start already, before any option can fail
        **own: Any,  # noqa: ANN401 - the command's own options
    ) -> None:
        _output.set_volume(verbose=verbose, quiet=quiet)
        function(Session(org, base_url, timeout, max_retries), **own)

    return with_session  # type: ignore[return-value]  # click replaces it by a Command in any case
