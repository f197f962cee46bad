"""What the feeds say otherwise than a tenant has it: proposals, what became of them, and what was accepted."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import gives_text
from stoa.domain.sync.facts import Price
from stoa.domain.sync.diff import Held
from stoa.domain.sync.review import Filed

# A tenant's own models are left alone: their admins set them, and no feed knows them.
_HELD = """
SELECT json_agg(json_build_array(
    m.id, m.provider_id, m.provider_model,
    coalesce(a.input_price, m.base_input_price)::text, coalesce(a.output_price, m.base_output_price)::text,
    coalesce(a.rates, m.base_rates),
    coalesce(o.context_window, m.context_window), coalesce(o.max_output_tokens, m.max_output_tokens),
    coalesce(o.deprecated_at, m.deprecated_at), coalesce(o.successor_id, m.successor_id),
    coalesce(o.enabled, m.enabled),
    m.capabilities,
    NOT m.added_by_sync OR o.model_id IS NOT NULL,
    coalesce(o.own_facts, '{}') || CASE WHEN a.is_own THEN '{price}'::text[] ELSE '{}' END
) ORDER BY m.id) AS models
FROM models m
LEFT JOIN tenant_models o ON o.tenant_id = :tenant_id ::uuid AND o.model_id = m.id
LEFT JOIN LATERAL (
    SELECT t.input_price, t.output_price, t.rates, t.is_own FROM tenant_base_prices t
    WHERE t.tenant_id = :tenant_id AND t.model_id = m.id AND t.base_version = m.base_version
    ORDER BY t.id DESC
    LIMIT 1
) AS a ON true
WHERE m.tenant_id IS NULL
"""

_FILED = """
SELECT json_agg(json_build_array(f.id, f.kind, f.subject, f.digest, f.status)) AS filed
FROM (
    SELECT DISTINCT ON (c.kind, c.subject) c.id, c.kind, c.subject, c.digest, c.status
    FROM registry_changes c
    WHERE c.tenant_id = :tenant_id ::uuid AND c.status NOT IN ('superseded', 'withdrawn')
    ORDER BY c.kind, c.subject, c.id DESC
) AS f
"""

_END = """
UPDATE registry_changes c SET status = :status, decided_at = :now ::timestamptz
WHERE c.tenant_id = :tenant_id ::uuid AND c.id = ANY (:ids ::uuid[]) AND c.status = 'open'
"""

_FILE = """
INSERT INTO registry_changes (
    id, tenant_id, kind, subject, provider_id, provider_model, model_id, before, after, digest, percent, agreement,
    status, reason, created_at, decided_at
)
SELECT
    r.id, :tenant_id ::uuid, r.kind, r.subject, r.provider_id, r.provider_model, r.model_id, r.before, r.after,
    r.digest, r.percent, r.agreement, r.status, r.reason, :now ::timestamptz,
    CASE WHEN r.status <> 'open' THEN :now END
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, kind text, subject text, provider_id text, provider_model text, model_id text, before jsonb, after jsonb,
    digest text, percent numeric, agreement text, status text, reason text
)
"""

_COLUMNS = """
    c.id, c.kind, c.subject, c.provider_id, c.provider_model, c.model_id, c.before, c.after, c.percent, c.agreement,
    c.status, c.reason, c.created_at, c.decided_at, c.decided_by
"""

_PAGE = f"""
SELECT {_COLUMNS}, m.display_name AS model_name, u.email AS decided_by_email
FROM registry_changes c
LEFT JOIN models m ON m.id = c.model_id
LEFT JOIN users u ON u.tenant_id = :tenant_id ::uuid AND u.id = c.decided_by
WHERE c.tenant_id = :tenant_id
    AND (:status ::text IS NULL OR c.status = :status)
    AND (:kind ::text IS NULL OR c.kind = :kind)
    AND (:provider_id ::text IS NULL OR c.provider_id = :provider_id)
    AND (:change_id ::uuid IS NULL OR c.id = :change_id)
    AND (:before ::uuid IS NULL OR c.id < :before)
ORDER BY c.id DESC
LIMIT :rows
"""  # noqa: S608 - our own text

_LOCK = f"""
SELECT {_COLUMNS} FROM registry_changes c WHERE c.tenant_id = :tenant_id ::uuid AND c.id = :id ::uuid FOR UPDATE
"""  # noqa: S608 - our own text

_DECIDE = """
UPDATE registry_changes c SET
    status = :status, reason = coalesce(:reason ::text, c.reason), model_id = coalesce(:model_id ::text, c.model_id),
    decided_by = :actor_id ::uuid, decided_at = :now ::timestamptz
WHERE c.tenant_id = :tenant_id ::uuid AND c.id = :id ::uuid
"""

_NEWER = """
SELECT EXISTS (
    SELECT FROM registry_changes c
    WHERE c.tenant_id = :tenant_id ::uuid AND c.kind = :kind AND c.subject = :subject AND c.id > :id ::uuid
        AND c.status IN ('applied', 'approved')
) AS newer
"""

_ACCEPT_PRICES = """
INSERT INTO tenant_base_prices (
    id, tenant_id, model_id, base_version, input_price, output_price, rates, is_own, actor_id, created_at
)
SELECT
    r.id, :tenant_id ::uuid, m.id, m.base_version, r.input_price, r.output_price, r.rates, r.is_own, :actor_id ::uuid,
    :now ::timestamptz
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id uuid, model_id text, input_price numeric, output_price numeric, rates jsonb, is_own boolean)
JOIN models m ON m.id = r.model_id
"""

# What a row does not name stays as the tenant had it; what it names is the admin's own only if it says so.
_ACCEPT_FACTS = """
INSERT INTO tenant_models AS o (
    tenant_id, model_id, context_window, max_output_tokens, deprecated_at, successor_id, enabled, display_name,
    access_tier, unlock_price_cents, own_facts
)
SELECT
    :tenant_id ::uuid, r.model_id, r.context_window, r.max_output_tokens, r.deprecated_at, r.successor_id, r.enabled,
    r.display_name, r.access_tier, r.unlock_price_cents, r.own_facts
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    model_id text, context_window int, max_output_tokens int, deprecated_at timestamptz, successor_id text,
    enabled boolean, display_name text, access_tier text, unlock_price_cents int, own_facts text[]
)
ORDER BY r.model_id
ON CONFLICT (tenant_id, model_id) DO UPDATE SET
    context_window = coalesce(excluded.context_window, o.context_window),
    max_output_tokens = coalesce(excluded.max_output_tokens, o.max_output_tokens),
    deprecated_at = coalesce(excluded.deprecated_at, o.deprecated_at),
    successor_id = coalesce(excluded.successor_id, o.successor_id),
    enabled = coalesce(excluded.enabled, o.enabled),
    display_name = coalesce(excluded.display_name, o.display_name),
    access_tier = coalesce(excluded.access_tier, o.access_tier),
    unlock_price_cents = coalesce(excluded.unlock_price_cents, o.unlock_price_cents),
    own_facts = excluded.own_facts || ARRAY(
        SELECT kept.name FROM unnest(o.own_facts) AS kept (name) WHERE to_jsonb(excluded) ->> kept.name IS NULL
    ),
    version = o.version + 1,
    updated_at = now()
"""


def held(connection: Connection, tenant_id: UUID) -> tuple[list[Held], dict[tuple[str, str], Filed]]:
    """The registry as this tenant has it, and the newest change of each kind on file about each subject."""
    own = {"tenant_id": tenant_id}
    ((models,), (filed,)) = connection.run_all([(_HELD, own), (_FILED, own)])
    known = [Filed(UUID(row[0]), *row[1:]) for row in filed["filed"] or ()]
    return [_held(*row) for row in models["models"] or ()], {(row.kind, row.subject): row for row in known}


def end(connection: Connection, tenant_id: UUID, ids: Iterable[UUID], status: str, now: datetime) -> None:
    """Open changes are `superseded` by newer values, or `withdrawn` because nothing asks for them any more."""
    connection.run(_END, tenant_id=tenant_id, ids=[str(one) for one in ids], status=status, now=now)


def file(connection: Connection, tenant_id: UUID, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Put changes on file, open or applied."""
    connection.run(_FILE, tenant_id=tenant_id, rows=json_parameter(list(rows)), now=now)


def page(
    connection: Connection,
    tenant_id: UUID,
    *,
    status: str | None = None,
    kind: str | None = None,
    provider_id: str | None = None,
    change_id: UUID | None = None,
    before: UUID | None = None,
    rows: int = 1,
) -> list[Row]:
    """The newest changes that match; `before` is the last one of the previous page."""
    return connection.run(
        _PAGE,
        tenant_id=tenant_id,
        status=status,
        kind=kind,
        provider_id=provider_id,
        change_id=change_id,
        before=before,
        rows=rows,
    )


def locked(connection: Connection, tenant_id: UUID, change_id: UUID) -> Row | None:
    """One change, for a decision by nobody else until the transaction ends; None: no such change."""
    rows = connection.run(_LOCK, tenant_id=tenant_id, id=change_id)
    return rows[0] if rows else None


def was_followed(connection: Connection, tenant_id: UUID, change: Row) -> bool:
    """Whether a newer change of the kind about the same was accepted since."""
    asked = {name: change[name] for name in ("kind", "subject", "id")}
    return bool(connection.run(_NEWER, tenant_id=tenant_id, **asked)[0]["newer"])


def decide(
    connection: Connection,
    tenant_id: UUID,
    change_id: UUID,
    status: str,
    *,
    actor_id: UUID | None,
    now: datetime,
    reason: str | None = None,
    model_id: str | None = None,
) -> None:
    """Write an admin's decision."""
    connection.run(
        _DECIDE,
        tenant_id=tenant_id,
        id=change_id,
        status=status,
        reason=reason,
        model_id=model_id,
        actor_id=actor_id,
        now=now,
    )


def accept_prices(
    connection: Connection, tenant_id: UUID, rows: Sequence[Mapping[str, Any]], actor_id: UUID | None, now: datetime
) -> None:
    """The tenant's base prices from now on, until an operator sets others; prices have to be planned anew then."""
    connection.run(_ACCEPT_PRICES, tenant_id=tenant_id, rows=json_parameter(list(rows)), actor_id=actor_id, now=now)


def accept_facts(connection: Connection, tenant_id: UUID, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what the rows name into the tenant's overlay."""
    connection.run(_ACCEPT_FACTS, tenant_id=tenant_id, rows=json_parameter(list(rows)))


def _held(
    model_id: str,
    provider_id: str,
    provider_model: str,
    input_price: str | None,
    output_price: str | None,
    rates: Mapping[str, Any],
    context_window: int,
    max_output_tokens: int,
    deprecated_at: str | None,
    successor_id: str | None,
    is_offered: bool,
    capabilities: list[str],
    is_taken: bool,
    own: list[str],
) -> Held:
    price = None
    if input_price is not None and output_price is not None:
        price = Price(Decimal(input_price), Decimal(output_price), Rates.from_json(rates))
    return Held(
        model_id,
        provider_id,
        provider_model,
        price,
        context_window,
        max_output_tokens,
        None if deprecated_at is None else datetime.fromisoformat(deprecated_at),
        successor_id,
        is_offered,
        gives_text(max_output_tokens, capabilities),
        is_taken,
        frozenset(own),
    )
