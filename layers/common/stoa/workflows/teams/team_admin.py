"""Teams in the hands of the tenant's admins: which there are, what their plans give, which are switched on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, NotFound
from stoa.core.pages import Page, place_after
from stoa.database.pool import Connection, Row
from stoa.domain.teams import teams as rules
from stoa.identity.caller import Caller, check_version
from stoa.identity.members import Member
from stoa.store.teams import teams as store
from stoa.store.tenancy import audit
from stoa.workflows.teams.team_desk import check_models, described_team


def list_teams(caller: Caller, *, status: str | None, before: UUID | None, limit: int) -> Page[dict[str, Any]]:
    """A page of the tenant's teams, closed ones included, newest first."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.of_tenant(connection, caller.tenant_id, caller.now, status=status, before=before, rows=limit + 1)
    return Page([_described(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def read_team(caller: Caller, team_id: UUID) -> dict[str, Any]:
    """One of the tenant's teams. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _described(_found(connection, caller, team_id))


def change_team(
    caller: Caller, admin: Member, team_id: UUID, given: Mapping[str, Any], *, version: int | None
) -> dict[str, Any]:
    """Change what the plan gives. It holds from the next message on. Raises NotFound, Conflict or InvalidFields."""
    if "models" in given:
        check_models(caller.database, admin, given["models"], caller.now)
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = _locked(connection, caller, team_id)
        check_version(team["version"], version, "this team")
        wanted = {**team, **given}
        rules.check_size(wanted["max_members"], team["seats_taken"])
        store.save(connection, caller.tenant_id, team_id, wanted, caller.now)
        return _recorded(connection, caller, "team.change", team)


def activate(caller: Caller, team_id: UUID, *, version: int | None) -> dict[str, Any]:
    """Switch a team on, as it was in the version that was looked at. Its periods begin on this day of the month, the
    first time. Raises NotFound or Conflict."""
    return _switch(caller, team_id, "team.activate", rules.ACTIVE, version)


def suspend(caller: Caller, team_id: UUID) -> dict[str, Any]:
    """Switch a team off; nothing of it is lost. Raises NotFound or Conflict."""
    return _switch(caller, team_id, "team.suspend", rules.SUSPENDED)


def _switch(caller: Caller, team_id: UUID, action: str, status: str, version: int | None = None) -> dict[str, Any]:
    with caller.database.transaction(caller.tenant_scope) as connection:
        team = _locked(connection, caller, team_id)
        if team["status"] == status:
            return _described(team)
        check_version(team["version"], version, "this team")
        store.set_status(connection, caller.tenant_id, team, status, caller.now)
        return _recorded(connection, caller, action, team)


def _recorded(connection: Connection, caller: Caller, action: str, before: Row) -> dict[str, Any]:
    after = _described(_found(connection, caller, before["id"]))
    audit.record(
        connection, caller.tenant_id, caller.actor, action, str(before["id"]), before=_described(before), after=after
    )
    return after


def _locked(connection: Connection, caller: Caller, team_id: UUID) -> Row:
    store.lock(connection, caller.tenant_id, team_id)
    team = _found(connection, caller, team_id)
    if team["status"] == rules.CLOSED:
        raise Conflict("TEAM_CLOSED", "This team was closed by its owner. It cannot be changed any more.")
    return team


def _found(connection: Connection, caller: Caller, team_id: UUID) -> Row:
    rows = store.of_tenant(connection, caller.tenant_id, caller.now, team_id=team_id)
    if not rows:
        raise NotFound("team")
    return rows[0]


def _described(row: Row) -> dict[str, Any]:
    owner = {"userId": str(row["owner_id"]), "email": row["owner_email"]} if row["owner_id"] else None
    return {**described_team(row), "owner": owner}
