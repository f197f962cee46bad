"""A tenant in some time zone, seen at moments that the test chooses."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from stoa.database.pool import Database, Scope
from stoa.store.chat import ledger
from stoa.store.operations import day_close
from stoa.workflows.chat.books import RESERVATION_LIFETIME
from tests.integration.chat.support import Desk, ScriptedProviders, make_member, overlay
from tests.integration.model_admin.support import new_tenant

MODEL = "gpt-4o-mini"


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Town:
    """A tenant with one member at a desk, at an instant of the test's choosing."""

    owner: Database
    desk: Desk

    @property
    def tenant_id(self) -> UUID:
        return self.desk.member.tenant_id

    def send(self, moment: datetime, **message: Any) -> list[Any]:
        """Send a message at that moment."""
        self.desk.clock = lambda: moment
        return self.desk.send(**message)

    def send_and_die(self, moment: datetime, **message: Any) -> Any:
        """Reserve at that moment as a function does that is killed then. Keep what is returned till the test's end."""
        self.desk.clock = lambda: moment
        events = self.desk.events(**message)
        next(events)
        return events

    def close(self, now: datetime) -> None:
        """Does what one run does for this tenant, up to and without what is old."""
        with self.desk.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            ledger.sweep(connection, self.tenant_id, None, now)
            for day in day_close.due_days(connection, self.tenant_id, now):
                if not day_close.close(connection, self.tenant_id, day, now):
                    return

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Returns the rows that the tenant's whole scope sees. `:tenant_id` is given."""
        with self.desk.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            return connection.run(sql, tenant_id=self.tenant_id, **parameters)

    def closes(self) -> list[tuple[str, int, int]]:
        """Day, members and messages of each closed day."""
        rows = self.rows("SELECT day, members, messages FROM day_closes WHERE tenant_id = :tenant_id ORDER BY day")
        return [(row["day"].isoformat(), row["members"], row["messages"]) for row in rows]

    def counters(self) -> dict[str, int]:
        """Messages by day."""
        rows = self.rows(
            "SELECT day, sum(used) AS used FROM daily_counters WHERE tenant_id = :tenant_id GROUP BY day ORDER BY day"
        )
        return {row["day"].isoformat(): row["used"] for row in rows}


def make_town(owner: Database, runtime: Database, time_zone: str, founded: datetime) -> Town:
    """A tenant founded then, with a daily limit of 2 on MODEL."""
    tenant_id = new_tenant(runtime, time_zone, founded)
    with owner.autocommit(Scope()) as connection:
        connection.run("UPDATE tenants SET created_at = :founded WHERE id = :id", founded=founded, id=tenant_id)
    desk = Desk(runtime, make_member(runtime, tenant_id), ScriptedProviders())
    overlay(desk, MODEL, daily_limit=2)
    return Town(owner, desk)


LONG_ENOUGH = RESERVATION_LIFETIME + timedelta(seconds=1)
