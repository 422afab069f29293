#!/usr/bin/env python3
"""Tell what changed upstream for the operations kept, and whether it breaks a client.

Order, style, references, names of schemas, prose, tags and vendor extensions are no change. A location is a JSON
pointer within the operation, with references resolved; a parameter's token is `in:name`, for its index moves with its
neighbours.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from drift import operation, operation_diff
from drift.report import Report
from openapi_tools import documents, fetching, lock, operations
from openapi_tools.errors import ScriptError, error_context, report_error

FORMATS: Final[Mapping[str, Callable[[Report], str]]] = {
    "text": Report.to_text,
    "json": Report.to_json,
    "markdown": Report.to_markdown,
}


def compare(
    fragment: documents.Document,
    upstream: documents.Document,
    kept: Sequence[operations.Operation],
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> Report:
    """What differs between two documents in the operations kept, each a fragment or upstream's whole document.

    `words` are the digests of the fragment's prose, by operation and place; None where there are none to compare with.

    Raises:
        ScriptError: a document is not one that can be compared; the message names it.
    """
    old, new = operation.open_document(fragment), operation.open_document(upstream)
    with error_context(f"{upstream.name} against {fragment.name}"):
        changes = operation_diff.compare_operations(old, new, kept)
        if words is not None:
            changes += operation_diff.compare_prose(words, new, kept, changes)
    revision = upstream.root["info"].get("x-xgen-sha")
    return Report(fragment.name, upstream.name, revision if isinstance(revision, str) else None, changes)


def compare_upstream(
    upstream: documents.Document, fragment: Path | None = None, folder: Path = operations.OPENAPI
) -> Report:
    """The report on an upstream document, against another fragment than the one in openapi/ where it is given."""
    words = lock.read_lock(folder)["prose"] if fragment is None else None
    document = documents.read_document(fragment or folder / lock.FRAGMENT)
    if fragment is None:
        # A pull request's text is no place for a folder of this machine.
        document = evolve(document, name=f"{folder.name}/{lock.FRAGMENT}")
    return compare(document, upstream, operations.load_operations(folder), words)


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """The command; returns its exit status: 0 nothing breaking or additive, 1 drift, 2 cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="FILE|URL", help=fetching.SOURCE_HELP)
    parser.add_argument("--fragment", type=Path, metavar="FILE", help="another document than the fragment in openapi/")
    parser.add_argument("--format", choices=FORMATS, default="text")
    options = parser.parse_args(arguments)
    try:
        report = compare_upstream(documents.read_document(options.upstream), options.fragment, folder)
        text = FORMATS[options.format](report)
        # A terminal of another encoding, or a name that none can show, is no reason to say nothing.
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 1 if report.is_drift else 0


if __name__ == "__main__":
    sys.exit(main())
