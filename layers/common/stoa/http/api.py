"""The HTTP front of a function: its routes, validated input, and the one error hook."""

import base64
import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, Forbidden, InvalidFields, MalformedRequest, NotFound
from stoa.core.settings import settings
from stoa.core.text import storable, to_json
from stoa.database.pool import Database, database
from stoa.http.answers import JSON_HEADERS, Answer, error_answer
from stoa.http.bodies import body_bytes
from stoa.http.routes import Route
from stoa.identity.members import Member, Principal, members, principal_from_event
from stoa.store.tenancy.audit import Actor

MAX_PAGE = 200
DEFAULT_PAGE = 50


@dataclass(slots=True)
class Request:
    """One request, read when asked: a handler takes from it what its route needs."""

    event: Mapping[str, Any]
    route: Route
    path: Mapping[str, str]
    headers: dict[str, str] = field(default_factory=dict)  # set by handlers, sent with the answer

    @property
    def database(self) -> Database:
        """The process's database."""
        return database()

    @property
    def query(self) -> Mapping[str, str]:
        """The query string's parameters."""
        return self.event.get("queryStringParameters") or {}

    def principal(self) -> Principal:
        """Who asks. Raises Unauthenticated or Forbidden."""
        return principal_from_event(self.event, settings())

    def member(self) -> Member:
        """Who asks, with their row; the first request makes it."""
        return members.get(self.database, self.principal())

    def admin(self) -> Member:
        """Who asks, when they are an admin of their tenant. Raises Forbidden (403) otherwise."""
        if not self.principal().is_admin:
            raise Forbidden("Only admins of your tenant may do this.", code="ADMIN_ONLY")
        return self.member()

    def operator(self) -> Member:
        """Who asks, when they are an operator of the installation. Raises Forbidden (403) otherwise."""
        if not self.principal().is_operator:
            raise Forbidden("Only operators of the installation may do this.", code="OPERATOR_ONLY")
        return self.member()

    def actor(self, member: Member) -> Actor:
        """The member as the audit log names them."""
        request_id = (self.event.get("requestContext") or {}).get("requestId")
        return Actor(member.user_id, member.principal.email, request_id)

    def body(self) -> Any:
        """The validated body as the route's model. Raises MalformedRequest, PayloadTooLarge or InvalidFields."""
        from stoa.http.bodies import parse_body  # pydantic costs 70 ms: only requests with a body pay

        models = importlib.import_module(f"{self.route.module.rpartition('handler')[0]}models")
        return parse_body(getattr(models, str(self.route.body)), body_bytes(self.event))

    def identifier(self, name: str, what: str) -> UUID:
        """A UUID from the path; anything else is a thing that does not exist (404)."""
        try:
            return UUID(self.path[name])
        except ValueError as error:
            raise NotFound(what) from error

    def limit(self) -> int:
        """The page size, 1 to 200."""
        return self.number("limit", DEFAULT_PAGE, MAX_PAGE)

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 to `most` in the query string. Raises InvalidFields for anything else."""
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
            raise InvalidFields([FieldProblem(name, f"a whole number from 1 to {most}")])
        return int(text)

    def text(self, name: str, most: int) -> str | None:
        """A text in the query string, to look for; None without one. Raises InvalidFields for one that nothing has."""
        text = self.query.get(name)
        if not text:
            return None
        if len(text) > most:
            raise InvalidFields([FieldProblem(name, f"at most {most} characters")])
        try:
            return storable(text)
        except ValueError as error:
            reason = "it holds characters that nothing here can have"
            raise InvalidFields([FieldProblem(name, reason)]) from error

    def cursor(self) -> list[str] | None:
        """Where the previous page ended, or None for the first page. Raises MalformedRequest for a foreign cursor."""
        text = self.query.get("cursor")
        if not text:
            return None
        try:
            parts = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
        except (ValueError, RecursionError) as error:
            raise MalformedRequest("The cursor was not made by this API; start without one.") from error
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise MalformedRequest("The cursor was not made by this API; start without one.")
        return parts


@dataclass(frozen=True, slots=True)
class File:
    """A text that is not JSON, for the client to save under `name`: what a handler returns for a sheet."""

    text: str
    name: str
    content_type: str = "text/csv; charset=utf-8"

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client that it is a file."""
        return {"Content-Type": self.content_type, "Content-Disposition": f'attachment; filename="{self.name}"'}


Handle = Callable[[Request], Any]


class Api:
    """The routes of one function. Call it with an event, as Lambda calls a handler.

    A table of our own in the place of Powertools' resolver: half the import time of a function (docs/decisions/0010).
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self.routes: list[Route] = []
        self._fixed: dict[tuple[str, str], tuple[Route, Handle]] = {}
        self._with_parameters: list[tuple[str, re.Pattern[str], Route, Handle]] = []

    def route(self, method: str, path: str, *, summary: str, **described: Any) -> Callable[[Handle], Handle]:
        """Register a handler for `method path`; what it returns is the JSON answer."""

        def register(handle: Handle) -> Handle:
            route = Route(method, path, summary, description=handle.__doc__ or "", module=self._module, **described)
            self.routes.append(route)
            if "{" in path:
                pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
                self._with_parameters.append((method, pattern, route, handle))
            else:
                self._fixed[method, path] = (route, handle)
            return handle

        return register

    def __call__(self, event: dict[str, Any], _context: Any) -> dict[str, Any]:
        """Answer one API Gateway event (HTTP API, payload version 2.0)."""
        context = event.get("requestContext") or {}
        try:
            route, handle, parameters = self._find(context.get("http", {}).get("method"), event.get("rawPath", ""))
            request = Request(event, route, parameters)
            made = handle(request)
            if isinstance(made, File):
                answer = Answer(route.status, made.text, {**JSON_HEADERS, **made.headers, **request.headers})
            else:
                answer = Answer(route.status, to_json(made), {**JSON_HEADERS, **request.headers})
        except Exception as error:  # noqa: BLE001 - the one hook: every error becomes an answer
            answer = error_answer(error, str(context.get("requestId", "")))
        return {
            "statusCode": answer.status,
            "headers": dict(answer.headers),
            "body": answer.body,
            "isBase64Encoded": False,
        }

    def _find(self, method: str, path: str) -> tuple[Route, Handle, dict[str, str]]:
        """The route of a path and what its parameters are. Raises NotFound."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return *fixed, {}
        for routed_method, pattern, route, handle in self._with_parameters:
            if routed_method == method and (found := pattern.fullmatch(path)) is not None:
                try:
                    return route, handle, {name: storable(value) for name, value in found.groupdict().items()}
                except ValueError as error:  # the database cannot hold it, so nothing can be called that
                    raise NotFound("thing") from error
        raise NotFound("route")
