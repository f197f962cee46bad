"""A team and its owner at practice Stripe: it is paid for, renewed or not, ends; the test delivers the events."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from stoa.core.ids import new_id
from stoa.database.pool import Row, Scope
from stoa.domain.billing.plan_terms import PlanValues
from stoa.identity.caller import Caller
from stoa.store.billing.team_billing import PayPage
from stoa.store.billing.team_plans import TeamPlan
from stoa.store.tenancy.audit import Actor
from stoa.workflows.billing.team_billing import subscribe
from stoa.workflows.billing.team_plans import put_plan
from tests.integration.purchases.support import CLIENT, Shop

PLAN = PlanValues(
    name="Family plan",
    price_cents=1900,
    max_members=6,
    total_tokens_monthly=1_000_000,
    models=["gpt-4o"],
    enabled=True,
)


@dataclass
class TeamShop:
    """The shop's member owns a team that has not been paid for."""

    shop: Shop
    team_id: UUID = field(default_factory=new_id)

    def __post_init__(self) -> None:
        member = self.shop.member
        now = datetime.now(UTC)
        with self.shop.database.transaction(Scope(tenant_id=member.tenant_id)) as connection:
            connection.run(
                "INSERT INTO teams"
                " (id, tenant_id, name, type, max_members, total_tokens_monthly, models, billing_email)"
                " VALUES (:id, :tenant_id, 'The Stoics', 'family', 5, 500000, '{gpt-4o}', 'money@demo.test')",
                id=self.team_id,
                tenant_id=member.tenant_id,
            )
            connection.run(
                "INSERT INTO team_members (id, tenant_id, team_id, user_id, role, status, created_at, joined_at)"
                " VALUES (:id, :tenant_id, :team_id, :user_id, 'owner', 'active', :now, :now)",
                id=new_id(),
                tenant_id=member.tenant_id,
                team_id=self.team_id,
                user_id=member.user_id,
                now=now,
            )

    def caller(self, now: datetime | None = None) -> Caller:
        """The shop's member, asking at an instant; without one, now."""
        member = self.shop.member
        return Caller(self.shop.database, member, Actor(member.user_id), now or datetime.now(UTC))

    def sell(self, version: int | None = None, **changes: Any) -> TeamPlan:
        """Set the family plan, where `version` says so as somebody who read that one."""
        return put_plan(self.caller(), "family", replace(PLAN, **changes), version)

    def start(self, now: datetime | None = None) -> PayPage:
        return subscribe(self.caller(now), self.shop.stripe, self.team_id, CLIENT)

    def pay(self, checkout: PayPage) -> list[dict[str, Any]]:
        """Pay at the pay page; the events it made."""
        account = self.shop.practice.service.account
        before = len(account.events)
        self.shop.practice.service.act(checkout.session_id, "pay")
        return account.events[before:]

    def begin(self) -> list[dict[str, Any]]:
        """Sell, subscribe and pay; the events it made."""
        self.sell()
        return self.pay(self.start())

    def act(self, action: str) -> list[dict[str, Any]]:
        """Something happens to the subscription at Stripe; the events it made."""
        account = self.shop.practice.service.account
        before = len(account.events)
        self.shop.practice.service.steer("POST", f"/practice/subscriptions/{self.subscription()['id']}/{action}", {})
        return account.events[before:]

    def subscription(self) -> dict[str, Any]:
        """The team's newest subscription, as Stripe knows it."""
        things = self.shop.practice.service.account.things["subscription"].values()
        return [one for one in things if one["metadata"].get("stoa_team_id") == str(self.team_id)][-1]

    def row(self) -> Row:
        scope = Scope(tenant_id=self.shop.member.tenant_id)
        with self.shop.database.autocommit(scope) as connection:
            return connection.run("SELECT * FROM teams WHERE id = :id", id=self.team_id)[0]

    def standing(self) -> tuple[str, timedelta | None]:
        """The team's status, and for how long after the month that was last paid it gives access."""
        row = self.row()
        paid = row["subscription"].get("facts", {}).get("paid_until")
        if row["access_until"] is None or paid is None:
            return row["status"], None
        return row["status"], row["access_until"] - datetime.fromisoformat(paid)

    def mails(self) -> list[str]:
        scope = Scope(tenant_id=self.shop.member.tenant_id)
        with self.shop.database.autocommit(scope) as connection:
            rows = connection.run("SELECT recipient, subject FROM mail_outbox ORDER BY id")
        assert {row["recipient"] for row in rows} <= {"money@demo.test"}
        return [row["subject"] for row in rows]


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The alarms that were logged for a person to look at."""
    return [record.__dict__["alarm"] for record in caplog.records if record.levelname == "ERROR"]


def set_team(team: TeamShop, what: str) -> None:
    """Change columns of the team's row, as `column = value`."""
    with team.shop.database.autocommit(Scope(tenant_id=team.shop.member.tenant_id)) as connection:
        connection.run(f"UPDATE teams SET {what} WHERE id = :id", id=team.team_id)
