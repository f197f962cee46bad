"""The counters against the ledger that they follow from: compared and put right in one statement each.

Chat writes a line and moves its counters in one statement, so at any moment the two agree; a difference is a fault. It
is put right by adding it, never by setting a value, so that messages sent meanwhile are not lost.
"""

from datetime import date
from uuid import UUID

from stoa.db import Connection, Row

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

_REPORT = "SELECT user_id, model_id, day, counted, on_ledger FROM difference ORDER BY user_id, model_id, day"
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

# In the order in which they are put right: the whole can only be judged once the days are.
KINDS = ("daily", "trial", "total")
_CHECKS = {"daily": _DAILY, "trial": _TRIALS, "total": _TOTALS}
_REPAIRS = {"daily": _REPAIR_DAILY, "trial": _REPAIR_TRIALS, "total": _REPAIR_TOTALS}


def differences(connection: Connection, tenant_id: UUID, kind: str, since: date) -> list[Row]:
    """Counters of a kind that differ from the ledger: `user_id, model_id, day, counted, on_ledger`."""
    sql = f"{_CHECKS[kind]} {_REPORT}"
    return connection.run(sql, **_parameters(tenant_id, kind, since))


def repair(connection: Connection, tenant_id: UUID, kind: str, since: date) -> int:
    """Put the counters of a kind right; how many differed."""
    return int(connection.run(_REPAIRS[kind], **_parameters(tenant_id, kind, since))[0]["differences"])


def _parameters(tenant_id: UUID, kind: str, since: date) -> dict[str, object]:
    own: dict[str, object] = {"tenant_id": tenant_id}
    return {**own, "since": since} if kind == "daily" else own
