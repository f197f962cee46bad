"""A team's subscription: its pay page, what Stripe told of it, and until when the team gives access."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.text import iso
from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter
from stoa.domain.billing.plan_terms import PlanTerms, TeamSize, terms_from_json, terms_to_json
from stoa.domain.billing.team_subscription import SubscriptionRecord, record_from_json, record_to_json
from stoa.domain.billing.team_verdict import AccountChange, TeamAccount

_FIELDS = """
    t.id, t.tenant_id, t.name, t.type, t.status, t.max_members, t.total_tokens_monthly, t.models, t.billing_email,
    t.stripe_customer_id, t.stripe_subscription_id, t.subscription, t.checkout, t.plan_terms, t.access_until,
    n.time_zone, n.purchases_paused
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
    max_members = :max_members ::int, total_tokens_monthly = :total_tokens_monthly ::bigint,
    models = :models ::text[], version = t.version + 1, updated_at = :now ::timestamptz
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""

_OWNER_EMAIL = """
SELECT coalesce(t.billing_email, u.email) AS email
FROM teams t
LEFT JOIN team_members m ON m.team_id = t.id AND m.status = 'active' AND m.role = 'owner'
LEFT JOIN users u ON u.tenant_id = t.tenant_id AND u.id = m.user_id
WHERE t.tenant_id = :tenant_id ::uuid AND t.id = :team_id ::uuid
"""


class PayPage(Private, frozen=True):
    """The page at Stripe on which the owner pays."""

    session_id: str
    url: str


class PayAttempt(Struct, frozen=True):
    """An attempt to have a team paid for. `page` None: Stripe has not told of its page yet."""

    attempt: str
    terms: PlanTerms
    made_at: datetime
    page: PayPage | None = None


class BilledTeam(Private, frozen=True):
    """A team with everything that its subscription follows from."""

    id: UUID
    tenant_id: UUID
    name: str
    type: str
    status: str
    max_members: int
    total_tokens_monthly: int
    models: list[str]
    billing_email: str | None
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    subscription: Mapping[str, Any]
    checkout: Mapping[str, Any]
    plan_terms: Mapping[str, Any]
    access_until: datetime | None
    time_zone: str
    purchases_paused: bool

    @property
    def record(self) -> SubscriptionRecord:
        """All that Stripe told of its subscriptions."""
        return record_from_json(self.subscription)

    @property
    def last_attempt(self) -> PayAttempt | None:
        """The newest attempt to have it paid for. None: there was none."""
        return _attempt(self.checkout) if self.checkout else None

    @property
    def bought(self) -> PlanTerms | None:
        """The terms that were paid for. None: nothing was bought."""
        return terms_from_json(self.plan_terms)

    @property
    def account(self) -> TeamAccount:
        """The part of it that a notice of Stripe's is judged by."""
        last = self.last_attempt
        return TeamAccount(
            status=self.status,
            access_until=self.access_until,
            subscription_id=self.stripe_subscription_id,
            record=self.record,
            bought=self.bought,
            offered=None if last is None else last.terms,
            size=TeamSize(self.max_members, self.total_tokens_monthly, self.models),
        )


def get(connection: Connection, tenant_id: UUID, team_id: UUID) -> BilledTeam | None:
    """Returns a team with what its subscription follows from. None: the tenant has no such team."""
    return connection.fetch_one(BilledTeam, _GET, tenant_id=tenant_id, team_id=team_id)


def lock(connection: Connection, tenant_id: UUID, team_id: UUID) -> BilledTeam | None:
    """Returns the same, held until the transaction ends."""
    return connection.fetch_one(BilledTeam, _LOCK, tenant_id=tenant_id, team_id=team_id)


def role_in(connection: Connection, tenant_id: UUID, team_id: UUID, user_id: UUID) -> str | None:
    """Returns somebody's role in a team. None: they are no member of it."""
    rows = connection.run(_MEMBERSHIP, tenant_id=tenant_id, team_id=team_id, user_id=user_id)
    return str(rows[0]["role"]) if rows else None


def begin_checkout(
    connection: Connection, tenant_id: UUID, team_id: UUID, made: PayAttempt, *, seen: PayAttempt | None
) -> bool:
    """Notes a pay page that is about to be made; False when another was noted since `seen`, the last attempt."""
    rows = connection.run(
        _BEGIN_CHECKOUT,
        tenant_id=tenant_id,
        team_id=team_id,
        seen=None if seen is None else seen.attempt,
        checkout=json_parameter({
            "attempt": made.attempt,
            "terms": terms_to_json(made.terms),
            "madeAt": iso(made.made_at),
        }),
        now=made.made_at,
    )  # fmt: skip
    return bool(rows)


def save_session(connection: Connection, tenant_id: UUID, team_id: UUID, attempt: str, page: PayPage) -> bool:
    """Notes the pay page that was made for an attempt; False when that is no longer the last one."""
    session = {"sessionId": page.session_id, "url": page.url}
    rows = connection.run(
        _SAVE_SESSION, tenant_id=tenant_id, team_id=team_id, attempt=attempt, session=json_parameter(session)
    )
    return bool(rows)


def save(
    connection: Connection,
    team: BilledTeam,
    change: AccountChange,
    *,
    paid_on: date | None,
    customer_id: str | None,
    subscription_id: str,
    now: datetime,
) -> None:
    """Writes what is known of a team's subscription and what follows from it, a smaller size included.

    `paid_on` is the day of the tenant's calendar on which the first paid month begins, where that is news.
    """
    connection.run(
        _SAVE,
        tenant_id=team.tenant_id,
        team_id=team.id,
        status=change.status,
        access_until=change.access_until,
        subscription=json_parameter(record_to_json(change.record)),
        plan_terms=json_parameter(terms_to_json(change.bought)),
        paid_on=paid_on,
        customer_id=customer_id,
        subscription_id=subscription_id,
        now=now,
    )
    if change.size is not None:
        connection.run(
            _CUT,
            tenant_id=team.tenant_id,
            team_id=team.id,
            max_members=change.size.max_members,
            total_tokens_monthly=change.size.total_tokens_monthly,
            models=change.size.models,
            now=now,
        )


def mail_address(connection: Connection, tenant_id: UUID, team_id: UUID) -> str | None:
    """Returns the address for mails about money: the team's billing address, else its owner's."""
    rows = connection.run(_OWNER_EMAIL, tenant_id=tenant_id, team_id=team_id)
    return rows[0]["email"] if rows else None


def _attempt(kept: Mapping[str, Any]) -> PayAttempt:
    terms = terms_from_json(kept["terms"])
    if terms is None:
        raise ValueError("a pay page that is for no plan")
    page = PayPage(kept["sessionId"], kept["url"]) if "sessionId" in kept else None
    return PayAttempt(kept["attempt"], terms, datetime.fromisoformat(kept["madeAt"]), page)
