"""The committed OpenAPI document is what the handlers say, and valid."""

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import validate

from dev.gateway.template import read_template
from dev.openapi import DOCUMENT, ROOT, Contradiction, build, example, merged, operation_id, operations, text
from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.bodies import parse_body
from stoa.http.door import Door
from stoa.http.schemas import AnswerSchema


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return found


def each_operation(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]


def test_the_committed_document_is_not_stale() -> None:
    stale = "run `python -m dev.openapi` and commit what it wrote"
    assert text(build()) == DOCUMENT.read_text(encoding="utf-8"), stale


def test_it_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [one["operationId"] for _, _, one in each_operation(document)]
    assert len(ids) == len(set(ids))


def test_every_operation_is_described_and_tagged(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, one in each_operation(document):
        assert one["summary"], (path, method)
        assert one["tags"], (path, method)
        assert set(one["tags"]) <= tags, (path, method)


def test_only_health_the_document_itself_and_stripes_signed_events_are_public(document: dict[str, Any]) -> None:
    public = {path for path, _, one in each_operation(document) if one.get("security") == []}
    assert public == {"/api/health", "/api/openapi.json", "/api/webhooks/stripe"}


def test_every_body_has_an_example_that_its_own_model_takes() -> None:
    for operation in operations():
        if operation.body is not None:
            sent = example(operation.body)
            assert sent, operation
            operation.body.model_validate_json(json.dumps(sent))


def test_no_refusal_answers_with_a_regular_expression() -> None:
    checked = 0
    for operation in operations():
        if operation.body is None:
            continue
        for name, said in operation.body.model_json_schema()["properties"].items():
            if '"pattern"' not in json.dumps(said):
                continue
            for wrong in (" \t\t ", [" \t\t "], {" \t\t ": "x"}):
                with pytest.raises(InvalidFields) as refused:
                    parse_body(operation.body, json.dumps({name: wrong}).encode())
                reasons = [one.reason for one in refused.value.problems if one.path.startswith(name)]
                assert reasons, (operation, name)
                assert "pattern" not in str(reasons), (operation, name)
            checked += 1
    assert checked > 5


def test_a_refusal_names_fields_and_not_how_they_are_checked() -> None:
    """A field that may be one of several types is one field: pydantic tells of each type it tried."""
    for operation in operations():
        if operation.body is None:
            continue
        for name in operation.body.model_json_schema()["properties"]:
            for wrong in ("\t", -1.5, {}, [[]], {"a": {"b": []}}, {"a": "\t"}):
                try:
                    parse_body(operation.body, json.dumps({name: wrong}).encode())
                except InvalidFields as refused:
                    paths = [one.path for one in refused.problems]
                    assert not re.search(r"[\w]+-[\w]|\['|\(", " ".join(paths)), (operation, paths)


def test_a_field_that_may_not_be_null_is_named() -> None:
    bodies = {operation.body.__name__: operation.body for operation in operations() if operation.body is not None}
    with pytest.raises(InvalidFields) as refused:
        parse_body(bodies["PersonaChange"], b'{"displayName": null, "name": null}')
    assert refused.value.problems == [FieldProblem("name", "cannot be null; leave it out to keep it")]


def test_no_request_field_that_is_kept_when_absent_promises_a_default(document: dict[str, Any]) -> None:
    for name in ("ChatPreferencesUpdate", "ModelPreferencesPatch"):
        for field in document["components"]["schemas"][name]["properties"].values():
            assert "default" not in field


def test_template_and_document_agree_on_routes_functions_and_what_is_public(document: dict[str, Any]) -> None:
    described = {(path, one["x-stoa-function"], one.get("security") == []) for path, _, one in each_operation(document)}
    routes = read_template(ROOT / "template.yaml").routes
    assert described == {(route.path, route.function.name, route.public) for route in routes}
    assert {route.method for route in routes} == {"ANY"}, "the door answers a method that a path does not take"
    assert len(routes) == len({route.path for route in routes})


def one_route(path: str, answer: type[AnswerSchema]) -> Door:
    def get() -> Any:
        return None

    get.__annotations__["return"] = answer
    door = Door()
    door.get(path, summary="One", tags=["models"])(get)
    return door


def an_answer(kind: type) -> type[AnswerSchema]:
    return type("Answer", (AnswerSchema,), {"__annotations__": {"x": kind}, "__doc__": "An answer."})


def test_one_route_of_two_functions_is_a_contradiction() -> None:
    doors = [(name, one_route("/api/one", an_answer(int))) for name in ("one", "two")]
    with pytest.raises(Contradiction, match="two functions"):
        merged(doors)


def test_one_name_for_two_models_is_a_contradiction() -> None:
    doors = [("one", one_route("/api/one", an_answer(int))), ("two", one_route("/api/two", an_answer(str)))]
    with pytest.raises(Contradiction, match="one name"):
        merged(doors)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/models", "getModels"),
        ("GET", "/api/models/{modelId}/trial-status", "getModelsByModelIdTrialStatus"),
        ("POST", "/v1/chat/completions", "postV1ChatCompletions"),
    ],
)
def test_operations_are_named_after_method_and_path(method: str, path: str, expected: str) -> None:
    assert operation_id(method, path) == expected
