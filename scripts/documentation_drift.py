"""Tell which of upstream's words changed, from the digests in the lock: the words themselves are not kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import prose
import shape
from operation_drift import Change
from operations import find_operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from operations import Operation
    from schema_meaning import Side


def compare(
    locked: Mapping[str, Mapping[str, str]], new: Side, operations: Sequence[Operation], structural: Sequence[Change]
) -> list[Change]:
    """Every place whose words are others than when the fragment was cut.

    Words that came or went with the thing they describe are left out: `structural` has told of it already.
    """
    here = [operation for operation in operations if find_operation(new.root, operation) is not None]
    digests = prose.digests(new.root, here)
    told = {(change.operation, shape.pointer(change.at)) for change in structural}
    return [
        Change("documentation", operation.title, shape.tokens(place), says)
        for operation in here
        if operation.title in locked
        for place, says in _differences(locked[operation.title], digests[operation.title])
        if not any((operation.title, above) in told for above in _above(place))
    ]


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            yield place, "has other words" if place in old and place in new else "is new" if place in new else "is gone"


def _above(place: str) -> Iterator[str]:
    """The places that hold this one, the operation itself included."""
    while place:
        place = place.rpartition("/")[0]
        yield place
