"""Plans that a tenant sells to teams: one for each type of team."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, json_parameter
from stoa.domain.billing.plan_terms import PlanTerms, PlanValues

_ALL = """
SELECT p.type, p.name, p.price_cents, t.currency, p.max_members, p.total_tokens_monthly, p.models, p.enabled, p.version
FROM team_plans p
JOIN tenants t ON t.id = p.tenant_id
WHERE p.tenant_id = :tenant_id ::uuid AND (:type ::text IS NULL OR p.type = :type)
ORDER BY p.price_cents, p.type
"""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('team_plans ' || :tenant_id ::text, 0))"

_SAVE = """
INSERT INTO team_plans AS p (
    tenant_id, type, name, price_cents, max_members, total_tokens_monthly, models, enabled, updated_at
)
SELECT
    :tenant_id ::uuid, :type ::text, r.name, r.price_cents, r.max_members, r.total_tokens_monthly, r.models, r.enabled,
    :now ::timestamptz
FROM jsonb_to_record(:values ::jsonb) AS r (
    name text, price_cents integer, max_members integer, total_tokens_monthly bigint, models text[], enabled boolean
)
ON CONFLICT (tenant_id, type) DO UPDATE SET
    name = excluded.name, price_cents = excluded.price_cents, max_members = excluded.max_members,
    total_tokens_monthly = excluded.total_tokens_monthly, models = excluded.models, enabled = excluded.enabled,
    version = p.version + 1, updated_at = excluded.updated_at
"""


class TeamPlan(Struct, frozen=True):
    """The plan of a type of team, in the tenant's currency."""

    type: str
    name: str
    price_cents: int
    currency: str
    max_members: int
    total_tokens_monthly: int
    models: list[str]
    enabled: bool
    version: int

    @property
    def terms(self) -> PlanTerms:
        """The part of it that is kept with a team that buys it."""
        return PlanTerms(
            self.name, self.price_cents, self.currency, self.max_members, self.total_tokens_monthly, self.models
        )


def plans(connection: Connection, tenant_id: UUID) -> list[TeamPlan]:
    """Returns all plans, the cheapest first."""
    return connection.fetch(TeamPlan, _ALL, tenant_id=tenant_id, type=None)


def plan(connection: Connection, tenant_id: UUID, plan_type: str) -> TeamPlan | None:
    """Returns the plan of a type. None: there is none."""
    return connection.fetch_one(TeamPlan, _ALL, tenant_id=tenant_id, type=plan_type)


def lock(connection: Connection, tenant_id: UUID) -> None:
    """Lets nobody else change the tenant's plans until the transaction ends, also where there is none yet."""
    connection.run(_LOCK, tenant_id=str(tenant_id))


def save(connection: Connection, tenant_id: UUID, plan_type: str, values: PlanValues, now: datetime) -> None:
    """Writes a plan whole."""
    connection.run(_SAVE, tenant_id=tenant_id, type=plan_type, values=json_parameter(asdict(values)), now=now)
