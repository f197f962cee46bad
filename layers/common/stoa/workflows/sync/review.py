"""The sync's proposals in the hands of a tenant's admins: read, approved, rejected. And its readings, for operators."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.core.pages import Page, place_after
from stoa.core.text import camel_case, iso, snake_case
from stoa.database.pool import Connection, Database, Row, Scope
from stoa.domain.pricing.price_book import SOURCE_SYNC
from stoa.domain.sync.facts import Price
from stoa.domain.sync.diff import COLUMNS, NEW_MODEL, PRICE, RETIREMENT, price_from
from stoa.identity.caller import Desk
from stoa.store.catalogue import tenant_models
from stoa.store.pricing import prices, pricing_configs
from stoa.store.sync import facts
from stoa.store.sync import changes as store
from stoa.store.tenancy import audit
from stoa.workflows.pricing.price_planning import replan
from stoa.workflows.sync.accept import Accepted, accept, accept_price, change_row, decided_otherwise
from stoa.workflows.sync.views import change_view

# What an admin may decide beside a change of each kind, by column.
OWN_WORDS: Mapping[str, frozenset[str]] = {
    NEW_MODEL: frozenset(
        {
            "input_price",
            "output_price",
            "context_window",
            "max_output_tokens",
            "display_name",
            "access_tier",
            "unlock_price_cents",
        }
    ),
    RETIREMENT: frozenset({"deprecated_at", "successor_id"}),
}


def list_changes(
    desk: Desk, *, status: str | None, kind: str | None, provider_id: str | None, before: UUID | None, limit: int
) -> Page[dict[str, Any]]:
    """A page of the tenant's changes that match, newest first; its cursor is the last one's id."""
    with desk.database.autocommit(desk.scope) as connection:
        rows = store.page(
            connection,
            desk.tenant_id,
            status=status,
            kind=kind,
            provider_id=provider_id,
            before=before,
            rows=limit + 1,
        )
    return Page([change_view(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def approve_change(desk: Desk, change_id: UUID, given: Mapping[str, Any]) -> dict[str, Any]:
    """Make a change the tenant's own; what gets dearer by it waits for the grace period.

    Raises NotFound, Conflict when it was decided before, InvalidFields where the change alone does not say enough.
    """
    kind = _kind(desk, change_id)
    # Only a new model has to be written into the registry that all tenants share.
    with desk.database.transaction(Scope(tenant_id=desk.tenant_id, operator=kind == NEW_MODEL)) as connection:
        row = _locked(connection, desk, change_id)
        _check(connection, desk, row, given)
        accepted = _accepted(row, given, desk.now)
        (model_id,) = accept(connection, desk.tenant_id, [accepted], desk.actor.user_id, desk.now)
        if kind in (NEW_MODEL, PRICE):
            actor_id = desk.actor.user_id
            replan(connection, desk.tenant_id, [model_id], source=SOURCE_SYNC, actor_id=actor_id, now=desk.now)
        _decide(connection, desk, row, "approved", action="approve", model_id=model_id, given=given)
        if kind == NEW_MODEL:
            _settle_what_was_decided_otherwise(connection, desk, accepted, model_id)
        decided = _view(connection, desk, change_id)
    emit("registry_change_approved", kind=kind, modelId=model_id)
    return decided


def reject_change(desk: Desk, change_id: UUID, reason: str | None) -> dict[str, Any]:
    """Leave things as they are. The same is not proposed again until its value changes. Raises NotFound or Conflict."""
    with desk.database.transaction(desk.scope) as connection:
        row = _locked(connection, desk, change_id)
        given = {"reason": reason} if reason else {}
        _decide(connection, desk, row, "rejected", action="reject", reason=reason, given=given)
        decided = _view(connection, desk, change_id)
    emit("registry_change_rejected", kind=row["kind"], modelId=row["model_id"])
    return decided


def undo_change(desk: Desk, change_id: UUID) -> dict[str, Any]:
    """Take back what was accepted, by an admin or by the policy: what held before holds again.

    A price that rises by it waits for the grace like any other. Raises NotFound, or Conflict where there is nothing to
    take back.
    """
    with desk.database.transaction(desk.scope) as connection:
        row = _locked(connection, desk, change_id, ("approved", "applied"))
        if store.was_followed(connection, desk.tenant_id, row):
            raise _followed("A newer change of this kind was accepted since. Take that one back first.")
        model_id, before = str(row["model_id"]), row["before"]
        if row["kind"] == PRICE:
            _take_back_price(connection, desk, model_id, price_from(row["after"]), price_from(before))
        else:
            columns = (
                {"enabled": False} if row["kind"] == NEW_MODEL else {snake_case(name): before[name] for name in before}
            )
            own = [name for name in COLUMNS.values() if name in columns]
            tenant_models.save_overlay(connection, desk.tenant_id, model_id, {**columns, "own_facts": own})
        _decide(connection, desk, row, "rejected", reason="Taken back.", action="undo")
        decided = _view(connection, desk, change_id)
    emit("registry_change_undone", kind=row["kind"], modelId=model_id)
    return decided


def list_runs(database: Database, *, before: UUID | None, limit: int) -> Page[dict[str, Any]]:
    """The readings of the feeds that changed something or met new problems, newest first. For operators."""
    with database.autocommit(Scope(operator=True)) as connection:
        rows = facts.runs(connection, before=before, rows=limit + 1)
    return Page([_run_view(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def _kind(desk: Desk, change_id: UUID) -> str:
    with desk.database.autocommit(desk.scope) as connection:
        rows = store.page(connection, desk.tenant_id, change_id=change_id)
    if not rows:
        raise NotFound("change")
    return str(rows[0]["kind"])


def _followed(how: str) -> Conflict:
    return Conflict("CHANGE_FOLLOWED", how)


def _take_back_price(
    connection: Connection, desk: Desk, model_id: str, accepted: Price | None, before: Price | None
) -> None:
    (model,) = prices.models(connection, desk.tenant_id, [model_id], desk.now)
    if (model.base.input_price, model.base.output_price, model.base.rates) != accepted:
        raise _followed("An operator has set another price since; there is nothing to take back.")
    if before is None:
        raise Conflict("PRICE_UNKNOWN", "No price was known before this one. Switch the model off instead.")
    actor_id = desk.actor.user_id
    accept_price(connection, desk.tenant_id, model_id, before, actor_id, desk.now)
    replan(connection, desk.tenant_id, [model_id], source=SOURCE_SYNC, actor_id=actor_id, now=desk.now)


def _locked(connection: Connection, desk: Desk, change_id: UUID, statuses: tuple[str, ...] = ("open",)) -> Row:
    """The change in one of these states, for a decision by nobody else: neither another admin nor the sync."""
    pricing_configs.lock(connection, desk.tenant_id)
    row = store.locked(connection, desk.tenant_id, change_id)
    if row is None:
        raise NotFound("change")
    if row["status"] not in statuses:
        raise Conflict(
            "CHANGE_DECIDED",
            f"This change is {row['status']} by now. Read the list again.",
            details={"status": row["status"]},
        )
    return row


def _check(connection: Connection, desk: Desk, row: Row, given: Mapping[str, Any]) -> None:
    foreign = given.keys() - OWN_WORDS.get(row["kind"], frozenset())
    problems = [
        FieldProblem(camel_case(name), f"a change of kind {row['kind']} takes no such field") for name in foreign
    ]
    if row["kind"] == NEW_MODEL:
        problems += _new_model_problems(row, given)
    successor = given.get("successor_id")
    if successor is not None and successor == row["model_id"]:
        problems.append(FieldProblem("successorId", "a model cannot succeed itself"))
    elif successor is not None and not tenant_models.has_model(connection, desk.tenant_id, successor):
        problems.append(FieldProblem("successorId", f"there is no model {successor!r}"))
    if problems:
        raise InvalidFields(sorted(problems, key=lambda problem: problem.path))


def _new_model_problems(row: Row, given: Mapping[str, Any]) -> list[FieldProblem]:
    problems = []
    prices = [given.get(name) for name in ("input_price", "output_price")]
    if (prices[0] is None) != (prices[1] is None):
        problems.append(FieldProblem("outputPrice", "send both prices; one alone prices nothing"))
    elif prices[0] is None and row["after"]["inputPrice"] is None:
        reason = "no source knows this model's prices: send inputPrice and outputPrice, USD per 1,000,000 tokens"
        problems.append(FieldProblem("inputPrice", reason))
    if given.get("access_tier") == "premium" and given.get("unlock_price_cents") is None:
        problems.append(FieldProblem("unlockPriceCents", "a premium model needs a price to unlock it"))
    return problems


def _accepted(row: Row, given: Mapping[str, Any], now: datetime) -> Accepted:
    own = {name: value for name, value in given.items() if value is not None}
    if row["kind"] == RETIREMENT and row["after"]["deprecatedAt"] is None:
        own.setdefault("deprecated_at", now)  # its provider names no date: it may end at any moment
    return Accepted(row["kind"], row["provider_id"], row["provider_model"], row["model_id"], row["after"], own)


def _settle_what_was_decided_otherwise(connection: Connection, desk: Desk, accepted: Accepted, model_id: str) -> None:
    """Put on file that the admin knew what the feeds say and did not follow, so that the sync does not ask at once."""
    reason = "Decided otherwise when the model was approved."
    for change in decided_otherwise(accepted, model_id, desk.now):
        row = change_row(change, model_id, "open", reason)
        store.file(connection, desk.tenant_id, [row], desk.now)
        store.decide(
            connection, desk.tenant_id, row["id"], "rejected", actor_id=desk.actor.user_id, now=desk.now, reason=reason
        )


def _decide(
    connection: Connection,
    desk: Desk,
    row: Row,
    status: str,
    *,
    action: str,
    given: Mapping[str, Any] | None = None,
    reason: str | None = None,
    model_id: str | None = None,
) -> None:
    store.decide(
        connection,
        desk.tenant_id,
        row["id"],
        status,
        actor_id=desk.actor.user_id,
        now=desk.now,
        reason=reason,
        model_id=model_id,
    )
    audit.record(
        connection,
        desk.tenant_id,
        desk.actor,
        f"registry_change.{action}",
        model_id or row["subject"],
        before=row["before"],
        after={
            "kind": row["kind"],
            **row["after"],
            **{camel_case(name): value for name, value in (given or {}).items()},
        },
    )


def _view(connection: Connection, desk: Desk, change_id: UUID) -> dict[str, Any]:
    return change_view(store.page(connection, desk.tenant_id, change_id=change_id)[0])


def _run_view(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "createdAt": iso(row["created_at"]),
        "sources": row["sources"],
        "modelsAdded": row["models_added"],
        "modelsChanged": row["models_changed"],
        "problems": row["problems"],
    }
