"""Teams as the tenant's admins see them."""

from pydantic import Field

from stoa.http.fields import NextPage
from stoa.http.schemas import AnswerSchema, Schema

from .fields import TeamStatus
from .teams import TeamPlan


class AdminTeamParameters(Schema):
    """Which teams."""

    status: TeamStatus | None = Field(None, description="Only those that stand so.")


class TeamOwner(AnswerSchema):
    """Whose team it is."""

    user_id: str
    email: str | None


class AdminTeam(TeamPlan):
    """A team as the tenant's admins see it."""

    owner: TeamOwner | None


class AdminTeamAnswer(AnswerSchema):
    """One team of the tenant."""

    data: AdminTeam


class AdminTeamListAnswer(AnswerSchema):
    """Teams of the tenant, newest first."""

    data: list[AdminTeam]
    meta: NextPage
