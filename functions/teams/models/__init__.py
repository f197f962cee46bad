"""Requests and answers about teams."""

from .admin import AdminTeamAnswer, AdminTeamListAnswer
from .members import (
    Allocation,
    DeclinedAnswer,
    InvitationListAnswer,
    Invite,
    RoleChange,
    TeamMemberAnswer,
    TeamMemberListAnswer,
    Transfer,
)
from .teams import TeamAnswer, TeamChange, TeamCreate, TeamListAnswer
from .usage import TeamUsageAnswer

__all__ = [
    "AdminTeamAnswer",
    "AdminTeamListAnswer",
    "Allocation",
    "DeclinedAnswer",
    "InvitationListAnswer",
    "Invite",
    "RoleChange",
    "TeamAnswer",
    "TeamChange",
    "TeamCreate",
    "TeamListAnswer",
    "TeamMemberAnswer",
    "TeamMemberListAnswer",
    "TeamUsageAnswer",
    "Transfer",
]
