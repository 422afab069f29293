"""Slicing: what is kept, one form whatever the source looks like, and checked assumptions."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from drift_documents import FIVE
from openapi_tools import documents, model, slicing
from openapi_tools.errors import AssumptionError, DocumentError
from openapi_tools.operations import Operation, load_operations

CSV_PATH = "/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}/csv"
INVOICE_PATH = "/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}"


def sliced(root: dict[str, Any]) -> bytes:
    return documents.to_json(slicing.slice_document(root, FIVE))


def test_no_prose_is_left(fragment: dict[str, Any]) -> None:
    assert "ZEBRA" not in json.dumps(fragment)


def test_what_only_looks_like_prose_is_kept(fragment: dict[str, Any]) -> None:
    fields = fragment["components"]["schemas"]["FieldViolation"]["properties"]

    assert sorted(fields) == ["$ref", "default", "description", "example", "field", "summary", "x-named"]
    assert fields["description"] == {"type": "string"}
    assert fields["example"]["enum"] == ["2023-01-01", "description", "example", "no"]
    assert fields["default"]["default"] == {"description": "kept as data", "example": [1, 1]}


def test_structure_is_unchanged(fragment: dict[str, Any]) -> None:
    operation = fragment["paths"][CSV_PATH]["get"]
    (media,) = operation["responses"]["200"]["content"].values()

    assert (operation["operationId"], operation["tags"]) == ("someCsvName", ["Invoices"])
    assert media == {
        "schema": {"type": "string"},
        "x-columns": ["Date", "Usage Date", "SKU", "Amount"],
        "x-sunset": "2031-01-01",
        "x-xgen-version": "2023-01-01",
    }
    assert operation["x-rolesRequirements"] == ["Organization Billing Viewer", "Organization Owner"]
    assert list(fragment["paths"][INVOICE_PATH]["get"]["responses"]["200"]["content"]) == [
        "application/vnd.atlas.2023-01-01+csv",
        "application/vnd.atlas.2023-01-01+json",
    ]
    assert fragment["components"]["schemas"]["BillingPayment"]["title"] == "Payment"
    assert fragment["components"]["schemas"]["BadRequestDetail"]["nullable"] is True
    assert fragment["components"]["parameters"]["envelope"]["schema"] == {"default": False, "type": "boolean"}
    assert fragment["components"]["schemas"]["PaymentStatus"]["enum"] == ["NEW", "PAID"]
    assert fragment["info"] == {
        "title": "Atlas in small",
        "version": "2.0",
        "license": {"name": "A licence", "url": "https://example.com/licence"},
    }


def test_required_descriptions_are_empty(fragment: dict[str, Any]) -> None:
    assert fragment["components"]["responses"]["notFound"]["description"] == ""
    scheme = fragment["components"]["securitySchemes"]["ServiceAccounts"]
    assert scheme["flows"]["clientCredentials"]["scopes"] == {"read": ""}


def test_only_what_the_operations_reach_is_kept(fragment: dict[str, Any]) -> None:
    assert list(fragment["paths"]) == [operation.path for operation in FIVE]
    assert sorted(fragment["paths"][CSV_PATH]) == ["get", "parameters"]
    components = {section: sorted(content) for section, content in fragment["components"].items()}
    assert components == {
        "headers": ["Remaining"],
        "parameters": ["envelope", "orgId", "pretty"],
        "responses": ["notFound", "unauthorized"],
        "schemas": [
            "ApiError",
            "AtlasOrganization",
            "BadRequestDetail",
            "Base",
            "BillingInvoice",
            "BillingPayment",
            "FieldViolation",
            "InvoicePage",
            "OnlyByMapping",
            "OrganizationPage",
            "PaymentStatus",
        ],
        "securitySchemes": ["DigestAuth", "ServiceAccounts"],
    }


def test_sets_are_sorted_and_lists_are_not(fragment: dict[str, Any]) -> None:
    parameters = fragment["paths"][CSV_PATH]["get"]["parameters"]

    assert [parameter["$ref"].rpartition("/")[2] for parameter in parameters] == ["orgId", "envelope", "pretty"]
    assert fragment["security"] == [{"DigestAuth": []}, {"ServiceAccounts": []}]
    assert fragment["components"]["schemas"]["ApiError"]["required"] == ["error", "errorCode"]
    parts = fragment["components"]["schemas"]["BillingInvoice"]["allOf"]
    assert [sorted(part) for part in parts] == [["$ref"], ["properties", "type"]]


def test_a_fragment_is_its_own_fragment(fragment: dict[str, Any]) -> None:
    assert sliced(fragment) == documents.to_json(fragment)


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(3))
def test_order_style_and_format_of_the_source_change_nothing(
    small_root: dict[str, Any], fragment: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    expected = documents.to_json(fragment)
    root = shuffled(small_root, random.Random(seed))  # noqa: S311 - a test's order
    for item in root["paths"].values():
        for node in item.values():
            if isinstance(node, dict):
                node.get("parameters", []).reverse()
    for schema in root["components"]["schemas"].values():
        schema.get("required", []).reverse()
        schema.get("enum", []).reverse()
    root["security"].reverse()
    root["components"]["schemas"]["BillingInvoice"]["allOf"][1]["properties"]["amountBilledCents"]["minimum"] = 0
    written = {
        "indented.json": json.dumps(root, indent=4).encode(),
        "dense.json": json.dumps(root, separators=(",", ":"), ensure_ascii=False).encode(),
        "block.yaml": yaml.safe_dump(root, sort_keys=False, width=30, indent=5).encode(),
        "flow.yaml": yaml.safe_dump(root, sort_keys=False, default_flow_style=True).encode(),
    }

    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
        assert sliced(documents.read_document(tmp_path / name).root) == expected, name


def drop_operation(root: dict[str, Any]) -> None:
    del root["paths"]["/api/atlas/v2/orgs"]["get"]


def plain_http(root: dict[str, Any]) -> None:
    root["servers"][0]["url"] = "http://cloud.example.com"


def server_of_its_own(root: dict[str, Any]) -> None:
    root["paths"][CSV_PATH]["get"]["servers"] = [{"url": "https://csv.example.com"}]


def server_of_its_path(root: dict[str, Any]) -> None:
    root["paths"][CSV_PATH]["servers"] = [{"url": "https://example.com"}]


def server_with_a_variable(root: dict[str, Any]) -> None:
    root["servers"] = [{"url": "https://{region}.example.com", "variables": {"region": {}}}]


def security_of_its_own(root: dict[str, Any]) -> None:
    root["paths"][CSV_PATH]["get"]["security"] = []


def basic_auth(root: dict[str, Any]) -> None:
    root["components"]["securitySchemes"]["DigestAuth"]["scheme"] = "basic"


def both_at_once(root: dict[str, Any]) -> None:
    root["security"] = [{"DigestAuth": [], "ServiceAccounts": []}]


def no_security(root: dict[str, Any]) -> None:
    del root["security"]


def other_media_type(root: dict[str, Any]) -> None:
    content = root["paths"][CSV_PATH]["get"]["responses"]["200"]["content"]
    content["application/vnd.atlas.2031-01-01+csv"] = content.pop("application/vnd.atlas.2023-01-01+csv")


def no_success(root: dict[str, Any]) -> None:
    del root["paths"][CSV_PATH]["get"]["responses"]["200"]


def newer_openapi(root: dict[str, Any]) -> None:
    root["openapi"] = "4.0.0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_operation, "GET /api/atlas/v2/orgs is no longer in the document"),
        (plain_http, "an https server was expected"),
        (server_of_its_own, "csv has only servers of its own"),
        (server_of_its_path, "csv has only servers of its own"),
        (server_with_a_variable, "an https server was expected"),
        (security_of_its_own, "csv: digest and a service account were expected"),
        (basic_auth, r"another scheme \(http\)"),
        (both_at_once, "digest and service account"),
        (no_security, "the document has nothing"),
        (other_media_type, r"csv: response 200 has .*2031.*, but not application/vnd.atlas.2023-01-01\+csv"),
        (no_success, "no longer has a response 200 or 201 or 202"),
        (newer_openapi, "OpenAPI 3.0 or 3.1 was expected"),
    ],
)
def test_an_assumption_that_no_longer_holds_stops_with_guidance(
    small_root: dict[str, Any], change: Callable[[dict[str, Any]], None], message: str
) -> None:
    change(small_root)

    with pytest.raises(AssumptionError, match=message) as error:
        slicing.slice_document(small_root, FIVE)
    assert "look at upstream's change" in str(error.value)


def test_more_servers_and_ways_to_authenticate_are_taken_over(small_root: dict[str, Any]) -> None:
    server = {"url": "https://elsewhere.example.com"}
    small_root["servers"].append(server)
    small_root["components"]["securitySchemes"]["Key"] = {"type": "apiKey", "in": "header", "name": "X-Key"}
    small_root["security"].append({"Key": []})
    small_root["paths"][CSV_PATH]["get"] |= {"security": [*small_root["security"]], "servers": small_root["servers"]}

    made = slicing.slice_document(small_root, FIVE)

    assert server in made["servers"]
    assert {"Key": []} in made["security"]
    assert "Key" in made["components"]["securitySchemes"]


MORE = Operation("make_thing", "things", "post", "/things", "application/vnd.atlas.2025-01-01+json", optional=True)


def with_a_post(root: dict[str, Any], status: str = "201", *, body: str = MORE.accept) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"description": {"type": "string", "description": "ZEBRA"}}}
    root["components"]["requestBodies"] = {"Thing": {"content": {body: {"schema": schema}}, "description": "ZEBRA"}}
    content = {MORE.accept: {"schema": {"$ref": "#/components/schemas/BillingPayment"}}}
    root["paths"]["/things"] = {
        "post": {
            "operationId": "makeThing",
            "requestBody": {"$ref": "#/components/requestBodies/Thing"},
            "responses": {status: {"description": "ZEBRA", "content": content}},
        }
    }
    return root


def test_an_optional_operation_may_be_missing(small_root: dict[str, Any], fragment: dict[str, Any]) -> None:
    assert slicing.slice_document(small_root, [*FIVE, MORE]) == fragment
    assert slicing.slice_document(fragment, [*FIVE, MORE]) == fragment


@pytest.mark.parametrize("status", ["200", "201", "202"])
def test_an_operation_with_a_body_is_kept_with_any_success(small_root: dict[str, Any], status: str) -> None:
    made = slicing.slice_document(with_a_post(small_root, status), [*FIVE, MORE])

    assert made["paths"]["/things"]["post"]["requestBody"] == {"$ref": "#/components/requestBodies/Thing"}
    schema = made["components"]["requestBodies"]["Thing"]["content"][MORE.accept]["schema"]
    assert schema["properties"] == {"description": {"type": "string"}}
    assert "ZEBRA" not in json.dumps(made)
    assert documents.to_json(slicing.slice_document(made, [*FIVE, MORE])) == documents.to_json(made)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("204", MORE.accept, "POST /things no longer has a response 200 or 201 or 202"),
        ("201", "application/json", r"POST /things: the request body has application/json, but not .*2025-01-01\+json"),
    ],
)
def test_another_success_or_body_stops_an_optional_operation_too(
    small_root: dict[str, Any], status: str, body: str, message: str
) -> None:
    with pytest.raises(AssumptionError, match=message):
        slicing.slice_document(with_a_post(small_root, status, body=body), [*FIVE, MORE])


@pytest.mark.parametrize("change", [{"optional": "true"}, {"optional": 1}, {"extra": "x"}, {"accept": None}])
def test_an_entry_of_operations_is_checked(tmp_path: Path, change: dict[str, object]) -> None:
    entry = {"name": "a", "module": "b", "method": "get", "path": "/c", "accept": "d", **change}
    (tmp_path / "operations.yaml").write_text(json.dumps({"operations": [entry]}))

    with pytest.raises(
        DocumentError, match="needs exactly these texts: accept, method, module, name, path; `optional`"
    ):
        load_operations(tmp_path)


NAMES = ["A B", "A/B", "A~B", "A~1B", "{a}", "A%20B", "Å"]


def referring(root: dict[str, Any], name: str, target: str) -> dict[str, Any]:
    """The document with a component of that name, and a reference `target` to it."""
    schemas = root["components"]["schemas"]
    schemas[name] = schemas.pop("PaymentStatus")
    schemas["BillingPayment"]["properties"]["statusName"] = {"$ref": target}
    return root


def encoded(name: str) -> str:
    """A JSON pointer's token in a URI (RFC 6901, section 6), with everything percent-encoded."""
    escaped = name.replace("~", "~0").replace("/", "~1")
    return "".join(f"%{byte:02x}" for byte in escaped.encode())


@pytest.mark.parametrize("name", [*NAMES, "PaymentStatus"])
def test_a_reference_is_percent_decoded_and_written_in_one_form(small_root: dict[str, Any], name: str) -> None:
    made = slicing.slice_document(referring(small_root, name, f"#/components/%73chemas/{encoded(name)}"), FIVE)

    schemas = made["components"]["schemas"]
    assert schemas[name] == {"enum": ["NEW", "PAID"], "type": "string"}
    written = schemas["BillingPayment"]["properties"]["statusName"]["$ref"]
    assert sliced(made) == documents.to_json(made)
    assert written == model.reference_to("Schema", name)
    if name == "PaymentStatus":
        assert written == "#/components/schemas/PaymentStatus"


@pytest.mark.parametrize("target", ["#/components/schemas/%41", "#/components/schemas/%ff", "#/components/schemas/%zz"])
def test_a_reference_that_decodes_to_nothing_is_refused(small_root: dict[str, Any], target: str) -> None:
    small_root["components"]["schemas"]["BillingPayment"]["properties"]["unitPrice"] = {"$ref": target}

    with pytest.raises(DocumentError, match=f"refers to {target}, which is not in the document"):
        slicing.slice_document(small_root, FIVE)


def test_a_path_that_is_a_reference_is_refused(small_root: dict[str, Any]) -> None:
    small_root["paths"][CSV_PATH] = {"$ref": "#/paths/~1elsewhere"}

    with pytest.raises(DocumentError, match="a path that is a reference is not followed"):
        slicing.slice_document(small_root, FIVE)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("other.yaml#/components/schemas/A", "refers to a file or URL"),
        ("https://example.com/a.json", "refers to a file or URL"),
        ("file:///etc/passwd", "refers to a file or URL"),
        ("#/components/schemas/Gone", "which is not in the document"),
        ("#/paths/~1api", "but a Schema must be in #/components/schemas/"),
        ("#/components/responses/notFound", "but a Schema must be in #/components/schemas/"),
        ("#/components/schemas/ApiError/properties/error", "but a Schema must be in #/components/schemas/"),
    ],
)
def test_a_reference_out_of_the_components_is_refused(small_root: dict[str, Any], target: str, message: str) -> None:
    small_root["components"]["schemas"]["BillingPayment"]["properties"]["unitPrice"] = {"$ref": target}

    with pytest.raises(DocumentError, match=message) as error:
        slicing.slice_document(small_root, FIVE)
    assert str(error.value).startswith("/components/schemas/BillingPayment/properties/unitPrice: ")


def test_a_parameter_that_refers_to_itself_is_refused(small_root: dict[str, Any]) -> None:
    small_root["components"]["parameters"]["pretty"] = {"$ref": "#/components/parameters/pretty"}

    with pytest.raises(DocumentError, match="form a circle"):
        slicing.slice_document(small_root, FIVE)


def test_a_schema_that_refers_to_nothing_but_itself_is_refused(small_root: dict[str, Any]) -> None:
    small_root["components"]["schemas"]["PaymentStatus"] = {"$ref": "#/components/schemas/Circle"}
    small_root["components"]["schemas"]["Circle"] = {"$ref": "#/components/schemas/PaymentStatus"}

    with pytest.raises(DocumentError, match="form a circle"):
        slicing.slice_document(small_root, FIVE)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every location in a document: a container and a key or index."""
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    return [place for key, child in pairs for place in [(node, key), *places(child)]]


def test_a_document_of_any_shape_is_sliced_or_refused(small_upstream: Path) -> None:
    chance = random.Random(20260821)  # noqa: S311 - a test's choices
    content = small_upstream.read_bytes()
    junk = [None, 1, "x", [], {}, ["a"], {"$ref": "x"}, {"$ref": "#/components/schemas/ApiError"}, [{"$ref": 1}], True]
    refused = 0
    for _ in range(300):
        root = documents.parse(content, "mutated")
        container, key = chance.choice(places(root))
        container[key] = chance.choice(junk)
        try:
            documents.to_json(slicing.slice_document(root, FIVE))
        except (DocumentError, AssumptionError):
            refused += 1
    assert 30 < refused < 300
