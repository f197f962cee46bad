"""The OpenAPI document of all functions, made of the types in their routes: `python -m dev.openapi [--check]`.

Powertools describes each function. This module merges the descriptions and adds what holds for all of them: the one
error shape, the statuses that follow from what a route is, and examples. The document is committed where the catalog
function finds it, so that what is served is what was reviewed.
"""

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.depends import build_dependency_tree
from aws_lambda_powertools.event_handler.openapi.exceptions import OpenAPIMergeError
from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge
from pydantic import BaseModel, TypeAdapter

from dev import chat_route
from dev.openapi_words import ABOUT, ERROR_SCHEMA, RETRY_AFTER, TAGS
from stoa import __version__
from stoa.http.dependencies import ROLES
from stoa.http.door import Door
from stoa.http.errors import DESCRIPTIONS

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "layers" / "common" / "stoa" / "data" / "openapi.json"
REFERENCE = "#/components/schemas/"

# What Powertools describes for every route and our door answers in the one error shape.
REPLACED = ("HTTPValidationError", "ValidationError", "ResponseValidationError")

Described = dict[str, Any]


class Contradiction(Exception):
    """Two functions contradict each other."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A route of a function."""

    function: str
    route: Route

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        return str(self.route.openapi_path)

    @property
    def method(self) -> str:
        """The method in upper case."""
        return str(self.route.method)

    @property
    def is_public(self) -> bool:
        """True where no role is asked for."""
        asked = build_dependency_tree(self.route.func).dependencies
        return not any(one.depends.dependency in ROLES for one in asked)

    @property
    def body(self) -> type[BaseModel] | None:
        """The model of the request's body."""
        fields = self.route.dependant.body_params
        return fields[0].type_ if fields else None


def doors(functions: Path = ROOT / "functions") -> Iterator[tuple[str, Door]]:
    """Yields the name and the door of every HTTP function."""
    for path in sorted(functions.glob("*/handler.py")):
        module = importlib.import_module(f"functions.{path.parent.name}.handler")
        door = getattr(module, "app", None)
        if isinstance(door, Door):
            yield path.parent.name, door
    yield "chat", chat_route.app


def operations() -> list[Operation]:
    """Returns every route of every function."""
    return [Operation(name, route) for name, door in doors() for route in door.routes]


def build() -> Described:
    """Returns the document. Raises Contradiction for a route or a model name that two functions use differently."""
    paths_found, schemas = merged(list(doors()))
    by_route = {(operation.path, operation.method.lower()): operation for operation in operations()}
    paths: dict[str, Described] = {}
    for path in sorted(paths_found):
        for method in sorted(paths_found[path]):
            paths.setdefault(path, {})[method] = _described(by_route[path, method], paths_found[path][method])
    used = {tag for operation in by_route.values() for tag in operation.route.tags}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stoa",
            "version": __version__,
            "description": ABOUT.strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Where this document was fetched."}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items() if name in used],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": dict(sorted({**schemas, "Error": ERROR_SCHEMA}.items())),
            "responses": {name: _error_response(status) for status, (name, _) in DESCRIPTIONS.items()},
        },
    }


def merged(found: list[tuple[str, Door]]) -> tuple[Described, Described]:
    """Returns the paths and schemas of all doors. Raises Contradiction where two functions claim one of them."""
    merge = OpenAPIMerge(title="Stoa", version=__version__, on_conflict="error")
    schemas: dict[str, Described] = {}
    for name, door in found:
        described = json.loads(door.get_openapi_json_schema(title="Stoa", version=__version__))
        _add_schemas(schemas, described["components"]["schemas"], name)
        merge.add_schema({**described, "components": {}})
    try:
        return merge.get_openapi_schema()["paths"], schemas
    except OpenAPIMergeError as error:
        raise Contradiction(f"A route belongs to two functions: {error}") from error


def text(document: Described) -> str:
    """Returns the document as it is committed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def operation_id(method: str, path: str) -> str:
    """Returns a name for generated clients: `GET /api/models/{modelId}/usage` is `getModelsByModelIdUsage`."""
    words = re.findall(r"[A-Za-z0-9]+|\{\w+\}", path.removeprefix("/api"))
    named = ("By" + word[1].upper() + word[2:-1] if word[0] == "{" else word[0].upper() + word[1:] for word in words)
    return method.lower() + "".join(named)


def error_statuses(operation: Operation) -> list[int]:
    """Returns the errors that a route may answer with: those it names, and those that follow from what it is."""
    dependant = operation.route.dependant
    statuses = {405, 422, 500, 503, *(status for status in operation.route.responses or {} if status >= 400)}
    if not operation.is_public:
        statuses |= {401, 403}
    if operation.body:
        statuses |= {400, 413}
    if any(field.alias == "cursor" for field in dependant.query_params):
        statuses.add(400)
    if dependant.path_params:
        statuses.add(404)
    return sorted(statuses)


def example(model: type[BaseModel]) -> Described:
    """Returns a request body made of the fields' own examples."""
    fields = model.model_fields.items()
    return {field.alias or name: field.examples[0] for name, field in fields if field.examples}


def _add_schemas(all_schemas: dict[str, Described], found: dict[str, Described], function: str) -> None:
    for name, schema in found.items():
        if name in REPLACED:
            continue
        tidied = _tidied(schema)
        if all_schemas.setdefault(name, tidied) != tidied:
            raise Contradiction(f"The model {name} of {function} differs from another function's of one name.")


def _tidied(schema: Any) -> Any:
    """Returns the schema without a title for every field, which the names say, and whole numbers without a point."""
    if isinstance(schema, dict):
        return {key: _tidied(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
    if isinstance(schema, float) and schema.is_integer():
        return int(schema)
    return [_tidied(item) for item in schema] if isinstance(schema, list) else schema


def _described(operation: Operation, found: Described) -> Described:
    described: Described = {
        "operationId": operation_id(operation.method, operation.path),
        "summary": found["summary"],
        "tags": list(operation.route.tags),
        "x-stoa-function": operation.function,
    }
    if operation.route.func.__doc__:
        described["description"] = cleandoc(operation.route.func.__doc__)
    if operation.is_public:
        described["security"] = []
    if "parameters" in found:
        described["parameters"] = [_parameter(parameter) for parameter in found["parameters"]]
    if operation.body is not None:
        content = {**found["requestBody"]["content"]["application/json"], "example": example(operation.body)}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    status = operation.route.status_code
    described["responses"] = {str(int(status)): _success(operation)} | {
        str(error): {"$ref": f"#/components/responses/{DESCRIPTIONS[error][0]}"} for error in error_statuses(operation)
    }
    return described


def _parameter(found: Described) -> Described:
    schema = {key: value for key, value in _tidied(found["schema"]).items() if key != "description"}
    name = (
        "-".join(word.capitalize() for word in found["name"].split("-")) if found["in"] == "header" else found["name"]
    )
    described = {"name": name, "in": found["in"], "schema": schema}
    if found.get("required"):
        described["required"] = True
    if found.get("description"):
        described["description"] = found["description"]
    return described


def _success(operation: Operation) -> Described:
    returned = operation.route.dependant.return_param
    assert returned is not None  # every route says what it answers: tests/contract
    answer, said = returned.type_, operation.route.summary or ""
    if answer is str:
        return {"description": said, "content": {"text/csv": {"schema": {"type": "string"}}}}
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        schema = {"$ref": f"{REFERENCE}{answer.__name__}"}
        said = cleandoc(answer.__doc__ or "").partition("\n")[0]
    else:
        schema = _tidied(TypeAdapter(answer).json_schema(mode="serialization", ref_template=f"{REFERENCE}{{model}}"))
        schema.pop("$defs", None)
    content: Described = {"application/json": {"schema": schema}}
    if operation.function == "chat":
        events = {"type": "string", "description": "Server-sent events; the data of each is JSON."}
        content["text/event-stream"] = {"schema": events}
    return {"description": said, "content": content}


def _error_response(status: int) -> Described:
    response = {
        "description": DESCRIPTIONS[status][1],
        "content": {"application/json": {"schema": {"$ref": f"{REFERENCE}Error"}}},
    }
    if status == 405:
        return {**response, "headers": {"Allow": {"description": "The methods.", "schema": {"type": "string"}}}}
    return {**response, "headers": RETRY_AFTER} if status in (429, 503) else response


def main() -> int:
    """Writes the document, or with `--check` tells whether the committed one is what the handlers say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the document is stale")
    checking = parser.parse_args().check
    made = text(build())
    if not checking:
        DOCUMENT.write_text(made, encoding="utf-8")
        print(f"Wrote {DOCUMENT.relative_to(ROOT)}.")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == made:
        print("The OpenAPI document is up to date.")
        return 0
    print("The OpenAPI document is stale. Run `python -m dev.openapi` and commit it.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
