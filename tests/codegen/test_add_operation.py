"""Adding an operation and requesting another version in a copy, as openapi/README.md says, up to a call."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import openapi_package
import regenerate
import vendor_spec
from environment import ROOT
from openapi_recorder import Recorder
from openapi_tools import documents, operations

NEWEST = ROOT.parent / "shared" / "upstream" / "atlas-admin-api-2026-08-21.yaml.xz"
PATH = "/api/atlas/v2/orgs/{orgId}"
JSON = "application/vnd.atlas.2023-01-01+json"
ENTRY = f"""\
  - name: get_organization
    module: organizations
    method: get
    path: {PATH}
    accept: {JSON}
"""
WORDS = f"""\
  - target: $.paths['{PATH}'].get
    update:
      summary: Get one organization
      description: What invoices are addressed to, by its ID.
"""
ORG = "5" * 24


def published(folder: Path) -> Path:
    """The committed fragment with the operation, as upstream might publish it."""
    root = documents.read_document(ROOT / "openapi" / "fragment.json").root
    organization = {"schema": {"$ref": "#/components/schemas/AtlasOrganization"}}
    root["paths"][PATH] = {
        "get": {
            "operationId": "getOrg",
            "tags": ["Organizations"],
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in ("orgId", "envelope", "pretty")],
            "responses": {
                "200": {"description": "words of upstream", "content": {JSON: organization}},
                "404": {"$ref": "#/components/responses/notFound"},
            },
        }
    }
    source = folder / "upstream.json"
    source.write_bytes(documents.to_json(root))
    return source


def load(openapi: Path, source: Path, output: Path, name: str) -> ModuleType:
    """The two commands that openapi/README.md names, and the package that they make."""
    assert vendor_spec.main(["--upstream", str(source)], openapi) == 0
    assert regenerate.main(["--output", str(output)], openapi) == 0
    assert regenerate.main(["--check", "--output", str(output)], openapi) == 0
    return openapi_package.load(output, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "real",
    [
        False,
        pytest.param(True, marks=pytest.mark.skipif(not NEWEST.is_file(), reason="no copy of upstream's document")),
    ],
)
def test_an_operation_is_one_entry_and_our_words(
    openapi_folder: Path, tmp_path: Path, atlas: Recorder, capsys: pytest.CaptureFixture[str], *, real: bool
) -> None:
    for name, text in {"operations.yaml": ENTRY, "overlay.yaml": WORDS}.items():
        with (openapi_folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    source = NEWEST if real else published(tmp_path)

    package = load(openapi_folder, source, tmp_path / "generated", f"client_with_one_more_{real}")

    assert capsys.readouterr().err == ""
    assert PATH in json.loads((openapi_folder / "fragment.json").read_text())["paths"]
    function = openapi_package.function_module(package, "organizations", "get_organization")
    assert "Get one organization" in function.sync.__doc__
    atlas.answer(200, {"id": ORG, "name": "Acme"}, JSON)
    with package.Client(base_url=atlas.url, verify_ssl=False) as client:
        found = function.sync(ORG, client=client)

    async def run() -> Any:
        async with package.Client(base_url=atlas.url, verify_ssl=False) as client:
            return await function.asyncio(ORG, client=client, pretty=True)

    assert found == asyncio.run(run())
    assert (type(found), found.name) == (package.models.AtlasOrganization, "Acme")
    first, second = atlas.asked
    assert (first.path, first.headers["accept"], first.query) == (PATH.replace("{orgId}", ORG), JSON, [])
    assert second.query == [("pretty", "true")]


def test_the_readme_tells_it_in_ten_lines() -> None:
    text = (ROOT / "openapi" / "README.md").read_text(encoding="utf-8")
    told = re.search(r"(?s)- \*\*Add an operation\*\*.*?(?=\n- \*\*)", text)
    assert told
    assert len(told[0].splitlines()) <= 12
    for name in ("operations.yaml", "vendor_spec.py", "overlay.yaml", "regenerate.py", "_operations.py", "optional"):
        assert name in told[0]


VERSIONED = """
import sys
import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
with Sandbox(Settings(typical_lines=5, months=2)) as server:
    with ai.Client(ai.DigestAuth(server.public_key, server.private_key), base_url=server.base_url) as atlas:
        invoice = server.invoices[1].id
        with atlas.stream_invoice_csv(server.org_id, invoice) as body:
            assert b"".join(body.iter_bytes()) == server.csv_bytes(invoice)
            print(body._response.head.headers["content-type"])
        list(atlas.list_invoices(server.org_id))
    print(*dict.fromkeys(request.accept for request in server.requests), sep="\\n")
"""


@pytest.mark.slow
def test_another_version_is_one_edit_and_the_sandbox_follows(openapi_folder: Path, tmp_path: Path) -> None:
    old, new = "application/vnd.atlas.2023-01-01+csv", "application/vnd.atlas.2027-02-01+csv"
    csv = operations.load_operations()[0]
    assert (csv.name, csv.accept) == ("get_invoice_csv", old)
    entries = openapi_folder / "operations.yaml"
    entries.write_text(entries.read_text().replace(old, new))
    root = documents.read_document(openapi_folder / "fragment.json").root
    content = root["paths"][csv.path]["get"]["responses"]["200"]["content"]
    content[new] = {**content[old], "x-xgen-version": "2027-02-01"}
    (tmp_path / "upstream.json").write_bytes(documents.to_json(root))

    load(openapi_folder, tmp_path / "upstream.json", tmp_path / "generated", "client_of_another_version")

    done = subprocess.run(
        [sys.executable, "-c", VERSIONED],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "generated")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{new};charset=utf-8", new, JSON]
