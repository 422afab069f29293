"""What a sandbox can be told, so that every trait of the server and its data has one name and one default."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen, validators

if TYPE_CHECKING:
    from attrs import Attribute


Role = Literal["ORG_OWNER", "ORG_BILLING_ADMIN", "ORG_BILLING_VIEWER", "ORG_MEMBER", "ORG_READ_ONLY"]

BILLING_ROLES: frozenset[Role] = frozenset({"ORG_OWNER", "ORG_BILLING_ADMIN", "ORG_BILLING_VIEWER"})
"""Roles that may read an organization's invoices (Atlas documentation)."""

LINKED_ROLES: frozenset[Role] = frozenset({"ORG_OWNER", "ORG_BILLING_ADMIN"})
"""Roles that may also read linked organizations' invoices (Atlas Admin API document)."""


def _at_least(least: int) -> Callable[[object, Attribute[Any], int | None], None]:
    def check(_: object, attribute: Attribute[Any], value: int | None) -> None:
        if value is not None and value < least:
            raise ValueError(f"{attribute.name} must be {least} or more, not {value}")

    return check


@frozen
class RateLimit:
    """A token bucket for each organization: `capacity` requests at once, then `refill` of them a second."""

    capacity: int = field(validator=_at_least(1))
    refill: float = field(validator=validators.gt(0))


def _not_empty(_: object, attribute: Attribute[str], value: str) -> None:
    if not value:
        raise ValueError(f"{attribute.name} is empty")


@frozen(kw_only=True)
class Settings:
    """Everything that can be chosen about a sandbox. The defaults are a well-behaved Atlas.

    Example:
        >>> Settings(seed=7, lines=10, gzip=True).lines
        10
    """

    seed: int = 1
    """The same seed gives the same organizations, keys and invoices, byte for byte."""

    host: str = field(default="127.0.0.1", validator=_not_empty)
    port: int = field(default=0, validator=[validators.ge(0), validators.le(65535)])
    """0 takes any free port."""

    today: date = date(2026, 11, 15)
    """The server's day: the pending invoice is of its month. Fixed, so that data never change overnight."""

    months: int = field(default=14, validator=[_at_least(1), validators.le(2400)])
    """How many monthly invoices there are, the pending one included."""

    lines: int | None = field(default=None, validator=_at_least(0))
    """Lines of the newest invoice that is not pending, streamed if they are many; `None`: like the others."""

    lines_in_json: int = field(default=10_000, validator=_at_least(0))
    """An invoice with more lines has no `lineItems` in its JSON: another way to meet a huge one (not documented)."""

    typical_lines: int = field(default=600, validator=_at_least(0))
    """About how many lines the other invoices have: from half of it to one and a half times."""

    organizations: int = field(default=1, validator=_at_least(1))
    """How many organizations the credentials see. Only the first has invoices."""

    role: Role = field(
        default="ORG_BILLING_ADMIN", validator=validators.in_([*BILLING_ROLES, "ORG_MEMBER", "ORG_READ_ONLY"])
    )
    """The role of both kinds of credentials; one without billing rights gets 403 from every invoice operation."""

    access_list_refuses: bool = False
    """Whether calls come from an address that is not on the access list: 403, but tokens are still issued."""

    nonce_uses: int | None = field(default=500, validator=_at_least(1))
    """A digest nonce is stale after so many uses; `None` means never."""

    token_seconds: float = field(default=3600, validator=validators.ge(1))
    """Lifetime of an access token, in seconds; `expires_in` says so in whole ones, rounded down."""

    token_limit: int = field(default=100, validator=_at_least(1))
    """So many tokens may be active at once (Atlas documentation)."""

    token_requests_per_minute: int | None = field(default=None, validator=_at_least(1))
    """Limit of the token endpoint; Atlas has 50. `None` switches it off."""

    rate_limit: RateLimit | None = None
    """Limit of the API; `None` switches it and its headers off."""

    gzip: bool = False
    """Whether replies are compressed for clients that accept it."""

    latency: float = field(default=0.0, validator=validators.ge(0))
    """Seconds that every reply waits before it begins."""

    pending_as_object: bool = False
    """Whether `pending` answers with one invoice, as seen in the wild, instead of the documented list."""

    deprecation: datetime | None = None
    """If set, replies carry a `Deprecation` header with this time."""

    sunset: datetime | None = None
    """If set, replies carry a `Sunset` header with this time."""

    def __attrs_post_init__(self) -> None:
        """Refuse lines for an invoice that does not exist."""
        if self.lines is not None and self.months == 1:
            raise ValueError("lines are those of the newest invoice that is not pending, so months must be 2 or more")
