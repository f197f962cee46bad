"""Teams in the hands of the tenant's admins: listed, changed, switched on and off."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import Conflict, NotFound
from stoa.core.pages import Page, page_of
from stoa.core.text import document_of
from stoa.database.pool import Connection
from stoa.domain.teams import teams as rules
from stoa.identity.caller import Caller, check_version
from stoa.identity.members import Member
from stoa.store.teams import teams as store
from stoa.store.teams.teams import TenantTeam
from stoa.store.tenancy import audit
from stoa.workflows.teams.team_desk import TeamView, check_models, shown_team


class TeamOwner(Struct, frozen=True):
    """The owner of a team."""

    user_id: UUID
    email: str | None


class TenantTeamView(TeamView, frozen=True):
    """A team as the tenant's admins are shown it."""

    owner: TeamOwner | None


def list_teams(caller: Caller, *, status: str | None, before: UUID | None, limit: int) -> Page[TenantTeamView]:
    """Returns a page of the tenant's teams, closed ones included, newest first."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.of_tenant(connection, caller.tenant_id, caller.now, status=status, before=before, rows=limit + 1)
    return page_of(rows, limit, lambda team: (team.id,)).each(_shown_of)


def read_team(caller: Caller, team_id: UUID) -> TenantTeamView:
    """Returns one of the tenant's teams. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _shown_of(_found(connection, caller, team_id))


def change_team(
    caller: Caller, admin: Member, team_id: UUID, given: Mapping[str, Any], *, version: int | None
) -> TenantTeamView:
    """Changes what the plan gives. It holds from the next message on. Raises NotFound, Conflict or InvalidFields."""
    if "models" in given:
        check_models(caller.database, admin, given["models"], caller.now)
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = _locked(connection, caller, team_id)
        check_version(team.version, version, "this team")
        wanted = {**team.editable(), **given}
        rules.check_size(wanted["max_members"], team.seats_taken)
        store.save(connection, caller.tenant_id, team_id, wanted, caller.now)
        return _recorded(connection, caller, "team.change", team)


def activate(caller: Caller, team_id: UUID, *, version: int | None) -> TenantTeamView:
    """Switches a team on, as it was in the version that was looked at. Its periods begin on this day of the month, the
    first time. Raises NotFound or Conflict."""
    return _switch(caller, team_id, "team.activate", rules.ACTIVE, version)


def suspend(caller: Caller, team_id: UUID) -> TenantTeamView:
    """Switches a team off. Nothing of it is lost. Raises NotFound or Conflict."""
    return _switch(caller, team_id, "team.suspend", rules.SUSPENDED)


def _switch(caller: Caller, team_id: UUID, action: str, status: str, version: int | None = None) -> TenantTeamView:
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = _locked(connection, caller, team_id)
        if team.status == status:
            return _shown_of(team)
        check_version(team.version, version, "this team")
        store.set_status(connection, caller.tenant_id, team, status, caller.now)
        return _recorded(connection, caller, action, team)


def _recorded(connection: Connection, caller: Caller, action: str, before: TenantTeam) -> TenantTeamView:
    after = _shown_of(_found(connection, caller, before.id))
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        action,
        str(before.id),
        before=document_of(_shown_of(before)),
        after=document_of(after),
    )
    return after


def _locked(connection: Connection, caller: Caller, team_id: UUID) -> TenantTeam:
    store.lock(connection, caller.tenant_id, team_id)
    team = _found(connection, caller, team_id)
    if team.status == rules.CLOSED:
        raise Conflict("TEAM_CLOSED", "This team was closed by its owner. It cannot be changed any more.")
    return team


def _found(connection: Connection, caller: Caller, team_id: UUID) -> TenantTeam:
    rows = store.of_tenant(connection, caller.tenant_id, caller.now, team_id=team_id)
    if not rows:
        raise NotFound("team")
    return rows[0]


def _shown_of(team: TenantTeam) -> TenantTeamView:
    owner = TeamOwner(team.owner_id, team.owner_email) if team.owner_id else None
    shown = shown_team(team)
    return TenantTeamView(**{name: getattr(shown, name) for name in shown.__struct_fields__}, owner=owner)
