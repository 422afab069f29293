"""Run the generator and the formatter so that the same document gives the same files anywhere, or one clear error.

Both get every setting explicitly, so no configuration of the user, the folder or PATH has an effect.
"""

from __future__ import annotations

import contextlib
import copy
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

import openapi_python_client
from openapi_python_client import strings
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_spec_validator import OpenAPIV30SpecValidator

from openapi_tools import documents, model
from openapi_tools.errors import GenerationError
from openapi_tools.model import Kind, Location

PACKAGE: Final = "atlas_invoices_client"
# What the generator's own hook would run, with the rules of the project that it writes. Ruff's default rules would do
# more (they give `__exit__` types that mypy refuses).
_RUFF: Final = (("check", "--fix-only", "--select=F,I,UP"), ("format",))
_RUFF_SETTINGS: Final = ("--isolated", "--no-cache", "--quiet", "--target-version=py311", "--line-length=120")

# Attributes of every generated model, and local names in its methods, which a field of that name would break.
_TAKEN: Final = frozenset(
    {"additional_keys", "additional_properties", "from_dict", "to_dict"}
    | {"cast", "cls", "d", "field_dict", "isoparse", "prop", "prop_dict", "prop_name", "src_dict"}
)
_FIELD_PREFIX: Final = ConfigFile().field_prefix
# What a repr would show, and how the templates hide it: text to replace, by template. SECRETS stands for the fields of
# models that have `format: password`.
_HIDDEN_FROM_REPR: Final = {
    "client.py.jinja": (
        ('"token": namespace(type="str", default=""', '"token": namespace(type="str", default="field(repr=False)"'),
        ("field(factory=dict, ", "field(factory=dict, repr=False, "),
    ),
    # The body of a reply may hold one too.
    "types.py.jinja": (
        ("from attrs import define\n", "from attrs import define, field\n"),
        ("    content: bytes\n", "    content: bytes = field(repr=False)\n"),
    ),
    "model.py.jinja": (
        (
            "{{ property.to_string() | as_unembedded_code }}",
            (
                "{% set hidden = '= _attrs_field(default=UNSET, repr=False)' if property.python_name in SECRETS %}"
                "{{ (property.to_string() | as_unembedded_code).replace('= UNSET', hidden or '= UNSET') }}"
            ),
        ),
    ),
}
# The validator follows these again from each place that refers to them.
_MULTIPLYING: Final = frozenset({"allOf", "anyOf", "oneOf", "items", "not"})


def validate(document: Mapping[str, Any]) -> None:
    """Raise GenerationError, with the location, unless the document is valid OpenAPI 3.0 without colliding names.

    Ends in bounded time: references that multiply are a DocumentError, and the defaults, which the validator would
    match with any pattern, are left to the generator.
    """
    checked = copy.deepcopy(dict(document))
    schemas = [(node, at) for node, kind, at in _walk_paths(checked) if kind == "Schema"]
    _check_size(checked, schemas)
    for schema, at in schemas:
        _check_attributes(checked, schema, at)
        schema.pop("default", None)
    with warnings.catch_warnings(), _any_failure("the validator fails"):
        # The validator uses things that it deprecates itself.
        warnings.simplefilter("ignore", DeprecationWarning)
        error = next(iter(OpenAPIV30SpecValidator(checked).iter_errors()), None)
    if error is not None:
        # "Not valid under any of the given schemas" doesn't help; the innermost error names the problem.
        while getattr(error, "context", None):
            error = max(error.context, key=lambda inner: len(inner.absolute_path))
        place = model.pointer(tuple(str(part) for part in getattr(error, "absolute_path", ())))
        raise GenerationError(
            f"the transformed document is not valid OpenAPI 3.0: {place or '/'}: {error.message[:300]}"
        )


def attribute_name(name: str) -> str:
    """The Python name that the generator gives to a field, a parameter or an operation."""
    return str(strings.PythonIdentifier(name, prefix=_FIELD_PREFIX))


def class_name(name: str) -> str:
    """The Python name that the generator gives to a model."""
    return str(strings.ClassName(name, prefix=_FIELD_PREFIX))


def _check_size(document: dict[str, Any], schemas: list[tuple[dict[str, Any], Location]]) -> None:
    waiting, count = list(schemas), 0
    while waiting:
        schema, at = waiting.pop()
        count += 1
        if count > model.MAX_LOCATIONS:
            raise model.too_many_references(at)
        waiting += _parts(document, schema, at, _MULTIPLYING)


def _check_attributes(document: dict[str, Any], schema: dict[str, Any], at: Location) -> None:
    """Raise GenerationError if a field of a model would take the attribute of another, or one that every model has.

    The generator would rename both fields, which breaks the code that uses the older one.
    """
    waiting, seen = [(schema, at)], set()
    fields: dict[str, str] = {}
    while waiting:
        part, place = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        waiting += _parts(document, part, place, {"allOf"})
        for name in part.get("properties", {}):
            attribute = attribute_name(name)
            other = fields.setdefault(attribute, name)
            if other != name or attribute in _TAKEN or name.startswith("__"):
                taken = f"the field {model.as_code(other)}" if other != name else "the generated code itself"
                raise GenerationError(
                    f"{model.pointer(at)}: the field {model.as_code(name)} would need a name that {taken} uses: "
                    "remove it in openapi/overlay.yaml, and it stays in `additional_properties`"
                )


def _parts(
    document: dict[str, Any], schema: dict[str, Any], at: Location, keywords: Collection[str]
) -> list[tuple[dict[str, Any], Location]]:
    """The schemas directly inside one under these keywords, references resolved."""
    inside = model.children(schema, "Schema", at)
    return [model.resolve(document, part, "Schema", place) for part, _, place in inside if place[len(at)] in keywords]


def generate(document: Mapping[str, Any], config: Path, folder: Path) -> Path:
    """Write the client package of a document into `folder`, which must be empty, and return the package's path.

    Raises:
        GenerationError: the generator reports an error *or a warning* (it leaves something out), or ruff fails.
    """
    source = folder / "openapi.json"
    source.write_bytes(documents.to_json(document))
    with _any_failure(f"{config.name}: not the generator's settings"):
        config_file = ConfigFile.load_from_path(config)
    # The generator drops responses with a media type that it doesn't know.
    config_file.content_type_overrides = dict.fromkeys(_csv_types(document), "text/csv")
    settings = Config.from_sources(
        config_file=config_file,
        # Only project kinds with metadata include py.typed; everything but the package is discarded.
        meta_type=MetaType.UV,
        document_source=source,
        file_encoding="utf-8",
        overwrite=False,
        output_path=folder / "project",
    )
    templates = _write_templates(folder, _secret_attributes(document))
    with contextlib.redirect_stdout(io.StringIO()), _any_failure("the generator fails"):
        problems = openapi_python_client.generate(config=settings, custom_template_path=templates)
    if problems:
        details = "; ".join(_single_line(problem.header, problem.detail) for problem in problems)
        raise GenerationError(f"the generator reports: {details}")
    package = folder / "project" / PACKAGE
    _format(package)
    return package


def _csv_types(document: Mapping[str, Any]) -> list[str]:
    """The versioned media types of CSV that operations request; the transforms have left no others."""
    responses = [node for node, kind, _ in _walk_paths(document) if kind == "Response"]
    return [media for response in responses for media in response.get("content", {}) if media.endswith("+csv")]


def _secret_attributes(document: Mapping[str, Any]) -> list[str]:
    """The attributes of models that no repr may show."""
    schemas = [node for node, kind, _ in _walk_paths(document) if kind == "Schema"]
    return [
        attribute_name(name)
        for schema in schemas
        for name, field in schema.get("properties", {}).items()
        if field.get("format") == "password"
    ]


def _walk_paths(document: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Kind, Location]]:
    return model.walk(document, [(item, "PathItem", ("paths", path)) for path, item in document["paths"].items()])


def _write_templates(folder: Path, secrets: list[str]) -> Path:
    """Change the generator's own templates so that no repr shows a secret; returns the folder with them.

    A client's token is also in the headers, and httpx's arguments may have others.
    """
    templates = folder / "templates"
    templates.mkdir()
    for name, replacements in _HIDDEN_FROM_REPR.items():
        text = (resources.files(openapi_python_client) / "templates" / name).read_text(encoding="utf-8")
        for old, new in replacements:
            if old not in text:
                raise GenerationError(f"the generator's {name} has no {old!r} any more: adapt {Path(__file__).name}")
            text = text.replace(old, new.replace("SECRETS", repr(secrets)))
        (templates / name).write_text(text, encoding="utf-8")
    return templates


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
        done = subprocess.run(  # noqa: S603 - a fixed command line, and files that were just written
            [sys.executable, "-I", "-m", "ruff", *command, *_RUFF_SETTINGS, *files],
            cwd=package.parent,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GenerationError(f"ruff {command[0]} fails: {_single_line(done.stderr or done.stdout)}")
