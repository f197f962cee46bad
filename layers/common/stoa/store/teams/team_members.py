"""Members of teams and invitations. Whoever writes here holds the team's row (store/teams.py)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection
from stoa.domain.teams.teams import INVITED, UNPAID
from stoa.store.teams.teams import StoredTeam

_PAGE = """
SELECT m.id, m.user_id, coalesce(u.email, m.email) AS email, u.display_name, m.role, m.status, m.allotment,
    m.created_at, m.joined_at, m.invitation_expires_at, s.tokens_used
FROM team_members m
LEFT JOIN users u ON u.id = m.user_id
LEFT JOIN team_member_periods s
    ON s.tenant_id = :tenant_id AND s.team_id = m.team_id AND s.user_id = m.user_id AND s.starts_on = :period ::date
WHERE m.tenant_id = :tenant_id ::uuid AND m.team_id = :team_id ::uuid
    AND (m.status = 'active' OR m.status = 'invited' AND m.invitation_expires_at > :now ::timestamptz)
    AND (:who ::uuid IS NULL OR m.user_id = :who OR m.id = :who)
    AND (:after ::uuid IS NULL OR m.id > :after)
ORDER BY m.id
LIMIT :rows ::int
"""

_INVITATIONS = """
SELECT m.id, m.team_id, g.name AS team_name, g.type AS team_type, m.role, m.created_at,
    m.invitation_expires_at AS expires_at,
    u.email AS invited_by
FROM team_members m
JOIN teams g ON g.id = m.team_id
LEFT JOIN users u ON u.id = m.invited_by
WHERE m.tenant_id = :tenant_id ::uuid AND m.email = :email ::text AND m.status = 'invited'
    AND m.invitation_expires_at > :now ::timestamptz AND g.status <> 'closed'
ORDER BY m.id DESC
LIMIT 200
"""

_INVITATION = """
SELECT m.id, m.invitation_expires_at, g.status, g.max_members, g.checkout, (
        SELECT count(*) FROM team_members a
        WHERE a.tenant_id = :tenant_id AND a.team_id = g.id AND a.status = 'active'
    ) AS active_members
FROM team_members m
JOIN teams g ON g.id = m.team_id
WHERE m.tenant_id = :tenant_id ::uuid AND m.team_id = :team_id ::uuid AND m.email = :email ::text
    AND m.status = 'invited' AND g.status <> 'closed'
"""

# By the e-mail that they sign in with, or by which they were invited.
_STANDING = """
SELECT
    count(*) FILTER (WHERE m.status = 'active' AND :email IN (m.email, lower(u.email))) > 0 AS is_member,
    count(*) FILTER (
        WHERE m.status = 'invited' AND m.email = :email AND m.invitation_expires_at > :now
    ) > 0 AS is_invited,
    count(*) FILTER (WHERE m.invited_by IS NOT NULL AND m.created_at > :since) AS today,
    count(*) FILTER (WHERE m.invited_by IS NOT NULL AND m.created_at > :since AND m.email = :email) AS to_one_today
FROM team_members m
LEFT JOIN users u ON u.id = m.user_id
WHERE m.tenant_id = :tenant_id ::uuid AND m.team_id = :team_id ::uuid AND :email ::text IS NOT NULL
    AND :now ::timestamptz IS NOT NULL AND :since ::timestamptz IS NOT NULL
"""

_SENT_UNPAID = """
SELECT count(*) AS today, count(*) FILTER (WHERE m.email = :email ::text) AS to_one_today
FROM team_members m
JOIN teams g ON g.id = m.team_id AND g.status = ANY (:statuses ::text[])
WHERE m.tenant_id = :tenant_id ::uuid AND m.invited_by = :user_id ::uuid AND m.created_at > :since ::timestamptz
"""

_ADD = """
INSERT INTO team_members (
    id, tenant_id, team_id, user_id, email, role, status, invited_by, invitation_expires_at, created_at, joined_at
)
VALUES (
    :id, :tenant_id, :team_id, :user_id ::uuid, :email, :role, :status ::text, :invited_by ::uuid,
    :expires_at ::timestamptz, :now ::timestamptz, CASE WHEN :status = 'active' THEN :now END
)
"""

_EXPIRE = """
UPDATE team_members m SET status = 'removed', ended_at = :now
WHERE m.tenant_id = :tenant_id AND m.team_id = :team_id AND m.email = :email AND m.status = 'invited'
    AND m.invitation_expires_at <= :now
"""

_JOIN = """
UPDATE team_members m SET status = 'active', user_id = :user_id, joined_at = :now
WHERE m.tenant_id = :tenant_id AND m.id = :id
"""

_END = """
UPDATE team_members m SET status = :status, ended_at = :now
WHERE m.tenant_id = :tenant_id AND m.id = :id
"""

_SET_ROLE = "UPDATE team_members m SET role = :role WHERE m.tenant_id = :tenant_id AND m.id = :id"

_ALLOT = "UPDATE team_members m SET allotment = :tokens ::bigint WHERE m.tenant_id = :tenant_id AND m.id = :id"


class TeamPerson(Struct, frozen=True):
    """A member, or an invitation that nobody has taken up (`user_id` None)."""

    id: UUID
    user_id: UUID | None
    email: str | None
    display_name: str | None
    role: str
    status: str
    allotment: int | None
    created_at: datetime
    joined_at: datetime | None
    invitation_expires_at: datetime | None
    tokens_used: int | None


class Invitation(Struct, frozen=True):
    """An open invitation, as the invited see it."""

    id: UUID
    team_id: UUID
    team_name: str
    team_type: str
    role: str
    created_at: datetime
    expires_at: datetime
    invited_by: str | None


class PendingInvitation(Struct, frozen=True):
    """An invitation that was neither taken up nor declined, expired or not, and the room that its team has."""

    id: UUID
    invitation_expires_at: datetime
    status: str
    max_members: int
    checkout: dict[str, Any]
    active_members: int


class Standing(Struct, frozen=True):
    """The relation of a team to an e-mail, and how many invitations it sent lately."""

    is_member: bool
    is_invited: bool
    today: int
    to_one_today: int


class SentInvitations(Struct, frozen=True):
    """Invitations that somebody sent lately: in all, and to one e-mail."""

    today: int
    to_one_today: int


def page(
    connection: Connection,
    tenant_id: UUID,
    team: StoredTeam,
    now: datetime,
    *,
    who: UUID | None = None,
    after: UUID | None = None,
    rows: int = 1,
) -> list[TeamPerson]:
    """Returns active members and open invitations with the tokens each used in the last period that began, oldest
    first.

    Or the one `who`: a user's id, or an invitation's.
    """
    return connection.fetch(
        TeamPerson,
        _PAGE,
        tenant_id=tenant_id,
        team_id=team.id,
        period=team.begun_on,
        now=now,
        who=who,
        after=after,
        rows=rows,
    )


def invitations(connection: Connection, tenant_id: UUID, email: str, now: datetime) -> list[Invitation]:
    """Returns open invitations for an e-mail, newest first."""
    return connection.fetch(Invitation, _INVITATIONS, tenant_id=tenant_id, email=email, now=now)


def invitation(connection: Connection, tenant_id: UUID, team_id: UUID, email: str) -> PendingInvitation | None:
    """Returns the team's invitation for an e-mail, expired or not, that was neither taken up nor declined, and the
    team's room."""
    return connection.fetch_one(PendingInvitation, _INVITATION, tenant_id=tenant_id, team_id=team_id, email=email)


def standing(
    connection: Connection, tenant_id: UUID, team_id: UUID, email: str, now: datetime, since: datetime
) -> Standing:
    """Returns the relation of a team to an e-mail, and how many invitations it sent since an instant."""
    return connection.fetch(
        Standing, _STANDING, tenant_id=tenant_id, team_id=team_id, email=email, now=now, since=since
    )[0]


def sent_unpaid(connection: Connection, tenant_id: UUID, user_id: UUID, email: str, since: datetime) -> SentInvitations:
    """Returns how many invitations somebody sent since an instant from teams that nobody pays for, and to one
    e-mail."""
    statuses = sorted(UNPAID)
    return connection.fetch(
        SentInvitations, _SENT_UNPAID, tenant_id=tenant_id, user_id=user_id, email=email, since=since, statuses=statuses
    )[0]


def add_owner(connection: Connection, tenant_id: UUID, team_id: UUID, user_id: UUID, now: datetime) -> None:
    """Writes the first member of a new team."""
    own = {"id": new_id(), "user_id": user_id, "email": None, "invited_by": None, "expires_at": None}
    connection.run(_ADD, tenant_id=tenant_id, team_id=team_id, role="owner", status="active", now=now, **own)


def invite(
    connection: Connection,
    tenant_id: UUID,
    team_id: UUID,
    *,
    email: str,
    role: str,
    invited_by: UUID,
    expires_at: datetime,
    now: datetime,
) -> UUID:
    """Write an invitation in the place of an expired one; its id."""
    connection.run(_EXPIRE, tenant_id=tenant_id, team_id=team_id, email=email, now=now)
    invitation_id = new_id()
    connection.run(
        _ADD,
        id=invitation_id,
        tenant_id=tenant_id,
        team_id=team_id,
        user_id=None,
        email=email,
        role=role,
        status=INVITED,
        invited_by=invited_by,
        expires_at=expires_at,
        now=now,
    )
    return invitation_id


def join(connection: Connection, tenant_id: UUID, invitation_id: UUID, user_id: UUID, now: datetime) -> None:
    """Marks an invitation as taken up by its user."""
    connection.run(_JOIN, tenant_id=tenant_id, id=invitation_id, user_id=user_id, now=now)


def end(connection: Connection, tenant_id: UUID, member_id: UUID, status: str, now: datetime) -> None:
    """Ends a membership or an invitation: removed or declined. Keeps the row."""
    connection.run(_END, tenant_id=tenant_id, id=member_id, status=status, now=now)


def set_role(connection: Connection, tenant_id: UUID, member_id: UUID, role: str) -> None:
    """Give a member another role."""
    connection.run(_SET_ROLE, tenant_id=tenant_id, id=member_id, role=role)


def allot(connection: Connection, tenant_id: UUID, member_id: UUID, tokens: int | None) -> None:
    """Give a member so many tokens a period; None: none of their own."""
    connection.run(_ALLOT, tenant_id=tenant_id, id=member_id, tokens=tokens)
