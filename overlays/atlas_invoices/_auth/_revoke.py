"""Log out: forget a service account's shared token, and tell Atlas that it's over."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_invoices._file_lock import FileLock
from atlas_invoices._transport import while_connecting

from ._token_cache import TokenCache
from ._token_request import REVOKE_PATH, check_revoked, revoke_request
from ._turn import POLL_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from ._origin import BaseUrl
    from ._secret import Secret
    from ._service_account import ServiceAccountAuth
    from ._token_http import TokenHTTP

# A file whose lock is held this many seconds is taken away all the same: nobody may wait for ever.
_PATIENCE = 15.0


@frozen
class Cached:
    """What there is: a token that Atlas may still accept, or a file that is of no use."""

    cache: TokenCache
    token: Secret | None


def cached(auth: ServiceAccountAuth, base_url: BaseUrl, folder: Path) -> Cached | None:
    """Return what the account has in the folder; None if there is nothing.

    Raises `OSError` where the file system refuses.
    """
    account = auth._account  # noqa: SLF001 - same package; kept off the public class's surface
    cache = TokenCache(folder, base_url, account.client_id)
    token = cache.read_to_revoke()
    return Cached(cache, token) if token or os.path.lexists(cache.file.path) else None


def forget(found: Cached) -> None:
    """Take away the account's file, unless it has another token by now.

    Raises `OSError` where the file system refuses.
    """
    cache, token = found.cache, found.token
    lock = FileLock(cache.file.lock_path)
    end = time.monotonic() + _PATIENCE
    try:
        while not lock.acquire() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        now = cache.read_to_revoke()
        if now is None or (token is not None and now.reveal() == token.reveal()):
            cache.file.delete()
    finally:
        lock.release()


def revoke(auth: ServiceAccountAuth, base_url: BaseUrl, token: Secret, http: TokenHTTP) -> None:
    """Have Atlas refuse this token from now on.

    Raises:
        TokenError: Atlas says no, or failed.
        APIConnectionError: no answer came.
    """
    account = auth._account  # noqa: SLF001 - likewise
    with while_connecting(f"POST {REVOKE_PATH}"):
        reply = http.send(revoke_request(base_url, account, token))
    check_revoked(reply, account, token)
