"""Members who chose a model: by default, favourite or override, or for a scheduled prompt that is active."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, json_parameter

BEFORE_ALL, AFTER_ALL = UUID(int=0), UUID(int=2**128 - 1)

# Where a stretch of so many members ends. Stretches of the index and not pages of those who are found: to find so many
# the planner sorts everybody, for each page anew (60,000 members: 40 s; in stretches 1 s).
_END_OF_STRETCH = """
SELECT f.user_id FROM user_preferences f
WHERE f.tenant_id = :tenant_id ::uuid AND f.user_id > :after ::uuid
ORDER BY f.user_id
OFFSET :members ::int
LIMIT 1
"""

_DUE = """
    (e.is_over OR u.email IS NOT NULL)
    AND (e.told_by IS NULL OR NOT EXISTS (
        SELECT FROM mail_outbox m WHERE m.tenant_id = :tenant_id AND m.dedupe_key = e.told_by || u.id::text
    ))
"""

_WHO_CHOSE = f"""
WITH ending AS (
    SELECT e.* FROM jsonb_to_recordset(:models ::jsonb) AS e (model_id text, told_by text, is_over boolean)
), choosing AS (
    SELECT u.id, u.email
    FROM user_preferences f
    JOIN users u ON u.tenant_id = f.tenant_id AND u.id = f.user_id
    JOIN ending e ON f.default_model_id = e.model_id
        OR e.model_id = ANY (f.favorite_models)
        OR EXISTS (SELECT FROM jsonb_each_text(f.persona_overrides) AS p WHERE p.value = e.model_id)
        OR EXISTS (SELECT FROM jsonb_each_text(f.domain_overrides) AS d WHERE d.value = e.model_id)
    WHERE f.tenant_id = :tenant_id ::uuid AND f.user_id > :after ::uuid AND f.user_id <= :until ::uuid AND {_DUE}
    UNION
    SELECT u.id, u.email
    FROM schedules s
    JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
    JOIN ending e ON e.model_id = s.model_id
    WHERE s.tenant_id = :tenant_id AND s.is_active AND s.user_id > :after AND s.user_id <= :until AND {_DUE}
)
SELECT
    c.id AS user_id, c.email,
    ARRAY(
        SELECT DISTINCT s.model_id FROM schedules s
        WHERE s.tenant_id = :tenant_id AND s.user_id = c.id AND s.is_active ORDER BY s.model_id
    ) AS scheduled
FROM choosing c
ORDER BY c.id
"""  # noqa: S608 - our own text

_MOVE_SCHEDULES = """
UPDATE schedules s SET model_id = h.heir, updated_at = :now ::timestamptz
FROM jsonb_each_text(:heirs ::jsonb) AS h (model_id, heir)
WHERE s.tenant_id = :tenant_id ::uuid AND s.user_id = :user_id ::uuid AND s.is_active AND s.model_id = h.model_id
RETURNING s.id, h.model_id AS before, s.model_id AS after
"""


class EndingModel(Struct, frozen=True):
    """A model whose choosers are looked for: not those who had a mail whose key is `told_by` and their id."""

    model_id: str
    told_by: str | None
    is_over: bool


class ChoosingMember(Struct, frozen=True):
    """A member who chose a model that ends. `scheduled` are all models that their active schedules name."""

    user_id: UUID
    email: str | None
    scheduled: list[str]


class MovedSchedule(Struct, frozen=True):
    """A schedule whose model was replaced, with the model's id `before` and `after`."""

    id: UUID
    before: str
    after: str


def end_of_stretch(connection: Connection, tenant_id: UUID, *, after: UUID, members: int) -> UUID | None:
    """Returns the id at which a stretch of members that begins after `after` ends. None: it is the last stretch."""
    rows = connection.run(_END_OF_STRETCH, tenant_id=tenant_id, after=after, members=members)
    return rows[0]["user_id"] if rows else None


def who_chose(
    connection: Connection, tenant_id: UUID, models: Sequence[EndingModel], *, after: UUID, until: UUID
) -> list[ChoosingMember]:
    """Returns the members with ids above `after` up to `until` who chose one of these models and have work to be done.

    Members without an address count only where the model is over. Members who had the mail of `told_by` do not count.
    """
    asked = json_parameter([asdict(model) for model in models])
    return connection.fetch(ChoosingMember, _WHO_CHOSE, tenant_id=tenant_id, models=asked, after=after, until=until)


def move_schedules(
    connection: Connection, tenant_id: UUID, user_id: UUID, heirs: Mapping[str, str], now: datetime
) -> list[MovedSchedule]:
    """Lets a member's active schedules name the heirs, and returns each schedule that changed."""
    named = json_parameter(dict(heirs))
    return connection.fetch(MovedSchedule, _MOVE_SCHEDULES, tenant_id=tenant_id, user_id=user_id, heirs=named, now=now)
