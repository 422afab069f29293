"""The command logout."""

from __future__ import annotations

import click

from atlas_invoices._errors import AtlasError

from . import _output
from ._session import Session, atlas_options_without_org


@click.command(name="logout")
@atlas_options_without_org
def logout_command(session: Session) -> None:
    """Revoke and delete the cached access token of the configured service account.

    If Atlas can't be reached, the token stays in the cache so that you can try again; it expires within the hour.
    Other service accounts' tokens stay.
    """
    from atlas_invoices._auth import (
        ServiceAccountAuth,
        TokenHTTP,
        cached,
        forget,
        parse_base_url,
        revoke,
        user_folder,
    )
    from atlas_invoices._http._retry import RetryPolicy, retry
    from atlas_invoices._http._steps import run

    server = session.server().value
    found = session.credentials()
    if not isinstance(found.auth, ServiceAccountAuth):
        _output.note(
            f"nothing to do: the credentials are an {found.kind}, and only service accounts' tokens are cached"
        )
        return
    auth, base_url = found.auth, parse_base_url(server)
    folder = user_folder()
    held = None if folder is None else cached(auth, base_url, folder)
    if held is None:
        _output.note(f"nothing to do: no token is cached for this service account at {server}")
        return
    token = held.token
    if token is None:
        run(forget(held))
        _output.note("cached token deleted; it had expired or couldn't be read, so there was nothing to revoke")
        return
    policy = RetryPolicy(max_retries=session.max_retries)
    try:
        run(retry(lambda: revoke(auth, base_url, token, TokenHTTP()), policy))
    except AtlasError:
        _output.note("the token stays in the cache; run `atlas-invoices logout` to try again")
        raise
    _output.note(f"token revoked at {server}")
    run(forget(held))
    _output.note("cached token deleted")
