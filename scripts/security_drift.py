"""Compare the ways to authenticate that an operation accepts: which there are, at what addresses, with what scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import security_meaning
from difference import Difference
from shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations import Found
    from schema_meaning import Side
    from security_meaning import Scopes


def compare(old: Side, before: Found, new: Side, after: Found) -> Iterator[Difference]:
    """What differs in the ways to authenticate that one operation has in two documents."""
    accepted, accepts = security_meaning.ways(old, before), security_meaning.ways(new, after)
    for name in sorted(accepted.keys() | accepts.keys()):
        at = ("security", name)
        if name not in accepts:
            yield Difference("security-gone", at, before=shown(name))
        elif name not in accepted:
            yield Difference("security-new", at, after=shown(name))
        else:
            (schemes, scopes), (new_schemes, new_scopes) = accepted[name], accepts[name]
            for scheme in sorted(schemes):
                addresses, new_addresses = schemes[scheme].addresses, new_schemes[scheme].addresses
                for key in sorted(addresses.keys() | new_addresses.keys()):
                    was, now = addresses.get(key), new_addresses.get(key, "not there")
                    if was is None:
                        yield Difference("security-address-new", (*at, key), after=shown(now))
                    elif was != now:
                        yield Difference("security-address", (*at, key), shown(was), shown(now))
            for scope in sorted(_not_covered(scopes, new_scopes)):
                yield Difference("scope-needed", at, after=shown(scope))
            for scope in sorted(_not_covered(new_scopes, scopes)):
                yield Difference("scope-not-needed", at, before=shown(scope))


def _not_covered(these: Scopes, those: Scopes) -> frozenset[str]:
    """What each set of `these` lacks of the nearest of `those`."""
    return frozenset[str]().union(*(min((other - one for other in those), key=len) for one in these))
