"""Usage of a team: the messages that it paid for in a period, and their sums."""

from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.pages import Page, page_of
from stoa.database.pool import Connection
from stoa.domain.teams.periods import Period, period_of
from stoa.domain.teams.teams import MEMBER, check_manager
from stoa.identity.caller import Caller
from stoa.store.teams import team_usage as store
from stoa.store.teams.team_usage import TeamLine, TeamSum
from stoa.store.teams.teams import OwnTeam
from stoa.workflows.teams.team_desk import own_team


class Wanted(Struct, frozen=True):
    """The lines that are wanted: of the period that holds `period_day`, else `day`, else today; of one member, model
    or day."""

    period_day: date | None
    user_id: UUID | None
    model_id: str | None
    day: date | None


class TeamStats(Struct, frozen=True):
    """Sums of all lines that match."""

    messages: int
    tokens: int
    by_member: list[TeamSum]
    by_model: list[TeamSum]
    by_day: list[TeamSum]


class TeamUsageReport(Struct, frozen=True):
    """A page of a team's messages in a period, and on the first page their sums."""

    period: Period
    stats: TeamStats | None
    page: Page[TeamLine]


def read_usage(caller: Caller, team_id: UUID, wanted: Wanted, *, before: UUID | None, limit: int) -> TeamUsageReport:
    """Returns a page of lines, newest first, and on the first page the sums. Members see their own, managers
    everyone's.

    Raises NotFound, or Forbidden for a member who asks for another's.
    """
    with caller.database.autocommit(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id)
        user_id = wanted.user_id
        if team.own_role == MEMBER:
            if user_id not in (None, caller.user_id):
                check_manager(team.own_role)
            user_id = caller.user_id
        period = _period(connection, caller, team, wanted.period_day or wanted.day)
        which: dict[str, Any] = {"user_id": user_id, "model_id": wanted.model_id, "day": wanted.day}
        lines = store.lines(
            connection, caller.tenant_id, team_id, period.starts_on, **which, before=before, rows=limit + 1
        )
        sums = [] if before else store.sums(connection, caller.tenant_id, team_id, period.starts_on, **which)
    return TeamUsageReport(
        period=period,
        stats=None if before else _stats(sums),
        page=page_of(lines, limit, lambda line: (line.id,)),
    )


def _period(connection: Connection, caller: Caller, team: OwnTeam, day: date | None) -> Period:
    """Returns the period that holds the day. It may have begun by an earlier anchor; the later beginning is right."""
    reckoned = period_of(day or team.local_day, team.anchor_day or 1)
    begun = store.begun(connection, caller.tenant_id, team.id, day) if day else None
    return max(reckoned, begun or reckoned)


def _stats(sums: list[TeamSum]) -> TeamStats:
    by_kind: dict[str, list[TeamSum]] = {"total": [], "member": [], "model": [], "day": []}
    for one in sums:
        by_kind[one.kind].append(one)
    (total,) = by_kind["total"]
    return TeamStats(total.messages, total.tokens, by_kind["member"], by_kind["model"], by_kind["day"])
