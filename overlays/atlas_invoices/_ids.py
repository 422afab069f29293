"""Check IDs before they become part of a URL or a file's name.

A module of its own: the command checks IDs before it imports httpx, and in `_operations` a parameter has such a name.
"""

from __future__ import annotations

import re

from ._errors import InvalidIdError
from ._utils import single_line

_HEX_24 = re.compile(r"[0-9a-fA-F]{24}")


def organization_id(value: object) -> str:
    """Return the organization ID in lower case; raises `InvalidIdError`."""
    return _checked(value, "organization", "run `atlas-invoices orgs`")


def invoice_id(value: object) -> str:
    """Return the invoice ID in lower case; raises `InvalidIdError`."""
    return _checked(value, "invoice", "run `atlas-invoices list`")


def report_id(value: object) -> str:
    """Return the report ID in lower case; raises `InvalidIdError`."""
    return _checked(value, "report", "call list_invoice_reports")


def is_id(value: object) -> bool:
    """Whether it's 24 hexadecimal digits."""
    return isinstance(value, str) and _HEX_24.fullmatch(value) is not None


def _checked(value: object, what: str, listing: str) -> str:
    # The API document's pattern for all of them is 24 lower-case hexadecimal digits; upper case is the same number.
    if isinstance(value, str) and is_id(value):
        return value.lower()
    raise InvalidIdError(
        f"{what} ID {single_line(repr(value), 60)} isn't 24 hexadecimal digits; {listing} to see valid ones"
    )
