"""What every comparison gives, a difference by its rule, and those that objects of every kind may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shape import Tokens


@frozen
class Difference:
    """One difference, by the name of its rule: its place within what was compared, and what stood and stands there."""

    rule: str
    at: Tokens
    before: str = ""
    after: str = ""


def lifetime(was: object, now: object, ended: object, ends: object) -> Iterator[Difference]:
    """Deprecation and sunset, which operations, parameters, media types and schemas have."""
    if bool(was) != bool(now):
        yield Difference("deprecated" if now else "no-longer-deprecated", ("deprecated",))
    if ended != ends:
        yield Difference(
            "sunset", ("x-sunset",), *(shown(date) if date is not None else "none" for date in (ended, ends))
        )


def unknown(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Keywords that nothing here knows: in canonical form, so that only another meaning differs."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            before, after = (shown(f"{key}: {side[key]}") if key in side else "nothing" for side in (old, new))
            yield Difference("unknown", (key,), before, after)
