"""The commands doctor and logout."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import click

from atlas_invoices._errors import APIConnectionError, AtlasError, AuthenticationError, CredentialsError, TokenError
from atlas_invoices._utils import single_line

from . import _exit, _output, _table
from ._session import Session, atlas_options, atlas_options_without_org

if TYPE_CHECKING:
    import httpx

    from atlas_invoices import AtlasOrganization, Client
    from atlas_invoices._credentials import ResolvedCredentials

# Further organizations are counted but not checked.
_MAX_ORGANIZATIONS = 10
# A reply's Date has whole seconds, and the reply takes a while.
_CLOCK_TOLERANCE = 30


@click.command(name="doctor")
@atlas_options
def doctor_command(session: Session) -> None:
    """Check server, proxy, clock, credentials and permissions, step by step. Never prints a secret.

    A service account is checked by requesting a new token, even if one is cached. The last line is the next command.

    The proxy is that of HTTPS_PROXY, except for hosts in NO_PROXY. SSL_CERT_FILE names the certificates to trust.

    The exit status is that of the first failure.
    """
    import httpx

    from atlas_invoices._http._network import find_proxy
    from atlas_invoices._http._transport import UNKNOWN_ISSUER, certificate_failure

    again = f"atlas-invoices doctor{_profile(session)}"
    try:
        server = session.server()
    except CredentialsError as error:  # no such profile, or its file can't be read
        status = _exit.fail(error)
        _print("next", "atlas-invoices doctor, once the profile's name or file is corrected")
        raise SystemExit(status) from None
    _print("server", f"{server.value} ({server.source})")
    try:
        _print("proxy", str(find_proxy(httpx.URL(server.value))))
        found = session.credentials()
        _print("credentials", f"{found.kind} ({found.source})")
        _check_server(server.value, session.timeout)
        # A cached token would hide that the secret is no longer valid.
        with session.client(found.auth, token_cache=False) as client:
            visible = _list_organizations(client, found)
            organizations = _chosen(session, visible) or [session.org_id(client)]
            failed = [status for org in organizations if (status := _check_invoices(client, org))]
    except AtlasError as error:
        status = _exit.fail(error)
        match error:
            case CredentialsError():
                _print("next", f"set credentials, then {again}; to try without, run atlas-invoices sandbox")
            case APIConnectionError() if (
                failure := certificate_failure(error)
            ) and failure.verify_code in UNKNOWN_ISSUER:
                _print("next", f"SSL_CERT_FILE=FILE {again}; FILE has the certificates to trust, in PEM")
            case APIConnectionError():
                _print("next", f"curl -v {server.value}, which shows where the connection fails")
            case _ if status == _exit.TRY_LATER:
                _print("next", f"{again}, later")
            case TokenError() | AuthenticationError():
                _print("next", f"{_other_cloud(server.value)}; then {again}")
            case _:
                _print("next", f"{again}, once that is fixed")
        raise SystemExit(status) from None
    if failed:
        other = next((str(org.id) for org in visible if org.id not in organizations), None)
        _print("next", f"{again} --org {other}" if other else f"{again}, once that is fixed")
        raise SystemExit(failed[0])
    option = "" if session.org is None and session.source.org_id() else f" --org {organizations[0]}"
    _print("next", f"atlas-invoices list{_profile(session)}{option}")


def _profile(session: Session) -> str:
    return f" --profile {session.profile}" if session.profile else ""


def _check_server(server: str, timeout: float) -> None:
    """Say who answers a request without credentials, and how the clocks differ; silent if nobody answers.

    Then the request with credentials fails in the same way, and its error says why.
    """
    import httpx

    from atlas_invoices._http._network import connection_settings

    settings = connection_settings(httpx.URL(server), verify=True, proxy=None, transport=None)
    started = time.monotonic()
    try:
        with httpx.Client(**settings, timeout=timeout) as http:
            reply = http.get(f"{server}/api/atlas/v2/orgs")
    except httpx.HTTPError:
        return
    seconds = time.monotonic() - started
    if reply.status_code == HTTPStatus.UNAUTHORIZED:
        _print("response", f"OK, in {seconds:.2f} s")
    else:
        kind = reply.headers.get("content-type", "no type")
        _print(
            "response", f"status {reply.status_code}, {kind}; Atlas answers 401, so check the base URL and any proxy"
        )
    _check_clock(reply)


def _check_clock(reply: httpx.Response) -> None:
    try:
        ahead = (datetime.now(UTC) - parsedate_to_datetime(reply.headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return
    if abs(ahead) <= _CLOCK_TOLERANCE:
        _print("clock", "OK")
    else:
        direction = "ahead of" if ahead > 0 else "behind"
        _print("clock", f"{abs(ahead):,.0f} s {direction} the server's; set it, because tokens and certificates expire")


def _list_organizations(client: Client, found: ResolvedCredentials) -> list[AtlasOrganization]:
    visible = list(client.list_organizations())
    if found.kind == "service account":
        _print("token", "OK (new token issued)")
    names = ", ".join(f"{org.id} ({org.name})" for org in visible[:_MAX_ORGANIZATIONS])
    _print("organizations", f"{len(visible)}: {names}" if visible else "none visible to these credentials")
    return visible


def _chosen(session: Session, visible: list[AtlasOrganization]) -> list[str]:
    """Return the organization that is set, or else those that are visible."""
    if session.org:
        _print("organization", f"{session.org} (--org)")
        return [session.org]
    if configured := session.source.org_id():
        _print("organization", f"{configured.value} ({configured.source})")
        return [configured.value]
    return [str(org.id) for org in visible[:_MAX_ORGANIZATIONS]]


def _check_invoices(client: Client, org: str) -> int:
    try:
        newest = next(itertools.islice(client.list_invoices(org), 1), None)
    except AtlasError as error:
        _print("invoices", f"{org}: can't be read")
        return _exit.fail(error)
    if newest is None:
        _print("invoices", f"{org}: can be read, but there are none")
    else:
        _print("invoices", f"{org}: can be read; the newest is {newest.id}, {newest.status_name}")
    return _exit.OK


def _other_cloud(server: str) -> str:
    from atlas_invoices._credentials import DEFAULT_BASE_URL
    from atlas_invoices._profiles import GOVERNMENT_URL

    other = DEFAULT_BASE_URL if server == GOVERNMENT_URL else GOVERNMENT_URL
    name = "commercial Atlas" if server == GOVERNMENT_URL else "Atlas for Government"
    return f"check the credentials; if they are for {name}, add --base-url {other}"


def _print(step: str, result: str) -> None:
    _table.paragraph(f"{step + ':':<15}{single_line(result, 2000)}", indent=15)


@click.command(name="logout")
@atlas_options_without_org
def logout_command(session: Session) -> None:
    """Revoke and delete the cached access token of the configured service account.

    If Atlas can't be reached, the token stays in the cache so that you can try again; it expires within the hour.
    Other service accounts' tokens stay.
    """
    from atlas_invoices._auth import ServiceAccountAuth, TokenHTTP, log_out, parse_base_url
    from atlas_invoices._cache_folder import user_cache_folder
    from atlas_invoices._http._retry import RetryPolicy
    from atlas_invoices._http._steps import run

    server = session.server().value
    found = session.credentials()
    if not isinstance(found.auth, ServiceAccountAuth):
        _output.note(
            f"nothing to do: the credentials are an {found.kind}, and only service accounts' tokens are cached"
        )
        return
    folder = user_cache_folder()
    policy = RetryPolicy(max_retries=session.max_retries)
    try:
        outcome = folder and run(log_out(found.auth, parse_base_url(server), folder, TokenHTTP(), policy))
    except AtlasError:
        _output.note("the token stays in the cache; run `atlas-invoices logout` to try again")
        raise
    if outcome == "revoked":
        _output.note(f"token revoked at {server}")
        _output.note("cached token deleted")
    elif outcome == "nothing to revoke":
        _output.note("cached token deleted; it had expired or couldn't be read, so there was nothing to revoke")
    else:
        _output.note(f"nothing to do: no token is cached for this service account at {server}")
