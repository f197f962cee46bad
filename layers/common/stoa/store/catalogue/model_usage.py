"""Usage of one model by a tenant's members, from the counters and the ledger's last days."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection
from stoa.store.operations.counters import COUNTS

# A counter is in exactly one of the two tables. The ledger's lines are found by their time, whose index is tiny.
_STATS = f"""
WITH sent AS (
    SELECT s.user_id, sum(s.messages)::bigint AS messages
    FROM (
        SELECT t.user_id, t.messages FROM member_model_totals t
        WHERE t.tenant_id = :tenant_id ::uuid AND t.model_id = :model_id
        UNION ALL
        SELECT d.user_id, d.used FROM daily_counters d WHERE d.tenant_id = :tenant_id AND d.model_id = :model_id
    ) AS s
    GROUP BY s.user_id
    HAVING sum(s.messages) > 0
),
recent AS (
    SELECT l.reserved_at FROM usage l
    WHERE l.tenant_id = :tenant_id AND l.model_id = :model_id AND {COUNTS}
        AND l.reserved_at > :now ::timestamptz - interval '7 days' AND l.reserved_at <= :now
)
SELECT
    (SELECT count(*) FROM sent) AS total_users,
    (SELECT coalesce(round(avg(messages), 2), 0) FROM sent) AS average_messages_per_user,
    (SELECT count(*) FROM recent WHERE reserved_at > :now - interval '24 hours') AS messages_last24h,
    (SELECT count(*) FROM recent) AS messages_last7d,
    (
        SELECT coalesce(json_agg(json_build_object('user_id', b.user_id, 'message_count', b.messages)
            ORDER BY b.messages DESC, b.user_id), '[]')
        FROM (SELECT s.user_id, s.messages FROM sent s ORDER BY s.messages DESC, s.user_id LIMIT :top ::int) AS b
    ) AS top_users
"""  # noqa: S608 - a constant of this package, no input


class TopUser(Struct, frozen=True):
    """A member and the number of messages they sent to a model."""

    user_id: UUID
    message_count: int


class ModelUsage(Struct, frozen=True):
    """Members and messages of all time, messages of the last 24 hours and 7 days, and the members who sent most."""

    total_users: int
    average_messages_per_user: Decimal
    messages_last24h: int
    messages_last7d: int
    top_users: list[TopUser]


def stats(connection: Connection, tenant_id: UUID, model_id: str, now: datetime, *, top: int) -> ModelUsage:
    """Returns the usage of one model, with the `top` members who sent most."""
    (row,) = connection.run(_STATS, tenant_id=tenant_id, model_id=model_id, now=now, top=top)
    most = [TopUser(UUID(one["user_id"]), one["message_count"]) for one in row["top_users"]]
    return ModelUsage(**{**row, "top_users": most})
