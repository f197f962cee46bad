"""Who is in a team: invited, taken up, declined, removed, given a role or tokens, made the owner."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, NotFound
from stoa.core.observe import emit
from stoa.core.text import iso
from stoa.database.pool import Connection, Row
from stoa.domain.teams import teams as rules
from stoa.store.operations import mail_outbox
from stoa.store.teams import team_members as store
from stoa.store.teams import teams
from stoa.workflows.teams.team_desk import TeamDesk, described_member, described_own_team, own_team

A_DAY = timedelta(days=1)


def invite(desk: TeamDesk, team_id: UUID, *, email: str, role: str, client_url: str | None) -> dict[str, Any]:
    """Invite whoever has that e-mail (lower case), and tell them by mail.

    Raises NotFound, Forbidden, Conflict for somebody who is in the team already or when it is full, 429 for too many.
    """
    with desk.database.transaction(desk.scope) as connection:
        team = own_team(connection, desk, team_id, lock=True)
        rules.check_may_manage(team["own_role"], role)
        _check_invitable(connection, desk, team, email)
        expires_at = desk.now + rules.INVITATION_HOLDS
        invitation_id = store.invite(
            connection,
            desk.tenant_id,
            team_id,
            email=email,
            role=role,
            invited_by=desk.user_id,
            expires_at=expires_at,
            now=desk.now,
        )
        _write(connection, desk, team, invitation_id, email, client_url)
        invited = described_member(_found(connection, desk, team, invitation_id), team)
    emit("team_member_invited", teamId=str(team_id), role=role)
    return invited


def list_invitations(desk: TeamDesk) -> list[dict[str, Any]]:
    """Open invitations for the member's own e-mail, newest first."""
    if desk.email is None:
        return []
    with desk.database.autocommit(desk.scope) as connection:
        rows = store.invitations(connection, desk.tenant_id, desk.email, desk.now)
    return [
        {
            "id": str(row["id"]),
            "teamId": str(row["team_id"]),
            "teamName": row["team_name"],
            "teamType": row["team_type"],
            "role": row["role"],
            "invitedBy": row["invited_by"],
            "createdAt": iso(row["created_at"]),
            "expiresAt": iso(row["invitation_expires_at"]),
        }
        for row in rows
    ]


def accept(desk: TeamDesk, team_id: UUID) -> dict[str, Any]:
    """Take up the invitation for the member's own e-mail; once in, it is told again.

    Raises NotFound without one, 410 when it has expired, Conflict when the team has no room any more.
    """
    with desk.database.transaction(desk.scope) as connection:
        invitation = _locked_invitation(connection, desk, team_id)
        present = teams.own(connection, desk.tenant_id, desk.user_id, desk.now, team_id=team_id)
        if present:  # they are in, by this invitation or by another e-mail
            if invitation is not None:
                store.end(connection, desk.tenant_id, invitation["id"], rules.REMOVED, desk.now)
            return described_own_team(own_team(connection, desk, team_id))
        if invitation is None:
            raise NotFound("invitation")
        rules.check_in_time(invitation["invitation_expires_at"], desk.now)
        rules.check_room(invitation["active_members"], rules.places(invitation, desk.now))
        store.join(connection, desk.tenant_id, invitation["id"], desk.user_id, desk.now)
        joined = described_own_team(own_team(connection, desk, team_id))
    emit("team_member_joined", teamId=str(team_id), role=joined["role"])
    return joined


def decline(desk: TeamDesk, team_id: UUID) -> dict[str, Any]:
    """Refuse the invitation for the member's own e-mail. Raises NotFound without one."""
    with desk.database.transaction(desk.scope) as connection:
        invitation = _locked_invitation(connection, desk, team_id)
        if invitation is None:
            raise NotFound("invitation")
        store.end(connection, desk.tenant_id, invitation["id"], rules.DECLINED, desk.now)
    return {"teamId": str(team_id), "status": rules.DECLINED}


def remove(desk: TeamDesk, team_id: UUID, who: UUID) -> dict[str, Any]:
    """Take a member out of the team or an invitation back; by oneself: leave.

    Raises NotFound, Forbidden, or Conflict for the owner.
    """
    with desk.database.transaction(desk.scope) as connection:
        team = own_team(connection, desk, team_id, lock=True)
        target = _found(connection, desk, team, who)
        is_self = target["user_id"] == desk.user_id
        rules.check_may_remove(team["own_role"], target["role"], is_self=is_self)
        store.end(connection, desk.tenant_id, target["id"], rules.REMOVED, desk.now)
    emit("team_member_removed", teamId=str(team_id), left=is_self)
    return {**described_member(target, team), "status": rules.REMOVED, "invitationExpiresAt": None}


def set_role(desk: TeamDesk, team_id: UUID, who: UUID, role: str) -> dict[str, Any]:
    """Make a member an admin of the team, or an admin a member. Raises NotFound, Forbidden, Conflict for the owner."""
    with desk.database.transaction(desk.scope) as connection:
        team = own_team(connection, desk, team_id, lock=True)
        rules.check_owner(team["own_role"])
        target = _found(connection, desk, team, who)
        if target["role"] == rules.OWNER:
            raise Conflict("OWNER_STAYS", "The owner stays the owner. Hand the team over to another member instead.")
        store.set_role(connection, desk.tenant_id, target["id"], role)
        return described_member(_found(connection, desk, team, who), team)


def allocate(desk: TeamDesk, team_id: UUID, who: UUID, tokens: int | None) -> dict[str, Any]:
    """Allot a member tokens of each period; null: none of their own. It holds from the next message on.

    Raises NotFound or Forbidden.
    """
    with desk.database.transaction(desk.scope) as connection:
        team = own_team(connection, desk, team_id, lock=True)
        target = _found(connection, desk, team, who)
        rules.check_may_manage(team["own_role"], target["role"])
        store.allot(connection, desk.tenant_id, target["id"], tokens)
        return described_member(_found(connection, desk, team, who), team)


def transfer(desk: TeamDesk, team_id: UUID, user_id: UUID) -> dict[str, Any]:
    """Hand the team over to another active member; who had it becomes an admin.

    Raises NotFound, Forbidden, or Conflict when the other owns as many teams as one may.
    """
    with desk.database.transaction(desk.scope) as connection:
        team = own_team(connection, desk, team_id, lock=True)
        rules.check_owner(team["own_role"])
        target = _found(connection, desk, team, user_id)
        if target["user_id"] is None:
            raise NotFound("member")
        if user_id != desk.user_id:
            rules.check_owned(teams.owned(connection, desk.tenant_id, user_id), who="This member owns")
        own = _found(connection, desk, team, desk.user_id)
        store.set_role(connection, desk.tenant_id, own["id"], rules.ADMIN)
        store.set_role(connection, desk.tenant_id, target["id"], rules.OWNER)
        told = described_own_team(own_team(connection, desk, team_id))
    emit("team_transferred", teamId=str(team_id))
    return told


def _check_invitable(connection: Connection, desk: TeamDesk, team: Row, email: str) -> None:
    standing = store.standing(connection, desk.tenant_id, team["id"], email, desk.now, desk.now - A_DAY)
    if standing["is_member"]:
        raise Conflict("ALREADY_MEMBER", "Whoever has this e-mail is in the team already.")
    if standing["is_invited"]:
        raise Conflict("ALREADY_INVITED", "This e-mail has an open invitation. Take it back to send another one.")
    rules.check_room(team["seats_taken"], rules.places(team, desk.now))
    today, to_one_today = standing["today"], standing["to_one_today"]
    if team["status"] in rules.UNPAID:
        teams.lock_user(connection, desk.tenant_id, desk.user_id)
        sent = store.sent_unpaid(connection, desk.tenant_id, desk.user_id, email, desk.now - A_DAY)
        today, to_one_today = max(today, sent["today"]), max(to_one_today, sent["to_one_today"])
    rules.check_invitations(
        today=today,
        to_one_today=to_one_today,
        status=team["status"],
        max_members=team["max_members"],
    )


def _write(
    connection: Connection, desk: TeamDesk, team: Row, invitation_id: UUID, email: str, client_url: str | None
) -> None:
    inviter = desk.member.principal.email or "A member"
    where = f"Sign in with this e-mail to join: {client_url}/teams/{team['id']}" if client_url else "Sign in to join."
    days = rules.INVITATION_HOLDS.days
    mail_outbox.put(
        connection,
        tenant_id=desk.tenant_id,
        to=email,
        subject=f"Join the team {team['name']}",
        text=(
            f"{inviter} invites you to the team {team['name']}.\n\n{where}\n\n"
            f"The invitation holds for {days} days. If you do not know the sender, do nothing.\n"
        ),
        dedupe_key=f"team-invitation:{invitation_id}",
        now=desk.now,
    )


def _locked_invitation(connection: Connection, desk: TeamDesk, team_id: UUID) -> Row | None:
    """The invitation for the member's own e-mail, with the team held against other changes."""
    teams.lock(connection, desk.tenant_id, team_id)
    return None if desk.email is None else store.invitation(connection, desk.tenant_id, team_id, desk.email)


def _found(connection: Connection, desk: TeamDesk, team: Row, who: UUID) -> Row:
    rows = store.page(connection, desk.tenant_id, team, desk.now, who=who)
    if not rows:
        raise NotFound("member")
    return rows[0]
