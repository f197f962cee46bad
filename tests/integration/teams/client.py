"""People's web clients, as far as teams go."""

import json
from dataclasses import dataclass
from typing import Any

from functions.catalog import handler as catalog
from functions.model_admin import handler as model_admin
from functions.teams import handler as teams
from tests.door import route_of
from tests.integration.member.support import Client, Reply, api_event, check_shape

HANDLERS = (teams, catalog, model_admin)

TEAM = {"name": "Lions", "type": "team", "maxMembers": 3, "totalTokensMonthly": 1000, "models": ["gpt-4o"]}


@dataclass
class Person(Client):
    """A person's client; an admin's where `groups` says so."""

    groups: str = ""

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
        """Send JSON (or `raw` text as it is), and check the answer's shape."""
        text = raw if raw is not None else None if body is None else json.dumps(body)
        event = api_event(method, path, text, query, {**self._claims(), "cognito:groups": self.groups})
        event["headers"].update(headers or {})
        route, door = route_of(HANDLERS, method, path)
        answered = door(event, None)
        reply = Reply(answered["statusCode"], answered["headers"], json.loads(answered["body"]))
        check_shape(reply, route, answered["body"])
        return reply

    @property
    def email(self) -> str:
        """Returns the address to which invitations for this person go."""
        return f"{self.subject}@example.test"

    @property
    def user_id(self) -> str:
        """Their id, which their first request made."""
        return str(self.desk().member.user_id)

    def make(self, **fields: Any) -> str:
        """Make a team; its id."""
        reply = self.post("/api/teams", {**TEAM, **fields})
        assert reply.status == 201, reply.body
        return str(reply.body["data"]["id"])

    def invite(self, team_id: str, email: str, **fields: Any) -> Reply:
        return self.post(f"/api/teams/{team_id}/members", {"email": email, **fields})

    def accept(self, team_id: str) -> Reply:
        return self.post(f"/api/teams/{team_id}/accept", None)

    def take_in(self, team_id: str, person: "Person", **fields: Any) -> None:
        """Invite somebody, who accepts."""
        assert self.invite(team_id, person.email, **fields).status == 201
        assert person.accept(team_id).status == 200

    def members(self, team_id: str) -> dict[str, tuple[str, str]]:
        """Role and status by e-mail."""
        rows = self.get(f"/api/teams/{team_id}/members").data
        return {row["email"]: (row["role"], row["status"]) for row in rows}


def code(reply: Reply) -> tuple[int, str]:
    """Returns the code with which a request was refused."""
    return reply.status, reply.error["code"]
