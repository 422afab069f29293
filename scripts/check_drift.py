#!/usr/bin/env python3
"""Report what changed upstream in our operations, and whether it breaks a client.

Order, style, references, schema names, prose, tags and vendor extensions don't count as changes. A location is a JSON
pointer within the operation, with references resolved; a parameter's token is `in:name`, because its index shifts with
its neighbours. Exit status: 0 nothing breaking or additive, 1 drift, 2 error.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from attrs import evolve

from drift import accepted, operation, operation_diff, package, prose_diff, versions
from drift.report import Report
from openapi_tools import documents, fetching, lock, operations
from openapi_tools.errors import ScriptError, error_context, escape_unprintable, report_error

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "text": Report.to_text,
    "json": Report.to_json,
    "markdown": Report.to_markdown,
}


def compare(
    fragment: documents.Document,
    upstream: documents.Document,
    ours: Sequence[operations.Operation],
    prose: Mapping[str, str] | None = None,
    previous: documents.Document | None = None,
    today: date | None = None,
) -> Report:
    """Compare our operations in two documents, each of which may be a fragment or upstream's whole document.

    `prose` has the digests of the fragment's prose, or is None to leave prose out; `previous` is the document that the
    fragment was cut from, which shows what the words were; `today` tells which versions end soon.

    Raises:
        ScriptError: a document can't be compared; the message names it.
    """
    old, new = operation.open_document(fragment), operation.open_document(upstream)
    with error_context(f"{upstream.name} against {fragment.name}"):
        sunsets = versions.find_sunsets(old, new, ours, today or date.today())  # noqa: DTZ011 - a day anywhere will do
        changes = [change for change in sunsets if change.category == "breaking"]
        due = {(change.operation, change.at) for change in changes}
        structural = operation_diff.compare_operations(old, new, ours)
        changes += [change for change in structural if (change.operation, change.at) not in due]
        if previous is not None:
            changes += prose_diff.compare_texts(previous.root, upstream.root, ours, structural)
        elif prose is not None:
            changes += prose_diff.compare_digests(prose, upstream.root, ours, structural)
    revision = upstream.root["info"].get("x-xgen-sha")
    revision = revision if isinstance(revision, str) else None
    here = [entry for entry in ours if any(operations.find_operation(side.root, entry) for side in (old, new))]
    return Report(fragment.name, upstream.name, revision, here, changes, sunsets)


def compare_upstream(
    upstream: documents.Document,
    fragment: Path | None = None,
    folder: Path = operations.OPENAPI,
    previous: documents.Document | None = None,
    today: date | None = None,
) -> Report:
    """Compare an upstream document with the fragment in openapi/ and its lock, or with another fragment.

    Raises ScriptError if a document can't be compared, or `previous` is not the document in the lock.
    """
    locked = lock.read_lock(folder) if fragment is None else None
    if locked and previous and previous.sha256 != locked["upstream"].get("sha256"):
        raise ScriptError(f"{previous.name} is not the document in {lock.LOCK}, which the fragment was cut from")
    document = documents.read_document(fragment or folder / lock.FRAGMENT)
    if fragment is None:
        # A pull request shouldn't name a folder of this machine.
        document = evolve(document, name=f"{folder.name}/{lock.FRAGMENT}")
    ours = operations.load_operations(folder)
    report = compare(document, upstream, ours, locked and locked["prose"], previous, today)
    try:
        made = package.compare_packages(document.root, upstream.root, ours, operations.load_names(folder))
    except ScriptError as error:
        # The structure was compared; only generating may need somebody to look.
        return evolve(report, package=[f"can't be generated: {escape_unprintable(str(error))}"])
    return evolve(report, models=made.models, package=made.lines)


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI, today: date | None = None) -> int:
    """Run the command; returns its exit status: 0 nothing breaking or additive, 1 drift, 2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="FILE|URL", help=fetching.SOURCE_HELP)
    parser.add_argument("--fragment", type=Path, metavar="FILE", help="instead of the fragment in openapi/")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--previous", metavar="FILE|URL", help="the document in the lock: shows which words changed")
    parser.add_argument("--accept", type=Path, metavar="FILE", help=accepted.HELP)
    options = parser.parse_args(arguments)
    today = today or date.today()  # noqa: DTZ011 - a day anywhere will do
    try:
        entries = accepted.read_entries(options.accept) if options.accept else []
        previous = documents.read_document(options.previous) if options.previous else None
        upstream = documents.read_document(options.upstream)
        report = compare_upstream(upstream, options.fragment, folder, previous, today)
        report, notes = accepted.accept(report, entries, today)
        for note in notes:
            print(f"warning: {options.accept.name}: {escape_unprintable(note)}", file=sys.stderr)
        text = FORMATS[options.format](report)
        # Escape what the terminal's encoding can't represent.
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 1 if report.is_drift else 0


if __name__ == "__main__":
    sys.exit(main())
