#!/usr/bin/env python3
"""Write openapi/fragment.json and openapi/lock.json from upstream's document: our operations, without its prose.

Both files are replaced together or not at all.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from openapi_tools import documents, fetching, files, lock, operations, prose, slicing
from openapi_tools.errors import ScriptError, error_context, report_error


def make_fragment(upstream: documents.Document, ours: Sequence[operations.Operation]) -> bytes:
    """The bytes of the fragment of an upstream document; errors name the document.

    Raises:
        ScriptError: it is not OpenAPI, or no longer has what this project relies on.
    """
    with error_context(upstream.name):
        return documents.to_json(slicing.slice_document(upstream.root, ours))


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """Run the command; returns its exit status: 0 written, 2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="FILE|URL", help=fetching.SOURCE_HELP)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write only the fragment, to this file")
    options = parser.parse_args(arguments)
    try:
        ours = operations.load_operations(folder)
        upstream = documents.read_document(options.upstream)
        fragment = make_fragment(upstream, ours)
        present = operations.present_operations(upstream.root, ours)
        for missing in (operation for operation in ours if operation not in present):
            print(f"note: left out, because {upstream.name} doesn't have it: {missing.title}", file=sys.stderr)
        if options.output is not None:
            files.write_all({options.output: fragment})
        else:
            locked = lock.make_lock(upstream, fragment, prose.digests(upstream.root, ours))
            files.write_all({folder / lock.FRAGMENT: fragment, folder / lock.LOCK: documents.to_json(locked)})
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
