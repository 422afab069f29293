#!/usr/bin/env python3
"""Write openapi/fragment.json and openapi/lock.json from upstream's document: our operations, without its prose.

Where upstream renamed a schema or writes it inline, openapi/names.yaml keeps its Python name. The files are replaced
together or not at all.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from drift import package
from openapi_tools import documents, fetching, files, lock, operations, prose, slicing
from openapi_tools.errors import ScriptError, error_context, escape_unprintable, report_error


def make_fragment(upstream: documents.Document, ours: Sequence[operations.Operation]) -> bytes:
    """The bytes of the fragment of an upstream document; errors name the document.

    Raises:
        ScriptError: it is not OpenAPI, or no longer has what this project relies on.
    """
    with error_context(upstream.name):
        return documents.to_json(slicing.slice_document(upstream.root, ours))


def added_names(fragment: bytes, ours: Sequence[operations.Operation], folder: Path) -> tuple[bytes | None, list[str]]:
    """The content of names.yaml with the models that the new fragment would rename, and a note on each of them.

    None where there is nothing to add.
    """
    if not (folder / lock.FRAGMENT).exists():
        return None, []
    names = operations.load_names(folder)
    old = documents.read_document(folder / lock.FRAGMENT).root
    try:
        made = package.compare_packages(old, documents.parse(fragment, lock.FRAGMENT), ours, names)
    except ScriptError:
        # The old fragment has another version, for example; scripts/regenerate.py tells if the new one is unfit.
        return None, []
    added = {new: kept for new, kept in made.names.items() if new not in names}
    notes = [f"{change.subject} {change.text}" for change in made.models]
    if not added:
        return None, notes
    # JSON's strings are YAML's too.
    text = (folder / operations.NAMES).read_text(encoding="utf-8").replace("names: {}", "names:").rstrip("\n")
    lines = [f"  {json.dumps(new)}: {json.dumps(kept)}" for new, kept in added.items()]
    return "\n".join([text, *lines, ""]).encode(), notes


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """Run the command; returns its exit status: 0 written, 2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="FILE|URL", help=fetching.SOURCE_HELP)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write only the fragment, to this file")
    parser.add_argument(
        "--commit", metavar="SHA", help="the commit of mongodb/openapi that has the document; a URL may name it itself"
    )
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
            commit = options.commit or lock.commit_in(options.upstream)
            locked = lock.make_lock(upstream, fragment, prose.digests(upstream.root, ours), commit)
            contents = {folder / lock.FRAGMENT: fragment, folder / lock.LOCK: documents.to_json(locked)}
            names, notes = added_names(fragment, ours, folder)
            if names is not None:
                contents[folder / operations.NAMES] = names
            files.write_all(contents)
            for note in notes:
                print(f"note: {escape_unprintable(note)}", file=sys.stderr)
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
