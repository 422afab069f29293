"""One form for equal values, so that documents that say the same give the same bytes, digests and comparisons."""

from __future__ import annotations

import json


def canonical(value: object) -> str:
    """A value as text that is equal for equal values: keys sorted, 1.0 as 1."""
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: object) -> object:
    """Data with its keys sorted and one form for a number: in JSON 1.0 and 1 are the same."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
