"""The options of a sandbox, with a default for each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Literal

from attrs import Attribute, field, frozen, validators

Role = Literal["ORG_OWNER", "ORG_BILLING_ADMIN", "ORG_BILLING_VIEWER", "ORG_MEMBER", "ORG_READ_ONLY"]

BILLING_ROLES: frozenset[Role] = frozenset({"ORG_OWNER", "ORG_BILLING_ADMIN", "ORG_BILLING_VIEWER"})
"""Roles that may read an organization's invoices (Atlas documentation)."""

LINKED_ROLES: frozenset[Role] = frozenset({"ORG_OWNER", "ORG_BILLING_ADMIN"})
"""Roles that may also read linked organizations' invoices (Atlas Admin API document)."""


def _at_least(minimum: int) -> Callable[[object, Attribute[Any], int | None], None]:
    def check(_: object, attribute: Attribute[Any], value: int | None) -> None:
        if value is not None and value < minimum:
            raise ValueError(f"{attribute.name} must be {minimum} or more, not {value}")

    return check


def _not_empty(_: object, attribute: Attribute[str], value: str) -> None:
    if not value:
        raise ValueError(f"{attribute.name} is empty")


@frozen
class RateLimit:
    """A token bucket for each organization: up to `capacity` requests at once, refilled at `refill` per second."""

    capacity: int = field(validator=_at_least(1))
    refill: float = field(validator=validators.gt(0))


@frozen(kw_only=True)
class Settings:
    """The options of a sandbox. By default, it is a well-behaved Atlas.

    Example:
        >>> Settings(seed=7, lines=10, gzip=True).lines
        10
    """

    seed: int = 1
    """The same seed gives the same organizations, keys and invoices, byte for byte."""

    host: str = field(default="127.0.0.1", validator=_not_empty)
    port: int = field(default=0, validator=[validators.ge(0), validators.le(65535)])
    """0 picks a free port."""

    odd: bool = False
    """Whether names are odd (formulas, quotes, many scripts) and every status of invoices appears.

    Otherwise it's a company that grows from month to month.
    """

    today: date = date(2026, 11, 15)
    """The server's date: the pending invoice is for its month. Fixed, so that the data is the same every day."""

    months: int = field(default=14, validator=[_at_least(1), validators.le(2400)])
    """The number of monthly invoices, including the pending one."""

    lines: int | None = field(default=None, validator=_at_least(0))
    """Lines of the newest invoice that isn't pending, streamed if there are many. `None`: as the others."""

    lines_in_json: int = field(default=10_000, validator=_at_least(0))
    """An invoice with more lines has no `lineItems` in its JSON, as Atlas may do with a huge one (not documented)."""

    typical_lines: int = field(default=600, validator=_at_least(0))
    """The other invoices have from half to one and a half times as many lines."""

    organizations: int = field(default=1, validator=_at_least(1))
    """The number of organizations that the credentials can see. Only the first has invoices."""

    role: Role = field(
        default="ORG_BILLING_ADMIN", validator=validators.in_([*BILLING_ROLES, "ORG_MEMBER", "ORG_READ_ONLY"])
    )
    """The role of both kinds of credentials. Without billing rights, every invoice operation responds with 403."""

    access_list_refuses: bool = False
    """Whether the client's address is missing from the access list: requests get 403, but tokens are issued."""

    nonce_uses: int | None = field(default=500, validator=_at_least(1))
    """A digest nonce becomes stale after this many uses; `None` means never."""

    token_seconds: float = field(default=3600, validator=validators.ge(1))
    """Lifetime of an access token in seconds; `expires_in` is rounded down."""

    token_limit: int = field(default=100, validator=_at_least(1))
    """The maximum number of active tokens (Atlas documentation)."""

    token_requests_per_minute: int | None = field(default=None, validator=_at_least(1))
    """Rate limit of the token endpoint; Atlas has 50. `None` disables it."""

    rate_limit: RateLimit | None = None
    """Rate limit of the API. `None` disables it and its headers."""

    gzip: bool = False
    """Whether responses are compressed for clients that accept it."""

    latency: float = field(default=0.0, validator=validators.ge(0))
    """Seconds before each response begins."""

    report_seconds: float = field(default=0.0, validator=validators.ge(0))
    """How long a report is in the works: PENDING in the first half, RUNNING in the second."""

    report_failure: str | None = None
    """The reason why every report fails; `None` means that all succeed."""

    report_address_seconds: float = field(default=900.0, validator=validators.ge(0))
    """How long the address of a report's file is good for."""

    pending_as_object: bool = False
    """Whether `pending` responds with a single invoice, as seen in the wild, instead of the documented list."""

    deprecation: datetime | None = None
    """The time in a `Deprecation` header of every response."""

    sunset: datetime | None = None
    """The time in a `Sunset` header of every response."""

    def __attrs_post_init__(self) -> None:
        if self.lines is not None and self.months == 1:
            raise ValueError("lines apply to the newest invoice that isn't pending, so months must be 2 or more")
