"""An admin's web client, and the other side of the counter: members who buy, chat and are refused."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from functions.catalog import handler as catalog
from functions.model_admin import handler as model_admin
from functions.preferences import handler as preferences
from stoa.core.ids import new_id
from stoa.database.pool import Database
from stoa.workflows.tenancy.registry import create_tenant
from tests.door import route_of
from tests.integration.member.support import Client, Reply, api_event, check_shape

HANDLERS = (model_admin, catalog, preferences)


@dataclass
class Admin(Client):
    """A person's client, an admin's unless `groups` says otherwise. It reaches the member's routes, too."""

    groups: str = "[admin]"

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: str | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Sends JSON (or `raw` text as it is), and checks the answer's shape."""
        text = raw if raw is not None else None if body is None else json.dumps(body)
        event = api_event(method, path, text, query, {**self._claims(), "cognito:groups": self.groups})
        event["headers"].update(headers or {})
        route, door = route_of(HANDLERS, method, path)
        answered = door(event, None)
        reply = Reply(answered["statusCode"], answered["headers"], json.loads(answered["body"]))
        check_shape(reply, route, answered["body"])
        return reply

    def raw(self, method: str, path: str) -> Reply:
        """Sends a request that has no route to this function."""
        event = api_event(method, path, None, None, {**self._claims(), "cognito:groups": self.groups})
        answered = model_admin.app(event, None)
        return Reply(answered["statusCode"], answered["headers"], json.loads(answered["body"]))

    def model(self, model_id: str) -> dict[str, Any]:
        """Returns a model as admins see it."""
        (found,) = [model for model in self.get("/api/admin/models").data if model["id"] == model_id]
        return dict(found)

    def change(self, model_id: str, **fields: Any) -> dict[str, Any]:
        """Changes a model and returns it."""
        return dict(self.patch(f"/api/admin/models/{model_id}", fields).data)

    def audited(self, **query: Any) -> list[tuple[str, str]]:
        """Returns action and target of the changes so far, newest first."""
        return [(row["action"], row["target"]) for row in self.get("/api/admin/audit", **query).data]


def created(reply: Reply) -> dict[str, Any]:
    """Returns the thing that a 201 made."""
    assert reply.status == 201, reply.body
    return dict(reply.body["data"])


def new_tenant(database: Database, time_zone: str = "UTC", now: datetime | None = None) -> UUID:
    """Makes a tenant of its own, whose prices begin now (or at `now`)."""
    return create_tenant(database, f"t-{new_id()}", "Test tenant", time_zone, now or datetime.now(UTC))


NEW_MODEL: dict[str, Any] = {
    "name": "legal-llama",
    "providerId": "self_hosted",
    "providerModel": "llama-3.3-70b-legal",
    "displayName": "Legal Llama",
    "contextWindow": 128000,
    "maxOutputTokens": 8192,
    "baseInputPrice": 0.5,
    "baseOutputPrice": 1,
}
