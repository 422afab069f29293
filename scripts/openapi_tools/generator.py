"""Run the generator and the formatter so that the same document gives the same files anywhere, or one clear error.

Both get every setting explicitly, so no configuration of the user, the folder or PATH has an effect.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import openapi_python_client
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_spec_validator import OpenAPIV30SpecValidator

from openapi_tools import documents, model
from openapi_tools.errors import GenerationError

PACKAGE: Final = "atlas_invoices_client"
# What the generator's own hook would run, with the rules of the project that it writes. Ruff's default rules would do
# more (they give `__exit__` types that mypy refuses).
_RUFF: Final = (("check", "--fix-only", "--select=F,I,UP"), ("format",))
_RUFF_SETTINGS: Final = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", "--line-length=120")


def validate(document: Mapping[str, Any]) -> None:
    """Raise GenerationError, with the location, unless the document is valid OpenAPI 3.0."""
    with warnings.catch_warnings(), _any_failure("the validator fails"):
        # The validator uses things that it deprecates itself.
        warnings.simplefilter("ignore", DeprecationWarning)
        error = next(iter(OpenAPIV30SpecValidator(dict(document)).iter_errors()), None)
    if error is not None:
        # "Not valid under any of the given schemas" doesn't help; the innermost error names the problem.
        while getattr(error, "context", None):
            error = max(error.context, key=lambda inner: len(inner.absolute_path))
        place = model.pointer(tuple(str(part) for part in getattr(error, "absolute_path", ())))
        raise GenerationError(
            f"the transformed document is not valid OpenAPI 3.0: {place or '/'}: {error.message[:300]}"
        )


def generate(document: Mapping[str, Any], config: Path, folder: Path) -> Path:
    """Write the client package of a document into `folder`, which must be empty, and return the package's path.

    Raises:
        GenerationError: the generator reports an error *or a warning* (it leaves something out), or ruff fails.
    """
    source = folder / "openapi.json"
    source.write_bytes(documents.to_json(document))
    with _any_failure(f"{config.name}: not the generator's settings"):
        config_file = ConfigFile.load_from_path(config)
    settings = Config.from_sources(
        config_file=config_file,
        # Only project kinds with metadata include py.typed; everything but the package is discarded.
        meta_type=MetaType.UV,
        document_source=source,
        file_encoding="utf-8",
        overwrite=False,
        output_path=folder / "project",
    )
    with contextlib.redirect_stdout(io.StringIO()), _any_failure("the generator fails"):
        problems = openapi_python_client.generate(config=settings)
    if problems:
        details = "; ".join(_single_line(problem.header, problem.detail) for problem in problems)
        raise GenerationError(f"the generator reports: {details}")
    package = folder / "project" / PACKAGE
    _format(package)
    return package


@contextlib.contextmanager
def _any_failure(what: str) -> Iterator[None]:
    """Turn whatever another tool raises into a GenerationError."""
    try:
        yield
    except Exception as error:
        raise GenerationError(f"{what}: {_single_line(type(error).__name__, str(error))}") from error


def _single_line(*texts: str | None) -> str:
    return " ".join(" ".join(str(text).split())[:300] for text in texts if text)


def _format(package: Path) -> None:
    # Files by name, because in a folder ruff would skip what a .gitignore or its own list of folders excludes.
    files = [str(path.relative_to(package.parent)) for path in sorted(package.rglob("*.py"))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUFF_")}
    for command in _RUFF:
        done = subprocess.run(  # noqa: S603 - fixed words, and files that were just written
            [sys.executable, "-I", "-m", "ruff", *command, *_RUFF_SETTINGS, *files],
            cwd=package.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GenerationError(f"ruff {command[0]} fails: {_single_line(done.stderr or done.stdout)}")
