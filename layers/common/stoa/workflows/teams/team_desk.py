"""Teams as use cases find them and clients are shown them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Connection, Database
from stoa.domain.catalogue.access import TIER_FREE, is_on_offer
from stoa.domain.selection.quota import day_begins
from stoa.domain.teams.periods import period_of
from stoa.domain.teams.team_tokens import effective_allotment
from stoa.domain.teams.teams import ADMIN, INVITED, OWNER
from stoa.identity.caller import Caller
from stoa.identity.members import Member
from stoa.store.teams import teams
from stoa.store.teams.team_members import TeamPerson
from stoa.store.teams.teams import OwnTeam, StoredTeam
from stoa.workflows.selection.member_view import load_member_view


def own_team(connection: Connection, caller: Caller, team_id: UUID, *, lock: bool = False) -> OwnTeam:
    """Returns the team, when the member is an active one of it. With `lock` nobody else changes it until the
    transaction ends.

    Raises NotFound for any other team, whether it exists or not.
    """
    if lock:
        teams.lock(connection, caller.tenant_id, team_id)
    rows = teams.own(connection, caller.tenant_id, caller.user_id, caller.now, team_id=team_id)
    if not rows:
        raise NotFound("team")
    return rows[0]


def coverable_models(database: Database, member: Member, now: datetime) -> list[str]:
    """Returns the premium models that the tenant sells now: what a plan covers where it names none."""
    offers = load_member_view(database, member, now).offers.values()
    return sorted(offer.model_id for offer in offers if offer.access_tier != TIER_FREE and is_on_offer(offer, now))


def check_models(database: Database, member: Member, model_ids: list[str], now: datetime) -> None:
    """Raises InvalidFields naming each model that the tenant does not have. One that is retired may stay in a list."""
    offers = load_member_view(database, member, now).offers
    problems = [
        FieldProblem(f"models[{position}]", "your tenant has no such model")
        for position, model_id in enumerate(model_ids)
        if model_id not in offers
    ]
    if problems:
        raise InvalidFields(problems)


class TeamPeriod(Struct, frozen=True):
    """The present period on the tenant's calendar. `ends_on` is the first day of the next one."""

    starts_on: date
    ends_on: date
    reset_at: datetime
    tokens_used: int
    tokens_remaining: int


class TeamView(Struct, frozen=True):
    """A team as its own members and the tenant's admins are shown it."""

    id: UUID
    name: str
    type: str
    status: str
    gives_access: bool
    access_until: datetime | None
    max_members: int
    member_count: int
    total_tokens_monthly: int
    shared_pool: bool
    models: list[str]
    billing_email: str | None
    period: TeamPeriod | None
    version: int
    created_at: datetime
    activated_at: datetime | None


class OwnTokens(Struct, frozen=True):
    """The member's part of the present period, in tokens. `allotted` None: the pool alone is the limit."""

    allotted: int | None
    used: int
    remaining: int | None


class OwnTeamView(TeamView, frozen=True):
    """A team with the member's own part in it."""

    role: str
    own_tokens: OwnTokens


class TeamMemberView(Struct, frozen=True):
    """A member, or an invitation that nobody has taken up (no `user_id`)."""

    id: UUID
    user_id: UUID | None
    email: str | None
    display_name: str | None
    role: str
    status: str
    allocation: int | None
    tokens_used: int
    joined_at: datetime | None
    invitation_expires_at: datetime | None


def shown_team(team: StoredTeam) -> TeamView:
    """Returns a team as clients are shown it."""
    return TeamView(**_shown(team))


def shown_own_team(team: OwnTeam) -> OwnTeamView:
    """Returns a team with the member's own part in it. Where the bills go is the managers' to know."""
    own = effective_allotment(team.own_allotment, shared_pool=team.shared_pool)
    used = (team.own_tokens_used or 0) if _is_present(team) else 0
    tokens = OwnTokens(own, used, None if own is None else max(0, own - used))
    shown = OwnTeamView(**_shown(team), role=team.own_role, own_tokens=tokens)
    return shown if team.own_role in (OWNER, ADMIN) else replace(shown, billing_email=None)


def shown_member(person: TeamPerson, team: StoredTeam) -> TeamMemberView:
    """Returns a member or an invitation as clients are shown it."""
    return TeamMemberView(
        id=person.id,
        user_id=person.user_id,
        email=person.email,
        display_name=person.display_name,
        role=person.role,
        status=person.status,
        allocation=effective_allotment(person.allotment, shared_pool=team.shared_pool),
        tokens_used=(person.tokens_used or 0) if _is_present(team) else 0,
        joined_at=person.joined_at,
        invitation_expires_at=person.invitation_expires_at if person.status == INVITED else None,
    )


def _shown(team: StoredTeam) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "type": team.type,
        "status": team.status,
        "gives_access": team.gives_access,
        "access_until": team.access_until,
        "max_members": team.max_members,
        "member_count": team.seats_taken,
        "total_tokens_monthly": team.total_tokens_monthly,
        "shared_pool": team.shared_pool,
        "models": team.models,
        "billing_email": team.billing_email,
        "period": _period(team),
        "version": team.version,
        "created_at": team.created_at,
        "activated_at": team.activated_at,
    }


def _is_present(team: StoredTeam) -> bool:
    """Tells whether the last period that has begun is the present one."""
    if team.anchor_day is None:
        return False
    return team.begun_on == period_of(team.local_day, team.anchor_day).starts_on


def _period(team: StoredTeam) -> TeamPeriod | None:
    if team.anchor_day is None:
        return None
    period = period_of(team.local_day, team.anchor_day)
    used = (team.tokens_used or 0) if _is_present(team) else 0
    return TeamPeriod(
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        reset_at=day_begins(period.ends_on, team.time_zone),
        tokens_used=used,
        tokens_remaining=max(0, team.total_tokens_monthly - used),
    )
