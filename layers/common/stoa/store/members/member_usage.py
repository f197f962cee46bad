"""A member's use: the ledger's lines summed by the tenant's day and model."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, typed

# `reserved_at` lets the index by user find the lines; a day of the tenant's begins at most a day before UTC's does.
_PERIOD = """
SELECT t.time_zone, p.first_day, p.last_day, (p.first_day - 1)::timestamp AT TIME ZONE 'UTC' AS since
FROM tenants t
CROSS JOIN LATERAL (
    SELECT
        (:now ::timestamptz AT TIME ZONE t.time_zone)::date AS last_day,
        (:now AT TIME ZONE t.time_zone)::date - (:days ::int - 1) AS first_day
) AS p
WHERE t.id = :tenant_id ::uuid
"""

_LINES = f"""
WITH period AS ({_PERIOD}),
lines AS (
    SELECT l.local_day, l.model_id, l.input_tokens, l.output_tokens, l.charge
    FROM period p
    JOIN usage l ON l.tenant_id = :tenant_id AND l.user_id = :user_id ::uuid AND l.reserved_at >= p.since
    WHERE l.status IN ('completed', 'partial') AND l.local_day BETWEEN p.first_day AND p.last_day
)
"""  # noqa: S608 - a constant of this file, no input

_SUMS = """
    count(*) AS messages,
    coalesce(sum(l.input_tokens), 0)::bigint AS input_tokens,
    coalesce(sum(l.output_tokens), 0)::bigint AS output_tokens,
    coalesce(sum(l.charge), 0) AS charge
"""

_TOTALS = f"""{_LINES}
SELECT p.time_zone, p.first_day, p.last_day, s.messages, s.input_tokens, s.output_tokens, s.charge
FROM period p
CROSS JOIN (SELECT {_SUMS} FROM lines l) AS s
"""  # noqa: S608

_BY_DAY_AND_MODEL = f"""{_LINES}
SELECT s.*, coalesce(o.display_name, m.display_name, s.model_id) AS model_name
FROM (
    SELECT l.local_day AS day, l.model_id, {_SUMS}
    FROM lines l
    WHERE :before ::date IS NULL OR l.local_day < :before OR l.local_day = :before AND l.model_id > :after_model ::text
    GROUP BY l.local_day, l.model_id
    ORDER BY l.local_day DESC, l.model_id
    LIMIT :rows ::int
) AS s
LEFT JOIN models m ON m.id = s.model_id
LEFT JOIN tenant_models o ON o.tenant_id = :tenant_id AND o.model_id = s.model_id
ORDER BY s.day DESC, s.model_id
"""  # noqa: S608


class UsageTotals(Struct, frozen=True):
    """The sums of a whole period, and its first and last day on the tenant's calendar. `charge` in USD."""

    time_zone: str
    first_day: date
    last_day: date
    messages: int
    input_tokens: int
    output_tokens: int
    charge: Decimal


class DayUsage(Struct, frozen=True):
    """The sums of one model on one day of the tenant's calendar. `charge` in USD."""

    day: date
    model_id: str
    model_name: str
    messages: int
    input_tokens: int
    output_tokens: int
    charge: Decimal


def read(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    now: datetime,
    *,
    days: int,
    after: tuple[date, str] | None,
    rows: int,
) -> tuple[UsageTotals, list[DayUsage]]:
    """Returns a member's totals of the last `days` days of the tenant's calendar, today included, and a page of rows.

    `after` is day and model of the last row of the previous page.
    """
    own = {"tenant_id": tenant_id, "user_id": user_id, "now": now, "days": days}
    day, model_id = after or (None, None)
    page = {**own, "before": day, "after_model": model_id, "rows": rows}
    totals, found = connection.run_all([(_TOTALS, own), (_BY_DAY_AND_MODEL, page)])
    return typed(UsageTotals, totals)[0], typed(DayUsage, found)
