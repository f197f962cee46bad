"""Members of a tenant."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter

# Selecting from tenants makes an unknown tenant yield no row instead of an error.
# An e-mail may change at the issuer, and so may who is an admin, and the row follows; nothing else of it is touched.
_ENSURE = """
INSERT INTO users AS u (id, tenant_id, subject, email, last_active_at, admin_at)
SELECT :id, t.id, :subject, :email, now(), CASE WHEN :is_admin ::boolean THEN now() END
FROM tenants t
WHERE t.id = :tenant_id
ON CONFLICT (tenant_id, subject) DO UPDATE
    SET email = coalesce(excluded.email, u.email), last_active_at = now(),
        admin_at = excluded.admin_at
RETURNING u.id, u.status
"""

_ADMINS = """
SELECT DISTINCT u.email FROM users u
WHERE u.tenant_id = :tenant_id ::uuid AND u.admin_at > now() - make_interval(days => :days ::int)
    AND u.status = 'active' AND u.email IS NOT NULL
ORDER BY u.email
LIMIT :rows ::int
"""

_PROFILE = """
SELECT u.id, u.email, u.display_name, u.language, u.about_me
FROM users u
WHERE u.tenant_id = :tenant_id ::uuid AND u.id = :user_id ::uuid
"""

# jsonb_populate_record keeps the columns that `changes` does not name.
_CHANGE_PROFILE = """
UPDATE users u SET (display_name, language, about_me) = (
    SELECT n.display_name, n.language, n.about_me FROM jsonb_populate_record(u, :changes ::jsonb) AS n
)
WHERE u.tenant_id = :tenant_id ::uuid AND u.id = :user_id ::uuid
"""


class KnownUser(Struct, frozen=True):
    """A member's id, and whether they are active or blocked."""

    id: UUID
    status: str


class Profile(Struct, frozen=True):
    """A member's profile, as the member wrote it."""

    id: UUID
    email: str | None
    display_name: str | None
    language: str
    about_me: str | None


def ensure(
    connection: Connection, tenant_id: UUID, subject: str, email: str | None, *, is_admin: bool = False
) -> KnownUser | None:
    """Returns the member, made if this is their first request. None: there is no such tenant."""
    return connection.fetch_one(
        KnownUser, _ENSURE, id=new_id(), tenant_id=tenant_id, subject=subject, email=email, is_admin=is_admin
    )


def admin_emails(connection: Connection, tenant_id: UUID, *, days: int, rows: int) -> list[str]:
    """Returns the addresses of those whose last request was an admin's, and not so many days ago."""
    return [row["email"] for row in connection.run(_ADMINS, tenant_id=tenant_id, days=days, rows=rows)]


def profile(connection: Connection, tenant_id: UUID, user_id: UUID) -> Profile:
    """Returns the member's profile."""
    return connection.fetch(Profile, _PROFILE, tenant_id=tenant_id, user_id=user_id)[0]


def change_profile(connection: Connection, tenant_id: UUID, user_id: UUID, changes: Mapping[str, Any]) -> None:
    """Write the columns that `changes` names: display_name, language, about_me."""
    connection.run(_CHANGE_PROFILE, tenant_id=tenant_id, user_id=user_id, changes=json_parameter(changes))
