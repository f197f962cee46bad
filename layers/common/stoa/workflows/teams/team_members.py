"""Who is in a team: invited, taken up, declined, removed, given a role or tokens, made the owner."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, NotFound
from stoa.core.observe import emit
from stoa.core.text import iso
from stoa.database.pool import Connection, Row
from stoa.domain.teams import teams as rules
from stoa.identity.caller import Caller
from stoa.store.operations import mail_outbox
from stoa.store.teams import team_members as store
from stoa.store.teams import teams
from stoa.workflows.teams.team_desk import described_member, described_own_team, own_team

A_DAY = timedelta(days=1)


def invite(caller: Caller, team_id: UUID, *, email: str, role: str, client_url: str | None) -> dict[str, Any]:
    """Invite whoever has that e-mail (lower case), and tell them by mail.

    Raises NotFound, Forbidden, Conflict for somebody who is in the team already or when it is full, 429 for too many.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_may_manage(team["own_role"], role)
        _check_invitable(connection, caller, team, email)
        expires_at = caller.now + rules.INVITATION_HOLDS
        invitation_id = store.invite(
            connection,
            caller.tenant_id,
            team_id,
            email=email,
            role=role,
            invited_by=caller.user_id,
            expires_at=expires_at,
            now=caller.now,
        )
        _write(connection, caller, team, invitation_id, email, client_url)
        invited = described_member(_found(connection, caller, team, invitation_id), team)
    emit("team_member_invited", teamId=str(team_id), role=role)
    return invited


def list_invitations(caller: Caller) -> list[dict[str, Any]]:
    """Open invitations for the member's own e-mail, newest first."""
    if caller.email is None:
        return []
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.invitations(connection, caller.tenant_id, caller.email, caller.now)
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


def accept(caller: Caller, team_id: UUID) -> dict[str, Any]:
    """Take up the invitation for the member's own e-mail; once in, it is told again.

    Raises NotFound without one, 410 when it has expired, Conflict when the team has no room any more.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        invitation = _locked_invitation(connection, caller, team_id)
        present = teams.own(connection, caller.tenant_id, caller.user_id, caller.now, team_id=team_id)
        if present:  # they are in, by this invitation or by another e-mail
            if invitation is not None:
                store.end(connection, caller.tenant_id, invitation["id"], rules.REMOVED, caller.now)
            return described_own_team(own_team(connection, caller, team_id))
        if invitation is None:
            raise NotFound("invitation")
        rules.check_in_time(invitation["invitation_expires_at"], caller.now)
        rules.check_room(invitation["active_members"], rules.places(invitation, caller.now))
        store.join(connection, caller.tenant_id, invitation["id"], caller.user_id, caller.now)
        joined = described_own_team(own_team(connection, caller, team_id))
    emit("team_member_joined", teamId=str(team_id), role=joined["role"])
    return joined


def decline(caller: Caller, team_id: UUID) -> dict[str, Any]:
    """Refuse the invitation for the member's own e-mail. Raises NotFound without one."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        invitation = _locked_invitation(connection, caller, team_id)
        if invitation is None:
            raise NotFound("invitation")
        store.end(connection, caller.tenant_id, invitation["id"], rules.DECLINED, caller.now)
    return {"teamId": str(team_id), "status": rules.DECLINED}


def remove(caller: Caller, team_id: UUID, who: UUID) -> dict[str, Any]:
    """Take a member out of the team or an invitation back; by oneself: leave.

    Raises NotFound, Forbidden, or Conflict for the owner.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        target = _found(connection, caller, team, who)
        is_self = target["user_id"] == caller.user_id
        rules.check_may_remove(team["own_role"], target["role"], is_self=is_self)
        store.end(connection, caller.tenant_id, target["id"], rules.REMOVED, caller.now)
    emit("team_member_removed", teamId=str(team_id), left=is_self)
    return {**described_member(target, team), "status": rules.REMOVED, "invitationExpiresAt": None}


def set_role(caller: Caller, team_id: UUID, who: UUID, role: str) -> dict[str, Any]:
    """Make a member an admin of the team, or an admin a member. Raises NotFound, Forbidden, Conflict for the owner."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_owner(team["own_role"])
        target = _found(connection, caller, team, who)
        if target["role"] == rules.OWNER:
            raise Conflict("OWNER_STAYS", "The owner stays the owner. Hand the team over to another member instead.")
        store.set_role(connection, caller.tenant_id, target["id"], role)
        return described_member(_found(connection, caller, team, who), team)


def allocate(caller: Caller, team_id: UUID, who: UUID, tokens: int | None) -> dict[str, Any]:
    """Allot a member tokens of each period; null: none of their own. It holds from the next message on.

    Raises NotFound or Forbidden.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        target = _found(connection, caller, team, who)
        rules.check_may_manage(team["own_role"], target["role"])
        store.allot(connection, caller.tenant_id, target["id"], tokens)
        return described_member(_found(connection, caller, team, who), team)


def transfer(caller: Caller, team_id: UUID, user_id: UUID) -> dict[str, Any]:
    """Hand the team over to another active member; who had it becomes an admin.

    Raises NotFound, Forbidden, or Conflict when the other owns as many teams as one may.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_owner(team["own_role"])
        target = _found(connection, caller, team, user_id)
        if target["user_id"] is None:
            raise NotFound("member")
        if user_id != caller.user_id:
            rules.check_owned(teams.owned(connection, caller.tenant_id, user_id), who="This member owns")
        own = _found(connection, caller, team, caller.user_id)
        store.set_role(connection, caller.tenant_id, own["id"], rules.ADMIN)
        store.set_role(connection, caller.tenant_id, target["id"], rules.OWNER)
        told = described_own_team(own_team(connection, caller, team_id))
    emit("team_transferred", teamId=str(team_id))
    return told


def _check_invitable(connection: Connection, caller: Caller, team: Row, email: str) -> None:
    standing = store.standing(connection, caller.tenant_id, team["id"], email, caller.now, caller.now - A_DAY)
    if standing["is_member"]:
        raise Conflict("ALREADY_MEMBER", "Whoever has this e-mail is in the team already.")
    if standing["is_invited"]:
        raise Conflict("ALREADY_INVITED", "This e-mail has an open invitation. Take it back to send another one.")
    rules.check_room(team["seats_taken"], rules.places(team, caller.now))
    today, to_one_today = standing["today"], standing["to_one_today"]
    if team["status"] in rules.UNPAID:
        teams.lock_user(connection, caller.tenant_id, caller.user_id)
        sent = store.sent_unpaid(connection, caller.tenant_id, caller.user_id, email, caller.now - A_DAY)
        today, to_one_today = max(today, sent["today"]), max(to_one_today, sent["to_one_today"])
    rules.check_invitations(
        today=today,
        to_one_today=to_one_today,
        status=team["status"],
        max_members=team["max_members"],
    )


def _write(
    connection: Connection, caller: Caller, team: Row, invitation_id: UUID, email: str, client_url: str | None
) -> None:
    inviter = caller.member.principal.email or "A member"
    where = f"Sign in with this e-mail to join: {client_url}/teams/{team['id']}" if client_url else "Sign in to join."
    days = rules.INVITATION_HOLDS.days
    mail_outbox.put(
        connection,
        tenant_id=caller.tenant_id,
        to=email,
        subject=f"Join the team {team['name']}",
        text=(
            f"{inviter} invites you to the team {team['name']}.\n\n{where}\n\n"
            f"The invitation holds for {days} days. If you do not know the sender, do nothing.\n"
        ),
        dedupe_key=f"team-invitation:{invitation_id}",
        now=caller.now,
    )


def _locked_invitation(connection: Connection, caller: Caller, team_id: UUID) -> Row | None:
    """The invitation for the member's own e-mail, with the team held against other changes."""
    teams.lock(connection, caller.tenant_id, team_id)
    return None if caller.email is None else store.invitation(connection, caller.tenant_id, team_id, caller.email)


def _found(connection: Connection, caller: Caller, team: Row, who: UUID) -> Row:
    rows = store.page(connection, caller.tenant_id, team, caller.now, who=who)
    if not rows:
        raise NotFound("member")
    return rows[0]
