"""The ledger and its counters: reserve, settle, release, sweep. Each is one statement, so each holds or fails whole."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.values import Private
from stoa.database.pool import Connection, Rows, Statement, typed
from stoa.domain.pricing.markup import TokenUsage

# Under any concurrency N trials give N reservations and a limit of N gives N: ON CONFLICT DO UPDATE locks the counter's
# row and checks the condition against its newest version. Where a condition fails, refuse() undoes the statement whole,
# so no counter moves without its line. A key whose earlier line came to nothing may be used again.
_RESERVE = """
WITH counted AS (
    INSERT INTO daily_counters AS d (tenant_id, user_id, model_id, day, used)
    SELECT :tenant_id ::uuid, :user_id ::uuid, :model_id ::text, :local_day ::date, 1
    WHERE :daily_limit ::int IS NULL OR :daily_limit > 0
    ON CONFLICT (user_id, day, model_id) DO UPDATE SET used = d.used + 1
        WHERE :daily_limit IS NULL OR d.used < :daily_limit
    RETURNING d.used
),
tried AS (
    INSERT INTO trial_counters AS c (tenant_id, user_id, model_id, used)
    SELECT :tenant_id, :user_id, :model_id, 1
    WHERE :access ::text = 'trial' AND :trial_messages ::int > 0
    ON CONFLICT (user_id, model_id) DO UPDATE SET used = c.used + 1
        WHERE c.used < :trial_messages
    RETURNING c.used
),
line AS (
    INSERT INTO usage (
        id, tenant_id, user_id, model_id, provider_id, price_row_id, requested_model_id, rule, access, local_day,
        persona_id, domain_mode, focus_mode, conversation_id, estimated_cost, team_id, team_period, team_tokens,
        reserved_at, expires_at
    )
    VALUES (
        :usage_id ::uuid, :tenant_id, :user_id, :model_id, :provider_id ::text, :price_row_id ::uuid,
        :requested_model_id ::text, :rule ::text, :access, :local_day, :persona_id ::text, :domain_mode ::text,
        :focus_mode ::text, :conversation_id ::uuid, :estimated_cost ::numeric, :team_id ::uuid, :team_period ::date,
        :team_tokens ::bigint, :now ::timestamptz, :expires_at ::timestamptz
    )
),
keyed AS (
    INSERT INTO idempotency_keys AS k (tenant_id, user_id, key, request_hash, usage_id)
    SELECT :tenant_id, :user_id, :key ::text, :request_hash ::text, :usage_id
    WHERE :key IS NOT NULL
    ON CONFLICT (user_id, key) DO UPDATE SET usage_id = excluded.usage_id, created_at = now()
        WHERE k.request_hash = excluded.request_hash
            AND EXISTS (SELECT FROM usage l WHERE l.id = k.usage_id AND l.status IN ('failed', 'expired'))
    RETURNING k.key
)
SELECT
    (SELECT used FROM counted) AS used_today,
    (SELECT used FROM tried) AS trials_used,
    CASE
        WHEN NOT EXISTS (SELECT FROM counted) THEN refuse('daily_limit')
        WHEN :access = 'trial' AND NOT EXISTS (SELECT FROM tried) THEN refuse('trial')
        WHEN :key IS NOT NULL AND NOT EXISTS (SELECT FROM keyed) THEN refuse('idempotency_key')
    END
"""

_SETTLE = """
WITH line AS (
    UPDATE usage l SET
        status = :status, settled_at = :now ::timestamptz, input_tokens = :input_tokens,
        output_tokens = :output_tokens, cached_input_tokens = :cached_input_tokens,
        cache_write_tokens = :cache_write_tokens, input_audio_tokens = :input_audio_tokens,
        input_image_tokens = :input_image_tokens, output_audio_tokens = :output_audio_tokens,
        output_image_tokens = :output_image_tokens, tokens_estimated = :estimated, provider_cost = :provider_cost,
        charge = :charge, latency_ms = :latency_ms, first_token_ms = :first_token_ms, stop_reason = :stop_reason,
        error_code = :error_code, own_key = :own_key, team_tokens = :team_tokens ::bigint
    WHERE l.tenant_id = :tenant_id ::uuid AND l.id = :usage_id ::uuid AND l.status = 'reserved'
    RETURNING l.user_id, l.model_id, l.local_day, l.access
),
-- A provider that broke off gives the message and the trial back; what it did produce is still paid for.
counted AS (
    UPDATE daily_counters d SET used = greatest(d.used - 1, 0)
    FROM line
    WHERE :give_back ::boolean
        AND d.tenant_id = :tenant_id AND d.user_id = line.user_id AND d.model_id = line.model_id
        AND d.day = line.local_day
),
tried AS (
    UPDATE trial_counters c SET used = greatest(c.used - 1, 0)
    FROM line
    WHERE :give_back AND line.access = 'trial'
        AND c.tenant_id = :tenant_id AND c.user_id = line.user_id AND c.model_id = line.model_id
)
SELECT CASE WHEN NOT EXISTS (SELECT FROM line) THEN refuse('settled_already') END
"""

# Release (one line, failed) and sweep (those past their expiry) give back what was taken, line by line. Counters first
# and pools last, as reserve takes them: so nobody waits in a circle, and a pool's row is held for the shortest time.
_GIVE_BACK = """
counted AS (
    UPDATE daily_counters d SET used = greatest(d.used - taken.messages, 0)
    FROM (SELECT user_id, model_id, local_day, count(*) AS messages FROM line GROUP BY 1, 2, 3) AS taken
    WHERE d.tenant_id = :tenant_id AND d.user_id = taken.user_id AND d.model_id = taken.model_id
        AND d.day = taken.local_day
    RETURNING d.user_id
),
tried AS (
    UPDATE trial_counters c SET used = greatest(c.used - taken.messages, 0)
    FROM (SELECT user_id, model_id, count(*) AS messages FROM line WHERE access = 'trial' GROUP BY 1, 2) AS taken
    WHERE c.tenant_id = :tenant_id AND c.user_id = taken.user_id AND c.model_id = taken.model_id
),
shared AS (
    UPDATE team_member_periods s SET tokens_used = greatest(s.tokens_used - taken.tokens, 0)
    FROM (
        SELECT team_id, team_period, user_id, sum(team_tokens) AS tokens FROM line
        WHERE team_id IS NOT NULL AND (SELECT count(*) FROM counted) >= 0 -- after the counters
        GROUP BY 1, 2, 3
    ) AS taken
    WHERE s.tenant_id = :tenant_id AND s.team_id = taken.team_id AND s.starts_on = taken.team_period
        AND s.user_id = taken.user_id
    RETURNING s.user_id
),
pooled AS (
    UPDATE team_periods p SET tokens_used = greatest(p.tokens_used - taken.tokens, 0)
    FROM (
        SELECT team_id, team_period, sum(team_tokens) AS tokens FROM line
        WHERE team_id IS NOT NULL AND (SELECT count(*) FROM shared) >= 0 -- after the shares
        GROUP BY 1, 2
    ) AS taken
    WHERE p.tenant_id = :tenant_id AND p.team_id = taken.team_id AND p.starts_on = taken.team_period
)
SELECT count(*) AS lines FROM line
"""

_RELEASE = (
    """
WITH line AS (
    UPDATE usage l SET
        status = 'failed', settled_at = :now ::timestamptz, error_code = :error_code, latency_ms = :latency_ms
    WHERE l.tenant_id = :tenant_id ::uuid AND l.id = :usage_id ::uuid AND l.status = 'reserved'
    RETURNING l.user_id, l.model_id, l.local_day, l.access, l.team_id, l.team_period, l.team_tokens
),"""
    + _GIVE_BACK
)

_SWEEP = (
    """
WITH due AS (
    SELECT l.id FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND l.status = 'reserved' AND l.expires_at <= :now ::timestamptz
        AND (:user_id ::uuid IS NULL OR l.user_id = :user_id)
    ORDER BY l.id
    LIMIT :batch ::int
    FOR UPDATE SKIP LOCKED
),
line AS (
    UPDATE usage l SET status = 'expired', settled_at = :now, error_code = 'EXPIRED'
    FROM due
    WHERE l.id = due.id
    RETURNING l.user_id, l.model_id, l.local_day, l.access, l.team_id, l.team_period, l.team_tokens
),"""  # noqa: S608 - two constants of this file
    + _GIVE_BACK
)

_KEY = """
SELECT k.request_hash, l.status, m.id AS message_id, m.content, m.metadata, m.citations
FROM idempotency_keys k
JOIN usage l ON l.id = k.usage_id
LEFT JOIN messages m ON m.usage_id = l.id AND m.role = 'assistant'
WHERE k.tenant_id = :tenant_id AND k.user_id = :user_id AND k.key = :key
"""

_RECENT_MODELS = """
SELECT r.model_id
FROM (
    SELECT l.model_id, l.reserved_at FROM usage l
    WHERE l.tenant_id = :tenant_id AND l.user_id = :user_id AND l.status IN ('completed', 'partial')
    ORDER BY l.reserved_at DESC
    LIMIT 100
) AS r
GROUP BY r.model_id
ORDER BY max(r.reserved_at) DESC
LIMIT 10
"""

SWEEP_BATCH = 1000


class Reservation(Struct, frozen=True):
    """A message about to be sent to a provider: what to count it against and what it will be charged by."""

    usage_id: UUID
    tenant_id: UUID
    user_id: UUID
    model_id: str
    provider_id: str
    price_row_id: UUID
    requested_model_id: str | None
    rule: str
    access: str
    local_day: date
    daily_limit: int | None
    trial_messages: int
    persona_id: str | None
    domain_mode: str | None
    focus_mode: str | None
    conversation_id: UUID
    estimated_cost: Decimal
    now: datetime
    expires_at: datetime
    key: str | None
    request_hash: str | None
    team_id: UUID | None = None  # the team whose tokens it takes (store/team_ledger.py), and out of which period
    team_period: date | None = None
    team_tokens: int | None = None


class Settlement(Struct, frozen=True):
    """The end of a message. `give_back` returns message and trial to the member, because the provider broke off."""

    usage_id: UUID
    status: str  # completed | partial
    now: datetime
    usage: TokenUsage
    provider_cost: Decimal
    own_key: bool  # served with the tenant's own key: the provider costs us nothing
    charge: Decimal
    latency_ms: int
    first_token_ms: int | None
    stop_reason: str
    error_code: str | None
    give_back: bool
    team_tokens: int | None = None  # that the message took of its team's


def reserve_statement(reservation: Reservation) -> Statement:
    """Count the message and write its line; answers `used_today` and `trials_used`, this message included.

    Refuses (daily_limit, trial, idempotency_key); then nothing was counted or written.
    """
    return _RESERVE, asdict(reservation)


def settle_statement(tenant_id: UUID, settlement: Settlement) -> Statement:
    """Returns the statement that ends a line with its charge. It refuses (settled_already) when the line has ended."""
    fields = asdict(settlement)
    return _SETTLE, {"tenant_id": tenant_id, **asdict(fields.pop("usage")), **fields}


def release_statement(tenant_id: UUID, usage_id: UUID, *, error_code: str, latency_ms: int, now: datetime) -> Statement:
    """End a line as failed and give message and trial back. Answers `lines`: 0 if it had ended before."""
    ended = {"error_code": error_code, "latency_ms": latency_ms, "now": now}
    return _RELEASE, {"tenant_id": tenant_id, "usage_id": usage_id, **ended}


def sweep(connection: Connection, tenant_id: UUID, user_id: UUID | None, now: datetime) -> int:
    """End up to SWEEP_BATCH lines past their expiry, of one user or of all, and give back what they took."""
    rows = connection.run(_SWEEP, tenant_id=tenant_id, user_id=user_id, now=now, batch=SWEEP_BATCH)
    return int(rows[0]["lines"])


def key_statements(tenant_id: UUID, user_id: UUID, key: str | None) -> list[Statement]:
    """Returns the statement that reads a key's request hash, its line's status and the saved answer. Empty: no key."""
    return [] if key is None else [(_KEY, {"tenant_id": tenant_id, "user_id": user_id, "key": key})]


def recent_models_statement(tenant_id: UUID, user_id: UUID) -> Statement:
    """Returns the last models that answered a member, `model_id`, newest first, at most ten."""
    return _RECENT_MODELS, {"tenant_id": tenant_id, "user_id": user_id}


class Counted(Struct, frozen=True):
    """Counters after a reservation, its own message included. `trials_used` None: the message is no trial."""

    used_today: int
    trials_used: int | None


def counted(rows: Rows) -> Counted:
    """Returns the counters that `reserve_statement` was answered with."""
    return Counted(int(rows[0]["used_today"]), rows[0]["trials_used"])


class KeyedAnswer(Private, frozen=True):
    """A request under an idempotency key: its hash, the status of its line, and the answer if it was saved."""

    request_hash: str
    status: str
    message_id: UUID | None
    content: str | None
    metadata: dict[str, Any] | None
    citations: list[dict[str, Any]] | None


def keyed_answer(rows: Rows) -> KeyedAnswer | None:
    """Returns what `key_statements` was answered with. None: the key is new."""
    return next(iter(typed(KeyedAnswer, rows)), None)


def recent_models(rows: Rows) -> list[str]:
    """Returns the model ids that `recent_models_statement` was answered with."""
    return [row["model_id"] for row in rows]
