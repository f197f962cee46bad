"""Plans for teams: what members may buy, and as an admin keeps them. Who bought one keeps what it had then."""

from collections.abc import Mapping
from typing import Any

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.database.pool import Database, Row, Scope
from stoa.domain.catalogue.access import TIER_FREE
from stoa.identity.caller import Caller, check_version
from stoa.identity.members import Member
from stoa.store.billing import team_plans
from stoa.store.tenancy import audit
from stoa.workflows.selection.member_view import load_member_view

_NEVER_SAVED = 0


def list_plans(database: Database, member: Member) -> list[dict[str, Any]]:
    """The plans on sale, the cheapest first."""
    with database.autocommit(member.scope) as connection:
        return [_told(row) for row in team_plans.plans(connection, member.tenant_id) if row["enabled"]]


def list_all_plans(database: Database, admin: Member) -> list[dict[str, Any]]:
    """All of the tenant's plans, those switched off, too."""
    with database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        return [_told(row) for row in team_plans.plans(connection, admin.tenant_id)]


def put_plan(
    caller: Caller, admin: Member, plan_type: str, given: Mapping[str, Any], version: int | None
) -> dict[str, Any]:
    """Write the plan of a type whole. Raises InvalidFields for models that it cannot cover, Conflict (STALE_EDIT)."""
    _check_models(caller, admin, given["models"])
    with caller.database.transaction(caller.tenant_scope) as connection:
        team_plans.lock(connection, caller.tenant_id)
        found = team_plans.plans(connection, caller.tenant_id, plan_type)
        before = found[0] if found else None
        check_version(before["version"] if before else _NEVER_SAVED, version, "this plan")
        values = {**given, "models": sorted(set(given["models"]))}
        team_plans.save(connection, caller.tenant_id, plan_type, values, caller.now)
        (after,) = team_plans.plans(connection, caller.tenant_id, plan_type)
        told_before = None if before is None else _told(before)
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "team_plan.set",
            plan_type,
            before=told_before,
            after=_told(after),
        )
    return _told(after)


def _check_models(caller: Caller, admin: Member, models: list[str]) -> None:
    offers = load_member_view(caller.database, admin, caller.now).offers
    problems = []
    for position, model_id in enumerate(models):
        if model_id not in offers:
            problems.append(FieldProblem(f"models[{position}]", "there is no such model"))
        elif offers[model_id].access_tier == TIER_FREE:
            problems.append(FieldProblem(f"models[{position}]", "this model is free: a team needs no plan for it"))
    if problems:
        raise InvalidFields(problems)


def _told(row: Row) -> dict[str, Any]:
    return {
        "type": row["type"],
        "name": row["name"],
        "priceCents": row["price_cents"],
        "currency": row["currency"],
        "maxMembers": row["max_members"],
        "totalTokensMonthly": row["total_tokens_monthly"],
        "models": row["models"],
        "enabled": row["enabled"],
        "version": row["version"],
    }
