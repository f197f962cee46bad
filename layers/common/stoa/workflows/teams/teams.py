"""Teams, made, listed, changed and closed by their own people."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from stoa.core.ids import new_id
from stoa.core.observe import emit
from stoa.core.pages import Page, page_of
from stoa.database.pool import Connection
from stoa.domain.teams import teams as rules
from stoa.identity.caller import Caller, check_version
from stoa.store.teams import team_members
from stoa.store.teams import teams as store
from stoa.workflows.teams.team_desk import (
    OwnTeamView,
    TeamMemberView,
    check_models,
    coverable_models,
    own_team,
    shown_member,
    shown_own_team,
)


def create_team(caller: Caller, given: Mapping[str, Any]) -> OwnTeamView:
    """Makes a new team with the member as its owner. It gives access to nothing until it is switched on.

    Raises InvalidFields for models that the tenant does not have, Conflict for too many teams.
    """
    values = {"shared_pool": True, "billing_email": None, **given}
    if values.get("models") is None:
        values["models"] = coverable_models(caller.database, caller.member, caller.now)
    else:
        check_models(caller.database, caller.member, values["models"], caller.now)
    team_id = new_id()
    with caller.database.transaction(caller.tenant_scope) as connection:
        rules.check_owned(store.owned(connection, caller.tenant_id, caller.user_id), who="You own")
        store.add(connection, caller.tenant_id, team_id, values, caller.now)
        team_members.add_owner(connection, caller.tenant_id, team_id, caller.user_id, caller.now)
        told = _told(connection, caller, team_id)
    emit("team_created", teamId=str(team_id), type=values["type"])
    return told


def list_teams(caller: Caller, *, before: UUID | None, limit: int) -> Page[OwnTeamView]:
    """Returns a page of the member's own teams, newest first."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.own(connection, caller.tenant_id, caller.user_id, caller.now, before=before, rows=limit + 1)
    return page_of(rows, limit, lambda team: (team.id,)).each(shown_own_team)


def read_team(caller: Caller, team_id: UUID) -> OwnTeamView:
    """Returns one of the member's own teams. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _told(connection, caller, team_id)


def list_members(caller: Caller, team_id: UUID, *, after: UUID | None, limit: int) -> Page[TeamMemberView]:
    """Returns a page of the team's members and open invitations, oldest first. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id)
        rows = team_members.page(connection, caller.tenant_id, team, caller.now, after=after, rows=limit + 1)
    return page_of(rows, limit, lambda person: (person.id,)).each(lambda person: shown_member(person, team))


def change_team(caller: Caller, team_id: UUID, given: Mapping[str, Any], *, version: int | None) -> OwnTeamView:
    """Changes the fields that were given.

    Raises NotFound, Forbidden, Conflict for a stale edit or for what belongs to the plan, InvalidFields.
    """
    if "models" in given:
        check_models(caller.database, caller.member, given["models"], caller.now)
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_manager(team.own_role)
        check_version(team.version, version, "this team")
        rules.check_plan_is_open(team, given)
        wanted = {**team.editable(), **given}
        rules.check_size(wanted["max_members"], team.seats_taken)
        store.save(connection, caller.tenant_id, team_id, wanted, caller.now)
        return _told(connection, caller, team_id)


def close_team(caller: Caller, team_id: UUID) -> OwnTeamView:
    """Ends a team for everyone in it; what it used stays on the ledger. Raises NotFound or Forbidden.

    A subscription that runs is ended at Stripe by the reconciliation (workflows/billing/reconcile_teams.py).
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = own_team(connection, caller, team_id, lock=True)
        rules.check_owner(team.own_role)
        store.set_status(connection, caller.tenant_id, team, rules.CLOSED, caller.now)
    emit("team_closed", teamId=str(team_id))
    return replace(shown_own_team(team), status=rules.CLOSED, gives_access=False)


def _told(connection: Connection, caller: Caller, team_id: UUID) -> OwnTeamView:
    return shown_own_team(own_team(connection, caller, team_id))
