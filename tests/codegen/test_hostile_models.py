"""What upstream might send: defaults nobody asked for, names that collide, patterns and models that explode."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import openapi_package
import regenerate
from raw_server import RawServer, http, replies

ROOT = Path(__file__).resolve().parent.parent.parent
LIST = "/api/atlas/v2/orgs/{orgId}/invoices"
SECONDS = 20

Change = Callable[[dict[str, Any]], object]


def options(folder: Path, change: Change) -> list[str]:
    """To generate a client into `folder` from a changed copy of the committed fragment."""
    document = json.loads((ROOT / "openapi" / "fragment.json").read_text(encoding="utf-8"))
    change(document)
    fragment = folder / "fragment.json"
    fragment.write_text(json.dumps(document), encoding="utf-8")
    return ["--fragment", str(fragment), "--output", str(folder / "generated")]


def properties(document: dict[str, Any], model: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][model]["properties"]
    return found


# httpx warns of cookies for a single request, which is how the generator sends one.
@pytest.mark.filterwarnings("ignore:Setting per-request cookies:DeprecationWarning")
def test_defaults_of_headers_and_cookies_are_never_sent(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        path = document["paths"][LIST]
        path["get"]["parameters"] += [
            {"in": "header", "name": "X-Environment", "schema": {"type": "string", "default": "prod"}},
            {"in": "header", "name": "X-Count", "schema": {"type": "integer", "default": 7}},
            {"in": "cookie", "name": "preview", "schema": {"type": "boolean", "default": True}},
            {"in": "query", "name": "preview", "schema": {"type": "boolean", "default": True}},
        ]
        document["components"]["schemas"]["Level"] = {"type": "string", "default": "high"}
        level = {"in": "header", "name": "X-Level", "schema": {"$ref": "#/components/schemas/Level"}}
        path["get"]["parameters"].append(level)
        header = {"in": "header", "name": "X-Trace", "schema": {"type": "string", "default": "on"}}
        document["components"].setdefault("parameters", {})["trace"] = header
        path["get"]["parameters"].append({"$ref": "#/components/parameters/trace"})

    assert regenerate.main(options(tmp_path, change)) == 0
    package = openapi_package.load(tmp_path / "generated", "client_with_defaults")
    module = openapi_package.function_module(package, "invoices", "list_invoices")
    reply = http(200, body=b'{"results": []}', kind="application/vnd.atlas.2023-01-01+json")
    with RawServer({f"GET {LIST.replace('{orgId}', '5' * 24)}": replies(reply)}) as server:
        with package.Client(base_url=server.url, verify_ssl=False) as client:
            module.sync("5" * 24, client=client)
            module.sync("5" * 24, client=client, x_environment="test")
        first, second = server.requests
    assert not {"x-environment", "x-count", "x-level", "x-trace", "cookie"} & first.headers.keys()
    assert "?" not in first.target
    assert first.headers["accept"] == "application/vnd.atlas.2023-01-01+json"
    assert second.headers["x-environment"] == "test"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("BillingPayment", "unit_price"),
        ("InvoiceLineItem", "group-id"),
        ("BillingPayment", "to_dict"),
        ("BillingRefund", "from_dict"),
        ("BillingRefund", "fieldDict"),
        ("AtlasOrganization", "__class__"),
        ("AtlasOrganization", "additional_properties"),
    ],
)
def test_a_new_field_that_would_rename_another_stops_the_script(
    model: str, field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(document: dict[str, Any]) -> None:
        properties(document, model)[field] = {"type": "string"}

    assert regenerate.main(options(tmp_path, change)) == 2
    stderr = capsys.readouterr().err
    assert field in stderr
    assert model in stderr
    assert not (tmp_path / "generated").exists()


def test_a_new_field_that_collides_with_none_is_taken(tmp_path: Path) -> None:
    """Python's keywords and names of its own types get an underscore: that's the generator's rule, and fine."""

    def change(document: dict[str, Any]) -> None:
        properties(document, "BillingPayment").update({"class": {"type": "string"}, "unitPrices": {"type": "string"}})

    assert regenerate.main(options(tmp_path, change)) == 0
    made = (tmp_path / "generated" / "atlas_invoices_client" / "models" / "billing_payment.py").read_text()
    assert "unit_price:" in made
    assert "class_:" in made


def hostile_pattern(document: dict[str, Any]) -> None:
    """Takes 2^40 steps on its own default, in most engines."""
    schema = {"type": "string", "pattern": "^(a+)+$", "default": "a" * 40 + "!"}
    properties(document, "BillingPayment")["note"] = schema


def hostile_parameter(document: dict[str, Any]) -> None:
    """The same where a parameter has it."""
    schema = {"type": "string", "pattern": "^([a-z]*)*$", "default": "a" * 40 + "!", "enum": ["a" * 40 + "!"]}
    document["paths"][LIST]["get"]["parameters"].append({"in": "query", "name": "note", "schema": schema})


def doubling(document: dict[str, Any]) -> None:
    """Thirty models, each made of the next one twice: 2^30 parts for whoever follows each."""
    schemas = document["components"]["schemas"]
    for number in range(30):
        part = {"$ref": f"#/components/schemas/Doubled{number + 1}"}
        schemas[f"Doubled{number}"] = {"allOf": [part, part]}
    schemas["Doubled30"] = {"type": "object", "properties": {"note": {"type": "string"}}}
    properties(document, "BillingPayment")["doubled"] = {"$ref": "#/components/schemas/Doubled0"}


def doubling_properties(document: dict[str, Any]) -> None:
    """The same by two fields each."""
    schemas = document["components"]["schemas"]
    for number in range(30):
        part = {"$ref": f"#/components/schemas/Doubled{number + 1}"}
        schemas[f"Doubled{number}"] = {"type": "object", "properties": {"a": {"allOf": [part, part]}, "b": part}}
    schemas["Doubled30"] = {"type": "object", "properties": {"note": {"type": "string"}}}
    properties(document, "BillingPayment")["doubled"] = {"$ref": "#/components/schemas/Doubled0"}


def doubling_default(document: dict[str, Any]) -> None:
    """The same by a default as deep as they are."""
    doubling_properties(document)
    note: dict[str, Any] = {"note": "a"}
    for _ in range(30):
        note = {"a": note}
    properties(document, "BillingPayment")["doubled"] = {
        "allOf": [{"$ref": "#/components/schemas/Doubled0"}],
        "default": note,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [hostile_pattern, hostile_parameter, doubling, doubling_properties, doubling_default]
)
def test_it_ends_in_bounded_time(change: Change, tmp_path: Path) -> None:
    """With a client, or with a message: `subprocess` ends what takes longer, and the test with it."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "regenerate.py", *options(tmp_path, change)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode in {0, 2}
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr
