"""Reads the resource version and the format from Accept, as Atlas does."""

from __future__ import annotations

import re
from typing import Literal

from ._problems import Problem

Format = Literal["json", "csv"]

VERSION = "2023-01-01"
"""The version of all five operations (Atlas Admin API document)."""

REMOVED_VERSION = "2022-06-01"
"""Stands for a version that was there once; asking for it is a 410. The sandbox's own: none is removed upstream."""

_MEDIA_TYPE = re.compile(r"application/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+(json|csv)")


def choose(accept: str, offered: tuple[Format, ...]) -> Format:
    """The offered format that `accept` prefers.

    Raises:
        Problem: 406 where no known version is asked for (none, `*/*` and later versions included: which of them Atlas
            would map to an older version is not documented), 410 where only a removed one is.
    """
    removed = False
    for media_range in _by_preference(accept):
        match = _MEDIA_TYPE.fullmatch(media_range)
        if match and match[2] in offered:
            if match[1] == VERSION:
                return "csv" if match[2] == "csv" else "json"
            removed = removed or match[1] == REMOVED_VERSION
    if removed:
        raise Problem(410, "VERSION_GONE", f"Version {REMOVED_VERSION} of this resource has been removed.")
    wanted = " or ".join(media_type(kind) for kind in offered)
    raise Problem(406, "INVALID_VERSION", f"Accept names no version of this resource; it has {wanted}.")


def media_type(kind: Format) -> str:
    """The media type of a reply."""
    return f"application/vnd.atlas.{VERSION}+{kind}"


def _by_preference(accept: str) -> list[str]:
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if weight > 0:
            ranges.append((weight, name.lower()))
    return [name for _, name in sorted(ranges, key=lambda pair: -pair[0])]
