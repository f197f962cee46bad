"""Plans for teams: those that members may buy, and all that admins keep. Who bought one keeps what it had then."""

from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.text import document_of
from stoa.domain.billing.plan_terms import PlanValues
from stoa.domain.catalogue.access import TIER_FREE
from stoa.identity.caller import Caller, check_version
from stoa.store.billing import team_plans
from stoa.store.billing.team_plans import TeamPlan
from stoa.store.tenancy import audit
from stoa.workflows.selection.member_view import load_member_view

_NEVER_SAVED = 0


def list_plans(caller: Caller) -> list[TeamPlan]:
    """Returns the plans on sale, the cheapest first."""
    with caller.database.autocommit(caller.own_scope) as connection:
        return [plan for plan in team_plans.plans(connection, caller.tenant_id) if plan.enabled]


def list_all_plans(caller: Caller) -> list[TeamPlan]:
    """Returns all of the tenant's plans, those switched off, too."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return team_plans.plans(connection, caller.tenant_id)


def put_plan(caller: Caller, plan_type: str, given: PlanValues, version: int | None) -> TeamPlan:
    """Writes the plan of a type whole. Raises InvalidFields for models that it cannot cover, Conflict (STALE_EDIT)."""
    _check_models(caller, given.models)
    with caller.database.transaction(caller.tenant_scope) as connection:
        team_plans.lock(connection, caller.tenant_id)
        before = team_plans.plan(connection, caller.tenant_id, plan_type)
        check_version(before.version if before else _NEVER_SAVED, version, "this plan")
        values = replace(given, models=sorted(set(given.models)))
        team_plans.save(connection, caller.tenant_id, plan_type, values, caller.now)
        after = team_plans.plan(connection, caller.tenant_id, plan_type)
        assert after is not None  # it was written just now
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "team_plan.set",
            plan_type,
            before=document_of(before),
            after=document_of(after),
        )
    return after


def _check_models(caller: Caller, models: list[str]) -> None:
    offers = load_member_view(caller.database, caller.member, caller.now).offers
    problems = []
    for position, model_id in enumerate(models):
        if model_id not in offers:
            problems.append(FieldProblem(f"models[{position}]", "there is no such model"))
        elif offers[model_id].access_tier == TIER_FREE:
            problems.append(FieldProblem(f"models[{position}]", "this model is free: a team needs no plan for it"))
    if problems:
        raise InvalidFields(problems)
