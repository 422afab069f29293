"""An extension of Griffe for `scripts/docs`: an example in a docstring is code, whether or not a heading is above it.

Griffe knows examples by the heading `Examples:` only.
"""

from __future__ import annotations

import re
from typing import Any

import griffe  # type: ignore[import-not-found]  # it's in .venv-docs only


class DocstringExamples(griffe.Extension):  # type: ignore[misc]  # mypy can't see it
    """Rewrites docstrings before Griffe parses them."""

    def on_object(self, *, obj: Any, **_: Any) -> None:  # noqa: ANN401 - Griffe's types aren't in .venv
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r"^>>> (?:.+\n?)+", r"```pycon\n\g<0>\n```\n", text, flags=re.MULTILINE)
