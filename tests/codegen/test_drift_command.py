"""scripts/check_drift.py as a command: its output, its exit status, and how it handles invalid documents."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import check_drift
from drift_documents import DATA
from openapi_tools import documents

Json = dict[str, Any]
CSV = "GET /api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}/csv"


def csv_of(root: Json) -> Json:
    operation: Json = root["paths"]["/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}/csv"]["get"]
    return operation


def entries(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    made: dict[str, list[dict[str, str]]] = json.loads(capsys.readouterr().out)
    return made


def test_no_change_is_0(openapi: Path, small_upstream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_drift.main(["--upstream", str(small_upstream), "--format", "json"], openapi) == 0
    made = entries(capsys)
    assert [place["location"].rpartition("/")[2] for place in made.pop("sunset")] == ["x-sunset"]
    assert made == {"breaking": [], "additive": [], "renamed": [], "documentation": [], "models": []}
    assert check_drift.main(["--upstream", str(small_upstream)], openapi) == 0
    assert "0 breaking, 0 additive, 0 renamed, 0 documentation" in capsys.readouterr().out


def test_the_report_is_printed_in_any_encoding(
    openapi: Path, changed: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(terminal, encoding="ascii"))
    upstream = changed(lambda root: csv_of(root).update(operationId="gutÜ"))
    assert check_drift.main(["--upstream", str(upstream)], openapi) == 0
    assert b"`gut\\xdc`" in terminal.getvalue()


def test_an_entry_has_the_operation_the_location_and_a_message(
    openapi: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(lambda root: csv_of(root)["responses"].update({"429": {"description": ""}}))
    assert check_drift.main(["--upstream", str(path), "--format", "json"], openapi) == 1
    (entry,) = entries(capsys)["additive"]
    message = "response `429` is new: an existing client treats it as any other failure"
    assert entry == {"operation": CSV, "location": "/responses/429", "message": message}


def test_a_new_operation_id_alone_is_0(
    openapi: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(lambda root: csv_of(root).update(operationId="anotherName"))
    assert check_drift.main(["--upstream", str(path), "--format", "json"], openapi) == 0
    (entry,) = entries(capsys)["renamed"]
    assert entry["location"] == "/operationId"
    assert "`anotherName`" in entry["message"]


def other_words(root: Json) -> None:
    csv_of(root)["description"] = "Other words."
    del csv_of(root)["summary"]
    root["components"]["parameters"]["orgId"]["description"] = "Other words."
    root["components"]["schemas"]["FieldViolation"]["properties"]["description"]["description"] = "Some | `words`."
    root["components"]["schemas"]["BillingInvoice"]["title"] = "no words that are kept"


def test_prose_alone_is_0_and_compared_with_the_lock(
    openapi: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(other_words)
    assert check_drift.main(["--upstream", str(path), "--format", "json"], openapi) == 0
    made = entries(capsys)
    assert [made[judged] for judged in ("breaking", "additive", "renamed")] == [[], [], []]
    reported = [entry["message"].partition(":")[0] for entry in made["documentation"] if entry["operation"] == CSV]
    assert reported == [
        "the operation has other words",
        "the operation has other words in errors",
        "the operation has other words in parameters and headers",
    ]
    assert "Other words" not in json.dumps(made)


def test_the_previous_document_shows_old_and_new_words(
    openapi: Path, small_upstream: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--upstream", str(changed(other_words)), "--previous", str(small_upstream), "--format"]
    assert check_drift.main([*arguments, "json"], openapi) == 0
    made = entries(capsys)
    reported = [(entry["location"], entry["message"]) for entry in made["documentation"] if entry["operation"] == CSV]
    fields = "/responses/{}/content/application~1json/schema/properties/badRequestDetail/properties/fields/items"
    words = "the description of property `description` changed: 'ZEBRA' became 'Some words.'"
    assert reported == [
        ("/description", "the description of the operation changed: 'ZEBRA' became 'Other words.'"),
        ("/parameters/path:orgId/description",
         "the description of path parameter `orgId` changed: 'ZEBRA' became 'Other words.'"),
        *((f"{fields.format(status)}/properties/description/description", words) for status in (401, 404)),
        ("/summary", "the summary of the operation was removed: 'ZEBRA' became ''"),
    ]  # fmt: skip

    assert check_drift.main([*arguments, "text"], openapi) == 0
    text = capsys.readouterr().out
    assert text.count("the description of `FieldViolation.description` changed\n") == 1
    assert "      - ZEBRA\n      + Some words.\n" in text
    assert check_drift.main([*arguments, "markdown"], openapi) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "FieldViolation.description" in line)
    assert row.endswith("| `ZEBRA` | `Some words.` |")


def test_markup_alone_is_nothing(openapi: Path, small_upstream: Path, changed: Callable[..., Path]) -> None:
    def mark_up(root: Json) -> None:
        csv_of(root)["description"] = "- <b>**[ZEBRA](https://example.com/a)**</b>"
        root["components"]["parameters"]["orgId"]["description"] = "# `_ZEBRA_`"

    upstream = documents.read_document(changed(mark_up))
    for previous in (None, documents.read_document(small_upstream)):
        assert not check_drift.compare_upstream(upstream, folder=openapi, previous=previous).changes


def test_a_previous_document_that_is_not_the_locked_one_is_2(
    openapi: Path, small_upstream: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(changed(other_words))
    assert check_drift.main(["--upstream", str(small_upstream), "--previous", path], openapi) == 2
    assert capsys.readouterr().err == (
        f"error: {path} is not the document in lock.json, which the fragment was cut from\n"
    )


def test_another_fragment_has_no_prose_to_compare(
    openapi: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(lambda root: csv_of(root).update(description="Other words."))
    arguments = ["--upstream", str(path), "--fragment", str(openapi / "fragment.json"), "--format", "json"]
    assert check_drift.main(arguments, openapi) == 0
    assert entries(capsys)["documentation"] == []


@pytest.mark.parametrize("with_previous", [False, True])
def test_prose_of_a_new_part_is_not_reported_again(
    openapi: Path,
    small_upstream: Path,
    changed: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    *,
    with_previous: bool,
) -> None:
    new = {"in": "query", "name": "new", "description": "Words.", "schema": {"type": "string"}}
    path = changed(lambda root: csv_of(root)["parameters"].append(new))
    previous = ["--previous", str(small_upstream)] if with_previous else []
    assert check_drift.main(["--upstream", str(path), "--format", "json", *previous], openapi) == 1
    made = entries(capsys)
    assert (len(made["additive"]), made["documentation"]) == (1, [])


def test_both_sides_may_be_whole_documents(
    small_upstream: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(lambda root: root["paths"].pop("/api/atlas/v2/orgs"))
    assert check_drift.main(["--upstream", str(path), "--fragment", str(small_upstream), "--format", "json"], DATA) == 1
    (entry,) = entries(capsys)["breaking"]
    assert (entry["operation"], entry["location"]) == ("GET /api/atlas/v2/orgs", "")
    assert check_drift.main(["--upstream", str(small_upstream), "--fragment", str(path)], DATA) == 1


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".xz", lzma.compress), ("", bytes)])
def test_a_compressed_document_is_read(
    suffix: str, packed: Callable[[bytes], bytes], openapi: Path, small_upstream: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"upstream.yaml{suffix}"
    path.write_bytes(packed(small_upstream.read_bytes()))
    assert check_drift.main(["--upstream", str(path)], openapi) == 0


def test_markdown_has_a_line_for_each_change_and_folds_prose(
    openapi: Path, small_upstream: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def change(root: Json) -> None:
        root["components"]["schemas"]["ApiError"]["properties"]["errorCode"]["nullable"] = True
        root["components"]["parameters"]["envelope"]["description"] = "Other words."

    arguments = ["--upstream", str(changed(change)), "--previous", str(small_upstream), "--format", "markdown"]
    assert check_drift.main(arguments, openapi) == 1
    text = capsys.readouterr().out
    assert text.startswith("## `ApiError.errorCode` may now be null\n")
    assert text.count("- `ApiError.errorCode` may now be null: an existing client may fail to read it") == 1
    assert "all 5 operations" in text
    assert "### Generated package\n\n- nothing changes" in text
    assert text.index("### Breaking") < text.index("### Documentation") < text.index("<details>")
    assert "revision `0123456789abcdef0123456789abcdef01234567`, against `openapi/fragment.json`" in text


OTHERS: dict[str, bytes] = {
    "empty": b"",
    "cut off in a line": b"openapi: 3.0.1\ninfo: {title: x, ver",
    "cut off between lines": b"openapi: 3.0.1\ninfo: {title: x, version: '1'}\npaths: {}\n",
    "cut off JSON": b'{"openapi": "3.0.1", "info": {',
    "no OpenAPI": b"swagger: '2.0'\n",
    "a later OpenAPI": b"openapi: 3.2.0\ninfo: {}\npaths: {}\nservers: []\n",
    "a list": b"- openapi\n",
    "a text": b"hello",
    "binary": b"\x00\xff\xfe" * 100,
    "exploding aliases": b"a: &a [x, x, x]\n"
    + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 122)),
    "deep brackets": b"a: " + b"[" * 100_000,
    "deep JSON": b'{"a": ' + b"[" * 100_000,
    "damaged gzip": gzip.compress(b"openapi: 3.0.1\n" * 100)[:-20],
    "a bomb": lzma.compress(bytes(200_000_000), preset=0),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_invalid_document_is_2_and_one_line(
    name: str, openapi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "upstream.yaml"
    path.write_bytes(OTHERS[name])
    before = {file.name: file.read_bytes() for file in openapi.iterdir()}
    started = time.monotonic()
    assert check_drift.main(["--upstream", str(path)], openapi) == 2
    assert time.monotonic() - started < 10
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {path}")
    assert printed.err.count("\n") == 1
    assert {file.name: file.read_bytes() for file in openapi.iterdir()} == before


@pytest.mark.parametrize("target", ["../secrets.yaml#/a", "https://evil.example/x", "/etc/passwd", "#/paths/~1a"])
def test_a_reference_out_of_the_components_is_2(
    target: str, openapi: Path, changed: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(lambda root: root["components"]["schemas"]["ApiError"]["properties"].update(evil={"$ref": target}))
    assert check_drift.main(["--upstream", str(path)], openapi) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "/components/schemas/ApiError/properties/evil: refers to" in printed.err
    arguments = ["--upstream", str(path), "--fragment", str(openapi / "fragment.json")]
    assert check_drift.main(arguments, openapi) == 2


def test_a_missing_file_is_2(openapi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_drift.main(["--upstream", "nowhere.yaml"], openapi) == 2
    assert capsys.readouterr().err == "error: nowhere.yaml: can't be read: No such file or directory\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory so")
def test_as_a_command_it_needs_little_memory(root: Path, tmp_path: Path) -> None:
    """The real command against the committed fragment, in a process limited to 600 MB."""
    shutil.copy(root / "openapi" / "fragment.json", tmp_path / "upstream.json")
    limited = [
        "sh",
        "-c",
        'ulimit -v 600000 && exec "$@"',
        "sh",
        sys.executable,
        str(root / "scripts" / "check_drift.py"),
    ]
    command = [*limited, "--upstream", "upstream.json", "--format", "json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert made["breaking"] == made["additive"] == made["renamed"] == []
