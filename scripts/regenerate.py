#!/usr/bin/env python3
"""Regenerate the client from openapi/, offline: transform, apply the overlay, validate, generate, format.

All or nothing: the new client replaces the old one only when it is complete.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from openapi_tools import documents, files, generator, lock, operations, overlay, slicing, transforms
from openapi_tools.errors import ScriptError, TransformError, escape_unprintable, report_error

GENERATED: Final = environment.ROOT / "generated"
README: Final = """\
# generated/

Written by `scripts/regenerate.py` from `openapi/`, this page included. Don't edit anything here; the folder can be
deleted at any time and comes back the same, byte for byte.

- To change what is generated, change `openapi/overlay.yaml` (text, single fixes), `openapi/operations.yaml` (which
  operations, their names) or `scripts/openapi_tools/transforms.py` (rules), then run `scripts/regenerate.py`.
- To take over a new revision of Atlas's document, run `scripts/vendor_spec.py` first.
- `scripts/regenerate.py --check` tells whether this folder is up to date; `scripts/check` runs it.

`atlas_invoices_client` can be used on its own: each function sends the media type of its operation and takes a `Client`
or an `AuthenticatedClient`. One known limit: a status that Python's `http.HTTPStatus` doesn't know (a proxy's 520, for
example) raises `ValueError` in every function. `atlas_invoices`, the handwritten package, checks the status first.
"""


@frozen
class Task:
    """Generate from `fragment`, with the settings in `folder`, into `output`.

    A committed fragment must match its lock, and every transform and fix of the overlay something in it. Words of ours
    without a place, and fixes of an optional operation that isn't there, are left out, and listed.
    """

    fragment: Path
    output: Path
    folder: Path
    committed: bool


def build(task: Task, scratch: Path) -> Path:
    """Build in `scratch` what the output should contain, and return its path.

    Raises:
        ScriptError: the fragment, a transform, the overlay, the validator or the generator fails.
    """
    document, unmatched, left_out = transform_document(documents.read_document(task.fragment).root, task.folder)
    for target in left_out:
        print(f"warning: left out, because {task.fragment.name} has no place for it: {target}", file=sys.stderr)
    if unmatched and task.committed:
        raise TransformError(
            f"matches nothing in {task.fragment.name}: {'; '.join(unmatched)}. Upstream may have fixed or moved it: "
            "look, then change or remove it (openapi/overlay.yaml, scripts/openapi_tools/transforms.py)"
        )
    if unmatched:
        print(f"warning: matches nothing in {task.fragment.name}: {'; '.join(unmatched)}", file=sys.stderr)
    generator.validate(document)
    package = generator.generate(document, task.folder / "generator.yaml", scratch)
    tree = scratch / "generated"
    tree.mkdir()
    package.rename(tree / package.name)
    (tree / "README.md").write_text(README, encoding="utf-8")
    return tree


def transform_document(
    document: dict[str, Any], folder: Path = operations.OPENAPI
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The document that the generator reads, what matched nothing although it must, and what else matched nothing."""
    known = operations.load_operations(folder)
    ours = operations.present_operations(document, known)
    absent = {operation.name for operation in known if operation not in ours}
    names = operations.load_names(folder)
    transformed, changes = transforms.apply(slicing.slice_operations(document, ours), ours, names)
    content = documents.read_document(folder / "overlay.yaml").root
    done, targets = overlay.apply(transformed, content)
    required = {action["target"] for action in content["actions"] if overlay.must_match(action, absent)}
    unmatched = [f"transform {name}" for name, places in changes.items() if not places]
    unmatched += [f"overlay target {target}" for target in targets if target in required]
    return done, unmatched, [target for target in targets if target not in required]


def write(task: Task) -> None:
    """Replace the output with what the fragment gives."""
    output = task.output
    if output != GENERATED and output.exists() and any(output.iterdir()) and not _is_generated(output):
        raise ScriptError(f"{output} contains something other than a generated client; give a new or empty folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_sibling(output) as scratch:
        files.replace_folder(build(task, scratch), output, scratch)
    if task.committed and output == GENERATED:
        lock.record_tools(task.folder)


def _is_generated(folder: Path) -> bool:
    """Whether an earlier run wrote this folder: the package alone may be anywhere, and the whole folder is replaced."""
    readme = folder / "README.md"
    first = README.partition("\n")[0]
    is_readme = readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(first)
    return is_readme and (folder / generator.PACKAGE).is_dir()


def check(task: Task) -> tuple[list[str], str]:
    """Return what is not up to date, one line each, and what helps; writes nothing."""
    edits = lock.find_edits(task.folder) if task.committed else []
    # Only what write() records: generating into another folder would leave the lock as it is.
    problems = edits + (lock.find_other_tools(task.folder) if task.committed and task.output == GENERATED else [])
    command = "scripts/regenerate.py"
    command += "" if task.committed else f" --fragment {task.fragment}"
    command += "" if task.output == GENERATED else f" --output {task.output}"
    remedy = f"{task.output.name} doesn't match {'openapi/' if task.committed else task.fragment.name}; run {command}"
    if edits:
        remedy = "openapi/ was edited; undo that, or run scripts/vendor_spec.py, then scripts/regenerate.py"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            expected = build(task, Path(scratch))
        except ScriptError as error:
            if not edits:
                raise
            # An edited fragment may not be fit to generate from; the edit is the answer.
            return [*problems, str(error)], remedy
        return problems + files.compare_folders(task.output, expected), remedy


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """Run the command; returns its exit status: 0 written or up to date, 1 differs, 2 error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit with status 1 if anything differs")
    parser.add_argument("--fragment", type=Path, metavar="FILE", help="instead of the fragment in openapi/")
    parser.add_argument("--output", type=Path, default=GENERATED, metavar="DIR", help="instead of generated/")
    options = parser.parse_args(arguments)
    task = Task(
        fragment=options.fragment or folder / lock.FRAGMENT,
        output=options.output.resolve(),
        folder=folder,
        committed=options.fragment is None,
    )
    try:
        if not options.check:
            write(task)
            return 0
        differences, remedy = check(task)
    except (ScriptError, OSError) as error:
        return report_error(error)
    for line in differences:
        print(escape_unprintable(line))
    if differences:
        print(f"error: {remedy}", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
