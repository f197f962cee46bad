"""The OpenAPI document of all functions, out of their own routes and models: `python -m dev.openapi [--check]`.

It is committed where the catalog function finds it, so that what is served is what was reviewed.
"""

import argparse
import importlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from stoa import __version__
from stoa.http.api import DEFAULT_PAGE, MAX_PAGE
from stoa.http.routes import Route

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "layers" / "common" / "stoa" / "data" / "openapi.json"
REFERENCE = "#/components/schemas/{model}"

ABOUT = """
The back end between an AI chat product's users and the model providers.

Every error is `{"error": {code, message, details?, requestId}}`; clients switch on `code`. Prices are USD per one
million tokens. Amounts that must stay exact (`charge`, `estimatedCost`) are strings. Unknown fields in a request body
are refused.
"""

TAGS = {
    "chat": "Messages and their answers.",
    "models": "The catalogue, trials, limits, and which model would answer.",
    "preferences": "What a member prefers.",
    "conversations": "What was said.",
    "personas": "Whom to talk to.",
    "modes": "Kinds of work and fields of knowledge.",
    "schedules": "Prompts that run by themselves, and what came of them.",
    "teams": "Members who share a plan: its models, its tokens, what it costs.",
    "usage": "What a member used and was charged.",
    "purchases": "Unlocking premium models by one payment through Stripe.",
    "pricing": "How a tenant makes its prices: markups, overrides, prices to come, history. For its admins.",
    "admin": "What admins of a tenant decide.",
    "operator": "What operators of the installation decide for all tenants.",
    "installation": "What the installation says of itself.",
}

ERRORS = {
    400: ("Malformed", "The request cannot be read: bad JSON, or a cursor of another list."),
    401: ("Unauthenticated", "No valid bearer token came with the request."),
    402: (
        "Payment",
        "The model is locked, the team's tokens are used up, or the message is too dear; `details` says which.",
    ),
    403: ("Forbidden", "The identity belongs to no tenant, is blocked, or lacks the role."),
    404: ("NotFound", "There is no such thing, or it is somebody else's."),
    409: ("Conflict", "The request contradicts the present state."),
    410: ("Expired", "What was offered held until a time that is over."),
    413: ("TooLarge", "The body or the message is larger than Stoa or the model accepts."),
    422: ("InvalidFields", "Fields are not acceptable; `details` lists path and reason of each."),
    429: ("LimitReached", "The daily limit is reached; `Retry-After` and `details.resetAt` say until when."),
    500: ("Failed", "Something went wrong on our side."),
    502: ("ProviderFailed", "The provider failed and no other model could take over."),
    503: ("Unavailable", "No model, or a part of the installation, is available at the moment."),
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

ERROR_SCHEMA = {
    "description": "The one shape of all errors.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "requestId"],
            "properties": {
                "code": {"type": "string", "description": "Stable; clients switch on it.", "examples": ["NOT_FOUND"]},
                "message": {"type": "string", "description": "What to do, for people."},
                "details": {"description": "What a client needs to act on it."},
                "requestId": {"type": "string"},
            },
        }
    },
}


class Contradiction(Exception):
    """Routes or models of two functions contradict each other."""


class _Schemas(GenerateJsonSchema):
    """Schemas without a title for every field: the names say it."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


@dataclass(frozen=True, slots=True)
class Operation:
    """A route with the models it names."""

    function: str
    route: Route
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    parameters: type[BaseModel] | None


def operations(functions: Path = ROOT / "functions") -> list[Operation]:
    """Every documented route of every function."""
    found = []
    for path in sorted(functions.glob("*/handler.py")):
        module = importlib.import_module(f"functions.{path.parent.name}.handler")
        routes: Iterable[Route] = module.api.routes if hasattr(module, "api") else getattr(module, "ROUTES", ())
        found += [_operation(path.parent.name, route) for route in routes]
    return found


def build(found: list[Operation]) -> dict[str, Any]:
    """The document. Raises Contradiction for a route registered twice, or two models of one name that differ."""
    names, schemas = _schemas(found)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in sorted(found, key=lambda one: (one.route.path, one.route.method)):
        route = operation.route
        if route.method.lower() in paths[route.path]:
            raise Contradiction(f"{route.method} {route.path} belongs to two functions.")
        paths[route.path][route.method.lower()] = _described(operation, names)
    used = {tag for operation in found for tag in operation.route.tags}
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
        "paths": dict(paths),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": dict(sorted({**schemas, "Error": ERROR_SCHEMA}.items())),
            "responses": {name: _error_response(status) for status, (name, _) in ERRORS.items()},
        },
    }


def text(document: dict[str, Any]) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _operation(function: str, route: Route) -> Operation:
    def model(name: str | None) -> type[BaseModel] | None:
        if name is None:
            return None
        found: object = getattr(importlib.import_module(f"functions.{function}.models"), name)
        assert isinstance(found, type) and issubclass(found, BaseModel)
        return found

    return Operation(function, route, model(route.body), model(route.answer), model(route.parameters))


def _schemas(found: list[Operation]) -> tuple[dict[type[BaseModel], str], dict[str, Any]]:
    wanted = [(one.body, "validation") for one in found if one.body]
    wanted += [(one.answer, "serialization") for one in found if one.answer]
    references, generated = models_json_schema(
        list(dict.fromkeys(wanted)),  # type: ignore[arg-type]
        by_alias=True,
        ref_template=REFERENCE,
        schema_generator=_Schemas,
    )
    schemas: dict[str, Any] = generated.get("$defs", {})
    doubled = sorted(name for name in schemas if "__" in name)
    if doubled:
        raise Contradiction(f"Models of one name in two functions: {', '.join(doubled)}. Rename one.")
    for schema in schemas.values():
        schema.pop("title", None)
    names = {model: reference["$ref"].rpartition("/")[2] for (model, _), reference in references.items()}
    return names, schemas  # type: ignore[return-value]


def _described(operation: Operation, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    route = operation.route
    described: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": list(route.tags),
        "x-stoa-function": operation.function,
    }
    if route.description:
        described["description"] = cleandoc(route.description)
    if route.public:
        described["security"] = []
    parameters = list(_parameters(operation))
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        content = {
            "schema": {"$ref": REFERENCE.format(model=names[operation.body])},
            "example": example(operation.body),
        }
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    described["responses"] = {str(route.status): _success(operation, names)} | {
        str(status): {"$ref": f"#/components/responses/{ERRORS[status][0]}"} for status in error_statuses(route)
    }
    return described


def operation_id(route: Route) -> str:
    """A name for generated clients: `GET /api/models/{modelId}/usage` is `getModelsByModelIdUsage`."""
    words = re.findall(r"[A-Za-z0-9]+|\{\w+\}", route.path.removeprefix("/api"))
    named = ("By" + word[1].upper() + word[2:-1] if word[0] == "{" else word[0].upper() + word[1:] for word in words)
    return route.method.lower() + "".join(named)


def error_statuses(route: Route) -> list[int]:
    """The errors a route may answer: its own, and those that follow from what it is."""
    statuses = {500, 503, *route.errors}
    if not route.public:
        statuses |= {401, 403}
    if route.body:
        statuses |= {400, 413, 422}
    if route.paged or route.parameters:
        statuses |= {400, 422}
    if "{" in route.path:
        statuses.add(404)
    return sorted(statuses)


def example(model: type[BaseModel]) -> dict[str, Any]:
    """A request body out of the fields' own examples."""
    return {_outer_name(name, field): field.examples[0] for name, field in model.model_fields.items() if field.examples}


def _outer_name(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    route = operation.route
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if operation.parameters is not None:
        yield from _further_parameters(operation.parameters)
    if route.paged:
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}
        yield {"name": "limit", "in": "query", "description": "How many at most.", "schema": size}
        cursor = "`meta.nextCursor` of the page before; without it the first page."
        yield {"name": "cursor", "in": "query", "description": cursor, "schema": {"type": "string"}}


def _further_parameters(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Schemas)
    for name, described in schema["properties"].items():
        place = described.pop("in", "query")
        parameter = {"name": name, "in": place, "schema": described}
        if "description" in described:
            parameter["description"] = described.pop("description")
        yield parameter


def _success(operation: Operation, names: dict[type[BaseModel], str]) -> dict[str, Any]:
    answer = operation.answer
    schema = {"$ref": REFERENCE.format(model=names[answer])} if answer else {"type": "object"}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if operation.route.streams:
        events = {"type": "string", "description": "Server-sent events; the data of each is JSON."}
        content["text/event-stream"] = {"schema": events}
    if operation.route.path.endswith(".csv"):
        content = {"text/csv": {"schema": {"type": "string"}}}
    said = cleandoc(answer.__doc__ or "").partition("\n")[0] if answer else operation.route.summary
    return {"description": said, "content": content}


def _error_response(status: int) -> dict[str, Any]:
    response = {
        "description": ERRORS[status][1],
        "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="Error")}}},
    }
    return {**response, "headers": RETRY_AFTER} if status in (429, 503) else response


def main() -> int:
    """Write the document, or with `--check` tell whether the committed one is what the handlers say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the document is stale")
    checking = parser.parse_args().check
    made = text(build(operations()))
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
