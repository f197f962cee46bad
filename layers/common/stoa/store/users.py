"""Members of a tenant."""

from uuid import UUID

from stoa.db import Connection, Row
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


def ensure(connection: Connection, tenant_id: UUID, subject: str, email: str | None) -> Row | None:
    """The member's `id` and `status`, made if this is the first request; None when there is no such tenant."""
    rows = connection.run(_ENSURE, id=new_id(), tenant_id=tenant_id, subject=subject, email=email)
    return rows[0] if rows else None
