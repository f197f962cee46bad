"""Where a member works on their teams, how a team is found, and how teams and members are shown."""

from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.core.text import iso
from stoa.database.pool import Connection, Database, Row
from stoa.domain.catalogue.access import TIER_FREE, is_on_offer
from stoa.domain.selection.quota import day_begins
from stoa.domain.teams.periods import period_of
from stoa.domain.teams.team_tokens import effective_allotment
from stoa.domain.teams.teams import ADMIN, INVITED, OWNER
from stoa.identity.caller import Caller
from stoa.identity.members import Member
from stoa.store.teams import teams
from stoa.workflows.selection.member_view import load_member_view


def own_team(connection: Connection, caller: Caller, team_id: UUID, *, lock: bool = False) -> Row:
    """The team, when the member is an active one of it. With `lock` nobody else changes it until the transaction ends.

    Raises NotFound for any other team, whether it exists or not.
    """
    if lock:
        teams.lock(connection, caller.tenant_id, team_id)
    rows = teams.own(connection, caller.tenant_id, caller.user_id, caller.now, team_id=team_id)
    if not rows:
        raise NotFound("team")
    return rows[0]


def coverable_models(database: Database, member: Member, now: datetime) -> list[str]:
    """The premium models that the tenant sells now: what a plan covers where it names none."""
    offers = load_member_view(database, member, now).offers.values()
    return sorted(
        offer.model_id
        for offer in offers
        if offer.access_tier != TIER_FREE and offer.can_chat and is_on_offer(offer, now)
    )


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


def described_team(row: Row) -> dict[str, Any]:
    """A team as its own members and the tenant's admins are shown it."""
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "type": row["type"],
        "status": row["status"],
        "givesAccess": row["gives_access"],
        "accessUntil": row["access_until"] and iso(row["access_until"]),
        "maxMembers": row["max_members"],
        "memberCount": row["seats_taken"],
        "totalTokensMonthly": row["total_tokens_monthly"],
        "sharedPool": row["shared_pool"],
        "models": row["models"],
        "billingEmail": row["billing_email"],
        "period": _period(row),
        "version": row["version"],
        "createdAt": iso(row["created_at"]),
        "activatedAt": row["activated_at"] and iso(row["activated_at"]),
    }


def described_own_team(row: Row) -> dict[str, Any]:
    """A team with the member's own part in it. Where the bills go is the managers' to know."""
    own = effective_allotment(row["own_allotment"], shared_pool=row["shared_pool"])
    used = (row["own_tokens_used"] or 0) if _is_present(row) else 0
    shown = {
        **described_team(row),
        "role": row["own_role"],
        "ownTokens": {"allotted": own, "used": used, "remaining": None if own is None else max(0, own - used)},
    }
    return shown if row["own_role"] in (OWNER, ADMIN) else {**shown, "billingEmail": None}


def described_member(row: Row, team: Row) -> dict[str, Any]:
    """A member, or an invitation that nobody has taken up (no `userId`)."""
    invited = row["status"] == INVITED
    return {
        "id": str(row["id"]),
        "userId": row["user_id"] and str(row["user_id"]),
        "email": row["email"],
        "displayName": row["display_name"],
        "role": row["role"],
        "status": row["status"],
        "allocation": effective_allotment(row["allotment"], shared_pool=team["shared_pool"]),
        "tokensUsed": (row["tokens_used"] or 0) if _is_present(team) else 0,
        "joinedAt": row["joined_at"] and iso(row["joined_at"]),
        "invitationExpiresAt": iso(row["invitation_expires_at"]) if invited else None,
    }


def _is_present(team: Row) -> bool:
    """Whether the last period that has begun is the present one."""
    if team["anchor_day"] is None:
        return False
    return bool(team["begun_on"] == period_of(team["local_day"], team["anchor_day"]).starts_on)


def _period(team: Row) -> dict[str, Any] | None:
    if team["anchor_day"] is None:
        return None
    period = period_of(team["local_day"], team["anchor_day"])
    used = team["tokens_used"] if _is_present(team) else 0
    return {
        "startsOn": period.starts_on.isoformat(),
        "endsOn": period.ends_on.isoformat(),
        "resetAt": iso(day_begins(period.ends_on, team["time_zone"])),
        "tokensUsed": used,
        "tokensRemaining": max(0, team["total_tokens_monthly"] - used),
    }
