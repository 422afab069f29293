"""The commands doctor and logout."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import click

from atlas_invoices._errors import AtlasError
from atlas_invoices._utils import single_line

from . import _exit, _output
from ._session import Session, atlas_options, atlas_options_without_org

if TYPE_CHECKING:
    from atlas_invoices import Client
    from atlas_invoices._credentials import ResolvedCredentials


# Further organizations are counted but not checked.
_MAX_ORGANIZATIONS = 10


@click.command(name="doctor")
@atlas_options
def doctor_command(session: Session) -> None:
    """Check server, proxy, credentials and permissions, step by step. Never prints a secret.

    A service account is checked by requesting a new token, even if one is cached.

    The exit status is that of the first failure.
    """
    import httpx

    from atlas_invoices import _credentials
    from atlas_invoices._http._network import find_proxy

    server = session.server()
    _print("server", server)
    _print("proxy", str(find_proxy(httpx.URL(server))))
    found = _credentials.find(base_url=server)
    _print("credentials", f"{found.kind} ({found.source})")
    # A cached token would hide that the secret is no longer valid.
    with session.client(found.auth, token_cache=False) as client:
        statuses = [_check_invoices(client, org) for org in _organizations(session, client, found)]
    failed = [status for status in statuses if status]
    if failed:
        raise SystemExit(failed[0])


def _organizations(session: Session, client: Client, found: ResolvedCredentials) -> list[str]:
    started = time.monotonic()
    visible = list(client.list_organizations())
    if found.kind == "service account":
        _print("token", "OK (new token issued)")
    _print("response", f"OK, in {time.monotonic() - started:.2f} s")
    names = ", ".join(f"{org.id} ({org.name})" for org in visible[:_MAX_ORGANIZATIONS])
    _print("organizations", f"{len(visible)}: {names}" if visible else "none visible to these credentials")
    wanted = session.org_id(client) if session.org or not visible else None
    return [wanted] if wanted else [str(org.id) for org in visible[:_MAX_ORGANIZATIONS]]


def _check_invoices(client: Client, org: str) -> int:
    try:
        newest = next(itertools.islice(client.list_invoices(org), 1), None)
    except AtlasError as error:
        status, text = _exit.explain(error)
        _print("invoices", f"{org}: can't be read")
        _output.error(text)
        return status
    if newest is None:
        _print("invoices", f"{org}: can be read, but there are none")
    else:
        _print("invoices", f"{org}: can be read; the newest is {newest.id}, {newest.status_name}")
    return _exit.OK


def _print(step: str, result: str) -> None:
    click.echo(f"{step + ':':<15}{single_line(result, 2000)}")


@click.command(name="logout")
@atlas_options_without_org
def logout_command(session: Session) -> None:
    """Revoke and delete the cached access token of the configured service account.

    If Atlas can't be reached, the token stays in the cache so that you can try again; it expires within the hour.
    Other service accounts' tokens stay.
    """
    from atlas_invoices import _credentials
    from atlas_invoices._auth import ServiceAccountAuth, TokenHTTP, log_out, parse_base_url, user_cache_folder
    from atlas_invoices._http._retry import RetryPolicy
    from atlas_invoices._http._steps import run

    server = session.server()
    found = _credentials.find(base_url=server)
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
