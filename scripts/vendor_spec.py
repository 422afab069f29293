#!/usr/bin/env python3
"""Make openapi/fragment.json and openapi/lock.json from upstream's document: the operations we keep, without its prose.

Both files are replaced together, or neither.
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


def make_fragment(upstream: documents.Document, kept: Sequence[operations.Operation]) -> bytes:
    """The bytes of the fragment of an upstream document; errors name the document.

    Raises:
        ScriptError: it is no OpenAPI document, or not as this project takes it to be.
    """
    with error_context(upstream.name):
        return documents.to_json(slicing.slice_document(upstream.root, kept))


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """The command; returns its exit status: 0 written, 2 cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="FILE|URL", help=fetching.SOURCE_HELP)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the fragment alone, there")
    options = parser.parse_args(arguments)
    try:
        kept = operations.load_operations(folder)
        upstream = documents.read_document(options.upstream)
        fragment = make_fragment(upstream, kept)
        if options.output is not None:
            files.write_all({options.output: fragment})
        else:
            locked = lock.make_lock(upstream, fragment, prose.digests(upstream.root, kept))
            files.write_all({folder / lock.FRAGMENT: fragment, folder / lock.LOCK: documents.to_json(locked)})
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
