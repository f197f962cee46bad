"""The counters against the ledger that they follow from: compared and put right in one statement each.

Chat writes a line and moves its counters in one statement, so at any moment the two agree; a difference is a fault. It
is put right by adding it, never by setting a value, so that messages sent meanwhile are not lost.
"""

from datetime import date
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection

# Which lines of the ledger (`l`) hold a message of the member's. A provider that broke off midway gave it back.
COUNTS = "(l.status IN ('reserved', 'completed') OR l.status = 'partial' AND l.stop_reason IS DISTINCT FROM 'error')"

# A counter of a day before `since` may have been moved to member_model_totals; one that is missing shows in the whole.
_DAILY = f"""
WITH ledger AS (
    SELECT l.user_id, l.model_id, l.local_day AS day, count(*) AS messages
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND {COUNTS}
    GROUP BY 1, 2, 3
),
difference AS (
    SELECT user_id, model_id, day, coalesce(d.used, 0) AS counted, coalesce(l.messages, 0) AS on_ledger,
        d.used IS NULL AS is_missing
    FROM ledger l
    FULL JOIN (
        SELECT c.user_id, c.model_id, c.day, c.used FROM daily_counters c WHERE c.tenant_id = :tenant_id
    ) AS d USING (user_id, model_id, day)
    WHERE coalesce(d.used, 0) <> coalesce(l.messages, 0) AND (d.used IS NOT NULL OR day >= :since ::date)
)"""  # noqa: S608 - constants of this file, no input

_TRIALS = f"""
WITH ledger AS (
    SELECT l.user_id, l.model_id, count(*) AS messages
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND l.access = 'trial' AND {COUNTS}
    GROUP BY 1, 2
),
difference AS (
    SELECT user_id, model_id, NULL::date AS day, coalesce(c.used, 0) AS counted, coalesce(l.messages, 0) AS on_ledger,
        c.used IS NULL AS is_missing
    FROM ledger l
    FULL JOIN (
        SELECT t.user_id, t.model_id, t.used FROM trial_counters t WHERE t.tenant_id = :tenant_id
    ) AS c USING (user_id, model_id)
    WHERE coalesce(c.used, 0) <> coalesce(l.messages, 0)
)"""  # noqa: S608

# Of all time: what was moved and what is still counted by day together make the ledger's number.
_TOTALS = f"""
WITH ledger AS (
    SELECT l.user_id, l.model_id, count(*) AS messages
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND {COUNTS}
    GROUP BY 1, 2
),
counted AS (
    SELECT s.user_id, s.model_id, sum(s.messages) AS messages, bool_and(s.is_daily) AS is_missing
    FROM (
        SELECT t.user_id, t.model_id, t.messages, false AS is_daily FROM member_model_totals t
        WHERE t.tenant_id = :tenant_id
        UNION ALL
        SELECT d.user_id, d.model_id, d.used, true FROM daily_counters d WHERE d.tenant_id = :tenant_id
    ) AS s
    GROUP BY 1, 2
),
difference AS (
    SELECT user_id, model_id, NULL::date AS day, coalesce(c.messages, 0) AS counted,
        coalesce(l.messages, 0) AS on_ledger, coalesce(c.is_missing, true) AS is_missing
    FROM ledger l
    FULL JOIN counted c USING (user_id, model_id)
    WHERE coalesce(c.messages, 0) <> coalesce(l.messages, 0)
)"""  # noqa: S608

# Tokens of teams' periods, members and pools: of lines that hold a message, those that were taken or are reserved.
_SHARES = f"""
WITH ledger AS (
    SELECT l.user_id, l.team_id, l.team_period, sum(l.team_tokens) AS tokens
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND l.team_id IS NOT NULL AND {COUNTS}
    GROUP BY 1, 2, 3
),
difference AS (
    SELECT user_id, team_id::text AS model_id, team_period AS day, coalesce(s.tokens_used, 0) AS counted,
        coalesce(l.tokens, 0) AS on_ledger, s.tokens_used IS NULL AS is_missing, team_id
    FROM ledger l
    FULL JOIN (
        SELECT m.user_id, m.team_id, m.starts_on AS team_period, m.tokens_used FROM team_member_periods m
        WHERE m.tenant_id = :tenant_id
    ) AS s USING (user_id, team_id, team_period)
    WHERE coalesce(s.tokens_used, 0) <> coalesce(l.tokens, 0)
)"""  # noqa: S608

_POOLS = f"""
WITH ledger AS (
    SELECT l.team_id, l.team_period, sum(l.team_tokens) AS tokens
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND l.team_id IS NOT NULL AND {COUNTS}
    GROUP BY 1, 2
),
difference AS (
    SELECT NULL::uuid AS user_id, team_id::text AS model_id, team_period AS day, p.tokens_used AS counted,
        coalesce(l.tokens, 0) AS on_ledger, team_id
    FROM (
        SELECT q.team_id, q.starts_on AS team_period, q.tokens_used FROM team_periods q WHERE q.tenant_id = :tenant_id
    ) AS p
    LEFT JOIN ledger l USING (team_id, team_period)
    WHERE p.tokens_used <> coalesce(l.tokens, 0)
)"""  # noqa: S608

# Answers of personas, of days whose counters cannot have been rolled up yet. A reservation is no answer.
_PERSONAS = f"""
WITH ledger AS (
    SELECT l.user_id, l.persona_id AS model_id, l.local_day AS day, count(*) AS messages
    FROM usage l
    WHERE l.tenant_id = :tenant_id ::uuid AND l.persona_id IS NOT NULL AND l.local_day >= :since ::date
        AND l.status <> 'reserved' AND {COUNTS}
    GROUP BY 1, 2, 3
),
difference AS (
    SELECT user_id, model_id, day, coalesce(u.messages, 0) AS counted, coalesce(l.messages, 0) AS on_ledger,
        u.messages IS NULL AS is_missing
    FROM ledger l
    FULL JOIN (
        SELECT p.user_id, p.persona_id AS model_id, p.day, p.messages FROM persona_usage p
        WHERE p.tenant_id = :tenant_id AND p.day >= :since
    ) AS u USING (user_id, model_id, day)
    WHERE coalesce(u.messages, 0) <> coalesce(l.messages, 0)
)"""  # noqa: S608

_REPORT = """
SELECT user_id, model_id, day, counted::bigint, on_ledger::bigint FROM difference ORDER BY user_id, model_id, day
"""
_COUNT = "SELECT count(*) AS differences FROM difference"

_REPAIR_DAILY = f"""{_DAILY},
moved AS (
    UPDATE daily_counters d SET used = greatest(d.used + f.on_ledger - f.counted, 0)
    FROM difference f
    WHERE NOT f.is_missing AND d.tenant_id = :tenant_id AND d.user_id = f.user_id AND d.day = f.day
        AND d.model_id = f.model_id
),
added AS (
    INSERT INTO daily_counters AS d (tenant_id, user_id, model_id, day, used)
    SELECT :tenant_id, f.user_id, f.model_id, f.day, f.on_ledger FROM difference f WHERE f.is_missing
    ON CONFLICT (user_id, day, model_id) DO UPDATE SET used = d.used + excluded.used
)
{_COUNT}"""  # noqa: S608

_REPAIR_TRIALS = f"""{_TRIALS},
moved AS (
    UPDATE trial_counters c SET used = greatest(c.used + f.on_ledger - f.counted, 0)
    FROM difference f
    WHERE NOT f.is_missing AND c.tenant_id = :tenant_id AND c.user_id = f.user_id AND c.model_id = f.model_id
),
added AS (
    INSERT INTO trial_counters AS c (tenant_id, user_id, model_id, used)
    SELECT :tenant_id, f.user_id, f.model_id, f.on_ledger FROM difference f WHERE f.is_missing
    ON CONFLICT (user_id, model_id) DO UPDATE SET used = c.used + excluded.used
)
{_COUNT}"""  # noqa: S608

_REPAIR_TOTALS = f"""{_TOTALS},
moved AS (
    UPDATE member_model_totals t SET messages = greatest(t.messages + f.on_ledger - f.counted, 0)
    FROM difference f
    WHERE NOT f.is_missing AND t.tenant_id = :tenant_id AND t.user_id = f.user_id AND t.model_id = f.model_id
),
added AS (
    INSERT INTO member_model_totals AS t (tenant_id, user_id, model_id, messages)
    SELECT :tenant_id, f.user_id, f.model_id, f.on_ledger - f.counted
    FROM difference f
    WHERE f.is_missing AND f.on_ledger > f.counted
    ON CONFLICT (tenant_id, model_id, user_id) DO UPDATE SET messages = t.messages + excluded.messages
)
{_COUNT}"""  # noqa: S608

_REPAIR_SHARES = f"""{_SHARES},
moved AS (
    UPDATE team_member_periods s SET tokens_used = greatest(s.tokens_used + f.on_ledger - f.counted, 0)
    FROM difference f
    WHERE NOT f.is_missing AND s.tenant_id = :tenant_id AND s.team_id = f.team_id AND s.user_id = f.user_id
        AND s.starts_on = f.day
),
added AS (
    INSERT INTO team_member_periods AS s (tenant_id, team_id, user_id, starts_on, tokens_used)
    SELECT :tenant_id, f.team_id, f.user_id, f.day, f.on_ledger FROM difference f WHERE f.is_missing
    ON CONFLICT (team_id, starts_on, user_id) DO UPDATE SET tokens_used = s.tokens_used + excluded.tokens_used
)
{_COUNT}"""  # noqa: S608

_REPAIR_POOLS = f"""{_POOLS},
moved AS (
    UPDATE team_periods p SET tokens_used = greatest(p.tokens_used + f.on_ledger - f.counted, 0)
    FROM difference f
    WHERE p.tenant_id = :tenant_id AND p.team_id = f.team_id AND p.starts_on = f.day
)
{_COUNT}"""  # noqa: S608

_REPAIR_PERSONAS = f"""{_PERSONAS},
moved AS (
    UPDATE persona_usage u SET messages = greatest(u.messages + f.on_ledger - f.counted, 1)
    FROM difference f
    WHERE f.on_ledger > 0 AND NOT f.is_missing AND u.tenant_id = :tenant_id AND u.persona_id = f.model_id
        AND u.user_id = f.user_id AND u.day = f.day
),
removed AS (
    DELETE FROM persona_usage u USING difference f
    WHERE f.on_ledger = 0 AND u.messages = f.counted AND u.tenant_id = :tenant_id AND u.persona_id = f.model_id
        AND u.user_id = f.user_id AND u.day = f.day
),
added AS (
    INSERT INTO persona_usage AS u (tenant_id, persona_id, day, user_id, messages)
    SELECT :tenant_id, f.model_id, f.day, f.user_id, f.on_ledger FROM difference f WHERE f.is_missing
    ON CONFLICT (tenant_id, persona_id, day, user_id) DO UPDATE SET messages = u.messages + excluded.messages
)
{_COUNT}"""  # noqa: S608

# In the order in which they are put right: the whole can only be judged once the days are.
KINDS = ("daily", "trial", "total", "share", "pool", "persona")
_CHECKS = {"daily": _DAILY, "trial": _TRIALS, "total": _TOTALS, "share": _SHARES, "pool": _POOLS, "persona": _PERSONAS}
_REPAIRS = {
    "daily": _REPAIR_DAILY,
    "trial": _REPAIR_TRIALS,
    "total": _REPAIR_TOTALS,
    "share": _REPAIR_SHARES,
    "pool": _REPAIR_POOLS,
    "persona": _REPAIR_PERSONAS,
}


class DifferingCounter(Struct, frozen=True):
    """A counter that does not say what the ledger says.

    `model_id` holds the persona of a persona's counter and the team of a team's. `day` of a team's counter is the
    period's first day. `user_id` is None for a team's pool, `day` for a counter of all time.
    """

    user_id: UUID | None
    model_id: str
    day: date | None
    counted: int
    on_ledger: int


def differences(connection: Connection, tenant_id: UUID, kind: str, since: date) -> list[DifferingCounter]:
    """Returns the counters of a kind that differ from the ledger."""
    sql = f"{_CHECKS[kind]} {_REPORT}"
    return connection.fetch(DifferingCounter, sql, **_parameters(tenant_id, kind, since))


def repair(connection: Connection, tenant_id: UUID, kind: str, since: date) -> int:
    """Puts the counters of a kind right and returns how many differed."""
    return int(connection.run(_REPAIRS[kind], **_parameters(tenant_id, kind, since))[0]["differences"])


def _parameters(tenant_id: UUID, kind: str, since: date) -> dict[str, object]:
    own: dict[str, object] = {"tenant_id": tenant_id}
    return {**own, "since": since} if kind in ("daily", "persona") else own
