"""A tenant's price list under a clock of its own: an admin's client, and members who see prices and pay them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.catalog import handler as catalog
from functions.pricing_admin import handler as pricing_admin
from functions.registry_admin import handler as registry_admin
from stoa.database.pool import Database, Scope
from tests.door import route_of
from tests.integration.chat.support import Desk, ScriptedProviders, make_member
from tests.integration.member.support import Reply, api_event, check_shape

HANDLERS = (pricing_admin, registry_admin, catalog)

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

PRICING = "/api/admin/pricing"


@dataclass
class Clock:
    """The present, as the test has it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@dataclass
class Shop:
    """A tenant as an admin (`boss`) sees it, unless another subject or other groups are given."""

    database: Database
    tenant_id: UUID
    clock: Clock
    subject: str = "boss"
    groups: str = "[admin]"
    last: dict[str, Any] = field(default_factory=dict)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: str | None = None,
        headers: dict[str, str] | None = None,
        is_base64: bool = False,
        **query: Any,
    ) -> Reply:
        """Sends a request and holds a JSON answer against its documented shape."""
        text = raw if raw is not None else None if body is None else json.dumps(body)
        event = api_event(method, path, text, query, self.claims())
        event["headers"].update(headers or {})
        event["isBase64Encoded"] = is_base64
        route, door = route_of(HANDLERS, method, path)
        answered = door(event, None)
        if answered["headers"]["Content-Type"].startswith("text/csv"):
            return Reply(answered["statusCode"], answered["headers"], answered["body"])
        reply = Reply(answered["statusCode"], answered["headers"], json.loads(answered["body"]))
        check_shape(reply, route, answered["body"])
        return reply

    def done(self, method: str, path: str, body: Any = None, **further: Any) -> Any:
        """Returns the answer of a request that must succeed."""
        reply = self.send(method, PRICING + path, body, **further)
        assert reply.status == 200, reply.body
        return reply.body

    def refused(self, method: str, path: str, body: Any = None, **further: Any) -> Any:
        """Returns the error of a request that must not succeed."""
        reply = self.send(method, PRICING + path, body, **further)
        return {"status": reply.status, **reply.error}

    def config(self, **changes: Any) -> Any:
        return self.done("PUT", "/config", changes)

    def bulk(self, markup: float, kind: str = "external") -> int:
        return int(self.done("POST", "/bulk-update", {"type": kind, "markup": markup})["modelsUpdated"])

    def override(self, model_id: str, **override: Any) -> datetime:
        return instant(self.done("PUT", f"/models/{model_id}/override", override)["effectiveFrom"])

    def remove_override(self, model_id: str) -> datetime:
        return instant(self.done("DELETE", f"/models/{model_id}/override")["effectiveFrom"])

    def model(self, model_id: str) -> dict[str, Any]:
        """Returns a model as the admin sees it."""
        (found,) = [model for model in self.done("GET", "/models") if model["modelId"] == model_id]
        return dict(found)

    def prices(self, model_id: str) -> tuple[float, float]:
        """Returns the prices that members pay now, by the admin's list."""
        model = self.model(model_id)
        return model["userInputPrice"], model["userOutputPrice"]

    def scheduled(self, model_id: str) -> list[tuple[datetime, float, float]]:
        """Returns the prices to come: beginning, input price, output price."""
        return [
            (instant(row["effectiveFrom"]), row["inputPrice"], row["outputPrice"])
            for row in self.model(model_id).get("scheduled", [])
        ]

    def history(self, model_id: str) -> list[dict[str, Any]]:
        return list(self.done("GET", "/history", modelId=model_id))

    def member(self) -> "Shop":
        """Returns a client of a member of the same tenant."""
        return Shop(self.database, self.tenant_id, self.clock, "ada", "")

    def offered(self, model_id: str) -> dict[str, Any]:
        """Returns a model as a member sees it."""
        listed = self.member().send("GET", "/api/thinktank/models").body
        (found,) = [model for model in listed if model["id"] == model_id]
        return dict(found)

    def desk(self) -> Desk:
        """Returns a member who chats, by the same clock."""
        member = make_member(self.database, self.tenant_id)
        return Desk(self.database, member, ScriptedProviders(), self.clock)

    def charged(self, model_id: str) -> Decimal:
        """Returns the charge of a message of 10 and 20 tokens now."""
        return Decimal(self.desk().send(model_id=model_id)[-2].data["charge"])

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            return connection.run(sql, tenant_id=self.tenant_id, **parameters)

    def audited(self) -> list[tuple[str, str]]:
        """Returns action and target of the changes so far, oldest first."""
        rows = self.query("SELECT action, target FROM audit_log WHERE tenant_id = :tenant_id ORDER BY id")
        return [(row["action"], row["target"]) for row in rows]

    def claims(self) -> dict[str, Any]:
        """Returns the claims of the subject's token."""
        return {
            "sub": self.subject,
            "email": f"{self.subject}@example.test",
            "custom:tenant_id": str(self.tenant_id),
            "cognito:groups": self.groups,
        }


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def iso(moment: datetime) -> str:
    return moment.isoformat()
