"""Mail waiting to be sent. Written in the tenant's scope, sent and forgotten in the operator's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stoa.core.ids import new_id
from stoa.database.pool import Connection, Row, Statement

LONGEST_SUBJECT = 200

_PUT = """
INSERT INTO mail_outbox (id, tenant_id, recipient, subject, body, dedupe_key, next_attempt_at, created_at)
VALUES (
    :id ::uuid, :tenant_id ::uuid, :recipient ::text, :subject ::text, :body ::text, :dedupe_key ::text,
    :now ::timestamptz, :now
)
ON CONFLICT (tenant_id, dedupe_key) DO NOTHING
RETURNING id
"""

# Claimed by moving the next attempt: who crashes now leaves the mail to be sent again then. WITH chooses once; a
# subquery in FROM may be run again for each row that it is joined with, and with SKIP LOCKED choose others each time.
_CLAIM = """
WITH due AS (
    SELECT m.id FROM mail_outbox m
    WHERE m.status = 'queued' AND m.next_attempt_at <= :now ::timestamptz
    ORDER BY m.next_attempt_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE mail_outbox m SET next_attempt_at = :retry_at ::timestamptz, attempts = m.attempts + 1
FROM due
WHERE m.id = due.id
RETURNING m.id, m.recipient, m.subject, m.body, m.attempts
"""

_SETTLE = """
UPDATE mail_outbox m SET status = :status ::text, settled_at = :now ::timestamptz, body = NULL, last_error = :error
WHERE m.id = :id ::uuid AND m.status = 'queued'
"""

_POSTPONE = """
UPDATE mail_outbox m SET next_attempt_at = :retry_at ::timestamptz, last_error = :error
WHERE m.id = :id ::uuid AND m.status = 'queued'
"""

_STANDING = """
SELECT m.dedupe_key, m.status, m.attempts, m.settled_at, m.last_error FROM mail_outbox m
WHERE m.tenant_id = :tenant_id AND m.dedupe_key = ANY(:keys ::text[])
"""

_PURGE = "DELETE FROM mail_outbox m WHERE m.settled_at < :before RETURNING m.id"


def put(
    connection: Connection, *, tenant_id: UUID, to: str, subject: str, text: str, dedupe_key: str, now: datetime
) -> bool:
    """Queue a mail unless one with the same key was queued before; whether it was."""
    statement = put_statement(tenant_id=tenant_id, to=to, subject=subject, text=text, dedupe_key=dedupe_key, now=now)
    return bool(connection.run_all([statement])[0])


def put_statement(*, tenant_id: UUID, to: str, subject: str, text: str, dedupe_key: str, now: datetime) -> Statement:
    """The same, to be sent together with what the mail tells of. White space in the subject that a header cannot hold
    becomes a space, and what is too long is cut."""
    one_line = " ".join(subject.split()) or "(no subject)"
    if len(one_line) > LONGEST_SUBJECT:
        one_line = one_line[: LONGEST_SUBJECT - 1] + "…"
    return _PUT, {
        "id": new_id(),
        "tenant_id": tenant_id,
        "recipient": to,
        "subject": one_line,
        "body": text,
        "dedupe_key": dedupe_key,
        "now": now,
    }


def claim(connection: Connection, now: datetime, *, retry_at: datetime) -> Row | None:
    """The mail whose next attempt is due longest, kept from others until `retry_at`; this attempt counted."""
    rows = connection.run(_CLAIM, now=now, retry_at=retry_at)
    return rows[0] if rows else None


def settle(connection: Connection, mail_id: UUID, status: str, now: datetime, *, error: str | None = None) -> None:
    """A mail was `sent` or is `dead`; what it said is forgotten."""
    connection.run(_SETTLE, id=mail_id, status=status, error=error, now=now)


def postpone(connection: Connection, mail_id: UUID, retry_at: datetime, error: str) -> None:
    """An attempt failed; the next one comes then."""
    connection.run(_POSTPONE, id=mail_id, retry_at=retry_at, error=error)


def standing(connection: Connection, tenant_id: UUID, keys: Sequence[str]) -> dict[str, Row]:
    """How mails stand, by their keys, those that are not forgotten yet. In the tenant's scope, no member's."""
    return {row["dedupe_key"]: row for row in connection.run(_STANDING, tenant_id=tenant_id, keys=list(keys))}


def purge(connection: Connection, before: datetime) -> int:
    """Forget mails settled before an instant; how many. Until then their keys keep them from being sent again."""
    return len(connection.run(_PURGE, before=before))
