"""Text that an option or argument takes; an empty one, from a variable that isn't set, isn't taken for none."""

from __future__ import annotations

from typing import Any

import click


class _NotEmpty(click.types.StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        if value == "":
            raise click.BadParameter("it is empty; is a variable not set?", ctx, param)
        return super().convert(value, param, ctx)


NOT_EMPTY = _NotEmpty()
