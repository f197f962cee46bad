"""Teams as the tenant's admins see them."""

from stoa.http.schemas import AnswerSchema, DataAnswer, Id, PageAnswer

from .teams import TeamPlan


class TeamOwner(AnswerSchema):
    """The owner of a team."""

    user_id: Id
    email: str | None


class AdminTeam(TeamPlan):
    """A team as the tenant's admins see it."""

    owner: TeamOwner | None


class AdminTeamAnswer(DataAnswer[AdminTeam]):
    """A team of the tenant."""


class AdminTeamListAnswer(PageAnswer[AdminTeam]):
    """Teams of the tenant, newest first."""
