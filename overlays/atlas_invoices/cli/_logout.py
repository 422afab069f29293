"""`atlas-invoices logout`."""

from __future__ import annotations

import click

from atlas_invoices._errors import AtlasError

from . import _talk
from ._session import Session, calls_atlas_for_no_organization


@click.command(name="logout")
@calls_atlas_for_no_organization
def command(session: Session) -> None:
    """Revoke and forget the cached access token of the configured service account.

    If Atlas can't be reached to revoke it, the token stays in the cache, for another try; it ends by itself within the
    hour. Other service accounts' tokens stay.
    """
    from atlas_invoices import _credentials, _retry  # noqa: PLC0415 - imports httpx
    from atlas_invoices._auth import (  # noqa: PLC0415 - likewise
        ServiceAccountAuth,
        TokenHTTP,
        cached,
        forget,
        parse_base_url,
        revoke,
        user_folder,
    )

    server = session.server()
    found = _credentials.find(base_url=server)
    if not isinstance(found.auth, ServiceAccountAuth):
        _talk.note(
            f"nothing to do: the credentials are an {found.kind}, and only a service account's tokens are cached"
        )
        return
    auth, base_url = found.auth, parse_base_url(server)
    held = cached(auth, base_url, user_folder())
    if held is None:
        _talk.note(f"nothing to do: no token is cached for this service account at {server}")
        return
    token = held.token
    if token is None:
        forget(held)
        _talk.note("the cached token is forgotten; it had ended, or couldn't be read, so there was none to revoke")
        return
    policy = _retry.RetryPolicy(max_retries=session.max_retries)
    try:
        _retry.call(lambda: revoke(auth, base_url, token, TokenHTTP()), policy)
    except AtlasError:
        _talk.note("the token stays in the cache, so that `atlas-invoices logout` can be tried again")
        raise
    _talk.note(f"the token is revoked at {server}")
    forget(held)
    _talk.note("the cached token is forgotten")
