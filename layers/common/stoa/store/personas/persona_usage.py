"""Messages that personas answered: a counter for each member and day, and sums of days long over (day_close.py)."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, Statement

_COUNT = """
INSERT INTO persona_usage AS u (tenant_id, persona_id, day, user_id, messages)
VALUES (:tenant_id ::uuid, :persona_id ::text, :day ::date, :user_id ::uuid, 1)
ON CONFLICT (tenant_id, persona_id, day, user_id) DO UPDATE SET messages = u.messages + 1
"""

_TOTALS = """
SELECT t.persona_id, sum(t.messages)::bigint AS messages
FROM (
    SELECT d.persona_id, d.messages FROM persona_days d
    WHERE d.tenant_id = :tenant_id ::uuid AND d.persona_id = ANY (:persona_ids ::text[])
    UNION ALL
    SELECT u.persona_id, u.messages FROM persona_usage u
    WHERE u.tenant_id = :tenant_id AND u.persona_id = ANY (:persona_ids)
) AS t
GROUP BY t.persona_id
"""

# While a day is moved in batches, part of its members are in each table, and nobody is in both.
_BY_DAY = """
SELECT t.day, sum(t.members)::bigint AS members, sum(t.messages)::bigint AS messages
FROM (
    SELECT d.day, d.members, d.messages FROM persona_days d
    WHERE d.tenant_id = :tenant_id ::uuid AND d.persona_id = :persona_id ::text AND d.day > :after ::date
    UNION ALL
    SELECT u.day, 1, u.messages FROM persona_usage u
    WHERE u.tenant_id = :tenant_id AND u.persona_id = :persona_id AND u.day > :after
) AS t
GROUP BY t.day
ORDER BY t.day DESC
"""

_TODAY = """
SELECT (:now ::timestamptz AT TIME ZONE t.time_zone)::date AS today FROM tenants t WHERE t.id = :tenant_id ::uuid
"""


class PersonaDay(Struct, frozen=True):
    """A day of the tenant's calendar: how many members a persona answered, and in how many messages."""

    day: date
    members: int
    messages: int


def count_statement(tenant_id: UUID, user_id: UUID, persona_id: str, day: date) -> Statement:
    """Returns the statement that counts one answered message, to be sent with its settlement in one transaction."""
    return _COUNT, {"tenant_id": tenant_id, "user_id": user_id, "persona_id": persona_id, "day": day}


def totals(connection: Connection, tenant_id: UUID, persona_ids: Sequence[str]) -> dict[str, int]:
    """Returns the messages of all the tenant's members by persona. Needs the whole tenant's scope."""
    rows = connection.run(_TOTALS, tenant_id=tenant_id, persona_ids=list(persona_ids))
    return {row["persona_id"]: int(row["messages"]) for row in rows}


def by_day(connection: Connection, tenant_id: UUID, persona_id: str, after: date) -> list[PersonaDay]:
    """Returns the days later than `after` that have messages, newest first. Needs the whole tenant's scope."""
    return connection.fetch(PersonaDay, _BY_DAY, tenant_id=tenant_id, persona_id=persona_id, after=after)


def today(connection: Connection, tenant_id: UUID, now: datetime) -> date:
    """Returns the day of the tenant's calendar."""
    found: date = connection.run(_TODAY, tenant_id=tenant_id, now=now)[0]["today"]
    return found
