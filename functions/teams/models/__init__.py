"""Requests and answers about teams."""

from stoa.http.fields import EditParameters

from .admin import AdminTeamAnswer, AdminTeamListAnswer, AdminTeamParameters
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
from .usage import TeamUsageAnswer, TeamUsageParameters

__all__ = [
    "AdminTeamAnswer",
    "AdminTeamListAnswer",
    "AdminTeamParameters",
    "Allocation",
    "DeclinedAnswer",
    "EditParameters",
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
    "TeamUsageParameters",
    "Transfer",
]
