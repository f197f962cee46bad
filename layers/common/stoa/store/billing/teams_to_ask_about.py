"""Teams that the reconciliation asks Stripe about, because Stripe may know more of them than we do."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection

# Whose month is over without news, whose first one was not paid yet, who is closed here and not there, and whose pay
# page nobody told the end of: the first one, or one that was made after a subscription had ended.
_TO_ASK_ABOUT = """
SELECT
    t.id, t.tenant_id, t.status, t.stripe_subscription_id, t.checkout ->> 'sessionId' AS session_id,
    s.ended_at IS NOT NULL AS is_over
FROM teams t
CROSS JOIN LATERAL (
    SELECT
        (t.checkout ->> 'madeAt')::timestamptz AS page_made_at,
        (t.subscription -> 'facts' ->> 'paid_until')::timestamptz AS paid_until,
        (t.subscription -> 'facts' ->> 'ended_at')::timestamptz + interval '1 second' AS ended_at -- Stripe has no parts
) AS s
WHERE t.tenant_id = :tenant_id ::uuid
    AND (t.stripe_asked_at IS NULL OR t.stripe_asked_at < :asked_before ::timestamptz)
    AND CASE
        WHEN t.stripe_subscription_id IS NULL OR s.ended_at IS NOT NULL
            THEN s.page_made_at > greatest(s.ended_at, :checkout_after ::timestamptz)
                AND s.page_made_at < :checkout_before ::timestamptz
        ELSE t.status = 'closed' OR coalesce(s.paid_until < :now ::timestamptz, s.page_made_at < :checkout_before)
    END
ORDER BY t.stripe_asked_at NULLS FIRST, t.id
LIMIT :rows ::int
"""

_MARK_ASKED = """
UPDATE teams t SET stripe_asked_at = :now ::timestamptz
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""


class TeamToAskAbout(Struct, frozen=True):
    """A team of which Stripe may know more than we do. `session_id` is of its newest pay page.

    `is_over` tells that its subscription has ended.
    """

    id: UUID
    tenant_id: UUID
    status: str
    stripe_subscription_id: str | None
    session_id: str | None
    is_over: bool


def to_ask_about(
    connection: Connection,
    tenant_id: UUID,
    *,
    now: datetime,
    asked_before: datetime,
    checkout_before: datetime,
    checkout_after: datetime,
    rows: int,
) -> list[TeamToAskAbout]:
    """Returns teams of which Stripe may know more than we do, those first about which it was asked longest ago."""
    return connection.fetch(
        TeamToAskAbout,
        _TO_ASK_ABOUT,
        tenant_id=tenant_id,
        now=now,
        asked_before=asked_before,
        checkout_before=checkout_before,
        checkout_after=checkout_after,
        rows=rows,
    )


def mark_asked(connection: Connection, tenant_id: UUID, team_id: UUID, now: datetime) -> None:
    """Notes that Stripe was asked about a team."""
    connection.run(_MARK_ASKED, tenant_id=tenant_id, team_id=team_id, now=now)
