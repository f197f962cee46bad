"""Desks made from requests: where an admin, an operator or a team's member works."""

from datetime import UTC, datetime

from stoa.http.api import Request
from stoa.identity.caller import Desk
from stoa.identity.members import Member
from stoa.workflows.teams.team_desk import TeamDesk


def desk_of(request: Request) -> Desk:
    """The desk of the admin who asks, now. Raises Forbidden for anybody else."""
    return _desk_of(request, request.admin())


def operators_desk_of(request: Request) -> Desk:
    """The desk of the operator who asks, now: their tenant's, since operators are members, too. Raises Forbidden."""
    return _desk_of(request, request.operator())


def _desk_of(request: Request, member: Member) -> Desk:
    return Desk(request.database, member.tenant_id, request.actor(member), _now())


def _now() -> datetime:
    return datetime.now(UTC)


def team_desk_of(request: Request) -> TeamDesk:
    """The desk of the member who asks, now."""
    member, email = request.member(), request.principal().email
    return TeamDesk(request.database, member, email and email.lower(), datetime.now(UTC))
