"""Runs of scheduled prompts as their owner looks back on them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from stoa.core.values import Private
from stoa.database.pool import Connection

# The whole output may be long, so a page carries only its beginning.
_SHOWN = """
    r.id, r.schedule_id, r.trigger, r.status, r.planned_at, r.started_at, r.ended_at, r.attempts, r.model_id,
    r.conversation_id, r.input_tokens, r.output_tokens, r.charge, r.latency_ms, r.error_code, r.error_message,
    r.delivery_status, r.delivery_attempts, r.delivered_at, r.delivery_error, r.storage_key,
    length(r.output) AS output_length"""

_PAGE = f"""
SELECT {_SHOWN}, left(r.output, :characters ::int) AS output_start
FROM schedule_runs r
WHERE r.tenant_id = :tenant_id AND r.user_id = :user_id AND r.schedule_id = :schedule_id
    AND (:before ::uuid IS NULL OR r.id < :before)
ORDER BY r.id DESC
LIMIT :rows ::int
"""  # noqa: S608 - constants of ours

_GET = f"""
SELECT {_SHOWN}, r.output AS output_start
FROM schedule_runs r
WHERE r.tenant_id = :tenant_id AND r.user_id = :user_id AND r.schedule_id = :schedule_id AND r.id = :run_id
"""  # noqa: S608 - constants of ours


class OwnRun(Private, frozen=True):
    """A run as its owner is shown it. `output_start` is the output or its beginning, `output_length` its whole length
    in characters. `charge` is in USD."""

    id: UUID
    schedule_id: UUID
    trigger: str
    status: str
    planned_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    model_id: str | None
    conversation_id: UUID | None
    input_tokens: int | None
    output_tokens: int | None
    charge: Decimal | None
    latency_ms: int | None
    error_code: str | None
    error_message: str | None
    delivery_status: str | None
    delivery_attempts: int
    delivered_at: datetime | None
    delivery_error: str | None
    storage_key: str | None
    output_length: int | None
    output_start: str | None


def page(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    schedule_id: UUID,
    *,
    before: UUID | None,
    rows: int,
    characters: int,
) -> list[OwnRun]:
    """Returns a page of a schedule's runs, the newest first, with the first `characters` of each output."""
    return connection.fetch(
        OwnRun,
        _PAGE,
        tenant_id=tenant_id,
        user_id=user_id,
        schedule_id=schedule_id,
        before=before,
        rows=rows,
        characters=characters,
    )


def get(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID, run_id: UUID) -> OwnRun | None:
    """Returns one run of one of the member's own schedules, with all of its output."""
    return connection.fetch_one(
        OwnRun, _GET, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id, run_id=run_id
    )
