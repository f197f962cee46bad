"""A web client: calls handlers with API Gateway's events, and holds each answer against its documented shape."""

import json
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from uuid import UUID

from functions.catalog import handler as catalog
from functions.personas import handler as personas
from functions.preferences import handler as preferences
from functions.schedules import handler as schedules
from stoa.database.pool import Database, Scope
from stoa.identity.members import Member
from tests.door import check_answer, route_of
from tests.integration.chat.support import Desk, ScriptedProviders, make_member

HANDLERS: tuple[ModuleType, ...] = (catalog, preferences, personas, schedules)


@dataclass(frozen=True)
class Reply:
    """An answer as the client received it."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        return self.body["data"]

    @property
    def error(self) -> Any:
        assert self.status >= 400, self.body
        return self.body["error"]

    @property
    def problems(self) -> dict[str, str]:
        """Reasons by the field's path, of a 422."""
        assert self.status == 422, self.body
        return {problem["path"]: problem["reason"] for problem in self.error["details"]}


@dataclass
class Client:
    """A member's web client."""

    database: Database
    tenant_id: UUID
    subject: str = "ada"
    claims: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> Reply:
        return self.send("GET", path, query=query)

    def put(self, path: str, body: Any) -> Reply:
        return self.send("PUT", path, body)

    def patch(self, path: str, body: Any) -> Reply:
        return self.send("PATCH", path, body)

    def post(self, path: str, body: Any) -> Reply:
        return self.send("POST", path, body)

    def delete(self, path: str) -> Reply:
        return self.send("DELETE", path)

    def send(
        self, method: str, path: str, body: Any = None, *, raw: str | None = None, query: dict[str, Any] | None = None
    ) -> Reply:
        """Send JSON (or `raw` text as it is), and check the answer's shape."""
        text = raw if raw is not None else None if body is None else json.dumps(body)
        event = api_event(method, path, text, query, self._claims())
        route, door = route_of(HANDLERS, method, path)
        answered = door(event, None)
        reply = Reply(answered["statusCode"], answered["headers"], json.loads(answered["body"]))
        check_shape(reply, route, answered["body"])
        return reply

    def _claims(self) -> dict[str, Any]:
        own = {
            "sub": self.subject,
            "email": f"{self.subject}@example.test",
            "custom:tenant_id": str(self.tenant_id),
        }
        return {**own, **self.claims}

    @property
    def member(self) -> Member:
        return make_member(self.database, self.tenant_id, self.subject)

    def desk(self, providers: ScriptedProviders | None = None) -> Desk:
        """The same member at a desk: sends real chat messages to scripted providers."""
        return Desk(self.database, self.member, providers or ScriptedProviders())

    def as_admin(self, sql: str, **parameters: Any) -> None:
        """Do what an admin of the tenant would do."""
        with self.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            connection.run(sql, tenant_id=self.tenant_id, **parameters)

    def grant(self, model_id: str, source: str = "purchase") -> None:
        """Let this member use a premium model."""
        self.as_admin(
            """
            INSERT INTO entitlements (id, tenant_id, user_id, model_id, source)
            VALUES (gen_random_uuid(), :tenant_id, :user_id, :model_id, :source)
            """,
            user_id=self.member.user_id,
            model_id=model_id,
            source=source,
        )


def api_event(
    method: str, path: str, body: str | None, query: dict[str, Any] | None, claims: dict[str, Any] | None
) -> dict[str, Any]:
    """An HTTP API event, payload version 2.0."""
    context: dict[str, Any] = {
        "requestId": "request-1",
        "stage": "$default",
        "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": context,
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    if body is not None:
        event["body"] = body
    return event


def check_shape(reply: Reply, route: Any, text: str) -> None:
    """Success looks as the answer's model says, anything else is the one error shape."""
    assert reply.headers["Content-Type"] == "application/json"
    if reply.status >= 400:
        assert set(reply.body) == {"error"}
        assert set(reply.body["error"]) - {"details"} == {"code", "message", "requestId"}
        assert reply.body["error"]["requestId"] == "request-1"
        return
    check_answer(route, reply.status, text)
