"""Who chose a model: by default, favourite or override, or for a scheduled prompt that is active."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from stoa.db import Connection, Row, json_parameter

_DUE = """
    (e.is_over OR u.email IS NOT NULL)
    AND (e.told_by IS NULL OR NOT EXISTS (
        SELECT FROM mail_outbox m WHERE m.tenant_id = :tenant_id AND m.dedupe_key = e.told_by || u.id::text
    ))
"""

# Each half brings a page at most, in the same order, so that a page never costs more than two.
_WHO_CHOSE = f"""
WITH ending AS (
    SELECT e.* FROM jsonb_to_recordset(:models ::jsonb) AS e (model_id text, told_by text, is_over boolean)
), choosing AS (
    (
        SELECT u.id, u.email
        FROM user_preferences f
        JOIN users u ON u.tenant_id = f.tenant_id AND u.id = f.user_id
        WHERE f.tenant_id = :tenant_id ::uuid AND (:after ::uuid IS NULL OR f.user_id > :after)
            AND EXISTS (
                SELECT FROM ending e
                WHERE (
                    f.default_model_id = e.model_id
                    OR e.model_id = ANY (f.favorite_models)
                    OR EXISTS (SELECT FROM jsonb_each_text(f.persona_overrides) AS p WHERE p.value = e.model_id)
                    OR EXISTS (SELECT FROM jsonb_each_text(f.domain_overrides) AS d WHERE d.value = e.model_id)
                ) AND {_DUE}
            )
        ORDER BY f.user_id
        LIMIT :rows ::int
    )
    UNION
    (
        SELECT DISTINCT u.id, u.email
        FROM schedules s
        JOIN ending e ON e.model_id = s.model_id
        JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE s.tenant_id = :tenant_id AND s.is_active AND (:after IS NULL OR s.user_id > :after) AND {_DUE}
        ORDER BY u.id
        LIMIT :rows
    )
)
SELECT
    c.id AS user_id, c.email,
    ARRAY(
        SELECT DISTINCT s.model_id FROM schedules s
        WHERE s.tenant_id = :tenant_id AND s.user_id = c.id AND s.is_active ORDER BY s.model_id
    ) AS scheduled
FROM choosing c
ORDER BY c.id
LIMIT :rows
"""  # noqa: S608 - our own text

_MOVE_SCHEDULES = """
UPDATE schedules s SET model_id = h.heir, updated_at = :now ::timestamptz
FROM jsonb_each_text(:heirs ::jsonb) AS h (model_id, heir)
WHERE s.tenant_id = :tenant_id ::uuid AND s.user_id = :user_id ::uuid AND s.is_active AND s.model_id = h.model_id
RETURNING s.id, h.model_id AS before, s.model_id AS after
"""


@dataclass(frozen=True, slots=True)
class EndingModel:
    """A model whose choosers are looked for: not those who had a mail whose key is `told_by` and their id."""

    model_id: str
    told_by: str | None
    is_over: bool


def who_chose(
    connection: Connection, tenant_id: UUID, models: Sequence[EndingModel], *, after: UUID | None, rows: int
) -> list[Row]:
    """Members who chose one of these models and for whom something is to be done, by id, in pages: with their e-mail
    and all models that their active schedules name (`scheduled`)."""
    asked = json_parameter([asdict(model) for model in models])
    return connection.run(_WHO_CHOSE, tenant_id=tenant_id, models=asked, after=after, rows=rows)


def move_schedules(
    connection: Connection, tenant_id: UUID, user_id: UUID, heirs: Mapping[str, str], now: datetime
) -> list[Row]:
    """Let a member's active schedules name the heirs; each schedule that changed, with its model before and after."""
    return connection.run(
        _MOVE_SCHEDULES, tenant_id=tenant_id, user_id=user_id, heirs=json_parameter(dict(heirs)), now=now
    )
