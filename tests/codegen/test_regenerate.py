"""scripts/regenerate.py: the same bytes everywhere, all or nothing, and a check that misses nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import regenerate
from drift_documents import as_3_1
from environment import ROOT
from openapi_tools import documents, files, generator, lock, operations, slicing
from openapi_tools.errors import GenerationError

SCRIPT = ROOT / "scripts" / "regenerate.py"


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file."""
    content = json.loads(path.read_text())
    change(content)
    path.write_bytes(documents.to_json(content))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_committed_client_is_what_the_committed_fragment_gives(tree: Path) -> None:
    assert files.compare_folders(ROOT / "generated", tree) == []
    assert {path.name for path in tree.iterdir()} == {"README.md", "atlas_invoices_client"}
    assert (tree / "atlas_invoices_client" / "py.typed").exists()


def test_the_real_command_gives_the_same_bytes_whatever_surrounds_it(tree: Path, tmp_path: Path) -> None:
    # A folder whose name ruff skips by default, configuration on every level, another ruff in PATH.
    hostile = tmp_path / "node_modules" / "build"
    hostile.mkdir(parents=True)
    settings = 'line-length = 40\nextend-exclude = ["*"]\n[format]\nquote-style = "single"\n'
    # Ruff reads .gitignore only in a repository.
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for folder in (tmp_path, hostile):
        (folder / "ruff.toml").write_text(settings)
        (folder / ".gitignore").write_text("*\n")
    (tmp_path / ".config" / "ruff").mkdir(parents=True)
    (tmp_path / ".config" / "ruff" / "ruff.toml").write_text(settings)
    (tmp_path / "ruff").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "ruff").chmod(0o755)
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONHASHSEED": "7",
        "RUFF_OUTPUT_FORMAT": "json",
        "RUFF_OUTPUT_FILE": str(hostile / "report"),
    }

    done = subprocess.run(
        [sys.executable, SCRIPT, "--output", "made"],
        cwd=hostile,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert files.compare_folders(hostile / "made", tree) == []
    assert {path.name for path in hostile.iterdir()} == {"ruff.toml", ".gitignore", "made"}


def test_generation_needs_no_network(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("generation must not use the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert regenerate.main(["--output", str(tmp_path / "made")]) == 0
    assert files.compare_folders(tmp_path / "made", tree) == []


def test_the_check_command_agrees_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run([SCRIPT, "--check"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_lists_what_is_changed_missing_and_extra(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Path(shutil.copytree(tree, tmp_path / "generated"))
    package = output / "atlas_invoices_client"
    with (package / "client.py").open("a") as file:
        file.write("\n")
    (package / "py.typed").unlink()
    (package / "models" / "stale.py").write_text("")
    (output / "stray\n.txt").write_text("")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "client.pyc").write_bytes(b"cached")
    before = snapshot(output)

    assert regenerate.main(["--check", "--output", str(output)]) == 1

    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "changed: atlas_invoices_client/client.py",
        "missing: atlas_invoices_client/py.typed",
        "extra: atlas_invoices_client/models/stale.py",
        "extra: stray\\n.txt",
    ]
    assert printed.err == (f"error: generated doesn't match openapi/; run scripts/regenerate.py --output {output}\n")
    assert snapshot(output) == before

    # What the message recommends.
    assert regenerate.main(printed.err.split()[-2:]) == 0
    assert files.compare_folders(output, tree) == []
    assert [path.name for path in tmp_path.iterdir()] == ["generated"]


def test_check_without_any_client_lists_all_as_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert regenerate.main(["--check", "--output", str(tmp_path / "none")]) == 1
    assert "missing: README.md" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("overlay.yaml", "Get one invoice as CSV", "Get an invoice as CSV"),
        ("operations.yaml", "name: get_invoice\n", "name: fetch_invoice\n"),
        ("generator.yaml", "docstrings_on_attributes: true", "docstrings_on_attributes: false"),
        ("lock.json", '"openapi-python-client": "', '"openapi-python-client": "0.'),
    ],
)
def test_check_sees_an_edit_of_a_handwritten_file(
    openapi_folder: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str
) -> None:
    # Into another folder, generating would leave the tools in the lock as they are.
    monkeypatch.setattr(regenerate, "GENERATED", tree)
    path = openapi_folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))

    assert regenerate.main(["--check", "--output", str(tree)], openapi_folder) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"minimum": 1,', '"minimum": 2,'),
        ("{", "{ "),
        ('"clusterName"', '"nameOfCluster"'),  # the overlay no longer matches, and still the answer is "edited"
        ('"openapi"', '"'),
    ],
)
def test_check_sees_an_edit_of_the_fragment(
    openapi_folder: Path, tree: Path, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = openapi_folder / "fragment.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))

    assert regenerate.main(["--check", "--output", str(tree)], openapi_folder) == 1
    assert "fragment.json is not the one in the lock" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["upstream", "prose"])
def test_check_sees_an_edit_of_what_the_lock_says_of_upstream(
    openapi_folder: Path, tree: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = openapi_folder / "lock.json"
    before, _, after = path.read_text().partition(f'"{part}": {{')
    path.write_text(before + f'"{part}": {{' + re.sub("[0-9a-f]{40,}", "0" * 64, after, count=1))

    assert regenerate.main(["--check", "--output", str(tree)], openapi_folder) == 1
    printed = capsys.readouterr()
    assert printed.out == ("changed: lock.json was edited; scripts/vendor_spec.py writes all of it except `tools`\n")
    # Generating again wouldn't help.
    assert printed.err == (
        "error: openapi/ was edited; undo that, or run scripts/vendor_spec.py, then scripts/regenerate.py\n"
    )


def test_renamed_operation_ids_change_nothing(openapi_folder: Path, tree: Path) -> None:
    fragment = openapi_folder / "fragment.json"

    def rename(content: Any) -> None:
        for item in content["paths"].values():
            for node in item.values():
                node |= {"operationId": "x" + node["operationId"], "tags": ["Renamed"]}

    edit(fragment, rename)

    assert regenerate.main(["--check", "--fragment", str(fragment), "--output", str(tree)], openapi_folder) == 0


def test_openapi_3_1_gives_the_same_client(openapi_folder: Path, tree: Path) -> None:
    fragment = openapi_folder / "fragment.json"
    before = documents.read_document(fragment).root
    fragment.write_bytes(documents.to_json(as_3_1(before)))
    assert fragment.read_text().count('"null"') > 2

    assert slicing.slice_document(documents.read_document(fragment).root, operations.load_operations()) == before
    assert regenerate.main(["--check", "--fragment", str(fragment), "--output", str(tree)], openapi_folder) == 0


def test_a_renamed_path_parameter_gives_the_same_client(openapi_folder: Path, tree: Path) -> None:
    fragment = openapi_folder / "fragment.json"
    text = (
        fragment.read_text()
        .replace("{orgId}", "{organizationId}")
        .replace('"name": "orgId"', '"name": "organizationId"')
    )
    fragment.write_text(text)

    assert regenerate.main(["--check", "--fragment", str(fragment), "--output", str(tree)], openapi_folder) == 0


def test_another_fragment_may_be_a_raw_document_and_needs_no_lock(
    small_upstream: Path, small_tree: Path, small_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_folder / "lock.json").unlink()
    arguments = ["--check", "--fragment", str(small_upstream), "--output", str(small_tree)]

    assert regenerate.main(arguments, small_folder) == 0

    assert capsys.readouterr().err.startswith("warning: left out, because upstream.yaml has no place for it: $.")


def test_a_fix_that_matches_nothing_stops_the_committed_fragment(
    openapi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (openapi_folder / "overlay.yaml").open("a") as file:
        file.write("  - {target: $.components.schemas.Gone, description: x, update: {type: string}}\n")
    output = tmp_path / "generated"

    assert regenerate.main(["--output", str(output)], openapi_folder) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: matches nothing in fragment.json: overlay target $.components.schemas.Gone")
    assert printed.count("\n") == 1
    assert not output.exists()

    other = ["--fragment", str(openapi_folder / "fragment.json"), "--output", str(output)]
    assert regenerate.main(other, openapi_folder) == 0
    assert capsys.readouterr().err.startswith("warning: matches nothing in fragment.json: overlay target")


def test_words_without_a_place_are_left_out_and_listed(
    openapi_folder: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (openapi_folder / "overlay.yaml").open("a") as file:
        file.write("  - {target: $.components.schemas.Gone, update: {description: x}}\n")

    assert regenerate.main(["--check", "--output", str(tree)], openapi_folder) == 0
    assert capsys.readouterr().err == (
        "warning: left out, because fragment.json has no place for it: $.components.schemas.Gone\n"
    )


def test_an_optional_operation_that_is_gone_takes_its_fixes_along(openapi_folder: Path) -> None:
    """Regeneration goes on, so the removal can be proposed; a fix of what is still there has to match."""
    document = documents.read_document(openapi_folder / "fragment.json").root
    secret = "$.components.schemas.InvoiceReportResponse.properties.downloadUrl"
    gone = {**document, "paths": {path: item for path, item in document["paths"].items() if "/reports" not in path}}
    _, unmatched, left_out = regenerate.transform_document(gone, openapi_folder)
    assert (unmatched, secret in left_out) == ([], True)

    del document["components"]["schemas"]["InvoiceReportResponse"]["properties"]["downloadUrl"]
    _, unmatched, left_out = regenerate.transform_document(document, openapi_folder)
    assert (unmatched, left_out) == ([f"overlay target {secret}"], [])


def test_all_words_of_the_committed_overlay_have_a_place() -> None:
    fragment = documents.read_document(ROOT / "openapi" / "fragment.json").root
    assert regenerate.transform_document(fragment)[1:] == ([], [])


def test_generating_records_the_tools(openapi_folder: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lock.read_lock(openapi_folder)
    edit(openapi_folder / "lock.json", lambda content: content["tools"].update(ruff="0.0.1"))
    output = openapi_folder.parent / "generated"
    shutil.copytree(tree, output)
    monkeypatch.setattr(regenerate, "GENERATED", output)

    assert regenerate.main(["--check", "--output", str(output)], openapi_folder) == 1
    assert regenerate.main(["--output", str(output)], openapi_folder) == 0

    assert lock.read_lock(openapi_folder) == before
    assert regenerate.main(["--check", "--output", str(output)], openapi_folder) == 0


def test_a_transform_that_matches_nothing_stops_the_committed_fragment(
    openapi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # As if upstream had dropped all its patterns, the invalid ones too.
    fragment = openapi_folder / "fragment.json"
    without = json.loads(fragment.read_text(), object_hook=lambda node: {k: node[k] for k in node if k != "pattern"})
    edit(fragment, lambda content: content.update(without))

    assert regenerate.main(["--output", str(tmp_path / "generated")], openapi_folder) == 2
    assert "transform drop_invalid_patterns" in capsys.readouterr().err


def unreadable_media_type(content: Any) -> None:
    response = content["components"]["responses"]["notFound"]
    response["content"] = {"application/vnd.nobody.knows+odd": {"schema": {"type": "string"}}}


def dangling(content: Any) -> None:
    content["components"]["schemas"]["BillingRefund"]["properties"]["reason"] = {"$ref": "#/components/schemas/Gone"}


def invalid(content: Any) -> None:
    content["components"]["parameters"]["pretty"]["in"] = "nowhere"


def no_operation(content: Any) -> None:
    del content["paths"]["/api/atlas/v2/orgs"]


def no_media_type(content: Any) -> None:
    content["paths"]["/api/atlas/v2/orgs"]["get"]["responses"]["200"]["content"] = {}


def outside(content: Any) -> None:
    content["components"]["schemas"]["BillingRefund"]["properties"]["reason"] = {"$ref": "other.yaml#/a"}


@pytest.mark.parametrize("change", [unreadable_media_type, dangling, invalid, no_operation, no_media_type, outside])
def test_a_failure_leaves_the_old_client_and_nothing_else(
    openapi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Any], None]
) -> None:
    output = tmp_path / "here" / "generated"
    (output / "atlas_invoices_client").mkdir(parents=True)
    (output / "atlas_invoices_client" / "old.py").write_text("old")
    fragment = openapi_folder / "fragment.json"
    edit(fragment, change)

    assert regenerate.main(["--fragment", str(fragment), "--output", str(output)]) == 2

    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith("error: ")
    assert printed.out == ""
    assert [path.name for path in output.parent.iterdir()] == ["generated"]
    assert snapshot(output) == {"atlas_invoices_client/old.py": b"old"}


def test_a_warning_of_the_generator_is_a_failure(openapi_folder: Path, tmp_path: Path) -> None:
    # The generator drops a response with a media type that it doesn't know, warns, and exits with 0.
    document = regenerate.transform_document(documents.read_document(openapi_folder / "fragment.json").root)[0]
    content = document["paths"]["/api/atlas/v2/orgs"]["get"]["responses"]["200"]["content"]
    content["application/vnd.atlas.2023-01-01+odd"] = content.popitem()[1]

    with pytest.raises(GenerationError, match=r"the generator reports: .*\+odd"):
        generator.generate(document, openapi_folder / "generator.yaml", tmp_path)


def test_invalid_settings_are_named(openapi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (openapi_folder / "generator.yaml").write_text("docstrings_on_attributes: [nonsense]\n")
    assert regenerate.main(["--output", str(tmp_path / "made")], openapi_folder) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: generator.yaml: not the generator's settings: ")
    assert printed.count("\n") == 1


def test_an_invalid_document_is_named_by_its_innermost_location(
    openapi_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fragment = openapi_folder / "fragment.json"
    edit(fragment, lambda content: content["components"]["schemas"]["BillingRefund"].update(type="nothing"))
    assert regenerate.main(["--fragment", str(fragment), "--output", str(tmp_path / "made")]) == 2
    assert "not valid OpenAPI 3.0: /components/schemas/BillingRefund/type: 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["nothing of ours", None])
def test_a_folder_without_a_generated_client_is_not_replaced(tmp_path: Path, content: str | None) -> None:
    output = tmp_path / "precious"
    if content is None:
        output.write_text("a file")
    else:
        output.mkdir()
        (output / "thesis.txt").write_text(content)
    before = snapshot(tmp_path)

    assert regenerate.main(["--output", str(output)]) == 2
    assert snapshot(tmp_path) == before


def test_a_swap_that_fails_puts_the_old_folder_back(tmp_path: Path) -> None:
    target, aside = tmp_path / "target", tmp_path / "aside"
    target.mkdir()
    aside.mkdir()
    (target / "old.txt").write_text("old")

    with pytest.raises(OSError, match="new"):
        files.replace_folder(tmp_path / "new, which is not there", target, aside)

    assert snapshot(target) == {"old.txt": b"old"}


def test_a_folder_that_merely_contains_the_package_is_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "site-packages"
    (output / "atlas_invoices_client").mkdir(parents=True)
    (output / "other.py").write_text("kept")
    assert regenerate.main(["--output", str(output)]) == 2
    assert "something other" in capsys.readouterr().err
    assert (output / "other.py").read_text() == "kept"
