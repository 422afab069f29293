#!/usr/bin/env python3
"""Make the generated client anew from the fragment in openapi/: mend, say, validate, generate, format; offline.

All or nothing: the new client is made aside and takes the old one's place only when it is whole.
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

Machine-written: `scripts/regenerate.py` makes everything here, this page included, from `openapi/`. Nobody edits it; it
can be deleted at any time and comes back the same, byte for byte.

- To change what is generated, change `openapi/overlay.yaml` (words, one-off mends), `openapi/operations.yaml` (which
  operations, their names) or `scripts/openapi_tools/transforms.py` (rules), then run `scripts/regenerate.py`.
- To take over a new revision of Atlas's document, run `scripts/vendor_spec.py` first.
- `scripts/regenerate.py --check` says whether this folder is up to date; `scripts/check` runs it.

`atlas_invoices_client` is usable by itself: each function sends the media type of its operation, and takes a `Client`
or an `AuthenticatedClient`. One limit is known: a status that Python's `http.HTTPStatus` does not know (a proxy's 520,
say) raises `ValueError` in every function. `atlas_invoices`, the handwritten package, looks at the status first.
"""


@frozen
class Task:
    """What to make: from `fragment` with the settings in `folder`, to stand in `output`.

    A committed fragment is held to its lock, and every mend has to match it.
    """

    fragment: Path
    output: Path
    folder: Path
    committed: bool


def build(task: Task, scratch: Path) -> Path:
    """Make in `scratch` what the output should hold, and return its path.

    Raises:
        ScriptError: the fragment, a mend, the overlay, the validator or the generator stands in the way.
    """
    document, unmatched = transform_document(documents.read_document(task.fragment).root, task.folder)
    if unmatched and task.committed:
        raise TransformError(
            f"matches nothing in {task.fragment.name}: {'; '.join(unmatched)}. Upstream may have mended or moved it: "
            "look, then change or remove the mend (openapi/overlay.yaml, scripts/openapi_tools/transforms.py)"
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


def transform_document(document: dict[str, Any], folder: Path = operations.OPENAPI) -> tuple[dict[str, Any], list[str]]:
    """The document the generator reads, and which mends and overlay targets matched nothing."""
    kept = operations.load_operations(folder)
    by_rules, changes = transforms.apply(slicing.slice_operations(document, kept), kept)
    done, targets = overlay.apply(by_rules, documents.read_document(folder / "overlay.yaml").root)
    rules = [f"mend {name}" for name, places in changes.items() if not places]
    return done, rules + [f"overlay target {target}" for target in targets]


def write(task: Task) -> None:
    """Replace the output by what the fragment gives."""
    output = task.output
    if output != GENERATED and output.exists() and any(output.iterdir()) and not _is_generated(output):
        raise ScriptError(f"{output} holds something else than a generated client; give a new or empty folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_sibling(output) as scratch:
        files.replace_folder(build(task, scratch), output, scratch)


def _is_generated(folder: Path) -> bool:
    """Whether an earlier run made this folder: it would be replaced whole, and the package alone may be anywhere."""
    readme = folder / "README.md"
    first = README.partition("\n")[0]
    is_readme = readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(first)
    return is_readme and (folder / generator.PACKAGE).is_dir()


def check(task: Task) -> list[str]:
    """What is not as it should be, one line each; nothing is written."""
    problems = lock.find_problems(task.folder) if task.committed else []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            expected = build(task, Path(scratch))
        except ScriptError as error:
            if not problems:
                raise
            # A fragment that somebody edited need not be fit to generate from; that it was edited is the answer.
            return [*problems, str(error)]
        return problems + files.compare_folders(task.output, expected).lines()


def main(arguments: Sequence[str] | None = None, folder: Path = operations.OPENAPI) -> int:
    """The command; returns its exit status: 0 same or written, 1 differs, 2 cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare and write nothing; exit status 1 where it differs"
    )
    parser.add_argument("--fragment", type=Path, metavar="FILE", help="another fragment than the one in openapi/")
    parser.add_argument("--output", type=Path, default=GENERATED, metavar="DIR", help="what stands for generated/")
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
        differences = check(task)
    except (ScriptError, OSError) as error:
        return report_error(error)
    for line in differences:
        print(escape_unprintable(line))
    if differences:
        print(f"error: {task.output.name} is not what openapi/ gives; run scripts/regenerate.py", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
