"""An invoice's JSON as sync saves it: exactly as sent, so that no number is rounded and no unknown field is lost.

`get_invoice` would read it into models and numbers into floats, and writing those again takes several times as long as
everything else that sync does.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from atlas_invoices import _operations
from atlas_invoices._errors import UnexpectedResponseError

if TYPE_CHECKING:
    from ._listing import Listed


@frozen
class Document:
    """The reply's body, and of its fields those that are looked at."""

    content: bytes
    status: object
    updated: object

    def is_older_than(self, listed: Listed) -> bool:
        """Whether it's of an earlier state than the listing, which was read before it, says.

        Not documented, but a server of several machines can answer so; what was saved then must not count as final.
        """
        if listed.final and self.status == "PENDING":
            return True
        try:
            updated = datetime.fromisoformat(str(self.updated))
            then = datetime.fromisoformat(str(listed.updated))
            # To the second: the two replies may tell the time with other precision.
            return _utc(updated).replace(microsecond=0) < _utc(then).replace(microsecond=0)
        except (ValueError, OverflowError):
            return False


# So much of each is read at a time by all workers; what is larger, one after the other: many at once would fill the
# memory. The JSON of ten thousand lines has about 6 MB.
AT_ONCE = 8 * 1024 * 1024


def call(org_id: str, invoice_id: str) -> _operations.Call[Document]:
    """`get_invoice`'s call, whose reply is read as a `Document`."""
    request: _operations.Call[Any] = _operations.invoice(org_id, invoice_id)
    return evolve(request, read=lambda _head, body: read(body, invoice_id))


def read(body: bytes, invoice_id: str) -> Document:
    """Check a reply; raises `UnexpectedResponseError` for what isn't JSON, or is another invoice's."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UnexpectedResponseError(f"invoice {invoice_id}: the server sent a damaged JSON; try again") from None
    id_ = found.get("id") if isinstance(found, dict) else None
    if not isinstance(id_, str) or id_.lower() != invoice_id:
        raise UnexpectedResponseError(
            f"asked for invoice {invoice_id}, the server sent something else; is a cache or proxy in between?"
        )
    return Document(body, found.get("statusName"), found.get("updated"))


def _refuse(name: str) -> None:
    raise ValueError(name)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
