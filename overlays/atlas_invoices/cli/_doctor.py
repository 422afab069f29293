"""`atlas-invoices doctor`: which credentials, which server, does it answer, what may they read."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import click

from atlas_invoices._errors import AtlasError
from atlas_invoices._text import one_line

from . import _failures, _status, _talk
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from atlas_invoices import Client
    from atlas_invoices._credentials import Found

# More than this many organizations are counted, not asked one by one.
_MOST_ORGANIZATIONS = 10


@click.command(name="doctor")
@calls_atlas
def command(session: Session) -> None:
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


def _organizations(session: Session, client: Client, found: Found) -> list[str]:
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
        _talk.error(str(error))
        return _failures.status_of(error)
    if newest is None:
        _say("invoices", f"{org}: can be read, there are none")
    else:
        _say("invoices", f"{org}: can be read; the newest is {newest.id}, {newest.status_name}")
    return _status.DONE


def _say(what: str, text: str) -> None:
    click.echo(f"{what + ':':<15}{one_line(text, 2000)}")
