"""Decisions of a tenant's admins on proposed changes: read, approve, reject, undo. Operators read the runs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.core.pages import Page, page_of
from stoa.core.text import camel_case
from stoa.database.pool import Connection, Scope
from stoa.domain.pricing.price_book import SOURCE_SYNC
from stoa.domain.sync.change import (
    NEW_MODEL,
    OWN_FACTS,
    PRICE,
    RETIREMENT,
    Ending,
    Kind,
    NewModel,
    Sizes,
    Status,
    price_of,
    to_stored,
)
from stoa.identity.caller import Caller
from stoa.store.catalogue import tenant_models
from stoa.store.pricing import prices, pricing_configs
from stoa.store.sync import accepted as accepted_store
from stoa.store.sync import changes as store
from stoa.store.sync import runs
from stoa.store.sync.accepted import AcceptedPrice
from stoa.store.sync.changes import ChangeFilter, FiledChange, FoundChange, Verdict
from stoa.store.sync.runs import FeedRun
from stoa.store.tenancy import audit
from stoa.workflows.pricing.price_planning import replan
from stoa.workflows.sync.accept import Accepted, Choices, accept, decided_otherwise

# The fields that an admin may send beside a change of each kind.
CHOICES: Mapping[Kind, frozenset[str]] = {
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


def list_changes(caller: Caller, wanted: ChangeFilter, *, before: UUID | None, limit: int) -> Page[FiledChange]:
    """Returns a page of the tenant's changes that match, newest first. The cursor is the last one's id."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        found = store.page(connection, caller.tenant_id, wanted, before=before, rows=limit + 1)
    return page_of(found, limit, lambda change: (change.id,))


def approve_change(caller: Caller, change_id: UUID, given: Mapping[str, Any]) -> FiledChange:
    """Makes a change the tenant's own. A price that rises by it waits for the grace period.

    `given` holds the fields that the admin sent, null included. Raises NotFound, Conflict when the change was decided
    before, InvalidFields where the change alone does not say enough.
    """
    kind = _read(caller, change_id).kind
    # Only a new model has to be written into the registry that all tenants share.
    with caller.database.transaction(Scope(tenant_id=caller.tenant_id, operator=kind == NEW_MODEL)) as connection:
        change = _locked(connection, caller, change_id, ("open",))
        _check(connection, caller, change, given)
        accepted = _accepted(caller, change, given)
        (model_id,) = accept(connection, caller.tenant_id, [accepted], caller.actor.user_id, caller.now)
        if kind in (NEW_MODEL, PRICE):
            _replan(connection, caller, model_id)
        verdict = Verdict("approved", caller.actor.user_id, model_id=model_id)
        _decide(connection, caller, change, verdict, action="approve", given=given)
        if isinstance(change.after, NewModel):
            _settle_what_was_decided_otherwise(connection, caller, accepted, change.after, model_id)
        decided = _found(store.get(connection, caller.tenant_id, change_id))
    emit("registry_change_approved", kind=kind, modelId=model_id)
    return decided


def reject_change(caller: Caller, change_id: UUID, reason: str | None) -> FiledChange:
    """Leaves things as they are. The same is not proposed again until its value changes.

    Raises NotFound or Conflict.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        change = _locked(connection, caller, change_id, ("open",))
        verdict = Verdict("rejected", caller.actor.user_id, reason)
        _decide(connection, caller, change, verdict, action="reject", given={"reason": reason} if reason else {})
        decided = _found(store.get(connection, caller.tenant_id, change_id))
    emit("registry_change_rejected", kind=change.kind, modelId=change.model_id)
    return decided


def undo_change(caller: Caller, change_id: UUID) -> FiledChange:
    """Takes back what was accepted, by an admin or by the policy. What held before holds again.

    A price that rises by it waits for the grace period. Raises NotFound, or Conflict where there is nothing to take
    back.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        change = _locked(connection, caller, change_id, ("approved", "applied"))
        if store.was_followed(connection, caller.tenant_id, change):
            raise _followed("A newer change of this kind was accepted since. Take that one back first.")
        if change.kind == PRICE:
            _take_back_price(connection, caller, change)
        else:
            columns = _columns_before(change)
            own = [name for name in OWN_FACTS if name in columns]
            overlay = {**columns, "own_facts": own}
            tenant_models.save_overlay(connection, caller.tenant_id, str(change.model_id), overlay)
        verdict = Verdict("rejected", caller.actor.user_id, "Taken back.")
        _decide(connection, caller, change, verdict, action="undo", given={})
        decided = _found(store.get(connection, caller.tenant_id, change_id))
    emit("registry_change_undone", kind=change.kind, modelId=change.model_id)
    return decided


def list_runs(caller: Caller, *, before: UUID | None, limit: int) -> Page[FeedRun]:
    """Returns a page of the readings that changed something or met new problems, newest first. For operators."""
    with caller.database.autocommit(Scope(operator=True)) as connection:
        found = runs.newest(connection, before=before, rows=limit + 1)
    return page_of(found, limit, lambda run: (run.id,))


def _read(caller: Caller, change_id: UUID) -> FiledChange:
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _found(store.get(connection, caller.tenant_id, change_id))


def _found(change: FiledChange | None) -> FiledChange:
    if change is None:
        raise NotFound("change")
    return change


def _locked(connection: Connection, caller: Caller, change_id: UUID, statuses: tuple[Status, ...]) -> FiledChange:
    """Returns the change in one of these states, locked against decisions of other admins and of the sync."""
    pricing_configs.lock(connection, caller.tenant_id)
    change = _found(store.locked(connection, caller.tenant_id, change_id))
    if change.status not in statuses:
        raise Conflict(
            "CHANGE_DECIDED",
            f"This change is {change.status} by now. Read the list again.",
            details={"status": change.status},
        )
    return change


def _check(connection: Connection, caller: Caller, change: FiledChange, given: Mapping[str, Any]) -> None:
    foreign = given.keys() - CHOICES.get(change.kind, frozenset())
    problems = [
        FieldProblem(camel_case(name), f"a change of kind {change.kind} takes no such field") for name in foreign
    ]
    if isinstance(change.after, NewModel):
        problems += _new_model_problems(change.after, given)
    successor = given.get("successor_id")
    if successor is not None and successor == change.model_id:
        problems.append(FieldProblem("successorId", "a model cannot succeed itself"))
    elif successor is not None and not tenant_models.has_model(connection, caller.tenant_id, successor):
        problems.append(FieldProblem("successorId", f"there is no model {successor!r}"))
    if problems:
        raise InvalidFields(sorted(problems, key=lambda problem: problem.path))


def _new_model_problems(model: NewModel, given: Mapping[str, Any]) -> list[FieldProblem]:
    problems = []
    sent = [given.get(name) is not None for name in ("input_price", "output_price")]
    if any(sent) and not all(sent):
        problems.append(FieldProblem("outputPrice", "send both prices; one alone prices nothing"))
    elif not any(sent) and model.price is None:
        reason = "no source knows this model's prices: send inputPrice and outputPrice, USD per 1,000,000 tokens"
        problems.append(FieldProblem("inputPrice", reason))
    if given.get("access_tier") == "premium" and given.get("unlock_price_cents") is None:
        problems.append(FieldProblem("unlockPriceCents", "a premium model needs a price to unlock it"))
    return problems


def _accepted(caller: Caller, change: FiledChange, given: Mapping[str, Any]) -> Accepted:
    own = {name: value for name, value in given.items() if value is not None}
    if isinstance(change.after, Ending) and change.after.deprecated_at is None:
        own.setdefault("deprecated_at", caller.now)  # its provider names no date: it may end at any moment
    return Accepted(change.provider_id, change.provider_model, change.model_id, change.after, Choices(**own))


def _settle_what_was_decided_otherwise(
    connection: Connection, caller: Caller, accepted: Accepted, new: NewModel, model_id: str
) -> None:
    """Files what the admin knew and did not follow as rejected, so that the sync does not propose it at once."""
    reason = "Decided otherwise when the model was approved."
    verdict = Verdict("rejected", caller.actor.user_id, reason)
    for change in decided_otherwise(accepted, new, model_id, caller.now):
        found = FoundChange(change, model_id, "open", reason)
        store.file(connection, caller.tenant_id, [found], caller.now)
        store.decide(connection, caller.tenant_id, found.id, verdict, caller.now)


def _take_back_price(connection: Connection, caller: Caller, change: FiledChange) -> None:
    model_id, before = str(change.model_id), price_of(change.before)
    (model,) = prices.models(connection, caller.tenant_id, [model_id], caller.now)
    if (model.base.input_price, model.base.output_price, model.base.rates) != price_of(change.after):
        raise _followed("An operator has set another price since; there is nothing to take back.")
    if before is None:
        raise Conflict("PRICE_UNKNOWN", "No price was known before this one. Switch the model off instead.")
    own = [AcceptedPrice(model_id, before, is_own=True)]
    accepted_store.accept_prices(connection, caller.tenant_id, own, caller.actor.user_id, caller.now)
    _replan(connection, caller, model_id)


def _columns_before(change: FiledChange) -> dict[str, Any]:
    """Returns the columns of the overlay as they were before the change, null included."""
    match change.before:
        case Sizes():
            return dict(change.before.given())
        case Ending():
            return {"deprecated_at": change.before.deprecated_at, "successor_id": change.before.successor_id}
    return {"enabled": False}  # a new model was not offered


def _replan(connection: Connection, caller: Caller, model_id: str) -> None:
    actor_id = caller.actor.user_id
    replan(connection, caller.tenant_id, [model_id], source=SOURCE_SYNC, actor_id=actor_id, now=caller.now)


def _followed(reason: str) -> Conflict:
    return Conflict("CHANGE_FOLLOWED", reason)


def _decide(
    connection: Connection,
    caller: Caller,
    change: FiledChange,
    verdict: Verdict,
    *,
    action: str,
    given: Mapping[str, Any],
) -> None:
    store.decide(connection, caller.tenant_id, change.id, verdict, caller.now)
    sent = {camel_case(name): value for name, value in given.items()}
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        f"registry_change.{action}",
        verdict.model_id or change.subject,
        before=None if change.before is None else to_stored(change.before),
        after={"kind": change.kind, **to_stored(change.after), **sent},
    )
