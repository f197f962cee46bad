"""Teams as their members and the tenant's admins see them, and changes of their rows."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection
from stoa.store.teams.team_shares import GIVES_ACCESS

# A seat is taken by an active member and by an invitation that still holds.
_SEATS = """
SELECT count(*) FROM team_members c
WHERE c.tenant_id = :tenant_id AND c.team_id = g.id
    AND (c.status = 'active' OR c.status = 'invited' AND c.invitation_expires_at > :now)
"""

# `begun_on` and what was used since: of the last period that has begun, which may be over.
_COLUMNS = f"""
    g.id, g.name, g.type, g.status, g.max_members, g.total_tokens_monthly, g.shared_pool, g.models, g.billing_email,
    g.anchor_day, g.checkout, g.plan_terms, g.access_until, {GIVES_ACCESS} AS gives_access,
    g.version, g.activated_at, g.closed_at, g.created_at,
    t.time_zone, (:now AT TIME ZONE t.time_zone)::date AS local_day,
    ({_SEATS}) AS seats_taken,
    p.starts_on AS begun_on, p.tokens_used
"""

_PERIOD = """
LEFT JOIN LATERAL (
    SELECT q.starts_on, q.tokens_used FROM team_periods q
    WHERE q.tenant_id = :tenant_id AND q.team_id = g.id
        AND q.starts_on <= (:now AT TIME ZONE t.time_zone)::date
    ORDER BY q.starts_on DESC
    LIMIT 1
) AS p ON true
"""

_OWN = f"""
SELECT {_COLUMNS}, m.role AS own_role, m.allotment AS own_allotment, s.tokens_used AS own_tokens_used
FROM team_members m
JOIN teams g ON g.id = m.team_id
JOIN tenants t ON t.id = g.tenant_id
{_PERIOD}
LEFT JOIN team_member_periods s
    ON s.tenant_id = :tenant_id AND s.team_id = g.id AND s.starts_on = p.starts_on AND s.user_id = m.user_id
WHERE m.tenant_id = :tenant_id ::uuid AND m.user_id = :user_id ::uuid AND m.status = 'active'
    AND g.status <> 'closed' AND :now ::timestamptz IS NOT NULL
    AND (:team_id ::uuid IS NULL OR g.id = :team_id)
    AND (:before ::uuid IS NULL OR g.id < :before)
ORDER BY g.id DESC
LIMIT :rows ::int
"""  # noqa: S608

_OF_TENANT = f"""
SELECT {_COLUMNS}, o.user_id AS owner_id, u.email AS owner_email
FROM teams g
JOIN tenants t ON t.id = g.tenant_id
{_PERIOD}
LEFT JOIN team_members o ON o.tenant_id = :tenant_id AND o.team_id = g.id AND o.status = 'active' AND o.role = 'owner'
LEFT JOIN users u ON u.id = o.user_id
WHERE g.tenant_id = :tenant_id ::uuid AND :now ::timestamptz IS NOT NULL
    AND (:team_id ::uuid IS NULL OR g.id = :team_id)
    AND (:status ::text IS NULL OR g.status = :status)
    AND (:before ::uuid IS NULL OR g.id < :before)
ORDER BY g.id DESC
LIMIT :rows ::int
"""  # noqa: S608

# Whoever changes a team or its members holds its row, so that the cap is counted by one at a time. Messages of the team
# do not wait for it.
_LOCK = "SELECT g.id FROM teams g WHERE g.tenant_id = :tenant_id AND g.id = :team_id FOR NO KEY UPDATE"

_ADD = """
INSERT INTO teams (
    id, tenant_id, name, type, max_members, total_tokens_monthly, shared_pool, models, billing_email, created_at,
    updated_at
)
VALUES (
    :id, :tenant_id, :name, :type, :max_members, :total_tokens_monthly, :shared_pool, :models ::text[], :billing_email,
    :now, :now
)
"""

_SAVE = """
UPDATE teams g SET
    name = :name, type = :type, max_members = :max_members, total_tokens_monthly = :total_tokens_monthly,
    shared_pool = :shared_pool, models = :models ::text[], billing_email = :billing_email,
    version = g.version + 1, updated_at = :now
WHERE g.tenant_id = :tenant_id AND g.id = :team_id
"""

# The first activation sets the day on which periods begin. A team that was paid for until some day and is switched on
# again after a suspension has its access until that day; otherwise an admin switches it on without an end.
_SET_STATUS = """
UPDATE teams g SET
    status = :status ::text,
    anchor_day = CASE WHEN :status = 'active' THEN coalesce(g.anchor_day, extract(day FROM :today ::date)::int)
        ELSE g.anchor_day END,
    activated_at = CASE WHEN :status = 'active' THEN coalesce(g.activated_at, :now ::timestamptz)
        ELSE g.activated_at END,
    access_until = CASE WHEN :status = 'active' AND g.status <> 'suspended' THEN NULL ELSE g.access_until END,
    closed_at = CASE WHEN :status = 'closed' THEN :now ELSE g.closed_at END,
    version = g.version + 1, updated_at = :now
WHERE g.tenant_id = :tenant_id ::uuid AND g.id = :team_id ::uuid
"""

_OWNED = """
SELECT count(*) AS teams FROM team_members m
JOIN teams g ON g.id = m.team_id
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.status = 'active' AND m.role = 'owner'
    AND g.status <> 'closed'
"""

_LOCK_USER = "SELECT u.id FROM users u WHERE u.tenant_id = :tenant_id AND u.id = :user_id FOR NO KEY UPDATE"


class StoredTeam(Struct, frozen=True):
    """A team, with its present standing. `begun_on` and `tokens_used` are of the last period that began."""

    id: UUID
    name: str
    type: str
    status: str
    max_members: int
    total_tokens_monthly: int
    shared_pool: bool
    models: list[str]
    billing_email: str | None
    anchor_day: int | None
    checkout: dict[str, Any]
    plan_terms: dict[str, Any]
    access_until: datetime | None
    gives_access: bool
    version: int
    activated_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    time_zone: str
    local_day: date
    seats_taken: int
    begun_on: date | None
    tokens_used: int | None

    def editable(self) -> dict[str, Any]:
        """Returns the columns that can be edited, by name."""
        return {name: getattr(self, name) for name in SAVED}


class OwnTeam(StoredTeam, frozen=True):
    """A team that somebody is in, with their part in it."""

    own_role: str
    own_allotment: int | None
    own_tokens_used: int | None


class TenantTeam(StoredTeam, frozen=True):
    """A team as the tenant's admins see it, with its owner."""

    owner_id: UUID | None
    owner_email: str | None


SAVED = ("name", "type", "max_members", "total_tokens_monthly", "shared_pool", "models", "billing_email")


def own(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    now: datetime,
    *,
    team_id: UUID | None = None,
    before: UUID | None = None,
    rows: int = 1,
) -> list[OwnTeam]:
    """Teams of which somebody is an active member, with their part in each, newest first; or the one."""
    return connection.fetch(
        OwnTeam, _OWN, tenant_id=tenant_id, user_id=user_id, now=now, team_id=team_id, before=before, rows=rows
    )


def of_tenant(
    connection: Connection,
    tenant_id: UUID,
    now: datetime,
    *,
    team_id: UUID | None = None,
    status: str | None = None,
    before: UUID | None = None,
    rows: int = 1,
) -> list[TenantTeam]:
    """Teams of the tenant with their owners, newest first; or the one."""
    return connection.fetch(
        TenantTeam, _OF_TENANT, tenant_id=tenant_id, now=now, team_id=team_id, status=status, before=before, rows=rows
    )


def lock(connection: Connection, tenant_id: UUID, team_id: UUID) -> None:
    """Make other changes of the team and of its members wait until the transaction ends."""
    connection.run(_LOCK, tenant_id=tenant_id, team_id=team_id)


def lock_user(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Make other counts of what somebody has or sent wait until the transaction ends."""
    connection.run(_LOCK_USER, tenant_id=tenant_id, user_id=user_id)


def owned(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """Returns how many open teams somebody owns. Another count of theirs waits until the transaction ends."""
    counts = connection.run_all([
        (_LOCK_USER, {"tenant_id": tenant_id, "user_id": user_id}),
        (_OWNED, {"tenant_id": tenant_id, "user_id": user_id}),
    ])  # fmt: skip
    return int(counts[1][0]["teams"])


def add(connection: Connection, tenant_id: UUID, team_id: UUID, values: Mapping[str, Any], now: datetime) -> None:
    """Write a new team, which nobody has switched on."""
    connection.run(_ADD, id=team_id, tenant_id=tenant_id, now=now, **{name: values[name] for name in SAVED})


def save(connection: Connection, tenant_id: UUID, team_id: UUID, values: Mapping[str, Any], now: datetime) -> None:
    """Write what can be edited of a team."""
    connection.run(_SAVE, team_id=team_id, tenant_id=tenant_id, now=now, **{name: values[name] for name in SAVED})


def set_status(connection: Connection, tenant_id: UUID, team: StoredTeam, status: str, now: datetime) -> None:
    """Switch a team on or off, or close it."""
    connection.run(_SET_STATUS, tenant_id=tenant_id, team_id=team.id, status=status, today=team.local_day, now=now)
