"""Tell which of upstream's words changed: by the digests in the lock, or word by word if the old document is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve

from drift.rules import Change
from openapi_tools import prose
from openapi_tools.errors import escape_unprintable
from openapi_tools.model import Location
from openapi_tools.operations import Operation, find_operation

# Characters of a passage that changed, and words around what is different.
_MAX_PASSAGE: Final = 400
_AROUND: Final = 6


def compare_digests(
    locked: Mapping[str, str], new: Mapping[str, Any], operations: Sequence[Operation], structural: Sequence[Change]
) -> list[Change]:
    """The operations whose words, or shared words, changed since the fragment was cut, as far as digests can tell.

    Structural changes bring words of their own, so beside them nothing is reported; compare_texts() can tell.
    """
    here = [ours for ours in operations if find_operation(new, ours) is not None]
    if structural:
        return []
    return [
        Change("documentation", ours.title, (), f"has other words{'' if part == ours.title else f' in {part}'}", _HINT)
        for part, digest in prose.digests(new, here).items()
        for ours in here
        if part == ours.title or part not in {other.title for other in here}
        if locked.get(part) != digest
    ]


_HINT: Final = "`--previous` with the document that the fragment is from shows them"


def compare_texts(
    old: Mapping[str, Any], new: Mapping[str, Any], operations: Sequence[Operation], structural: Sequence[Change]
) -> list[Change]:
    """Every location whose words changed, before and after; markup alone is nothing.

    Prose that came or went together with what it describes is left out, because `structural` reports that already.
    """
    # Where the type changed, nothing inside was compared.
    reported = {
        (change.operation, change.at[:-1] if change.at[-1:] == ("type",) else change.at) for change in structural
    }
    return [
        change
        for ours in operations
        if find_operation(old, ours) and find_operation(new, ours)
        for change in _changes(old, new, ours)
        if not any((ours.title, change.at[:length]) in reported for length in range(len(change.at)))
    ]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], ours: Operation) -> Iterator[Change]:
    before, after = (_by_location(prose.texts(root, ours)) for root in (old, new))
    for at in sorted(before.keys() | after.keys()):
        was, now = before.get(at), after.get(at)
        words = was.words if was else "", now.words if now else ""
        if words[0] == words[1]:
            continue
        fact = "changed" if all(words) else "is new" if words[1] else "was removed"
        subject = next(found.subject for found in (now, was) if found)
        yield Change("documentation", ours.title, at, fact, "", subject, _passages(*words))


def _by_location(texts: Iterable[prose.Text]) -> dict[Location, prose.Text]:
    """The texts by location; those of the parts of an `allOf` are one text."""
    made: dict[Location, prose.Text] = {}
    for found in texts:
        first = made.get(found.at)
        made[found.at] = evolve(first, text=f"{first.text}\n{found.text}") if first else found
    return made


def _passages(old: str, new: str) -> tuple[str, str]:
    """The part of two texts that differs, with a few words around it."""
    before, after = old.split(), new.split()
    start = _common_length(before, after)
    left, right = before[start:], after[start:]
    end = _common_length(left[::-1], right[::-1])
    first = max(start - _AROUND, 0)

    def passage(words: list[str]) -> str:
        stop = min(len(words) - end + _AROUND, len(words))
        text = " ".join(words[first:stop])
        rest = "…" if len(text) > _MAX_PASSAGE else " …" if stop < len(words) else ""
        return escape_unprintable(f"{'… ' if first and words else ''}{text[:_MAX_PASSAGE]}{rest}")

    return passage(before), passage(after)


def _common_length(one: list[str], other: list[str]) -> int:
    """The number of words that two lists have in common at their start."""
    different = (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(different, min(len(one), len(other)))
