"""The options that all commands share, and the client they make."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from atlas_invoices._errors import ConfigError
from atlas_invoices._invoice_names import parse_month, similar_month
from atlas_invoices._utils import DEFAULT_MAX_BYTES, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, closest

from . import _output, _progress
from ._completion import complete_files, complete_months

if TYPE_CHECKING:
    import httpx

    from atlas_invoices import Client
    from atlas_invoices._credentials import ResolvedCredentials, Setting, Source

F = TypeVar("F", bound="Callable[..., Any]")


class _NotEmpty(click.types.StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        if value == "":
            raise click.BadParameter("it is empty (is a variable unset?)", ctx, param)
        return super().convert(value, param, ctx)


NOT_EMPTY = _NotEmpty()


class Choice(click.Choice):  # type: ignore[type-arg]  # generic only in new versions of click
    """One of several words; a near miss gets a suggestion, that of `synonyms` first."""

    def __init__(
        self, choices: Sequence[str], case_sensitive: bool = True, synonyms: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(choices, case_sensitive)
        self._synonyms = synonyms or {}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        text = NOT_EMPTY.convert(value, param, ctx)
        by_fold = {choice.casefold(): choice for choice in self.choices}
        if text in self.choices or (not self.case_sensitive and text.casefold() in by_fold):
            return str(by_fold[text.casefold()])
        meant = self._synonyms.get(text.casefold()) or closest(text, self.choices)
        hint = f"; did you mean {meant}?" if meant else ""
        raise click.BadParameter(f"{text!r} isn't one of {', '.join(self.choices)}{hint}", ctx, param)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG002 - click's signature
        begun = incomplete.casefold()
        return [CompletionItem(choice) for choice in self.choices if choice.casefold().startswith(begun)]


max_bytes_option = click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_BYTES,
    metavar="N",
    help="Read at most this much JSON into memory; a line takes about 600 bytes. Default: 256 MiB.",
)


class Seconds(click.FloatRange):
    """A number of seconds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - click's signature
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):  # within any range, because it compares false with everything
            raise click.BadParameter(f"{value!r} isn't a number of seconds", ctx, param)
        return seconds


class _Month(click.ParamType):  # type: ignore[type-arg]  # generic only in new versions of click
    """A month such as 2026-07, as its first day."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401 - click's signature
        try:
            return parse_month(NOT_EMPTY.convert(value, param, ctx))
        except ValueError:
            example = similar_month(str(value)) or "2026-07"
            raise click.BadParameter(f"{value!r} isn't a month; write it as {example}", ctx, param) from None


def output_option(help: str, *, default: str | None, metavar: str = "PATH|-") -> Callable[[F], F]:  # noqa: A002 - as click calls it
    """Add -o, the path of the output file."""
    return click.option(
        "-o", "--output", type=NOT_EMPTY, shell_complete=complete_files, default=default, metavar=metavar, help=help
    )


def month_options(function: F) -> F:
    """Add --since and --until, which a command gets as first days of months."""

    @click.option(
        "--since",
        type=_Month(),
        shell_complete=complete_months,
        metavar="YYYY-MM",
        help="Only invoices of this month and later.",
    )
    @click.option(
        "--until",
        type=_Month(),
        shell_complete=complete_months,
        metavar="YYYY-MM",
        help="Only invoices of this month and earlier.",
    )
    @functools.wraps(function)
    def with_months(*args: Any, since: date | None, until: date | None, **own: Any) -> None:  # noqa: ANN401 - the command's own options
        if since and until and since > until:
            raise click.UsageError(f"--since {since:%Y-%m} is later than --until {until:%Y-%m}")
        function(*args, since=since, until=until, **own)

    return with_months  # type: ignore[return-value]  # click replaces it by a Command in any case


class Session:
    """The values of the shared options."""

    def __init__(
        self,
        org: str | None,
        profile: str | None,
        base_url: str | None,
        insecure_http: bool,
        timeout: float,
        max_retries: int,
    ) -> None:
        self.org = org
        self.profile = profile
        self.base_url = base_url
        self.insecure_http = insecure_http
        self.timeout = timeout
        self.max_retries = max_retries

    @functools.cached_property
    def source(self) -> Source:
        """Where credentials, organization and server are looked up."""
        from atlas_invoices._credentials import find_source

        return find_source(profile=self.profile)

    @functools.cached_property
    def _server(self) -> Setting:
        from atlas_invoices._auth import allow_http, parse_base_url
        from atlas_invoices._credentials import Setting

        found = Setting(self.base_url, "--base-url") if self.base_url else self.source.base_url()
        if self.insecure_http:
            allow_http(found.value)
            _output.warning(f"--insecure-http: the credentials and all data go to {found.value} unencrypted")
        try:
            return Setting(str(parse_base_url(found.value)), found.source)
        except ConfigError as error:
            hint = "; a sandbox elsewhere takes --insecure-http" if found.value.startswith("http:") else ""
            raise click.UsageError(f"{error}{hint}") from None

    def server(self) -> Setting:
        """Return the server's base URL; an invalid one is a usage error, even from the environment."""
        return self._server

    def credentials(self) -> ResolvedCredentials:
        """Return the credentials, bound to the server."""
        from atlas_invoices._auth import parse_base_url

        return self.source.credentials(parse_base_url(self.server().value))

    def client(self, auth: httpx.Auth | None = None, *, token_cache: bool = True) -> Client:
        """Make a client with these credentials, or those that were found.

        With `token_cache`, consecutive and parallel runs of the command share a token.
        """
        # Not from the package, which would look for the name in modules that aren't needed.
        from atlas_invoices._client import Client

        _progress.announce_waits()
        return Client(
            auth or self.credentials().auth,
            base_url=self.server().value,
            timeout=self.timeout,
            max_retries=self.max_retries,
            token_cache=token_cache,
            user_agent="atlas-invoices-cli",
        )

    def org_id(self, client: Client) -> str:
        """Return the organization: from --org, from where the credentials are, or the only one that they can see."""
        from atlas_invoices._credentials import ORG_ID

        if self.org:
            return self.org
        if found := self.source.org_id():
            return found.value
        visible = list(client.list_organizations())
        if len(visible) == 1 and visible[0].id:
            _output.note(f"using organization {visible[0].id} ({visible[0].name}), the only one visible")
            return str(visible[0].id)
        which = f"run `atlas-invoices orgs` to see all {len(visible)}" if visible else "these credentials can see none"
        raise click.UsageError(f"choose an organization with --org or {ORG_ID}; {which}")


def atlas_options(function: F) -> F:
    """Add the shared options to a command, which gets a `Session` as its first argument."""
    return _with_options(function, hide_org=False)


def atlas_options_without_org(function: F) -> F:
    """Add the shared options; --org works but has no effect and isn't in the help."""
    return _with_options(function, hide_org=True)


def _with_options(function: F, *, hide_org: bool) -> F:
    @click.option(
        "--org",
        type=NOT_EMPTY,
        metavar="ORG_ID",
        hidden=hide_org,
        help="Organization. Default: MONGODB_ATLAS_ORG_ID, the profile's, or the only one visible.",
    )
    @click.option(
        "--profile",
        type=NOT_EMPTY,
        metavar="NAME",
        help="Profile of the Atlas CLI, unless the environment has credentials. Default: MONGODB_ATLAS_PROFILE.",
    )
    @click.option(
        "--base-url",
        type=NOT_EMPTY,
        metavar="URL",
        help="Server. Default: MONGODB_ATLAS_BASE_URL, the profile's, or Atlas.",
    )
    @click.option(
        "--insecure-http",
        is_flag=True,
        help="Accept an http:// server that isn't this machine, such as a sandbox's container. Encrypts nothing.",
    )
    @click.option(
        "--timeout",
        type=Seconds(min=0, min_open=True, max=1_000_000),
        default=DEFAULT_TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="Timeout for each step of a request.",
    )
    @click.option(
        "--max-retries",
        type=click.IntRange(min=0),
        default=DEFAULT_MAX_RETRIES,
        show_default=True,
        metavar="N",
        help="Maximum number of retries of a failed request.",
    )
    @click.option("-v", "--verbose", count=True, help="Log requests and retries.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only the result, errors and warnings.")
    @click.option("--debug", is_flag=True, help="Log everything; show a traceback for a failure.")
    @functools.wraps(function)
    def with_session(
        *,
        org: str | None,
        profile: str | None,
        base_url: str | None,
        insecure_http: bool,
        timeout: float,
        max_retries: int,
        verbose: int,
        quiet: bool,
        debug: bool,  # noqa: ARG001 - `_main.run` reads it first, because an option may fail
        **own: Any,  # noqa: ANN401 - the command's own options
    ) -> None:
        _output.set_verbosity(verbose=verbose, quiet=quiet)
        function(Session(org, profile, base_url, insecure_http, timeout, max_retries), **own)

    return with_session  # type: ignore[return-value]  # click replaces it by a Command in any case
