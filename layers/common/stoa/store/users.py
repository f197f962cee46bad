"""Members of a tenant."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stoa.db import Connection, Row, json_parameter
from stoa.ids import new_id

# Selecting from tenants makes an unknown tenant yield no row instead of an error.
# An e-mail may change at the issuer, and the row follows; nothing else of an existing member is touched.
_ENSURE = """
INSERT INTO users AS u (id, tenant_id, subject, email, last_active_at)
SELECT :id, t.id, :subject, :email, now()
FROM tenants t
WHERE t.id = :tenant_id
ON CONFLICT (tenant_id, subject) DO UPDATE
    SET email = coalesce(excluded.email, u.email), last_active_at = now()
RETURNING u.id, u.status
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


def ensure(connection: Connection, tenant_id: UUID, subject: str, email: str | None) -> Row | None:
    """The member's `id` and `status`, made if this is the first request; None when there is no such tenant."""
    rows = connection.run(_ENSURE, id=new_id(), tenant_id=tenant_id, subject=subject, email=email)
    return rows[0] if rows else None


def profile(connection: Connection, tenant_id: UUID, user_id: UUID) -> Row:
    """What the member told of themselves."""
    return connection.run(_PROFILE, tenant_id=tenant_id, user_id=user_id)[0]


def change_profile(connection: Connection, tenant_id: UUID, user_id: UUID, changes: Mapping[str, Any]) -> None:
    """Write the columns that `changes` names: display_name, language, about_me."""
    connection.run(_CHANGE_PROFILE, tenant_id=tenant_id, user_id=user_id, changes=json_parameter(changes))
