"""Members of a team: invited, taken in, declined, removed, given a role or tokens, made the owner."""

from datetime import timedelta
from uuid import UUID

from msgspec.structs import replace

from stoa.core.errors import Conflict, NotFound
from stoa.core.observe import emit
from stoa.database.pool import Connection
from stoa.domain.teams import teams as rules
from stoa.identity.caller import Caller
from stoa.store.operations import mail_outbox
from stoa.store.teams import team_members as store
from stoa.store.teams import teams
from stoa.store.teams.team_members import Invitation, PendingInvitation, TeamPerson
from stoa.store.teams.teams import StoredTeam
from stoa.workflows.teams.team_desk import OwnTeamView, TeamMemberView, own_team, shown_member, shown_own_team

A_DAY = timedelta(days=1)


def invite(caller: Caller, team_id: UUID, *, email: str, role: str, client_url: str | None) -> TeamMemberView:
    """Invites whoever has that e-mail (lower case), and tell them by mail.

    Raises NotFound, Forbidden, Conflict for somebody who is in the team already or when it is full, 429 for too many.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_may_manage(team.own_role, role)
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
        invited = shown_member(_found(connection, caller, team, invitation_id), team)
    emit("team_member_invited", teamId=str(team_id), role=role)
    return invited


def list_invitations(caller: Caller) -> list[Invitation]:
    """Returns open invitations for the caller's own e-mail, newest first."""
    if caller.email is None:
        return []
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return store.invitations(connection, caller.tenant_id, caller.email, caller.now)


def accept(caller: Caller, team_id: UUID) -> OwnTeamView:
    """Takes up the invitation for the member's own e-mail; once in, it is told again.

    Raises NotFound without one, 410 when it has expired, Conflict when the team has no room any more.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        invitation = _locked_invitation(connection, caller, team_id)
        present = teams.own(connection, caller.tenant_id, caller.user_id, caller.now, team_id=team_id)
        if present:  # they are in, by this invitation or by another e-mail
            if invitation is not None:
                store.end(connection, caller.tenant_id, invitation.id, rules.REMOVED, caller.now)
            return shown_own_team(own_team(connection, caller, team_id))
        if invitation is None:
            raise NotFound("invitation")
        rules.check_in_time(invitation.invitation_expires_at, caller.now)
        rules.check_room(invitation.active_members, rules.places(invitation, caller.now))
        store.join(connection, caller.tenant_id, invitation.id, caller.user_id, caller.now)
        joined = shown_own_team(own_team(connection, caller, team_id))
    emit("team_member_joined", teamId=str(team_id), role=joined.role)
    return joined


def decline(caller: Caller, team_id: UUID) -> None:
    """Refuses the invitation for the member's own e-mail. Raises NotFound without one."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        invitation = _locked_invitation(connection, caller, team_id)
        if invitation is None:
            raise NotFound("invitation")
        store.end(connection, caller.tenant_id, invitation.id, rules.DECLINED, caller.now)


def remove(caller: Caller, team_id: UUID, who: UUID) -> TeamMemberView:
    """Takes a member out of the team or an invitation back; by oneself: leave.

    Raises NotFound, Forbidden, or Conflict for the owner.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        target = _found(connection, caller, team, who)
        is_self = target.user_id == caller.user_id
        rules.check_may_remove(team.own_role, target.role, is_self=is_self)
        store.end(connection, caller.tenant_id, target.id, rules.REMOVED, caller.now)
    emit("team_member_removed", teamId=str(team_id), left=is_self)
    return replace(shown_member(target, team), status=rules.REMOVED, invitation_expires_at=None)


def set_role(caller: Caller, team_id: UUID, who: UUID, role: str) -> TeamMemberView:
    """Makes a member an admin of the team, or an admin a member. Raises NotFound, Forbidden, Conflict for the owner."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_owner(team.own_role)
        target = _found(connection, caller, team, who)
        if target.role == rules.OWNER:
            raise Conflict("OWNER_STAYS", "The owner stays the owner. Hand the team over to another member instead.")
        store.set_role(connection, caller.tenant_id, target.id, role)
        return shown_member(_found(connection, caller, team, who), team)


def allocate(caller: Caller, team_id: UUID, who: UUID, tokens: int | None) -> TeamMemberView:
    """Allots a member tokens of each period; null: none of their own. It holds from the next message on.

    Raises NotFound or Forbidden.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        target = _found(connection, caller, team, who)
        rules.check_may_manage(team.own_role, target.role)
        store.allot(connection, caller.tenant_id, target.id, tokens)
        return shown_member(_found(connection, caller, team, who), team)


def transfer(caller: Caller, team_id: UUID, user_id: UUID) -> OwnTeamView:
    """Makes another active member the owner. The previous owner becomes an admin.

    Raises NotFound, Forbidden, or Conflict when the other owns as many teams as one may.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_owner(team.own_role)
        target = _found(connection, caller, team, user_id)
        if target.user_id is None:
            raise NotFound("member")
        if user_id != caller.user_id:
            rules.check_owned(teams.owned(connection, caller.tenant_id, user_id), who="This member owns")
        own = _found(connection, caller, team, caller.user_id)
        store.set_role(connection, caller.tenant_id, own.id, rules.ADMIN)
        store.set_role(connection, caller.tenant_id, target.id, rules.OWNER)
        told = shown_own_team(own_team(connection, caller, team_id))
    emit("team_transferred", teamId=str(team_id))
    return told


def _check_invitable(connection: Connection, caller: Caller, team: StoredTeam, email: str) -> None:
    standing = store.standing(connection, caller.tenant_id, team.id, email, caller.now, caller.now - A_DAY)
    if standing.is_member:
        raise Conflict("ALREADY_MEMBER", "Whoever has this e-mail is in the team already.")
    if standing.is_invited:
        raise Conflict("ALREADY_INVITED", "This e-mail has an open invitation. Take it back to send another one.")
    rules.check_room(team.seats_taken, rules.places(team, caller.now))
    today, to_one_today = standing.today, standing.to_one_today
    if team.status in rules.UNPAID:
        teams.lock_user(connection, caller.tenant_id, caller.user_id)
        sent = store.sent_unpaid(connection, caller.tenant_id, caller.user_id, email, caller.now - A_DAY)
        today, to_one_today = max(today, sent.today), max(to_one_today, sent.to_one_today)
    rules.check_invitations(
        today=today,
        to_one_today=to_one_today,
        status=team.status,
        max_members=team.max_members,
    )


def _write(
    connection: Connection, caller: Caller, team: StoredTeam, invitation_id: UUID, email: str, client_url: str | None
) -> None:
    inviter = caller.member.principal.email or "A member"
    where = f"Sign in with this e-mail to join: {client_url}/teams/{team.id}" if client_url else "Sign in to join."
    days = rules.INVITATION_HOLDS.days
    mail_outbox.put(
        connection,
        tenant_id=caller.tenant_id,
        to=email,
        subject=f"Join the team {team.name}",
        text=(
            f"{inviter} invites you to the team {team.name}.\n\n{where}\n\n"
            f"The invitation holds for {days} days. If you do not know the sender, do nothing.\n"
        ),
        dedupe_key=f"team-invitation:{invitation_id}",
        now=caller.now,
    )


def _locked_invitation(connection: Connection, caller: Caller, team_id: UUID) -> PendingInvitation | None:
    """Returns the invitation for the member's own e-mail, with the team held against other changes."""
    teams.lock(connection, caller.tenant_id, team_id)
    return None if caller.email is None else store.invitation(connection, caller.tenant_id, team_id, caller.email)


def _found(connection: Connection, caller: Caller, team: StoredTeam, who: UUID) -> TeamPerson:
    rows = store.page(connection, caller.tenant_id, team, caller.now, who=who)
    if not rows:
        raise NotFound("member")
    return rows[0]
