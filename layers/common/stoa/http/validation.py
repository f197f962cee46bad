"""The checks of a request before its route runs: the caller, unknown query parameters, then types.

Powertools validates first and resolves dependencies afterwards. Here the caller comes first, because a stranger must
learn nothing of a route's fields. Powertools also ignores query parameters that a route does not declare.
"""

from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, Response, Route
from aws_lambda_powertools.event_handler.depends import DependencyTree, build_dependency_tree, solve_dependencies
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware
from pydantic import BaseModel

from stoa.core.errors import FieldProblem, InvalidFields, NotFound, StoaError
from stoa.core.text import storable
from stoa.http.bodies import body_bytes, read_body
from stoa.http.request_schemas import reason_of

# Where Powertools keeps what dependencies returned, so that each is resolved once a request.
DEPENDENCY_CACHE = "_dependency_cache"


class RequestCheck(OpenAPIRequestValidationMiddleware):
    """Takes the place of Powertools' own middleware and calls it for what it does well: parameters by their types."""

    def __init__(self) -> None:
        # Powertools' own keeps nothing, and has no types to be called by.
        self._trees: dict[Route, DependencyTree] = {}

    def handler(self, app: ApiGatewayResolver, next_middleware: NextMiddleware) -> Response[Any]:
        """Checks one request. Raises StoaError, or Powertools' RequestValidationError."""
        route: Route = app.context["_route"]
        solve_dependencies(
            dependant=self._tree(route),
            request=app.request,
            dependency_overrides=app.dependency_overrides or None,
            dependency_cache=app.context.setdefault(DEPENDENCY_CACHE, {}),
        )
        _check_path(app.context["_route_args"])
        _check_query(route, app.current_event.raw_event.get("queryStringParameters") or {})
        return super().handler(app, next_middleware)

    def _tree(self, route: Route) -> DependencyTree:
        if route not in self._trees:
            self._trees[route] = build_dependency_tree(route.func)
        return self._trees[route]

    def _get_body(self, app: ApiGatewayResolver) -> Any:
        """Returns the body as the route's model, read by pydantic's JSON parser.

        Powertools reads JSON first and validates objects. In strict mode that refuses ids and dates, which JSON can
        only write as text.
        """
        (field,) = app.context["_route"].dependant.body_params
        model: type[BaseModel] = field.type_
        content_type = app.current_event.headers.get("content-type", "")
        return read_body(model, content_type, body_bytes(app.current_event.raw_event))


def problems_of(errors: list[dict[str, Any]]) -> StoaError:
    """Returns Powertools' findings as our error. A path that does not fit means that there is no such thing."""
    for error in errors:
        if error["loc"][0] == "path":
            return NotFound(thing_of(str(error["loc"][-1])))
    return InvalidFields([FieldProblem(str(error["loc"][-1]), reason_of(error)) for error in errors])


def thing_of(parameter: str) -> str:
    """Returns what a path parameter names, in words: `conversationId` is a conversation."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in parameter.removesuffix("Id"))


def _check_path(arguments: dict[str, str]) -> None:
    for name, value in arguments.items():
        try:
            storable(value)
        except ValueError as error:  # the database cannot hold it, so nothing can be called that
            raise NotFound(thing_of(name)) from error


def _check_query(route: Route, sent: dict[str, str]) -> None:
    known = {field.alias for field in route.dependant.query_params}
    unknown = sorted(sent.keys() - known)
    if unknown:
        takes = f"this route takes {', '.join(sorted(known))}" if known else "this route takes none"
        reason = f"there is no such query parameter; {takes}"
        raise InvalidFields([FieldProblem(name, reason) for name in unknown])
