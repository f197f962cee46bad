"""Entitlements as admins list, grant and revoke them. A revoked one keeps its row."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.ids import new_id
from stoa.database.pool import Connection

_COLUMNS = """
    e.id, e.user_id, u.email, e.model_id, coalesce(o.display_name, m.display_name) AS model_name, e.source, e.notes,
    e.extra_trial_messages, e.granted_by, e.expires_at, e.revoked_at, e.revoked_by, e.created_at,
    e.revoked_at IS NULL AND (e.expires_at IS NULL OR e.expires_at > :now) AS active
"""

_NAMES = """
JOIN users u ON u.id = e.user_id
JOIN models m ON m.id = e.model_id
LEFT JOIN tenant_models o ON o.tenant_id = e.tenant_id AND o.model_id = e.model_id
"""

_PAGE = f"""
SELECT {_COLUMNS}
FROM entitlements e {_NAMES}
WHERE e.tenant_id = :tenant_id ::uuid
    AND (:user_id ::uuid IS NULL OR e.user_id = :user_id)
    AND (:model_id ::text IS NULL OR e.model_id = :model_id)
    AND (:active ::boolean IS NULL OR
        (e.revoked_at IS NULL AND (e.expires_at IS NULL OR e.expires_at > :now ::timestamptz)) = :active)
    AND (:before ::timestamptz IS NULL OR (e.created_at, e.id) < (:before, :before_id ::uuid))
ORDER BY e.created_at DESC, e.id DESC
LIMIT :rows ::int
"""  # noqa: S608 - constants of this file, no input

_GET = f"SELECT {_COLUMNS} FROM entitlements e {_NAMES} WHERE e.tenant_id = :tenant_id ::uuid AND e.id = :id"  # noqa: S608

# Two equal grants at the same moment take turns on the member's row, so the second finds the first. The lock leaves the
# member's own requests alone: a foreign key's check does not wait for it.
_LOCK_MEMBER = """
SELECT u.id FROM users u
WHERE u.tenant_id = :tenant_id ::uuid AND u.id = :user_id
FOR NO KEY UPDATE
"""

_BY_EMAIL = """
SELECT u.id FROM users u
WHERE u.tenant_id = :tenant_id ::uuid AND lower(u.email) = lower(:email ::text)
LIMIT 2
"""

_OPEN_EQUAL = """
SELECT e.id FROM entitlements e
WHERE e.tenant_id = :tenant_id ::uuid AND e.user_id = :user_id AND e.model_id = :model_id AND e.source = :source
    AND e.extra_trial_messages IS NULL AND e.revoked_at IS NULL
    AND e.expires_at IS NOT DISTINCT FROM :expires_at ::timestamptz
LIMIT 1
"""

_ADD = """
INSERT INTO entitlements (
    id, tenant_id, user_id, model_id, source, notes, granted_by, expires_at, extra_trial_messages, created_at
)
VALUES (
    :id, :tenant_id, :user_id, :model_id, :source, :notes, :granted_by ::uuid, :expires_at ::timestamptz,
    :extra_trial_messages ::int, :now
)
"""

_ADD_TRIALS = """
INSERT INTO trial_counters AS c (tenant_id, user_id, model_id, extra)
VALUES (:tenant_id, :user_id, :model_id, :messages ::int)
ON CONFLICT (user_id, model_id) DO UPDATE SET extra = c.extra + excluded.extra
"""

# What was granted as trial messages is taken back with the grant; what of it was used stays used.
_REVOKE = """
WITH revoked AS (
    UPDATE entitlements e SET revoked_at = :now ::timestamptz, revoked_by = :revoked_by ::uuid
    WHERE e.tenant_id = :tenant_id ::uuid AND e.id = :id AND e.revoked_at IS NULL
    RETURNING e.user_id, e.model_id, e.extra_trial_messages
),
fewer AS (
    UPDATE trial_counters c SET extra = greatest(c.extra - revoked.extra_trial_messages, 0)
    FROM revoked
    WHERE revoked.extra_trial_messages IS NOT NULL
        AND c.tenant_id = :tenant_id AND c.user_id = revoked.user_id AND c.model_id = revoked.model_id
)
SELECT count(*) AS grants FROM revoked
"""


class Grant(Struct, frozen=True):
    """A member's access to one model. With `extra_trial_messages` it is that many free messages and nothing else."""

    user_id: UUID
    model_id: str
    source: str
    notes: str | None
    expires_at: datetime | None
    extra_trial_messages: int | None


class Entitlement(Struct, frozen=True):
    """A row of any source, with names. `active`: neither revoked nor expired."""

    id: UUID
    user_id: UUID
    email: str | None
    model_id: str
    model_name: str
    source: str
    notes: str | None
    extra_trial_messages: int | None
    granted_by: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: UUID | None
    created_at: datetime
    active: bool


class Filter(Struct, frozen=True):
    """The entitlements to list. None: all. `active` False: only those that were revoked or expired."""

    user_id: UUID | None = None
    model_id: str | None = None
    active: bool | None = None


def members_by_email(connection: Connection, tenant_id: UUID, email: str) -> list[UUID]:
    """Returns the members with that e-mail, in any case: none, one, or two where there are several."""
    return [row["id"] for row in connection.run(_BY_EMAIL, tenant_id=tenant_id, email=email)]


def lock_member(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Makes other grants to the member wait until the transaction ends. False: there is no such member."""
    return bool(connection.run(_LOCK_MEMBER, tenant_id=tenant_id, user_id=user_id))


def open_equal(connection: Connection, tenant_id: UUID, grant: Grant) -> UUID | None:
    """Returns the id of a grant in force that gives the same. Trial messages never do: each grant adds to them."""
    if grant.extra_trial_messages is not None:
        return None
    rows = connection.run(
        _OPEN_EQUAL,
        tenant_id=tenant_id,
        user_id=grant.user_id,
        model_id=grant.model_id,
        source=grant.source,
        expires_at=grant.expires_at,
    )
    return rows[0]["id"] if rows else None


def add(connection: Connection, tenant_id: UUID, grant: Grant, granted_by: UUID, now: datetime) -> UUID:
    """Writes a grant, counts its trial messages and returns its id."""
    grant_id = new_id()
    connection.run(
        _ADD,
        id=grant_id,
        tenant_id=tenant_id,
        granted_by=granted_by,
        now=now,
        **asdict(grant),
    )
    if grant.extra_trial_messages is not None:
        connection.run(
            _ADD_TRIALS,
            tenant_id=tenant_id,
            user_id=grant.user_id,
            model_id=grant.model_id,
            messages=grant.extra_trial_messages,
        )
    return grant_id


def revoke(connection: Connection, tenant_id: UUID, grant_id: UUID, revoked_by: UUID, now: datetime) -> bool:
    """Ends a grant and keeps its row. False: there is none, or it was revoked before."""
    rows = connection.run(_REVOKE, tenant_id=tenant_id, id=grant_id, revoked_by=revoked_by, now=now)
    return bool(rows[0]["grants"])


def get(connection: Connection, tenant_id: UUID, grant_id: UUID, now: datetime) -> Entitlement | None:
    """Returns one entitlement of any source. None: there is none of that id."""
    return connection.fetch_one(Entitlement, _GET, tenant_id=tenant_id, id=grant_id, now=now)


def page(
    connection: Connection,
    tenant_id: UUID,
    now: datetime,
    wanted: Filter,
    *,
    before: tuple[datetime, UUID] | None,
    rows: int,
) -> list[Entitlement]:
    """Returns the tenant's entitlements that match, newest first. `before` is the last one of the previous page."""
    created_at, last_id = before or (None, None)
    return connection.fetch(
        Entitlement,
        _PAGE,
        tenant_id=tenant_id,
        now=now,
        user_id=wanted.user_id,
        model_id=wanted.model_id,
        active=wanted.active,
        before=created_at,
        before_id=last_id,
        rows=rows,
    )
