"""The door of an HTTP function: Powertools' resolver, with our error contract and what the resolver lacks.

A function makes one Door, declares its routes on it and hands `door.ready()` to Lambda as its handler.
"""

import re
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError, ResponseValidationError

from stoa.core.errors import NotFound
from stoa.core.text import to_json
from stoa.core.tls import aws_tls
from stoa.http.answers import JSON_HEADERS, MethodNotAllowed, error_answer
from stoa.http.validation import RequestCheck, problems_of

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

# Powertools keeps the current event on a class that all resolvers of a process share. Lambda calls one function at a
# time. Where several requests meet in one process (the local gateway, tests), they go through the door one by one.
_one_at_a_time = Lock()


class Door(APIGatewayHttpResolver):
    """The routes of one function. Call it with an event, as Lambda calls a handler."""

    def __init__(self) -> None:
        super().__init__(enable_validation=True, response_validation_error_http_code=500, serializer=to_json)
        self._request_validation_middleware = RequestCheck()
        self.exception_handler(Exception)(self._answer_error)

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answers one API Gateway event (HTTP API, payload version 2.0)."""
        with _one_at_a_time:
            answer = self.resolve(event, context)
        answer["headers"] = {**JSON_HEADERS, **answer["headers"]}
        return answer

    def ready(self) -> Handler:
        """Builds every route's schemas and the TLS settings, and returns the handler.

        Called at import, because a SnapStart snapshot then holds what the first request would have waited for.
        """
        aws_tls(".amazonaws.com")
        for route in self.routes:
            dependant = route.dependant
            fields = [*dependant.path_params, *dependant.query_params, *dependant.header_params, *dependant.body_params]
            for field in [*fields, *([dependant.return_param] if dependant.return_param else [])]:
                field.validate(None)  # pydantic builds a validator when it is first used
        return self

    @property
    def routes(self) -> list[Route]:
        """The declared routes."""
        return [*self._static_routes, *self._dynamic_routes]

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = "") -> re.Pattern[str]:  # noqa: ARG004 - Powertools' signature
        """Returns the pattern of a rule. Powertools' own takes some characters only, and a line break at the end."""
        return re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", rule) + r"\Z")

    def _handle_not_found(self, method: str, path: str) -> ResponseBuilder[Any]:  # noqa: ARG002
        allowed = [route.method for route in self.routes if route.rule.match(path)]
        error = MethodNotAllowed(allowed) if allowed else NotFound("route")
        return self._response_builder_class(response=self._answer_error(error), serializer=self._serializer, route=None)

    def _answer_error(self, error: Exception) -> Response[str]:
        """Answers whatever a route, a dependency or a check raised. This is the one hook."""
        if isinstance(error, RequestValidationError):
            error = problems_of(list(error.errors()))
        elif isinstance(error, NotFoundError):
            error = NotFound("route")
        elif isinstance(error, ResponseValidationError):
            error = AnswerDoesNotFit([str(one["loc"]) for one in error.errors()])
        answer = error_answer(error, _request_id(self.current_event.raw_event))
        return Response(answer.status, "application/json", answer.body, headers=dict(answer.headers))


class AnswerDoesNotFit(Exception):
    """An answer of ours does not fit its model. The places are logged, the values are not."""

    def __init__(self, places: list[str]) -> None:
        super().__init__(f"the answer does not fit its model at {', '.join(places[:5])}")
        self.code = "; ".join(places[:5])


def _request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId", ""))
