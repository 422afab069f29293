"""scripts/vendor_spec.py: fragment and lock from an upstream document, together or not at all."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import check_drift
import openapi_package
import regenerate
import vendor_spec
from drift_documents import DATA, FIVE
from environment import ROOT
from openapi_tools import documents, files, lock, model, operations, prose
from openapi_tools.errors import DocumentError

UPSTREAM = ROOT.parent / "shared" / "upstream"
REVISIONS = ["2025-03-18", "2025-08-26", "2025-10-07", "2026-08-21"]
needs_upstream = pytest.mark.skipif(not UPSTREAM.is_dir(), reason="upstream's documents are not beside this repository")
KEPT = operations.load_operations()
CSV = FIVE[0]


def upstream(revision: str) -> Path:
    return UPSTREAM / f"atlas-admin-api-{revision}.yaml.xz"


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@needs_upstream
def test_the_real_command_makes_the_committed_fragment(tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "vendor_spec.py", "--upstream", upstream("2026-08-21"), "--output", "made.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "made.json").read_bytes() == (ROOT / "openapi" / "fragment.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["made.json"]


@needs_upstream
def test_vendoring_again_changes_no_committed_file(openapi_folder: Path) -> None:
    assert vendor_spec.main(["--upstream", str(upstream("2026-08-21"))], openapi_folder) == 0
    assert listing(openapi_folder) == listing(ROOT / "openapi")


@needs_upstream
def test_no_sentence_of_upstream_is_in_what_we_ship() -> None:
    root = documents.read_document(upstream("2026-08-21")).root
    sentences = {
        sentence.strip()
        for operation in KEPT
        for found in prose.texts(root, operation)
        for sentence in found.text.replace("\n", ". ").split(". ")
        if len(sentence) > 30
    }
    assert len(sentences) > 100

    for folder in ("openapi", "generated"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".json", ".yaml"}:
                content = path.read_text()
                assert not [sentence for sentence in sentences if sentence in content], path


def functions(package: ModuleType, kept: Sequence[operations.Operation]) -> set[str]:
    return {
        f"{operation.module}.{operation.name}.{style}"
        for operation in kept
        for style in ("sync", "sync_detailed", "asyncio", "asyncio_detailed")
        if hasattr(openapi_package.function_module(package, operation.module, operation.name), style)
    }


@needs_upstream
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_the_client_of_each_revision_has_the_same_public_names_but_those_of_optional_operations(
    client: ModuleType, tmp_path: Path, revision: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fragment = tmp_path / "fragment.json"
    assert vendor_spec.main(["--upstream", str(upstream(revision)), "--output", str(fragment)]) == 0
    assert regenerate.main(["--fragment", str(fragment), "--output", str(tmp_path / "generated")]) == 0

    package = openapi_package.load(tmp_path / "generated", f"client_of_{revision}")
    present = operations.present_operations(documents.read_document(fragment).root, KEPT)
    printed = capsys.readouterr().err
    assert functions(package, present) == functions(client, present)
    assert openapi_package.FIVE_MODELS <= set(package.models.__all__) <= set(client.models.__all__)
    assert "warning" in printed  # a field that came later has words, and is not there yet
    left_out = [operation.title for operation in KEPT if operation not in present]
    assert left_out
    assert [line for line in printed.splitlines() if line.startswith("note: ")] == [
        f"note: left out, because {upstream(revision)} doesn't have it: {title}" for title in left_out
    ]


def test_the_lock_names_the_source(small_upstream: Path, small_folder: Path) -> None:
    assert vendor_spec.main(["--upstream", str(small_upstream)], small_folder) == 0

    locked = lock.read_lock(small_folder)
    fragment = (small_folder / "fragment.json").read_bytes()
    assert locked["upstream"] == {
        "url": "https://github.com/mongodb/openapi/raw/refs/heads/main/openapi/v2.yaml",
        "x-xgen-sha": "0123456789abcdef0123456789abcdef01234567",
        "sha256": hashlib.sha256(small_upstream.read_bytes()).hexdigest(),
    }
    assert locked["fragment"] == {"file": "fragment.json", "sha256": hashlib.sha256(fragment).hexdigest()}
    assert locked["tools"] == lock.installed_tools()
    assert lock.find_edits(small_folder) == lock.find_other_tools(small_folder) == []
    text = (small_folder / "lock.json").read_text()
    assert "ZEBRA" not in text
    assert str(small_upstream.parent) not in text


@pytest.mark.parametrize("url", ["raw.githubusercontent.com/mongodb/openapi/", "github.com/mongodb/openapi/raw/"])
def test_the_lock_names_the_public_commit_where_it_can_be_told(
    small_upstream: Path, small_folder: Path, url: str
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert lock.commit_in(f"https://{url}{commit}/openapi/v2.yaml") == commit
    assert lock.commit_in(f"https://{url}refs/heads/main/openapi/v2.yaml") is None
    assert lock.commit_in(str(small_upstream)) is None

    assert vendor_spec.main(["--upstream", str(small_upstream), "--commit", commit], small_folder) == 0
    assert lock.read_lock(small_folder)["upstream"]["commit"] == commit


def test_compression_and_format_change_neither_fragment_nor_digest(small_upstream: Path, tmp_path: Path) -> None:
    plain = small_upstream.read_bytes()
    sources = {"a.yaml": plain, "b.yaml.gz": gzip.compress(plain), "c.yaml.xz": lzma.compress(plain)}
    made = set()
    for name, content in sources.items():
        (tmp_path / name).write_bytes(content)
        document = documents.read_document(tmp_path / name)
        made.add((document.sha256, vendor_spec.make_fragment(document, FIVE)))
    assert len(made) == 1

    (tmp_path / "d.json").write_text(json.dumps(documents.read_document(small_upstream).root))
    assert vendor_spec.make_fragment(documents.read_document(tmp_path / "d.json"), FIVE) == made.pop()[1]


def test_the_fragment_reads_the_same_with_any_yaml_reader() -> None:
    content = (ROOT / "openapi" / "fragment.json").read_bytes()

    assert yaml.safe_load(content) == json.loads(content) == documents.parse(content, "fragment")


@pytest.mark.parametrize("output", [False, True])
def test_an_unsuitable_document_changes_nothing(
    small_root: dict[str, Any],
    small_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    output: bool,
) -> None:
    del small_root["paths"]["/api/atlas/v2/orgs"]
    source = tmp_path / "upstream.json"
    source.write_text(json.dumps(small_root))
    before = listing(small_folder)
    extra = ["--output", str(tmp_path / "made.json")] if output else []

    assert vendor_spec.main(["--upstream", str(source), *extra], small_folder) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {source}: GET /api/atlas/v2/orgs is no longer in the document")
    assert printed.err.count("\n") == 1
    assert listing(small_folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["openapi", "upstream.json"]


def test_a_lock_that_cannot_be_replaced_leaves_the_fragment_too(
    small_upstream: Path, small_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_folder / "lock.json").unlink()
    (small_folder / "lock.json").mkdir()
    before = (small_folder / "fragment.json").read_bytes()

    assert vendor_spec.main(["--upstream", str(small_upstream)], small_folder) == 2

    assert capsys.readouterr().err.startswith("error: ")
    assert (small_folder / "fragment.json").read_bytes() == before


@pytest.mark.parametrize(
    ("output", "message"),
    [("folder", "is not a regular file"), ("pipe", "is not a regular file"), ("none/made.json", "doesn't exist")],
)
def test_only_regular_files_are_replaced(
    small_upstream: Path, tmp_path: Path, output: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")

    command = ["--upstream", str(small_upstream), "--output", str(tmp_path / output)]
    assert vendor_spec.main(command, DATA) == 2

    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {tmp_path / output}")
    assert message in printed
    assert (tmp_path / "folder").is_dir()
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_link_is_kept_and_its_target_is_written(small_upstream: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    for _ in range(2):
        assert vendor_spec.main(["--upstream", str(small_upstream), "--output", str(link)], DATA) == 0
        assert link.is_symlink()
        assert json.loads(target.read_bytes())["info"]["title"] == "Atlas in small"


def test_an_error_is_one_line_whatever_names_the_document_has(
    small_root: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = small_root["paths"]["/api/atlas/v2/orgs"]["get"]["responses"]["200"]["content"]
    content.clear()
    content["a\nerror: b\x1b[31m\u202e"] = content["z" * 100_000] = {}
    source = tmp_path / "upstream.json"
    source.write_text(json.dumps(small_root))

    assert vendor_spec.main(["--upstream", str(source), "--output", str(tmp_path / "made.json")], DATA) == 2

    printed = capsys.readouterr().err
    assert "a\\nerror: b\\x1b[31m\\u202e" in printed
    assert printed[:-1].isprintable()
    assert len(printed) < 1100


@pytest.mark.parametrize("part", ["fragment", "tools", "prose"])
def test_a_damaged_lock_is_named(
    small_folder: Path, small_upstream: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = lock.read_lock(small_folder)
    content[part] = 5
    (small_folder / "lock.json").write_bytes(documents.to_json(content))

    assert check_drift.main(["--upstream", str(small_upstream)], small_folder) == 2
    assert regenerate.main(["--check"], small_folder) == 2

    error = f"error: lock.json: no `{part}`; scripts/vendor_spec.py writes the file again\n"
    assert capsys.readouterr().err == error * 2


@pytest.mark.parametrize("there", [True, False])
def test_if_one_file_cannot_be_replaced_the_others_are_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    if there:
        one.write_bytes(b"old")
    replace = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target == other:
            raise PermissionError(13, "Permission denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        files.write_all({one: b"new", other: b"new"})
    assert listing(tmp_path) == ({"one": b"old"} if there else {})


def texts(root: dict[str, Any]) -> dict[str, str]:
    return {model.pointer(found.at): found.text for found in prose.texts(root, CSV)}


def test_prose_is_found_by_location_with_references_resolved(small_root: dict[str, Any]) -> None:
    found = texts(small_root)

    assert {place for place in found if place.startswith("/parameters")} == {
        "/parameters/path:orgId/description",
        "/parameters/path:orgId/schema/example",
        "/parameters/query:envelope/description",
        "/parameters/query:pretty/schema/externalDocs",
    }
    fields = "/responses/401/content/application~1json/schema/properties/badRequestDetail/properties/fields"
    assert f"{fields}/items/properties/description/description" in found
    # Fields named like keywords are not prose.
    assert not [place for place in found if place.endswith("items/properties/description")]
    assert set(found.values()) >= {"ZEBRA", '{"description": "ZEBRA", "url": "https://example.com/ZEBRA"}'}


def test_there_is_a_digest_for_each_operation_and_for_what_they_share(small_root: dict[str, Any]) -> None:
    shared = {"parameters and headers", "errors"}
    assert prose.digests(small_root, FIVE).keys() == {operation.title for operation in FIVE} | shared
    assert len(lock.read_lock()["prose"]) <= 20


def test_moving_a_parameter_or_inlining_a_component_changes_no_prose(small_root: dict[str, Any]) -> None:
    before = prose.digests(small_root, FIVE)
    components = small_root["components"]
    node = small_root["paths"][CSV.path]["get"]
    node["parameters"] = [components["parameters"][name] for name in ("envelope", "orgId", "pretty")]
    components["schemas"]["Renamed"] = components["schemas"].pop("FieldViolation")
    fields = components["schemas"]["BadRequestDetail"]["properties"]["fields"]
    fields["items"] = {"$ref": "#/components/schemas/Renamed"}

    assert prose.digests(small_root, FIVE) == before

    components["parameters"]["envelope"]["description"] = "other words"
    components["schemas"]["AtlasOrganization"]["properties"]["name"]["description"] = "other words"
    after = prose.digests(small_root, FIVE)
    assert {part for part in after if after[part] != before[part]} == {
        "parameters and headers",
        "GET /api/atlas/v2/orgs",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a **bold** and _thin_ `code`", "a bold and thin code"),
        ("see [the page](https://example.com/x_y)", "see the page"),
        ("<p>one<br/>two</p>", "one two"),
        ("- one\n- two\n\n1. three", "one two three"),
        ("| a | b |\n| --- | --- |\n| c | d |", "a b c d"),
        ("cents * rate - 5 at ORG_OWNER < 3", "cents * rate - 5 at ORG_OWNER < 3"),
    ],
)
def test_markup_is_no_word(text: str, words: str) -> None:
    assert prose.Text((), text, "").words == words


def test_an_operations_parameter_overrides_the_one_of_its_path(
    small_root: dict[str, Any],
) -> None:
    item = small_root["paths"][CSV.path]
    same = {"in": "query", "name": "pretty", "schema": {"type": "boolean"}}
    item["parameters"] = [{**same, "description": "of the path", "example": "of the path"}]
    item["get"]["parameters"] = [{**same, "description": "of the operation"}]

    assert {place: text for place, text in texts(small_root).items() if place.startswith("/parameters")} == {
        "/parameters/query:pretty/description": "of the operation"
    }


def test_references_that_multiply_are_refused(small_root: dict[str, Any]) -> None:
    schemas = small_root["components"]["schemas"]
    for number in range(40):
        target = {"$ref": f"#/components/schemas/N{number + 1}"}
        schemas[f"N{number}"] = {"properties": {"a": target, "b": target}}
    schemas["N40"] = {"type": "string"}
    schemas["ApiError"]["properties"]["more"] = {"$ref": "#/components/schemas/N0"}

    with pytest.raises(DocumentError, match="references multiply beyond reason"):
        prose.digests(small_root, FIVE)


def test_the_committed_openapi_folder_names_no_local_path() -> None:
    for path in (ROOT / "openapi").iterdir():
        content = path.read_text()
        assert "/home/" not in content
        assert str(ROOT) not in content
