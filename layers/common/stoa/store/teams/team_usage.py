"""Usage of a team in one period: the ledger's lines that it paid for, and their sums."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection
from stoa.domain.teams.periods import Period
from stoa.store.operations.counters import COUNTS

_LINES = f"""
SELECT l.id, l.user_id, u.email, l.model_id, l.local_day AS day, l.reserved_at AS created_at, l.status,
    l.input_tokens, l.output_tokens, l.team_tokens AS tokens
FROM usage l
JOIN users u ON u.id = l.user_id
WHERE l.tenant_id = :tenant_id ::uuid AND l.team_id = :team_id ::uuid AND l.team_period = :period ::date AND {COUNTS}
    AND (:user_id ::uuid IS NULL OR l.user_id = :user_id)
    AND (:model_id ::text IS NULL OR l.model_id = :model_id)
    AND (:day ::date IS NULL OR l.local_day = :day)
    AND (:before ::uuid IS NULL OR l.id < :before)
ORDER BY l.id DESC
LIMIT :rows ::int
"""  # noqa: S608 - constants of ours, no input

# One scan for all sums: of everything, by member, by model and by day. `kind` tells which column a row is about.
_SUMS = f"""
SELECT
    CASE grouping(l.user_id, l.model_id, l.local_day)
        WHEN 3 THEN 'member' WHEN 5 THEN 'model' WHEN 6 THEN 'day' ELSE 'total'
    END AS kind,
    l.user_id, l.model_id, l.local_day AS day, (SELECT u.email FROM users u WHERE u.id = l.user_id) AS email,
    count(*) AS messages, coalesce(sum(l.team_tokens), 0)::bigint AS tokens
FROM usage l
WHERE l.tenant_id = :tenant_id ::uuid AND l.team_id = :team_id ::uuid AND l.team_period = :period ::date AND {COUNTS}
    AND (:user_id ::uuid IS NULL OR l.user_id = :user_id)
    AND (:model_id ::text IS NULL OR l.model_id = :model_id)
    AND (:day ::date IS NULL OR l.local_day = :day)
GROUP BY GROUPING SETS ((), (l.user_id), (l.model_id), (l.local_day))
ORDER BY kind, l.local_day, tokens DESC, l.model_id, l.user_id
"""  # noqa: S608

_BEGUN = """
SELECT p.starts_on, p.ends_on FROM team_periods p
WHERE p.tenant_id = :tenant_id ::uuid AND p.team_id = :team_id ::uuid
    AND p.starts_on <= :day ::date AND p.ends_on > :day
ORDER BY p.starts_on DESC
LIMIT 1
"""

# Only for whoever looks: the first message of a period makes its row if this has not.
_OPEN = """
INSERT INTO team_periods (tenant_id, team_id, starts_on, ends_on)
VALUES (:tenant_id, :team_id, :starts_on, :ends_on)
ON CONFLICT (team_id, starts_on) DO NOTHING
RETURNING team_id
"""

_ANCHORS = """
SELECT g.id, g.anchor_day, (:now ::timestamptz AT TIME ZONE t.time_zone)::date AS local_day, (
    SELECT max(p.starts_on) FROM team_periods p WHERE p.tenant_id = :tenant_id AND p.team_id = g.id
) AS begun_on
FROM teams g
JOIN tenants t ON t.id = g.tenant_id
WHERE g.tenant_id = :tenant_id ::uuid AND g.status IN ('active', 'past_due') AND g.anchor_day IS NOT NULL
ORDER BY g.id
"""


class TeamLine(Struct, frozen=True):
    """A message that a team paid for. `tokens` is what was taken from the pool, or is held."""

    id: UUID
    user_id: UUID
    email: str | None
    model_id: str
    day: date
    created_at: datetime
    status: str
    input_tokens: int | None
    output_tokens: int | None
    tokens: int


class TeamSum(Struct, frozen=True):
    """Messages and tokens of a kind: total, member, model or day."""

    kind: str
    user_id: UUID | None
    model_id: str | None
    day: date | None
    email: str | None
    messages: int
    tokens: int


class ActiveTeam(Struct, frozen=True):
    """An active team: its anchor day, the period that began last, and the tenant's today."""

    id: UUID
    anchor_day: int
    local_day: date
    begun_on: date | None


def lines(
    connection: Connection,
    tenant_id: UUID,
    team_id: UUID,
    period: date,
    *,
    user_id: UUID | None,
    model_id: str | None,
    day: date | None,
    before: UUID | None,
    rows: int,
) -> list[TeamLine]:
    """Returns a page of the messages that the team paid for in a period, newest first."""
    return connection.fetch(
        TeamLine,
        _LINES,
        tenant_id=tenant_id,
        team_id=team_id,
        period=period,
        user_id=user_id,
        model_id=model_id,
        day=day,
        before=before,
        rows=rows,
    )


def sums(
    connection: Connection,
    tenant_id: UUID,
    team_id: UUID,
    period: date,
    *,
    user_id: UUID | None,
    model_id: str | None,
    day: date | None,
) -> list[TeamSum]:
    """Returns messages and tokens of the same: rows of the kinds total, member, model and day."""
    return connection.fetch(
        TeamSum, _SUMS, tenant_id=tenant_id, team_id=team_id, period=period, user_id=user_id, model_id=model_id, day=day
    )


def begun(connection: Connection, tenant_id: UUID, team_id: UUID, day: date) -> Period | None:
    """Returns the last of the team's periods that began by `day` and held it; None: there is no row of one."""
    return connection.fetch_one(Period, _BEGUN, tenant_id=tenant_id, team_id=team_id, day=day)


def active_teams(connection: Connection, tenant_id: UUID, now: datetime) -> list[ActiveTeam]:
    """Returns the tenant's active teams with their anchor day, the period that began last, and the tenant's today."""
    return connection.fetch(ActiveTeam, _ANCHORS, tenant_id=tenant_id, now=now)


def open_period(connection: Connection, tenant_id: UUID, team_id: UUID, starts_on: date, ends_on: date) -> bool:
    """Make a period's row. False: it is there already."""
    return bool(connection.run(_OPEN, tenant_id=tenant_id, team_id=team_id, starts_on=starts_on, ends_on=ends_on))
