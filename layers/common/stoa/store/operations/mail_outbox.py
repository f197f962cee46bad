"""Mail waiting to be sent. Written in the tenant's scope, sent and forgotten in the operator's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.core.values import Private
from stoa.database.pool import Connection, Statement

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


class ClaimedMail(Private, frozen=True):
    """A mail to be sent now. `attempts` counts this attempt, too."""

    id: UUID
    recipient: str
    subject: str
    body: str
    attempts: int


class MailStanding(Struct, frozen=True):
    """A mail's delivery. `status` is queued, sent or dead. `last_error` says why the last attempt failed."""

    dedupe_key: str
    status: str
    attempts: int
    settled_at: datetime | None
    last_error: str | None


def put(
    connection: Connection, *, tenant_id: UUID, to: str, subject: str, text: str, dedupe_key: str, now: datetime
) -> bool:
    """Queues a mail unless one with the same key was queued before, and returns whether it queued it."""
    statement = put_statement(tenant_id=tenant_id, to=to, subject=subject, text=text, dedupe_key=dedupe_key, now=now)
    return bool(connection.run_all([statement])[0])


def put_statement(*, tenant_id: UUID, to: str, subject: str, text: str, dedupe_key: str, now: datetime) -> Statement:
    """Returns the statement that `put` runs, to be sent together with the change that the mail tells of.

    White space in the subject that a header cannot hold becomes a space. A subject that is too long is cut.
    """
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


def claim(connection: Connection, now: datetime, *, retry_at: datetime) -> ClaimedMail | None:
    """Claims the mail whose next attempt is due longest, keeps it from others until `retry_at`, counts the attempt."""
    return connection.fetch_one(ClaimedMail, _CLAIM, now=now, retry_at=retry_at)


def settle(connection: Connection, mail_id: UUID, status: str, now: datetime, *, error: str | None = None) -> None:
    """Notes that a mail was `sent` or is `dead`, and forgets its text."""
    connection.run(_SETTLE, id=mail_id, status=status, error=error, now=now)


def postpone(connection: Connection, mail_id: UUID, retry_at: datetime, error: str) -> None:
    """Notes that an attempt failed, and puts the next one off until `retry_at`."""
    connection.run(_POSTPONE, id=mail_id, retry_at=retry_at, error=error)


def standing(connection: Connection, tenant_id: UUID, keys: Sequence[str]) -> dict[str, MailStanding]:
    """Returns how mails stand, by their keys, where they are not forgotten yet. Needs the tenant's scope."""
    found = connection.fetch(MailStanding, _STANDING, tenant_id=tenant_id, keys=list(keys))
    return {mail.dedupe_key: mail for mail in found}


def purge(connection: Connection, before: datetime) -> int:
    """Forgets mails settled before an instant, and returns how many. Until then their keys keep them from being sent
    again."""
    return len(connection.run(_PURGE, before=before))
