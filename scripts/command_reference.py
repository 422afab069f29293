"""A Markdown extension for `scripts/docs`: the line `::: command-reference` becomes a section for each command.

All of it comes from the command itself, so it's never out of date. mkdocs-click doesn't know the defaults of click 8.3,
and would repeat the options that every command has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from inspect import cleandoc

import click
from markdown import Extension, Markdown  # type: ignore[import-not-found, import-untyped, unused-ignore]  # it's in .venv-docs only
from markdown.preprocessors import Preprocessor  # type: ignore[import-not-found, import-untyped, unused-ignore]

from atlas_invoices.cli._commands import COMMANDS
from atlas_invoices.cli._main import app

Record = tuple[str, str]
HEADING = ["| option | meaning |", "| --- | --- |"]


def reference() -> Iterator[str]:
    """Yield the lines of the reference, in Markdown."""
    context = click.Context(app, info_name="atlas-invoices", max_content_width=10_000)
    commands = {name: app.get_command(context, name) for name in COMMANDS}
    contexts = {name: click.Context(command, context, name) for name, command in commands.items() if command}
    options = {name: list(_options(ctx)) for name, ctx in contexts.items()}
    counts = Counter(record for records in options.values() for record in records)
    common = [record for record, count in counts.items() if count > len(COMMANDS) / 2]
    for name, ctx in contexts.items():
        yield from ["", f"## {name}", "", "```text", ctx.command.get_usage(ctx).removeprefix("Usage: "), "```", ""]
        yield from _text(ctx.command.help or "")
        own = [record for record in options[name] if record not in common]
        if own:
            yield from ["", *HEADING, *map(_row, own)]
        if any(record in common[1:] for record in options[name]):
            yield from ["", "And the [common options](#common-options)."]
    yield from ["", "## Common options", "", "Of every command that calls Atlas.", "", *HEADING, *map(_row, common)]


def _options(ctx: click.Context) -> Iterator[Record]:
    for parameter in ctx.command.get_params(ctx):
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record:
            yield record


def _row(record: Record) -> str:
    # A bar would end the cell, in code too.
    name, meaning = (re.sub(r"\s+", " ", part).replace("|", "&#124;") for part in record)
    return f"| <code>{name}</code> | {meaning} |"


def _text(text: str) -> Iterator[str]:
    r"""Yield a help text's lines; a paragraph that begins with \b is printed as it is."""
    for paragraph in cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield from ["```text", *cleandoc(paragraph[1:]).splitlines(), "```", ""]
        else:
            yield from [*paragraph.splitlines(), ""]


class _Reference(Preprocessor):  # type: ignore[misc, unused-ignore]  # mypy can't see it
    def run(self, lines: list[str]) -> list[str]:
        return [made for line in lines for made in (reference() if line == "::: command-reference" else [line])]


class CommandReference(Extension):  # type: ignore[misc, unused-ignore]  # mypy can't see it
    """Runs before code blocks are recognized."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        md.preprocessors.register(_Reference(md), "command-reference", 100)


def makeExtension() -> CommandReference:  # noqa: N802 - Markdown's name
    """Return the extension, for Markdown."""
    return CommandReference()
