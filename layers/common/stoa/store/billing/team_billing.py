"""A team's subscription: its pay page, what Stripe told of it, and until when the team gives access."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter

_FIELDS = """
    t.id, t.tenant_id, t.name, t.type, t.status, t.max_members, t.total_tokens_monthly, t.models, t.billing_email,
    t.anchor_day, t.stripe_customer_id, t.stripe_subscription_id, t.subscription, t.checkout, t.plan_terms,
    t.access_until, n.time_zone, n.currency, n.purchases_paused,
    (
        SELECT m.user_id FROM team_members m WHERE m.team_id = t.id AND m.status = 'active' AND m.role = 'owner'
    ) AS owner_id
"""

_GET = f"""
SELECT {_FIELDS}
FROM teams t
JOIN tenants n ON n.id = t.tenant_id
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""  # noqa: S608 - a constant of this file

_LOCK = f"{_GET} FOR NO KEY UPDATE OF t"

_MEMBERSHIP = """
SELECT m.role FROM team_members m
WHERE m.tenant_id = :tenant_id ::uuid AND m.team_id = :team_id ::uuid AND m.user_id = :user_id ::uuid
    AND m.status = 'active'
"""

# Only who saw the last pay page may put another in its place: of two at once, one finds the other's.
_BEGIN_CHECKOUT = """
UPDATE teams t SET checkout = :checkout ::jsonb, updated_at = :now ::timestamptz
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
    AND t.checkout ->> 'attempt' IS NOT DISTINCT FROM :seen ::text
RETURNING t.id
"""

_SAVE_SESSION = """
UPDATE teams t SET checkout = t.checkout || :session ::jsonb
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid AND t.checkout ->> 'attempt' = :attempt ::text
RETURNING t.id
"""

# Periods begin on the day of the first payment; where one has begun later already, it goes on as it is.
_SAVE = """
UPDATE teams t SET
    status = :status ::text, access_until = :access_until ::timestamptz, subscription = :subscription ::jsonb,
    plan_terms = :plan_terms ::jsonb, anchor_day = CASE
        WHEN :paid_on ::date IS NULL THEN t.anchor_day
        WHEN t.anchor_day IS NOT NULL AND EXISTS (
            SELECT FROM team_periods p WHERE p.team_id = t.id AND p.starts_on > :paid_on
        ) THEN t.anchor_day
        ELSE extract(day FROM :paid_on)::smallint
    END,
    stripe_customer_id = coalesce(:customer_id ::text, t.stripe_customer_id),
    stripe_subscription_id = :subscription_id ::text,
    activated_at = CASE WHEN :status = 'active' THEN coalesce(t.activated_at, :now ::timestamptz) ELSE t.activated_at
        END,
    updated_at = :now
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""

# A new version: whoever still has the larger team in front of them is told when they save it.
_CUT = """
UPDATE teams t SET
    max_members = coalesce(:max_members ::int, t.max_members),
    total_tokens_monthly = coalesce(:total_tokens_monthly ::bigint, t.total_tokens_monthly),
    models = coalesce(:models ::text[], t.models), version = t.version + 1, updated_at = :now ::timestamptz
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""

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

_OWNER_EMAIL = """
SELECT coalesce(t.billing_email, u.email) AS email
FROM teams t
LEFT JOIN team_members m ON m.team_id = t.id AND m.status = 'active' AND m.role = 'owner'
LEFT JOIN users u ON u.tenant_id = t.tenant_id AND u.id = m.user_id
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""


def get(connection: Connection, tenant_id: UUID, team_id: UUID) -> Row | None:
    """A team with what its subscription follows from."""
    rows = connection.run(_GET, tenant_id=tenant_id, team_id=team_id)
    return rows[0] if rows else None


def lock(connection: Connection, tenant_id: UUID, team_id: UUID) -> Row | None:
    """The same, held until the transaction ends."""
    rows = connection.run(_LOCK, tenant_id=tenant_id, team_id=team_id)
    return rows[0] if rows else None


def role_in(connection: Connection, tenant_id: UUID, team_id: UUID, user_id: UUID) -> str | None:
    """What somebody is in a team; None: no member of it."""
    rows = connection.run(_MEMBERSHIP, tenant_id=tenant_id, team_id=team_id, user_id=user_id)
    return str(rows[0]["role"]) if rows else None


def begin_checkout(
    connection: Connection,
    tenant_id: UUID,
    team_id: UUID,
    *,
    seen: str | None,
    checkout: Mapping[str, Any],
    now: datetime,
) -> bool:
    """Note a pay page that is about to be made; False when another was noted since `seen`, the last attempt."""
    rows = connection.run(
        _BEGIN_CHECKOUT, tenant_id=tenant_id, team_id=team_id, seen=seen, checkout=json_parameter(checkout), now=now
    )
    return bool(rows)


def save_session(
    connection: Connection, tenant_id: UUID, team_id: UUID, attempt: str, session: Mapping[str, Any]
) -> bool:
    """Note the pay page that was made for an attempt; False when that is no longer the last one."""
    rows = connection.run(
        _SAVE_SESSION, tenant_id=tenant_id, team_id=team_id, attempt=attempt, session=json_parameter(session)
    )
    return bool(rows)


def save(
    connection: Connection,
    row: Row,
    *,
    status: str,
    access_until: datetime | None,
    subscription: Mapping[str, Any],
    plan_terms: Mapping[str, Any],
    paid_on: date | None,
    customer_id: str | None,
    subscription_id: str | None,
    now: datetime,
) -> None:
    """Write what is known of a team's subscription and what follows from it. `paid_on` is the day of the tenant's
    calendar on which the first paid month begins, where that is news."""
    connection.run(
        _SAVE,
        tenant_id=row["tenant_id"],
        team_id=row["id"],
        status=status,
        access_until=access_until,
        subscription=json_parameter(subscription),
        plan_terms=json_parameter(plan_terms),
        paid_on=paid_on,
        customer_id=customer_id,
        subscription_id=subscription_id,
        now=now,
    )


def cut(connection: Connection, row: Row, less: Mapping[str, Any], now: datetime) -> None:
    """Make a team smaller, by column; what `less` does not name stays."""
    named = {name: less.get(name) for name in ("max_members", "total_tokens_monthly", "models")}
    connection.run(_CUT, tenant_id=row["tenant_id"], team_id=row["id"], now=now, **named)


def to_ask_about(
    connection: Connection,
    tenant_id: UUID,
    *,
    now: datetime,
    asked_before: datetime,
    checkout_before: datetime,
    checkout_after: datetime,
    rows: int,
) -> list[Row]:
    """Teams of which Stripe may know more than we do."""
    return connection.run(
        _TO_ASK_ABOUT,
        tenant_id=tenant_id,
        now=now,
        asked_before=asked_before,
        checkout_before=checkout_before,
        checkout_after=checkout_after,
        rows=rows,
    )


def mark_asked(connection: Connection, tenant_id: UUID, team_id: UUID, now: datetime) -> None:
    """Note that Stripe was asked about a team."""
    connection.run(_MARK_ASKED, tenant_id=tenant_id, team_id=team_id, now=now)


def mail_address(connection: Connection, tenant_id: UUID, team_id: UUID) -> str | None:
    """Who is written to about money: the team's billing address, else its owner's."""
    rows = connection.run(_OWNER_EMAIL, tenant_id=tenant_id, team_id=team_id)
    return rows[0]["email"] if rows else None
