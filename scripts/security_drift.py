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
    from security_meaning import Scheme, Scopes
    from shape import Tokens


def compare(old_side: Side, old: Found, new_side: Side, new: Found) -> Iterator[Difference]:
    """What differs in the ways to authenticate that one operation has in two documents."""
    before, after = security_meaning.ways(old_side, old), security_meaning.ways(new_side, new)
    for name in sorted(before.keys() | after.keys()):
        at = ("security", name)
        if name not in after:
            yield Difference("security-gone", at, before=shown(name))
        elif name not in before:
            yield Difference("security-new", at, after=shown(name))
        else:
            (old_schemes, old_scopes), (new_schemes, new_scopes) = before[name], after[name]
            for scheme in sorted(old_schemes):
                yield from _addresses(old_schemes[scheme], new_schemes[scheme], at)
            for scope in sorted(_not_covered(old_scopes, new_scopes)):
                yield Difference("scope-needed", at, after=shown(scope))
            for scope in sorted(_not_covered(new_scopes, old_scopes)):
                yield Difference("scope-not-needed", at, before=shown(scope))


def _addresses(old: Scheme, new: Scheme, at: Tokens) -> Iterator[Difference]:
    for key in sorted(old.addresses.keys() | new.addresses.keys()):
        was, now = old.addresses.get(key), new.addresses.get(key, "not there")
        if was is None:
            yield Difference("security-address-new", (*at, key), after=shown(now))
        elif was != now:
            yield Difference("security-address", (*at, key), shown(was), shown(now))


def _not_covered(these: Scopes, those: Scopes) -> frozenset[str]:
    """What each set of `these` lacks of the nearest of `those`."""
    return frozenset[str]().union(*(min((other - one for other in those), key=len) for one in these))
