"""The commands doctor and logout."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import click

from atlas_invoices._errors import AtlasError
from atlas_invoices._utils import single_line

from . import _exit, _failures, _output
from ._session import Session, atlas_options, calls_atlas_for_no_organization

if TYPE_CHECKING:
    from atlas_invoices import Client
    from atlas_invoices._credentials import ResolvedCredentials


# More than this many organizations are counted, not asked one by one.
_MOST_ORGANIZATIONS = 10


@click.command(name="doctor")
@atlas_options
def doctor_command(session: Session) -> None:
    """Check credentials, server and rights, step by step. Never shows a secret.

    A service account's ID and secret are tested with a new token, whatever token is cached.

    The exit status is that of the first thing that fails.
    """
    from atlas_invoices import _credentials  # noqa: PLC0415 - imports httpx

    server = session.server()
    _say("server", server)
    found = _credentials.find(base_url=server)
    _say("credentials", f"{found.kind} ({found.source})")
    # A cached token would answer for a secret that is wrong by now.
    with session.client(found.auth, token_cache=False) as client:
        statuses = [_may_read(client, org) for org in _organizations(session, client, found)]
    failed = [status for status in statuses if status]
    if failed:
        raise SystemExit(failed[0])


def _organizations(session: Session, client: Client, found: ResolvedCredentials) -> list[str]:
    started = time.monotonic()
    seen = list(client.list_organizations())
    if found.kind == "service account":
        _say("token", "a new one came, so the ID and secret are right")
    _say("answer", f"yes, in {time.monotonic() - started:.2f} s")
    names = ", ".join(f"{org.id} ({org.name})" for org in seen[:_MOST_ORGANIZATIONS])
    _say("organizations", f"{len(seen)}: {names}" if seen else "none that these credentials can see")
    wanted = session.org_id(client) if session.org or not seen else None
    return [wanted] if wanted else [str(org.id) for org in seen[:_MOST_ORGANIZATIONS]]


def _may_read(client: Client, org: str) -> int:
    try:
        newest = next(itertools.islice(client.list_invoices(org), 1), None)
    except AtlasError as error:
        _say("invoices", f"{org}: can't be read")
        _output.error(str(error))
        return _failures.status_of(error)
    if newest is None:
        _say("invoices", f"{org}: can be read, there are none")
    else:
        _say("invoices", f"{org}: can be read; the newest is {newest.id}, {newest.status_name}")
    return _exit.DONE


def _say(what: str, text: str) -> None:
    click.echo(f"{what + ':':<15}{single_line(text, 2000)}")


@click.command(name="logout")
@calls_atlas_for_no_organization
def logout_command(session: Session) -> None:
    """Revoke and forget the cached access token of the configured service account.

    If Atlas can't be reached to revoke it, the token stays in the cache, for another try; it ends by itself within the
    hour. Other service accounts' tokens stay.
    """
    from atlas_invoices import _credentials  # noqa: PLC0415 - imports httpx
    from atlas_invoices._auth import (  # noqa: PLC0415 - imports httpx
        ServiceAccountAuth,
        TokenHTTP,
        cached,
        forget,
        parse_base_url,
        revoke,
        user_folder,
    )
    from atlas_invoices._http._retry import RetryPolicy, retry  # noqa: PLC0415 - imports httpx
    from atlas_invoices._http._steps import run  # noqa: PLC0415 - imports httpx

    server = session.server()
    found = _credentials.find(base_url=server)
    if not isinstance(found.auth, ServiceAccountAuth):
        _output.note(
            f"nothing to do: the credentials are an {found.kind}, and only a service account's tokens are cached"
        )
        return
    auth, base_url = found.auth, parse_base_url(server)
    held = cached(auth, base_url, user_folder())
    if held is None:
        _output.note(f"nothing to do: no token is cached for this service account at {server}")
        return
    token = held.token
    if token is None:
        run(forget(held))
        _output.note("the cached token is forgotten; it had ended, or couldn't be read, so there was none to revoke")
        return
    policy = RetryPolicy(max_retries=session.max_retries)
    try:
        run(retry(lambda: revoke(auth, base_url, token, TokenHTTP()), policy))
    except AtlasError:
        _output.note("the token stays in the cache, so that `atlas-invoices logout` can be tried again")
        raise
    _output.note(f"the token is revoked at {server}")
    run(forget(held))
    _output.note("the cached token is forgotten")
