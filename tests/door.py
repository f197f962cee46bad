"""The routes of HTTP functions as tests see them, and the documented shape of their answers."""

from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Route
from pydantic import TypeAdapter

from stoa.core.errors import StoaError
from stoa.http.answers import error_body, error_headers, status_of
from stoa.http.door import Door


def route_of(modules: tuple[ModuleType, ...], method: str, path: str) -> tuple[Route, Door]:
    """Returns the route that answers, and the function it belongs to. Raises LookupError where there is none."""
    for module in modules:
        for route in module.app.routes:
            if route.method == method and route.rule.match(path):
                return route, module.app
    raise LookupError(f"no function answers {method} {path}")


def check_answer(route: Route, status: int, text: str) -> None:
    """Raises unless a success looks as the route's answer type says: the same fields, no more."""
    assert status == route.status_code
    answer = route.dependant.return_param
    assert answer is not None, f"{route.path} names no answer"
    if answer.type_ is not str:
        TypeAdapter(answer.type_).validate_json(text)


def shown(error: StoaError) -> tuple[int, Any, dict[str, str]]:
    """Returns an error as HTTP tells it: status, details and headers beside those of every answer."""
    return status_of(error), error_body(error, "")["error"].get("details"), error_headers(error)
