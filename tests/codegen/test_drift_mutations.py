"""Seeded mutations of the committed fragment: each kind lands in its category, wherever it happens."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from drift_documents import report
from openapi_tools import documents, model, operations, transforms
from openapi_tools.errors import ScriptError

Json = dict[str, Any]
T = TypeVar("T")
SEEDS = (1, 2)
KEPT = operations.load_operations()


class Dice:
    """Picks places in a document."""

    def __init__(self, root: Json, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)  # noqa: S311 - the same places every time

    def pick(self, candidates: list[T]) -> T:
        assert candidates
        return self.random.choice(candidates)

    def operation(self) -> Json:
        return self.pick([node for _, node, _ in transforms.operation_nodes(self.root, KEPT)])

    def parameter(self, fits: Callable[[Json], bool] = bool) -> Json:
        """A parameter of an operation, inlined."""
        places = []
        for _, node, _ in transforms.operation_nodes(self.root, KEPT):
            node["parameters"] = [copy.deepcopy(self.resolved(entry, "Parameter")) for entry in node["parameters"]]
            places += [entry for entry in node["parameters"] if fits(entry)]
        return self.pick(places)

    def response(self, fits: Callable[[str], bool]) -> tuple[Json, str, Json]:
        """The responses of an operation, one status, and its response, inlined."""
        node = self.operation()["responses"]
        status = self.pick([status for status in node if fits(status)])
        node[status] = copy.deepcopy(self.resolved(node[status], "Response"))
        return node, status, node[status]

    def read(self, fits: Callable[[Json], bool]) -> Json:
        """A schema in a response."""
        return self.pick([schema for schema, _ in transforms.response_schemas(self.root, KEPT) if fits(schema)])

    def resolved(self, node: Json, kind: model.Kind) -> Json:
        return model.find_component(self.root, node["$ref"], kind, ())[1] if "$ref" in node else node


def is_text(schema: Json) -> bool:
    return schema.get("type") == "string" and "enum" not in schema


def is_object(schema: Json) -> bool:
    return bool(schema.get("properties"))


def has(*keys: str) -> Callable[[Json], bool]:
    return lambda node: all(key in node for key in keys)


def optional(parameter: Json) -> bool:
    return not parameter.get("required")


MUTATIONS: dict[str, tuple[str, Callable[[Dice], object]]] = {}


def mutation(judged: str) -> Callable[[Callable[[Dice], object]], Callable[[Dice], object]]:
    def register(change: Callable[[Dice], object]) -> Callable[[Dice], object]:
        MUTATIONS[change.__name__] = judged, change
        return change

    return register


def simple(judged: str, name: str, change: Callable[[Dice], object]) -> None:
    MUTATIONS[name] = judged, change


@mutation("breaking")
def drop_an_operation(dice: Dice) -> None:
    operation = dice.pick(list(KEPT))
    del dice.root["paths"][operation.path][operation.method]


@mutation("breaking")
def move_an_operation(dice: Dice) -> None:
    operation = dice.pick(list(KEPT))
    dice.root["paths"][operation.path + "/moved"] = dice.root["paths"].pop(operation.path)


@mutation("breaking")
def drop_a_parameter(dice: Dice) -> None:
    parameter = dice.parameter()
    for _, node, _ in transforms.operation_nodes(dice.root, KEPT):
        node["parameters"] = [entry for entry in node["parameters"] if entry is not parameter]


@mutation("breaking")
def drop_a_media_type(dice: Dice) -> None:
    _, _, response = dice.response(lambda _: True)
    response["content"].pop(dice.pick(list(response["content"])))


@mutation("breaking")
def drop_the_success(dice: Dice) -> None:
    node, status, _ = dice.response(lambda status: status == "200")
    del node[status]


@mutation("additive")
def drop_a_failure(dice: Dice) -> None:
    node, status, _ = dice.response(lambda status: status > "400")
    del node[status]


@mutation("breaking")
def drop_a_property(dice: Dice) -> None:
    properties = dice.read(is_object)["properties"]
    del properties[dice.pick(list(properties))]


@mutation("breaking")
def rename_a_property(dice: Dice) -> None:
    properties = dice.read(is_object)["properties"]
    name = dice.pick(list(properties))
    properties[name + "Renamed"] = properties.pop(name)


@mutation("breaking")
def drop_a_required_name(dice: Dice) -> None:
    required = dice.read(has("required", "properties"))["required"]
    required.remove(dice.pick(required))


@mutation("additive")
def require_a_property(dice: Dice) -> None:
    schema = dice.read(lambda schema: bool(set(schema.get("properties", {})) - set(schema.get("required", []))))
    free = sorted(set(schema["properties"]) - set(schema.get("required", [])))
    schema["required"] = [*schema.get("required", []), dice.pick(free)]


@mutation("breaking")
def drop_a_security_scheme(dice: Dice) -> None:
    dice.root["security"].remove(dice.pick(dice.root["security"]))


@mutation("breaking")
def change_the_token_url(dice: Dice) -> None:
    flows = dice.root["components"]["securitySchemes"]["ServiceAccounts"]["flows"]
    flows["clientCredentials"]["tokenUrl"] += "/v2"


@mutation("renamed")
def rename_the_operation_id(dice: Dice) -> None:
    dice.operation()["operationId"] += "Renamed"


@mutation("additive")
def add_a_header(dice: Dice) -> None:
    _, _, response = dice.response(lambda _: True)
    response.setdefault("headers", {})["X-New"] = {"schema": {"type": "string"}}


@mutation("additive")
def offer_a_newer_media_type(dice: Dice) -> None:
    _, _, response = dice.response(lambda status: status == "200")
    response["content"]["application/vnd.atlas.2031-01-01+json"] = {"schema": {"type": "object"}}


@mutation("additive")
def end_a_media_type(dice: Dice) -> None:
    _, _, response = dice.response(lambda status: status == "200")
    dice.pick(list(response["content"].values()))["x-sunset"] = "2031-01-01"


@mutation("breaking")
def drop_a_header(dice: Dice) -> None:
    headers = dice.pick([
        response["headers"]
        for _, node, _ in transforms.operation_nodes(dice.root, KEPT)
        for response in (dice.resolved(entry, "Response") for entry in node["responses"].values())
        if response.get("headers")
    ])  # fmt: skip
    headers.popitem()


NEW = {"in": "query", "name": "new", "schema": {"type": "string"}}
for name, judged, change in (
    ("add_an_optional_parameter", "additive", lambda dice: dice.operation()["parameters"].append(NEW)),
    ("add_a_required_parameter", "breaking",
     lambda dice: dice.operation()["parameters"].append({**NEW, "required": True})),
    ("require_a_parameter", "breaking", lambda dice: dice.parameter(optional).update(required=True)),
    ("free_a_parameter", "additive", lambda dice: dice.parameter(has("required")).update(required=False)),
    ("move_a_parameter", "breaking", lambda dice: dice.parameter(optional).update({"in": "header"})),
    ("deprecate_a_parameter", "additive", lambda dice: dice.parameter().update(deprecated=True)),
    ("change_a_parameter_type", "breaking", lambda dice: dice.parameter()["schema"].update(type="object")),
    ("loosen_a_parameter_pattern", "additive",
     lambda dice: dice.parameter(lambda node: "pattern" in node["schema"])["schema"].pop("pattern")),
    ("tighten_a_parameter_pattern", "breaking",
     lambda dice: dice.parameter(lambda node: "pattern" in node["schema"])["schema"].update(pattern="^[a-f]{24}$")),
    ("tighten_a_parameter_bound", "breaking",
     lambda dice: dice.parameter(lambda node: node["schema"]["type"] == "integer")["schema"].update(minimum=2)),
    ("loosen_a_parameter_bound", "additive",
     lambda dice: dice.parameter(lambda node: "maximum" in node["schema"])["schema"].update(maximum=10_000)),
    ("narrow_a_parameter_enum", "breaking",
     lambda dice: dice.parameter(lambda node: "enum" in node["schema"])["schema"]["enum"].pop()),
    ("widen_a_parameter_enum", "additive",
     lambda dice: dice.parameter(lambda node: "enum" in node["schema"])["schema"]["enum"].append("NEW")),
    ("change_a_parameter_default", "breaking",
     lambda dice: dice.parameter(lambda node: "default" in node["schema"])["schema"].update(default="other")),
    ("add_a_response", "additive", lambda dice: dice.operation()["responses"].update({"418": {"description": ""}})),
    ("add_a_property", "additive", lambda dice: dice.read(is_object)["properties"].update(new={"type": "string"})),
    ("change_a_property_type", "breaking", lambda dice: dice.read(is_text).update(type="integer")),
    ("allow_null", "breaking",
     lambda dice: dice.read(lambda node: "type" in node and not node.get("nullable")).update(nullable=True)),
    ("refuse_null", "additive", lambda dice: dice.read(has("nullable")).pop("nullable")),
    ("drop_a_format", "breaking", lambda dice: dice.read(has("format")).pop("format")),
    ("add_a_format", "additive",
     lambda dice: dice.read(lambda node: is_text(node) and "format" not in node).update(format="date-time")),
    ("widen_a_reply_enum", "additive", lambda dice: dice.read(has("enum"))["enum"].append("ANOTHER")),
    ("narrow_a_reply_enum", "additive", lambda dice: dice.read(has("enum"))["enum"].pop()),
    ("drop_a_reply_enum", "additive", lambda dice: dice.read(has("enum")).pop("enum")),
    ("deprecate_an_operation", "additive", lambda dice: dice.operation().update(deprecated=True)),
    ("deprecate_a_property", "additive", lambda dice: dice.read(is_text).update(deprecated=True)),
    ("end_an_operation", "additive", lambda dice: dice.operation().update({"x-sunset": "2031-01-01"})),
    ("change_the_server", "breaking", lambda dice: dice.root["servers"][0].update(url="https://atlas.example")),
    ("secure_an_operation_otherwise", "breaking", lambda dice: dice.operation().update(security=[{"DigestAuth": []}])),
):  # fmt: skip
    simple(judged, name, change)


# Keywords that mean nothing to a client; `type` is implied by `properties` or `items`. One CSV isn't requested by us.
SILENT = {"x-columns", "x-xgen-version", "description", "tags", "readOnly", "title", "scopes"}
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "x", "", [], {}, [1], [[]], {"a": 1}, {"$ref": "x"}, {"$ref": 5},
    {"$ref": "#/components/schemas/ApiError"}, 10**400, float("inf"),
)  # fmt: skip


def places(node: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in entries for place in ((*above, key), *places(value, (*above, key)))]


def at(root: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        root = root[key]
    return root


@pytest.fixture(scope="module")
def fragment() -> Json:
    return documents.read_document(operations.OPENAPI / "fragment.json").root


def test_there_are_thirty_kinds_and_more() -> None:
    assert len(MUTATIONS) >= 45


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_lands_in_its_category(name: str, seed: int, fragment: Json) -> None:
    judged, change = MUTATIONS[name]
    after = copy.deepcopy(fragment)
    change(Dice(after, seed))
    made = report(fragment, after, KEPT)
    # A renamed or replaced thing is removed and added; nothing else may be reported.
    also = {"rename_a_property": {"additive"}, "change_the_server": {"additive"}}.get(name, set())
    assert made.in_category(judged), made.summary()  # type: ignore[arg-type] # pytest's parameters are plain texts
    assert {entry.category for entry in made.changes} <= {judged} | also
    assert made.is_drift == (judged != "renamed")


def test_no_removal_goes_unnoticed(fragment: Json) -> None:
    dice = random.Random(7)  # noqa: S311 - the same places every time
    parts = {key: fragment[key] for key in ("paths", "components", "security", "servers")}
    for place in dice.sample(places(parts), 50):
        after = copy.deepcopy(fragment)
        above = at(after, place[:-1])
        del above[place[-1]]
        try:
            noticed = bool(report(fragment, after, KEPT).changes)
        except ScriptError:
            noticed = True
        told_by_others = place[-1] == "type" and {"properties", "items", "enum"} & set(above)
        assert noticed or told_by_others or SILENT & {place[-1], *place[-2:-1]}, place


def test_junk_anywhere_is_a_change_or_a_clear_error(fragment: Json) -> None:
    dice = random.Random(8)  # noqa: S311 - the same places every time
    everywhere = places(fragment)
    for place in dice.choices(everywhere, k=40):
        after = copy.deepcopy(fragment)
        at(after, place[:-1])[place[-1]] = copy.deepcopy(dice.choice(JUNK))
        for before, then in ((fragment, after), (after, fragment)):
            with contextlib.suppress(ScriptError):
                made = report(before, then, KEPT)
                assert made.to_text()
                assert made.to_markdown()
                assert made.to_json()
