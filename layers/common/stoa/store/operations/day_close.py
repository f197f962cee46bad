"""The end of a tenant's day: closed once, its counters archived and in time removed, and what is old forgotten."""

from datetime import date, datetime, timedelta
from uuid import UUID

from stoa.database.pool import Connection

# A message counts on the day at which it was asked. It may be reserved until its function's time is up, and its
# reservation may live as long again: 5 and 6 minutes (workflows/chat/books.py). After that no line joins the day.
SETTLING_TIME = timedelta(minutes=15)

# Zones lie up to 26 hours apart. However a tenant changes its zone, it never comes back to a day further ago than this.
DAYS_KEPT = 3

BATCH = 5000

# All days of the tenant's calendar that are over, from its first one or the one after the last that was closed.
_DUE = """
SELECT d.day::date AS day
FROM tenants t
CROSS JOIN LATERAL generate_series(
    coalesce(
        (SELECT max(c.day) + 1 FROM day_closes c WHERE c.tenant_id = t.id),
        (t.created_at AT TIME ZONE t.time_zone)::date
    )::timestamp,
    ((:settled ::timestamptz AT TIME ZONE t.time_zone)::date - 1)::timestamp,
    interval '1 day'
) AS d (day)
WHERE t.id = :tenant_id ::uuid
ORDER BY d.day
"""

# One statement, so a day is closed and archived or neither. Of two runs at once the second finds the day closed.
_CLOSE = """
WITH counted AS (
    SELECT d.model_id, d.user_id, d.used FROM daily_counters d
    WHERE d.tenant_id = :tenant_id ::uuid AND d.day = :day ::date AND d.used > 0
),
closed AS (
    INSERT INTO day_closes (tenant_id, day, time_zone, members, messages, closed_at)
    SELECT t.id, :day, t.time_zone, (SELECT count(DISTINCT c.user_id) FROM counted c),
        (SELECT coalesce(sum(c.used), 0) FROM counted c), :now ::timestamptz
    FROM tenants t
    WHERE t.id = :tenant_id AND NOT EXISTS (
        SELECT FROM usage l WHERE l.tenant_id = :tenant_id AND l.status = 'reserved' AND l.local_day <= :day
    )
    ON CONFLICT (tenant_id, day) DO NOTHING
    RETURNING day
),
archived AS (
    INSERT INTO daily_totals (tenant_id, day, model_id, members, messages)
    SELECT :tenant_id, closed.day, c.model_id, count(*), sum(c.used)
    FROM closed
    CROSS JOIN counted c
    GROUP BY closed.day, c.model_id
    ON CONFLICT (tenant_id, day, model_id) DO UPDATE SET members = excluded.members, messages = excluded.messages
)
SELECT count(*) AS days FROM closed
"""

# The first day whose counters are kept as they are: those before it are old enough, and their day is closed.
FIRST_KEPT_DAY = """
    SELECT least(
        (:now ::timestamptz AT TIME ZONE t.time_zone)::date - :days_kept ::int,
        coalesce((SELECT max(c.day) + 1 FROM day_closes c WHERE c.tenant_id = t.id), '-infinity'::date)
    ) AS day
    FROM tenants t
    WHERE t.id = :tenant_id ::uuid
"""

# Two runs at once never take the same counters, and add to the totals in one order, so they never wait in a circle.
_MOVE = f"""
WITH last AS ({FIRST_KEPT_DAY}),
old AS (
    SELECT d.user_id, d.day, d.model_id FROM daily_counters d
    WHERE d.tenant_id = :tenant_id AND d.day < (SELECT last.day FROM last)
    ORDER BY d.day
    LIMIT :batch ::int
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM daily_counters d USING old
    WHERE d.user_id = old.user_id AND d.day = old.day AND d.model_id = old.model_id
    RETURNING d.user_id, d.model_id, d.used
),
added AS (
    INSERT INTO member_model_totals AS t (tenant_id, model_id, user_id, messages)
    SELECT :tenant_id, g.model_id, g.user_id, sum(g.used)
    FROM gone g
    GROUP BY g.model_id, g.user_id
    HAVING sum(g.used) > 0
    ORDER BY g.model_id, g.user_id
    ON CONFLICT (tenant_id, model_id, user_id) DO UPDATE SET messages = t.messages + excluded.messages
)
SELECT count(*) AS counters FROM gone
"""  # noqa: S608 - a constant of this file

# In the same way.
_MOVE_PERSONAS = f"""
WITH last AS ({FIRST_KEPT_DAY}),
old AS (
    SELECT u.persona_id, u.day, u.user_id FROM persona_usage u
    WHERE u.tenant_id = :tenant_id AND u.day < (SELECT last.day FROM last)
    ORDER BY u.day
    LIMIT :batch ::int
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM persona_usage u USING old
    WHERE u.tenant_id = :tenant_id AND u.persona_id = old.persona_id AND u.day = old.day AND u.user_id = old.user_id
    RETURNING u.persona_id, u.day, u.messages
),
added AS (
    INSERT INTO persona_days AS d (tenant_id, persona_id, day, members, messages)
    SELECT :tenant_id, g.persona_id, g.day, count(*), sum(g.messages)
    FROM gone g
    GROUP BY g.persona_id, g.day
    ORDER BY g.persona_id, g.day
    ON CONFLICT (tenant_id, persona_id, day) DO UPDATE SET
        members = d.members + excluded.members, messages = d.messages + excluded.messages
)
SELECT count(*) AS counters FROM gone
"""  # noqa: S608 - a constant of this file

_FORGET_KEYS = """
WITH old AS (
    SELECT k.user_id, k.key FROM idempotency_keys k
    WHERE k.tenant_id = :tenant_id ::uuid AND k.created_at < :before ::timestamptz
    ORDER BY k.created_at
    LIMIT :batch ::int
    FOR UPDATE SKIP LOCKED
),
gone AS (
    DELETE FROM idempotency_keys k USING old WHERE k.user_id = old.user_id AND k.key = old.key RETURNING k.key
)
SELECT count(*) AS keys FROM gone
"""


def due_days(connection: Connection, tenant_id: UUID, now: datetime) -> list[date]:
    """Days of the tenant's calendar that are over and not closed yet, the oldest first, however many were missed."""
    rows = connection.run(_DUE, tenant_id=tenant_id, settled=now - SETTLING_TIME)
    return [row["day"] for row in rows]


def close(connection: Connection, tenant_id: UUID, day: date, now: datetime) -> bool:
    """Close a day and archive its counters. False: it is closed already, or a message of it has not ended yet."""
    return bool(connection.run(_CLOSE, tenant_id=tenant_id, day=day, now=now)[0]["days"])


def remove_counters(connection: Connection, tenant_id: UUID, now: datetime) -> int:
    """Move up to BATCH counters of days closed long ago into the members' totals; how many. 0: there are no more."""
    rows = connection.run(_MOVE, tenant_id=tenant_id, now=now, days_kept=DAYS_KEPT, batch=BATCH)
    return int(rows[0]["counters"])


def remove_persona_counters(connection: Connection, tenant_id: UUID, now: datetime) -> int:
    """Move up to BATCH counters of days closed long ago into `persona_days`; how many. 0: there are no more."""
    rows = connection.run(_MOVE_PERSONAS, tenant_id=tenant_id, now=now, days_kept=DAYS_KEPT, batch=BATCH)
    return int(rows[0]["counters"])


def forget_keys(connection: Connection, tenant_id: UUID, before: datetime) -> int:
    """Delete up to BATCH idempotency keys older than `before`; how many. 0: there are no more."""
    return int(connection.run(_FORGET_KEYS, tenant_id=tenant_id, before=before, batch=BATCH)[0]["keys"])
