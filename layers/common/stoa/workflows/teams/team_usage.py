"""What a team used: the messages that it paid for in a period, and their sums."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from stoa.core.text import iso
from stoa.database.pool import Connection, Row
from stoa.domain.teams.periods import Period, period_of
from stoa.domain.teams.teams import MEMBER, check_manager
from stoa.identity.caller import Caller
from stoa.store.teams import team_usage as store
from stoa.workflows.teams.team_desk import own_team


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: of the period that holds `period_day`, else `day`, else today; of one member, model or day."""

    period_day: date | None
    user_id: UUID | None
    model_id: str | None
    day: date | None


def read_usage(caller: Caller, team_id: UUID, wanted: Wanted, *, before: UUID | None, limit: int) -> dict[str, Any]:
    """A page of lines, newest first, and on the first page the sums. Members see their own, managers everyone's.

    Raises NotFound, or Forbidden for a member who asks for another's. `nextCursor` is the last line's id.
    """
    with caller.database.autocommit(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id)
        user_id = wanted.user_id
        if team["own_role"] == MEMBER:
            if user_id not in (None, caller.user_id):
                check_manager(team["own_role"])
            user_id = caller.user_id
        period = _period(connection, caller, team, wanted.period_day or wanted.day)
        which: dict[str, Any] = {"user_id": user_id, "model_id": wanted.model_id, "day": wanted.day}
        rows = store.lines(
            connection, caller.tenant_id, team_id, period.starts_on, **which, before=before, rows=limit + 1
        )
        sums = [] if before else store.sums(connection, caller.tenant_id, team_id, period.starts_on, **which)
    told = {"startsOn": period.starts_on.isoformat(), "endsOn": period.ends_on.isoformat()}
    return {
        "data": {
            "period": told,
            "stats": None if before else _stats(sums),
            "log": [_line(row) for row in rows[:limit]],
        },
        "meta": {"nextCursor": rows[limit - 1]["id"] if len(rows) > limit else None},
    }


def _period(connection: Connection, caller: Caller, team: Row, day: date | None) -> Period:
    """The period that holds the day. It may have begun by an earlier anchor; the later beginning is right."""
    reckoned = period_of(day or team["local_day"], team["anchor_day"] or 1)
    begun = store.begun(connection, caller.tenant_id, team["id"], day) if day else None
    return max(reckoned, begun or reckoned)


def _stats(sums: list[Row]) -> dict[str, Any]:
    by_kind: dict[str, list[Row]] = {"total": [], "member": [], "model": [], "day": []}
    for row in sums:
        by_kind[row["kind"]].append(row)
    (total,) = by_kind["total"]
    return {
        **_sum(total),
        "byMember": [{"userId": str(row["user_id"]), "email": row["email"], **_sum(row)} for row in by_kind["member"]],
        "byModel": [{"modelId": row["model_id"], **_sum(row)} for row in by_kind["model"]],
        "byDay": [{"day": row["local_day"].isoformat(), **_sum(row)} for row in by_kind["day"]],
    }


def _sum(row: Row) -> dict[str, Any]:
    return {"messages": row["messages"], "tokens": row["tokens"]}


def _line(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "userId": str(row["user_id"]),
        "email": row["email"],
        "modelId": row["model_id"],
        "day": row["local_day"].isoformat(),
        "createdAt": iso(row["reserved_at"]),
        "status": row["status"],
        "inputTokens": row["input_tokens"],
        "outputTokens": row["output_tokens"],
        "tokens": row["team_tokens"],
    }
