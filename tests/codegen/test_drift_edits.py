"""What upstream may do next: end a version, rename a schema; drift that is accepted; what changes in the package."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import check_drift
import openapi_package
import regenerate
import vendor_spec
from drift import package
from drift.report import Report
from openapi_tools import documents, operations

Json = dict[str, Any]
Change = Callable[[Callable[[Json], object]], Path]
INVOICE = "/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}"
JSON = "application/vnd.atlas.2023-01-01+json"
TODAY = date(2026, 11, 26)


def compared(openapi: Path, upstream: Path, today: date = TODAY) -> Report:
    return check_drift.compare_upstream(documents.read_document(upstream), folder=openapi, today=today)


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    made: dict[str, list[dict[str, str]]] = json.loads(capsys.readouterr().out)
    return made


def media_of(root: Json, path: str = INVOICE) -> Json:
    content: Json = root["paths"][path]["get"]["responses"]["200"]["content"]
    return content


def rename(root: Json, old: str, new: str) -> Json:
    """Rename a schema wherever it's used."""
    text = json.dumps(root).replace(f'schemas/{old}"', f'schemas/{new}"')
    root.clear()
    root.update(json.loads(text))
    root["components"]["schemas"][new] = root["components"]["schemas"].pop(old)
    return root


@pytest.mark.parametrize(
    ("days", "is_breaking", "words"),
    [
        (91, False, "ends on 2027-02-25, in 91 days"),
        (90, True, "ends on 2027-02-24, in 90 days"),
        (0, True, "ends on 2026-11-26, today"),
        (-400, True, "ended on 2025-10-22, 400 days ago"),
    ],
)
def test_the_end_of_a_version_we_ask_for_is_in_every_report(
    openapi: Path, changed: Change, days: int, words: str, *, is_breaking: bool
) -> None:
    upstream = changed(lambda root: media_of(root)[JSON].update({"x-sunset": str(TODAY + timedelta(days=days))}))
    for _ in range(2):  # new upstream, then in the fragment
        report = compared(openapi, upstream)
        (ending,) = (change for change in report.sunset if change.operation == f"GET {INVOICE}")
        assert words in ending.fact
        assert bool([change for change in report.in_category("breaking") if "x-sunset" in change.at]) == is_breaking
        assert "versions we ask for that end" in report.to_text()
        assert f"media type `{JSON}` of response `200` {words}" in report.to_markdown()
        assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0


def test_an_end_that_upstream_removed_with_the_version_stays_in_the_report(openapi: Path, changed: Change) -> None:
    upstream = changed(lambda root: root["paths"][f"{INVOICE}/csv"]["get"]["responses"].update({"200": {}}))
    (ending,) = compared(openapi, upstream).sunset
    assert "application/vnd.atlas.2023-01-01+csv" in ending.at


@pytest.mark.parametrize("end", [{"deprecated": True}, {"x-sunset": "2030-01-01"}])
def test_the_report_names_the_successor(openapi: Path, changed: Change, end: Json) -> None:
    def change(root: Json) -> None:
        media_of(root)[JSON].update(end)
        for day in ("2024-08-05", "2025-03-12"):
            media_of(root)[f"application/vnd.atlas.{day}+json"] = {"schema": {"type": "object"}}

    text = compared(openapi, changed(change)).to_text()
    assert "upstream offers `application/vnd.atlas.2025-03-12+json`" in text


ENTRY = "accept:\n  - {{operation: '{}', location: '{}', reason: our reader takes null, until: 2026-12-31}}\n"
NULL = "/responses/*/properties/errorCode/nullable"


def nullable(root: Json) -> None:
    root["components"]["schemas"]["ApiError"]["properties"]["errorCode"]["nullable"] = True


def test_accepted_drift_does_not_count_until_its_day_is_over(
    openapi: Path, changed: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream, file = changed(nullable), tmp_path / "accept.yaml"
    file.write_text(ENTRY.format("*", NULL))
    arguments = ["--upstream", str(upstream), "--format", "json", "--accept", str(file)]

    assert check_drift.main(arguments, openapi, date(2026, 12, 31)) == 0
    assert printed(capsys)["breaking"] == []
    assert check_drift.main([*arguments[:2], *arguments[4:]], openapi, date(2026, 12, 31)) == 0
    assert "accepted until 2026-12-31: our reader takes null" in capsys.readouterr().out

    assert check_drift.main(arguments, openapi, date(2027, 1, 1)) == 1
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["breaking"]) == 6
    assert captured.err.startswith("warning: accept.yaml: accepted until 2026-12-31, so it counts again: * ")


def test_only_the_named_place_is_accepted(
    openapi: Path, changed: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "accept.yaml"
    file.write_text(ENTRY.format(f"GET {INVOICE}/csv", NULL) + ENTRY.format("*", "/nowhere").partition("\n")[2])
    upstream = changed(nullable)
    assert (
        check_drift.main(["--upstream", str(upstream), "--format", "json", "--accept", str(file)], openapi, TODAY) == 1
    )
    captured = capsys.readouterr()
    assert f"GET {INVOICE}/csv" not in {entry["operation"] for entry in json.loads(captured.out)["breaking"]}
    assert captured.err == "warning: accept.yaml: matches nothing, so it can go: * /nowhere (our reader takes null)\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "its top level is not a mapping; is it the right file?"),
        ("accept: {}", "accept.yaml: /accept: must be a list"),
        ("accept: [x]", "entry 1: must have the keys operation, location, reason, until"),
        ("accept: [{operation: x}]", "entry 1: `location` is missing or isn't text"),
        (ENTRY.format("*", "*").replace("reason", "why"), "entry 1: `reason` is missing or isn't text"),
        (ENTRY.format("*", "*").replace("until", "x: y, until"), "entry 1: `x` is not one of operation, location, "),
        (
            ENTRY.format("*", "*") + ENTRY.format("*", "*").partition("\n")[2].replace("2026-12-31", "soon"),
            "entry 2: `until` must be a day such as 2026-12-31",
        ),
    ],
)
def test_a_malformed_file_of_accepted_drift_is_2(
    openapi: Path, small_upstream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    (tmp_path / "accept.yaml").write_text(text)
    arguments = ["--upstream", str(small_upstream), "--accept", str(tmp_path / "accept.yaml")]
    assert check_drift.main(arguments, openapi) == 2
    printed = capsys.readouterr().err
    assert (problem in printed, printed.count("\n")) == (True, 1)
    assert printed.endswith("; scripts/README.md has an example\n")


@pytest.mark.parametrize(
    ("name", "location", "is_accepted"),
    [
        ("filter[a]", "/parameters/query:filter[a]", True),
        ("filtera", "/parameters/query:filter[a]", False),
        ("page", "/parameters/query:?age", False),
        ("page", "/parameters/*:pa*e", True),
        ("page", "/parameters/query", False),
    ],
)
def test_only_the_asterisk_is_special_in_accepted_drift(
    openapi: Path, changed: Change, tmp_path: Path, name: str, location: str, *, is_accepted: bool
) -> None:
    new = {"in": "query", "name": name, "schema": {"type": "string"}}
    upstream = changed(lambda root: root["paths"]["/api/atlas/v2/orgs"]["get"]["parameters"].append(new))
    (tmp_path / "accept.yaml").write_text(ENTRY.format("GET /api/atlas/v2/orgs", location))
    arguments = ["--upstream", str(upstream), "--accept", str(tmp_path / "accept.yaml")]
    assert check_drift.main(arguments, openapi, TODAY) == int(not is_accepted)


def generated(openapi: Path, tmp_path: Path) -> Any:
    assert regenerate.main(
        ["--fragment", str(openapi / "fragment.json"), "--output", str(tmp_path / "made")], openapi
    ) == 0  # fmt: skip
    return openapi_package.load(tmp_path / "made", f"client_of_{tmp_path.name}")


def test_a_renamed_schema_keeps_its_python_name(
    openapi: Path, changed: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream = changed(lambda root: rename(rename(root, "BillingPayment", "InvoicePayment"), "Base", "InvoiceBase"))
    report = compared(openapi, upstream)
    assert not report.is_drift
    (payment,) = (change for change in report.models if change.subject == "BillingPayment")
    assert payment.text == ("is now `InvoicePayment`: the model keeps its name, which `openapi/names.yaml` then has")
    assert report.package == []
    entries = json.loads(report.to_json())["models"]
    assert entries[-1].keys() == {"operation", "location", "message"}
    assert f"`BillingPayment` {payment.text}" in [entry["message"] for entry in entries]

    assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0
    assert "note: BillingPayment is now `InvoicePayment`" in capsys.readouterr().err
    assert documents.read_document(openapi / "names.yaml").root["names"]["InvoicePayment"] == "BillingPayment"
    assert compared(openapi, upstream).models == []
    models = generated(openapi, tmp_path).models
    assert {"BillingPayment", "Base"} <= set(models.__all__)
    assert not {"InvoicePayment", "InvoiceBase"} & set(models.__all__)


def test_an_inlined_schema_keeps_its_python_name(openapi: Path, changed: Change, tmp_path: Path) -> None:
    def inline(root: Json) -> None:
        schemas = root["components"]["schemas"]
        schemas["BillingInvoice"]["allOf"][1]["properties"]["payment"] = schemas.pop("BillingPayment")

    upstream = changed(inline)
    report = compared(openapi, upstream)
    assert [(change.subject, change.fact) for change in report.models] == [("BillingPayment", "is now written inline")]
    assert report.package == []
    assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0
    assert "BillingPayment" in generated(openapi, tmp_path).models.__all__


@pytest.mark.parametrize("name", ["ApiError", "OrganizationPage", "InvoicePage"])
def test_the_schema_of_a_response_that_is_inlined_keeps_its_python_name(
    openapi: Path, changed: Change, name: str
) -> None:
    def inline(root: Json) -> None:
        content = json.dumps(root["components"]["schemas"].pop(name))
        text = json.dumps(root).replace(f'{{"$ref": "#/components/schemas/{name}"}}', content)
        root.clear()
        root.update(json.loads(text))

    before = names(openapi)
    upstream = changed(inline)
    report = compared(openapi, upstream)
    assert (report.is_drift, report.package) == (False, [])
    assert all("keeps its name" in change.text for change in report.models)
    assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0
    (added,) = (new for new in names(openapi).keys() - before.keys() if "ParametersItem" not in new)
    assert re.fullmatch(r"[a-z_]+_response_[0-9]{3}", added)
    assert (compared(openapi, upstream).models, compared(openapi, upstream).package) == ([], [])


def names(openapi: Path) -> Json:
    made: Json = documents.read_document(openapi / "names.yaml").root["names"]
    return made


def test_a_copy_of_a_schema_in_one_response_is_the_same_model(openapi: Path, changed: Change) -> None:
    def copy(root: Json) -> None:
        (media,) = (media for name, media in media_of(root).items() if name == JSON)
        media["schema"] = root["components"]["schemas"]["AtlasOrganization"]

    before = changed(
        lambda root: media_of(root)[JSON].update(schema={"$ref": "#/components/schemas/AtlasOrganization"})
    )
    assert vendor_spec.main(["--upstream", str(before)], openapi) == 0
    report = compared(openapi, changed(copy))
    assert (report.changes, report.models, report.package) == ([], [], [])


def test_a_schema_that_wraps_another_keeps_its_python_name(openapi: Path, changed: Change, tmp_path: Path) -> None:
    def wrap(root: Json) -> None:
        schemas = root["components"]["schemas"]
        schemas["Content"] = schemas["BillingInvoice"]
        schemas["BillingInvoice"] = {"allOf": [{"$ref": "#/components/schemas/Content"}], "title": "Invoice"}

    upstream = changed(wrap)
    report = compared(openapi, upstream)
    assert (report.changes, report.models, report.package) == ([], [], [])
    assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0
    models = generated(openapi, tmp_path).models.__all__
    assert ("BillingInvoice" in models, "Content" in models) == (True, False)


def test_a_schema_inlined_in_two_ways_says_what_moves(openapi: Path, changed: Change) -> None:
    def twice(root: Json) -> None:
        schemas = root["components"]["schemas"]
        fields = schemas["BillingInvoice"]["allOf"][1]["properties"]
        fields["refund"] = {"$ref": "#/components/schemas/BillingPayment"}

    def split(root: Json) -> None:
        schemas = root["components"]["schemas"]
        fields = schemas["BillingInvoice"]["allOf"][1]["properties"]
        fields["payment"] = schemas.pop("BillingPayment")
        fields["refund"] = {"type": "object", "properties": {"unitPrice": {"type": "integer"}}}

    before = changed(twice)
    assert vendor_spec.main(["--upstream", str(before)], openapi) == 0
    report = compared(openapi, changed(split))
    assert any(
        "moves to `BillingInvoiceRefund`, because two schemas share it" in change.text for change in report.models
    )
    assert "`BillingInvoiceRefund` is new" in (report.package or [])


def test_more_servers_and_schemes_and_a_renamed_path_parameter_break_nothing(
    openapi: Path, changed: Change, tmp_path: Path
) -> None:
    def more(root: Json) -> None:
        root["servers"].append({"url": "https://gov.example.com"})
        root["components"]["securitySchemes"]["Certificate"] = {"type": "mutualTLS"}
        root["security"].append({"Certificate": []})

    def rename_parameter(root: Json) -> None:
        root["components"]["parameters"]["orgId"]["name"] = "organizationId"
        root["paths"] = {path.replace("{orgId}", "{organizationId}"): item for path, item in root["paths"].items()}

    report = compared(openapi, changed(more))
    assert {(change.category, change.at[0]) for change in report.changes} == {
        ("additive", "servers"),
        ("additive", "security"),
    }
    report = compared(openapi, changed(rename_parameter))
    assert {change.fact for change in report.in_category("renamed")} == {"was called `orgId`"}
    assert {change.category for change in report.changes} == {"additive", "renamed"}
    assert report.package == []
    assert vendor_spec.main(["--upstream", str(tmp_path / "upstream.json")], openapi) == 0
    assert generated(openapi, tmp_path).models.BillingInvoice


def test_the_package_section_names_what_generation_would_change(openapi: Path, changed: Change) -> None:
    def change(root: Json) -> None:
        schemas = root["components"]["schemas"]
        schemas["AtlasOrganization"]["properties"]["createdAt"] = {"type": "string", "format": "date-time"}
        del schemas["PaymentStatus"], schemas["BillingPayment"]["properties"]["statusName"]
        schemas["ApiError"]["properties"]["error"] = {"type": "string"}
        new = {"in": "query", "name": "newOnes", "schema": {"type": "boolean"}}
        root["paths"]["/api/atlas/v2/orgs"]["get"]["parameters"].append(new)
        schemas["AtlasOrganization"]["additionalProperties"] = False
        root["paths"]["/api/atlas/v2/orgs"]["get"]["responses"]["204"] = {"description": ""}
        parameters = root["paths"]["/api/atlas/v2/orgs/{orgId}/invoices"]["get"]["parameters"]
        (order,) = (node["schema"] for node in parameters if node.get("name") == "sortBy")
        order["enum"] = ["END_DATE", "BY_SOMETHING_ELSE", "BY_SOMETHING_WITH_A_LONG_NAME"]

    report = compared(openapi, changed(change))
    assert report.package == [
        "`ApiError.error` was `int` and is now `str`",
        "`AtlasOrganization.additional_properties` is gone",
        "`BillingPayment.status_name` is gone",
        '`list_invoices(sort_by)` now takes `"BY_SOMETHING_ELSE"`, `"BY_SOMETHING_WITH_A_LONG_NAME"`',
        '`list_invoices(sort_by)` no longer takes `"START_DATE"`',
        "`list_organizations()` was `PaginatedOrganizationView` and is now `PaginatedOrganizationView | None`",
        "`AtlasOrganization.created_at` is new",
        "`list_organizations(new_ones)` is new",
    ]


def test_two_schemas_are_never_in_one_line(openapi: Path, changed: Change) -> None:
    def change(root: Json) -> None:
        for name in ("ApiError", "BillingPayment"):
            root["components"]["schemas"][name]["properties"]["note"] = {"type": "string"}
            root["components"]["schemas"][name]["properties"]["more"] = {"type": "string"}

    report = compared(openapi, changed(change))
    assert [line for line in report.to_text().splitlines() if "are new: " in line] == [
        "  `ApiError.more` and `ApiError.note` are new: an existing client still reads them",
        "  `BillingPayment.more` and `BillingPayment.note` are new: an existing client still reads them",
    ]
    assert report.title().startswith("`ApiError.more` and `ApiError.note` are new; `BillingPayment.more`")
    assert "get_invoice_csv, " not in report.to_text()  # all operations have errors


@pytest.mark.parametrize("end", ["2030-01-01", "2030-01-01T00:00:00Z"])
def test_an_end_may_have_a_time(openapi: Path, changed: Change, end: str) -> None:
    report = compared(openapi, changed(lambda root: media_of(root)[JSON].update({"x-sunset": end})))
    assert "ends on 2030-01-01, in 1132 days" in [change.fact for change in report.sunset]
    assert report.in_category("breaking") == []


def test_what_reaches_all_operations_reads_as_english(openapi: Path, changed: Change) -> None:
    def change(root: Json) -> None:
        root["components"]["securitySchemes"]["Bearer"] = {"type": "http", "scheme": "bearer"}
        root["security"].append({"Bearer": []})
        schemes = root["components"]["securitySchemes"].values()
        (flow,) = (scheme["flows"]["clientCredentials"] for scheme in schemes if scheme["type"] == "oauth2")
        flow["tokenUrl"] = "https://auth.example.com/token"

    text = compared(openapi, changed(change)).to_text()
    assert "5 operations also accept `http bearer`: nothing changes" in text
    assert "the token URL of 5 operations was `https://" in text


def test_where_the_example_of_the_csv_is_written_changes_nothing(
    openapi: Path, small_upstream: Path, changed: Change
) -> None:
    """Not even as documentation, with or without the words before."""

    def media(root: Json) -> Json:
        made: Json = media_of(root, f"{INVOICE}/csv")["application/vnd.atlas.2023-01-01+csv"]
        return made

    def in_components(root: Json) -> None:
        root["components"]["examples"] = {"Csv": {"value": media(root).pop("example")}}
        media(root)["examples"] = {"one": {"$ref": "#/components/examples/Csv"}}

    def in_media_type(root: Json) -> None:
        example = root["components"].pop("examples")["Csv"]
        media(root)["examples"] = {"one": example, "same": example}

    def back(root: Json) -> None:
        media(root)["example"] = media(root).pop("examples")["one"]["value"]

    for place in (in_components, in_media_type, back):
        upstream = documents.read_document(changed(place))
        for previous in (None, documents.read_document(small_upstream)):
            assert not check_drift.compare_upstream(upstream, folder=openapi, previous=previous, today=TODAY).changes

    def in_schema(root: Json) -> None:
        media(root)["schema"]["example"] = media(root).pop("example")

    def in_list(root: Json) -> None:
        root["openapi"] = "3.1.0"
        media(root)["schema"]["examples"] = [media(root)["schema"]["example"], media(root)["schema"].pop("example")]

    for place in (in_schema, in_list):
        assert {change.category for change in compared(openapi, changed(place)).changes} <= {"documentation"}


def test_what_is_about_whole_operations_has_no_location(openapi: Path, changed: Change) -> None:
    def change(root: Json) -> None:
        del root["paths"]["/api/atlas/v2/orgs"], root["paths"][f"{INVOICE}/csv"]

    report = compared(openapi, changed(change))
    assert (
        "  2 operations were removed: every call fails\n      in get_invoice_csv, list_organizations\n"
        in report.to_text()
    )
    assert "<br><sub>in get_invoice_csv, list_organizations</sub>" in report.to_markdown()


def test_words_of_what_has_another_type_are_not_listed(openapi: Path, small_upstream: Path, changed: Change) -> None:
    """Nothing inside was compared, so the words would be all old ones, and all new ones."""

    def split(root: Json) -> None:
        schemas = root["components"]["schemas"]
        schemas["One"] = schemas["BillingPayment"]
        schemas["BillingPayment"] = {"oneOf": [{"$ref": "#/components/schemas/One"}, {"type": "object"}]}

    upstream, previous = (documents.read_document(path) for path in (changed(split), small_upstream))
    report = check_drift.compare_upstream(upstream, folder=openapi, previous=previous, today=TODAY)
    assert {change.category for change in report.changes} == {"breaking"}


def test_other_properties_are_those_of_the_object(openapi: Path, changed: Change) -> None:
    upstream = changed(lambda root: root["components"]["schemas"]["ApiError"].update(additionalProperties=False))
    report = compared(openapi, upstream)
    assert report.title() == "`ApiError` no longer takes other properties"
    assert "the body of response `404` no longer takes other properties" in report.to_json()


def test_only_operations_that_are_there_count_as_all(openapi: Path, changed: Change) -> None:
    with (openapi / "operations.yaml").open("a") as file:
        file.write(
            f"  - {{name: absent, module: things, method: get, path: /absent, accept: {JSON}, optional: true}}\n"
        )
    assert "in all 5 operations, first" in compared(openapi, changed(nullable)).to_text()


def test_a_path_parameter_is_renamed_for_every_operation_of_the_path(openapi: Path, changed: Change) -> None:
    """Another operation of the same path must not keep upstream's name."""

    def with_post(root: Json) -> None:
        root["paths"][INVOICE]["post"] = {**root["paths"][INVOICE]["get"], "operationId": "postInvoice"}

    def rename_parameter(root: Json) -> None:
        text = json.dumps(root).replace("{invoiceId}", "{id}").replace('"name": "invoiceId"', '"name": "id"')
        root.update(json.loads(text))

    operations = (openapi / "operations.yaml").read_text()
    entry = f"  - {{name: post_invoice, module: invoices, method: post, path: '{INVOICE}', accept: {JSON}}}\n"
    (openapi / "operations.yaml").write_text(operations + entry)
    before = changed(with_post)
    assert vendor_spec.main(["--upstream", str(before)], openapi) == 0
    report = compared(openapi, changed(rename_parameter))
    assert {change.category for change in report.changes} == {"renamed"}
    assert report.package == []


def test_a_schema_inlined_in_several_places_is_named_once(openapi: Path, changed: Change) -> None:
    def fields(root: Json) -> Json:
        made: Json = root["components"]["schemas"]["BillingInvoice"]["allOf"][1]["properties"]
        return made

    twice = changed(lambda root: fields(root).update(refund={"$ref": "#/components/schemas/BillingPayment"}))
    assert vendor_spec.main(["--upstream", str(twice)], openapi) == 0

    def inline(root: Json) -> None:
        payment = root["components"]["schemas"].pop("BillingPayment")
        fields(root).update(payment=payment, refund=payment)

    (change,) = compared(openapi, changed(inline)).models
    assert (change.subject, change.fact) == ("BillingPayment", "is now written inline")


@pytest.mark.parametrize("third", ["AtlasOrganization", "PaymentOfOld"])
def test_schemas_that_take_each_others_names_keep_their_python_names(
    openapi: Path, changed: Change, tmp_path: Path, third: str
) -> None:
    """Two swap their names, or one takes the name that another gave up."""
    upstream = changed(
        lambda root: rename(
            rename(rename(root, "BillingPayment", "Between"), "AtlasOrganization", "BillingPayment"),
            "Between",
            third,
        )
    )
    report = compared(openapi, upstream)
    assert {change.subject for change in report.models} == {"BillingPayment", "AtlasOrganization"}
    assert all("keeps its name" in change.text for change in report.models)
    assert (report.package, report.is_drift) == ([], False)
    assert vendor_spec.main(["--upstream", str(upstream)], openapi) == 0
    assert (compared(openapi, upstream).models, compared(openapi, upstream).package) == ([], [])
    models = generated(openapi, tmp_path).models
    assert "unit_price" in {field.name for field in models.BillingPayment.__attrs_attrs__}
    assert "unit_price" not in {field.name for field in models.AtlasOrganization.__attrs_attrs__}


def test_the_package_section_names_a_body() -> None:
    old = documents.read_document(operations.OPENAPI / "fragment.json").root
    new = json.loads(json.dumps(old))
    (post,) = (item["post"] for item in new["paths"].values() if "post" in item)
    post["requestBody"]["required"] = False
    lines = package.compare_packages(old, new, operations.load_operations(), {}).lines
    assert lines == [
        "`create_invoice_report(body)` was `InvoiceReportRequest` and is now `InvoiceReportRequest, optional`"
    ]
