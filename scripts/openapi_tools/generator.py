"""Run the generator and the formatter so that the same document gives the same files anywhere, or one clear error.

Both are driven with every setting given: no configuration of the user, of the folder or of PATH has a say.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import openapi_python_client as generator
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_spec_validator import OpenAPIV30SpecValidator

from openapi_tools import documents, model
from openapi_tools.errors import GenerationError

PACKAGE: Final = "atlas_invoices_client"
# What the generator's own hook would run, with the rules of the project it writes; ruff's own choice of rules would do
# more (it gives `__exit__` types that mypy refuses).
_RUFF: Final = (("check", "--fix-only", "--select=F,I,UP"), ("format",))
_RUFF_SETTINGS: Final = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", "--line-length=120")


def validate(document: Mapping[str, Any]) -> None:
    """Raise GenerationError, with the place, unless the document is valid OpenAPI 3.0."""
    with warnings.catch_warnings():
        # The validator's own use of what it deprecates is nothing to tell a person about.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            error = next(iter(OpenAPIV30SpecValidator(dict(document)).iter_errors()), None)
        except Exception as problem:  # whatever it trips over, this is no document to generate from
            raise GenerationError(
                f"the validator fails: {_single_line(type(problem).__name__, str(problem))}"
            ) from problem
    if error is not None:
        # "Valid under none of the forms" says little: what is wrong stands at the innermost place.
        while getattr(error, "context", None):
            error = max(error.context, key=lambda inner: len(inner.absolute_path))
        place = model.pointer(tuple(str(part) for part in getattr(error, "absolute_path", ())))
        raise GenerationError(f"the mended document is not valid OpenAPI 3.0: {place or '/'}: {error.message[:300]}")


def generate(document: Mapping[str, Any], config: Path, folder: Path) -> Path:
    """Write the client package of a document into `folder` (which must be empty) and return the package's path.

    Raises:
        GenerationError: the generator has an error *or a warning* (it leaves pieces out with a warning), or ruff fails.
    """
    source = folder / "openapi.json"
    source.write_bytes(documents.to_json(document))
    try:
        config_file = ConfigFile.load_from_path(config)
    except Exception as error:  # whatever it trips over, these are no settings
        raise GenerationError(f"{config.name}: not the generator's settings: {_single_line(str(error))}") from error
    settings = Config.from_sources(
        config_file=config_file,
        # A kind with metadata, as only those write py.typed; the package is all that is taken.
        meta_type=MetaType.UV,
        document_source=source,
        file_encoding="utf-8",
        overwrite=False,
        output_path=folder / "project",
    )
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            problems = generator.generate(config=settings)
        except Exception as error:  # whatever it trips over, the run has failed
            raise GenerationError(f"the generator fails: {_single_line(type(error).__name__, str(error))}") from error
    if problems:
        shown = "; ".join(_single_line(problem.header, problem.detail) for problem in problems)
        raise GenerationError(f"the generator says: {shown}")
    package = folder / "project" / PACKAGE
    _format(package)
    return package


def _single_line(*texts: str | None) -> str:
    return " ".join(" ".join(str(text).split())[:300] for text in texts if text)


def _format(package: Path) -> None:
    # Files by name: in a folder ruff would leave out what a .gitignore, or its own list of folders, excludes.
    files = [str(path.relative_to(package.parent)) for path in sorted(package.rglob("*.py"))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUFF_")}
    for command in _RUFF:
        done = subprocess.run(  # noqa: S603 - our own words, and files we have just written
            [sys.executable, "-I", "-m", "ruff", *command, *_RUFF_SETTINGS, *files],
            cwd=package.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GenerationError(f"ruff {command[0]} fails: {_single_line(done.stderr or done.stdout)}")
