"""A team as its table has it, its members at their desks, and what the books say of their tokens."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from stoa.core.errors import StoaError
from stoa.core.ids import new_id
from stoa.database.pool import Database, Scope
from tests.integration.chat.support import Desk, ScriptedProviders, make_member

MODEL = "gpt-4o"  # premium, with two trial messages
DAY = datetime(2026, 3, 10, 12, tzinfo=UTC)

_TEAM = """
INSERT INTO teams (
    id, tenant_id, name, type, status, max_members, total_tokens_monthly, shared_pool, models, anchor_day
)
VALUES (:id, :tenant_id, 'Lions', 'team', :status, 100, :pool, :shared_pool, :models ::text[], :anchor_day)
"""

_MEMBER = """
INSERT INTO team_members (id, tenant_id, team_id, user_id, email, role, status, allotment, created_at, joined_at)
VALUES (:id, :tenant_id, :team_id, :user_id, :email, :role, 'active', :allotment ::bigint, now(), now())
"""


@dataclass
class Team:
    """A team of a tenant."""

    database: Database
    tenant_id: UUID
    id: UUID

    def join(self, subject: str, *, role: str = "member", allotment: int | None = None) -> Desk:
        """A member of the team at their desk."""
        member = make_member(self.database, self.tenant_id, subject)
        desk = Desk(self.database, member, ScriptedProviders(), clock=lambda: DAY)
        values = {"user_id": member.user_id, "email": member.principal.email, "role": role, "allotment": allotment}
        self.rows(_MEMBER + " RETURNING id", id=new_id(), team_id=self.id, tenant_id=self.tenant_id, **values)
        return desk

    def set(self, **columns: Any) -> None:
        """Change columns of the team's row."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        self.rows(f"UPDATE teams SET {sets} WHERE id = :team_id RETURNING id", team_id=self.id, **columns)

    def pool_used(self) -> int:
        """Tokens used in all periods together."""
        return int(self.rows("SELECT coalesce(sum(tokens_used), 0) AS used FROM team_periods")[0]["used"])

    def shares_used(self) -> int:
        """Returns the sum of the members' own rows."""
        return int(self.rows("SELECT coalesce(sum(tokens_used), 0) AS used FROM team_member_periods")[0]["used"])

    def on_ledger(self) -> int:
        """Returns the sum of the ledger's lines, without those that were given back."""
        counts = "status IN ('reserved', 'completed') OR status = 'partial' AND stop_reason <> 'error'"
        return int(self.rows(f"SELECT coalesce(sum(team_tokens), 0) AS used FROM usage WHERE {counts}")[0]["used"])

    def agree(self) -> bool:
        """True when pool, members' rows and ledger tell the same sum."""
        return self.pool_used() == self.shares_used() == self.on_ledger()

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            return connection.run(sql, **parameters)


def make_team(
    database: Database,
    tenant_id: UUID,
    *,
    pool: int = 1_000_000,
    shared_pool: bool = True,
    models: tuple[str, ...] = (MODEL,),
    anchor_day: int = 5,
    status: str = "active",
) -> Team:
    """A team without members."""
    team = Team(database, tenant_id, new_id())
    team.rows(
        _TEAM + " RETURNING id",
        id=team.id,
        tenant_id=tenant_id,
        pool=pool,
        shared_pool=shared_pool,
        models="{" + ",".join(models) + "}",
        anchor_day=anchor_day,
        status=status,
    )
    return team


def metadata(events: list[Any]) -> dict[str, Any]:
    """Returns what an answer tells of itself."""
    (found,) = [event.data for event in events if event.name == "metadata"]
    return dict(found)


def refusal(desk: Desk, **message: Any) -> StoaError:
    """Returns what a message to the team's model is refused with."""
    with pytest.raises(StoaError) as caught:
        desk.send(model_id=MODEL, **message)
    return caught.value
