"""Does the work of API Gateway: finds a request's route, checks the caller, calls the function, sends its answer."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from dev.gateway import events
from dev.gateway.authorizers import AuthorizerCache, Identity, bearer_token, context_from_policy
from dev.gateway.functions import Functions
from dev.gateway.template import REST_EVENT, Function, Route, RouteTable
from dev.serving.answers import Answer
from dev.serving.client import Headers
from dev.serving.requests import Request, RequestRefused
from stoa.core.errors import Forbidden, NotFound, StoaError, Unauthenticated, UpstreamFailed
from stoa.core.text import to_json
from stoa.http.answers import error_answer, error_body

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PREFLIGHT: Headers = [
    ("access-control-allow-methods", "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS"),
    ("access-control-max-age", "300"),
]

OwnEndpoint = Callable[[Request], Answer]


class Gateway:
    """The routes of the template and the gateway's own `/dev` and `/.well-known` endpoints.

    `verify` gives a token's claims or raises Unauthenticated. `own` maps (method, path) to endpoints of the gateway;
    a path that ends with `*` matches all that start so.
    """

    def __init__(
        self,
        routes: list[Route],
        functions: Functions,
        verify: Callable[[str], Identity],
        own: Mapping[tuple[str, str], OwnEndpoint] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._routes = RouteTable(routes)
        self._functions = functions
        self._verify = verify
        self._own = dict(own or {})
        self._log = log or _print_line
        self._cache = AuthorizerCache()

    def respond(self, request: Request) -> Answer:
        """The answer to a request; never raises."""
        started = time.perf_counter()
        request_id = str(uuid4())
        try:
            answer = self._answer(request, request_id)
        except Exception as error:  # noqa: BLE001 - the edge: whatever went wrong becomes an answer
            answer = _from_error(error, request_id)
        answer.headers.append(("apigw-requestid", request_id))
        if "origin" in request.lower:
            answer.headers += _cross_origin(request)

        def done(status: int, complete: bool) -> None:
            milliseconds = (time.perf_counter() - started) * 1000
            cut = "" if complete else " not sent to its end"
            self._log(f"{request.method} {request.path} {status} {milliseconds:.1f} ms {request_id}{cut}")

        answer.done = done
        answer.failed = lambda error: _from_error(error, request_id)
        return answer

    def refuse(self, refused: RequestRefused) -> Answer:
        """The answer to a request that is not acceptable, whatever it asks for."""
        request_id = str(uuid4())
        self._log(f"(refused request) {refused.status} {request_id}")
        body = to_json(error_body(StoaError(refused.code, refused.message), request_id)).encode()
        return Answer(refused.status, [("content-type", "application/json"), ("cache-control", "no-store")], body)

    def _answer(self, request: Request, request_id: str) -> Answer:
        headers = request.lower
        if request.method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers:
            return Answer(204, list(_PREFLIGHT))
        own = self._find_own(request)
        if own is not None:
            _only_from_this_machine(request)
            return own(request)
        found = self._routes.find(request.method, request.path)
        if found is None:
            raise NotFound("route")
        route, parameters = found
        identity = None if route.public else self._authorize(request, route, request_id)
        make_event = events.rest_event if route.kind == REST_EVENT else events.http_event
        event = make_event(request, route, parameters, request_id, identity)
        return _translate(self._functions.call(route.function.name, event, request_id))

    def _find_own(self, request: Request) -> OwnEndpoint | None:
        exact = self._own.get((request.method, request.path))
        if exact is not None:
            return exact
        folder = request.path.rpartition("/")[0]
        return self._own.get((request.method, f"{folder}/*"))

    def _authorize(self, request: Request, route: Route, request_id: str) -> Identity:
        token = bearer_token(request.lower.get("authorization", ""))
        authorizer = route.authorizer
        if authorizer is None:
            return self._cache.identity("jwt", token, lambda: self._verify(token))
        return self._cache.identity(
            authorizer.name, token, lambda: self._ask_authorizer(authorizer, request, route, request_id)
        )

    def _ask_authorizer(self, authorizer: Function, request: Request, route: Route, request_id: str) -> Identity:
        event = events.authorizer_event(request, route, request_id)
        try:
            returned = self._functions.call(authorizer.name, event, request_id)
        except StoaError:
            raise
        except Exception as error:
            if str(error) == "Unauthorized":  # the word by which a Lambda authorizer asks API Gateway for a 401
                raise Unauthenticated from error
            raise
        return context_from_policy(returned)


def _translate(returned: Any) -> Answer:
    """Lambda's proxy answer, or a streaming answer as functions/chat returns it."""
    if isinstance(returned, dict):
        try:
            return events.answer_from(returned)
        except events.MalformedAnswer as error:
            raise UpstreamFailed("BAD_GATEWAY", str(error)) from error
    headers: Headers = [(name.lower(), value) for name, value in returned.headers.items()]
    kind = returned.headers.get("Content-Type", "")
    return Answer(
        returned.status,
        headers,
        stream=returned.body,
        collect=not kind.startswith("text/event-stream"),  # nobody can use half a JSON document
        cancel=returned.cancel,
    )


def _from_error(error: Exception, request_id: str) -> Answer:
    made = error_answer(error, request_id)
    return Answer(made.status, [(name.lower(), value) for name, value in made.headers.items()], made.body.encode())


def _cross_origin(request: Request) -> Headers:
    asked = request.lower.get("access-control-request-headers")
    allowed: Headers = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "*")]
    return [*allowed, ("access-control-allow-headers", asked)] if asked else allowed


def _only_from_this_machine(request: Request) -> None:
    """The gateway's own endpoints hand out tokens: no web page from elsewhere may use them. Raises Forbidden."""
    host = urlsplit(f"//{request.lower.get('host', '')}").hostname
    origin = request.lower.get("origin")
    if host not in LOOPBACK_NAMES or (origin is not None and urlsplit(origin).hostname not in LOOPBACK_NAMES):
        raise Forbidden("This address is for programs and pages of this machine only.")


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
