"""Overrides of a model's price: set, with dates where wanted, and taken away. Both are price changes like any other."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict, replace

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound, StoaError
from stoa.core.text import iso
from stoa.database.pool import Connection
from stoa.domain.pricing.markup import check_markup
from stoa.domain.pricing.price_book import NO_OVERRIDE, SOURCE_OVERRIDE, SOURCE_OVERRIDE_END, Override
from stoa.domain.pricing.timeline import Timeline
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import tenant_models
from stoa.store.pricing import price_overrides, prices, pricing_configs
from stoa.store.pricing.price_overrides import OverrideChange
from stoa.store.pricing.prices import ModelPricing
from stoa.store.tenancy import audit
from stoa.workflows.pricing.dates import in_utc
from stoa.workflows.pricing.price_planning import PlannedChange, is_priced, plan_each

Period = tuple[datetime, datetime | None]  # beginning, and end where there is one


class OverrideEdit(Struct, frozen=True):
    """An override as an admin asks for it. Dates without an offset are in the tenant's time zone.

    An override whose beginning is omitted or in the past begins now, because prices are never changed backwards.
    """

    model_id: str
    override: Override
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    expected_version: int | None = None


class OverrideRemoval(Struct, frozen=True):
    """The model whose override is to be taken away."""

    model_id: str
    expected_version: int | None = None


class SavedOverride(Struct, frozen=True):
    """A change of an override. From `effective_from` on, the grace period holds back nothing of it any more."""

    effective_from: datetime
    version: int
    change: PlannedChange


class OverridePeriod(Struct, frozen=True):
    """An override with its beginning and end. Prices are USD per 1,000,000 tokens."""

    markup: Decimal | None
    input_price: Decimal | None
    output_price: Decimal | None
    effective_from: datetime
    effective_to: datetime | None


def put_override(caller: Caller, edit: OverrideEdit) -> SavedOverride:
    """Sets a model's override from its beginning on. The override before it holds until then. Later ones are dropped.

    Raises NotFound, InvalidFields, and Conflict for a stale edit or a model whose provider prices are not known.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        return set_override(connection, caller, edit)


def delete_override(caller: Caller, removal: OverrideRemoval) -> SavedOverride:
    """Takes away the override in force and those to come. Raises NotFound without any, Conflict for a stale edit."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        return clear_override(connection, caller, removal)


def set_override(connection: Connection, caller: Caller, edit: OverrideEdit) -> SavedOverride:
    """Does what `put_override` does, within a transaction."""
    (outcome,) = apply_edits(connection, caller, [edit])
    if isinstance(outcome, StoaError):
        raise outcome
    assert outcome is not None  # only of several edits some are not tried
    return outcome


def apply_edits(
    connection: Connection, caller: Caller, edits: Sequence[OverrideEdit]
) -> list[SavedOverride | StoaError | None]:
    """Sets many overrides, those of one model in the order given, and plans once.

    Returns the outcome of each edit: an error where it is refused, None where it was not tried because another one is
    refused. The caller of this function then has to raise, so that nothing stays written.
    """
    ids = tenant_models.all_named(connection, sorted({edit.model_id for edit in edits}))
    edits = [replace(edit, model_id=ids[edit.model_id]) for edit in edits]
    settings = pricing_configs.lock(connection, caller.tenant_id)
    zone = ZoneInfo(prices.time_zone(connection, caller.tenant_id))
    asked = sorted({edit.model_id for edit in edits})
    models = {model.model_id: model for model in prices.models(connection, caller.tenant_id, asked, caller.now)}
    wanted = {model.model_id: model.overrides for model in models.values()}
    periods: list[Period | StoaError] = []
    for edit in edits:
        try:
            _check_edit(models.get(edit.model_id), edit)
            begins, ends = _period(edit, zone, caller.now)
        except StoaError as error:
            periods.append(error)
            continue
        periods.append((begins, ends))
        wanted[edit.model_id] = wanted[edit.model_id].replaced(begins, edit.override)
        if ends is not None:
            wanted[edit.model_id] = wanted[edit.model_id].replaced(ends, None)
    errors = [period if isinstance(period, StoaError) else None for period in periods]
    if any(errors):
        return [*errors]
    versions = {
        model_id: _save(connection, caller, models[model_id], wanted[model_id], "price_override.set")
        for model_id in asked
    }
    changes = _plan(connection, caller, asked, SOURCE_OVERRIDE)
    return [
        _outcome(changes[edit.model_id], versions[edit.model_id], period, max(period[0], caller.now + settings.grace))
        for edit, period in zip(edits, periods, strict=True)
        if not isinstance(period, StoaError)
    ]


def clear_override(connection: Connection, caller: Caller, removal: OverrideRemoval) -> SavedOverride:
    """Does what `delete_override` does, within a transaction."""
    removal = replace(removal, model_id=tenant_models.named(connection, removal.model_id))
    pricing_configs.lock(connection, caller.tenant_id)
    found = prices.models(connection, caller.tenant_id, [removal.model_id], caller.now)
    if not found:
        raise NotFound("model")
    (model,) = found
    check_version(model.override_version, removal.expected_version, f"the override of {removal.model_id}")
    if not has_override(model, caller.now):
        raise NotFound("override")
    wanted = model.overrides.replaced(caller.now, None)
    version = _save(connection, caller, model, wanted, "price_override.clear")
    change = _plan(connection, caller, [removal.model_id], SOURCE_OVERRIDE_END)[removal.model_id]
    in_full = change.plan.in_full_from(caller.now)
    assert in_full is not None  # nothing is held back for longer than the grace
    return SavedOverride(in_full, version, change)


def has_override(model: ModelPricing, now: datetime) -> bool:
    """Returns whether an override is in force or to come."""
    return bool(override_periods(model.overrides, now))


def override_periods(overrides: Timeline[Override | None], now: datetime) -> tuple[OverridePeriod, ...]:
    """Returns the overrides in force and to come, each with its end."""
    steps = overrides.since(now)
    ends = [*(step.begins for step in steps[1:]), None]
    return tuple(
        OverridePeriod(step.value.markup, step.value.input_price, step.value.output_price, step.begins, end)
        for step, end in zip(steps, ends, strict=False)  # without any step one end is left over
        if step.value is not None
    )


def _check_edit(model: ModelPricing | None, edit: OverrideEdit) -> None:
    if model is None:
        raise NotFound("model")
    check_version(model.override_version, edit.expected_version, f"the override of {edit.model_id}")
    if not is_priced(model):
        message = "The provider's price of this model is not known. Set the model's base prices first."
        raise Conflict("PRICE_UNKNOWN", message)
    if edit.override == NO_OVERRIDE:
        reason = "give at least one of markup, inputPrice and outputPrice; DELETE takes an override away"
        raise InvalidFields([FieldProblem("markup", reason)])
    if edit.override.markup is not None:
        check_markup(edit.override.markup)


def _outcome(
    change: PlannedChange, version: int, period: Period, increase_begins: datetime
) -> SavedOverride | StoaError:
    begins, ends = period
    in_full = change.plan.in_full_from(begins)
    assert in_full is not None  # nothing is held back for longer than the grace
    if ends is not None and in_full >= ends:
        reason = f"an increase waits for the grace period, until {iso(increase_begins)}: end later than that"
        return InvalidFields([FieldProblem("effectiveTo", reason)])
    return SavedOverride(in_full, version, change)


def _period(edit: OverrideEdit, zone: ZoneInfo, now: datetime) -> Period:
    begins = max(in_utc(edit.effective_from, zone), now) if edit.effective_from else now
    if edit.effective_to is None:
        return begins, None
    ends = in_utc(edit.effective_to, zone)
    if ends <= begins:
        reason = "must be later than effectiveFrom" if begins > now else "must be in the future"
        raise InvalidFields([FieldProblem("effectiveTo", reason)])
    return begins, ends


def _plan(connection: Connection, caller: Caller, model_ids: Sequence[str], source: str) -> dict[str, PlannedChange]:
    planned = plan_each(
        connection, caller.tenant_id, model_ids, source=source, actor_id=caller.actor.user_id, now=caller.now
    )
    return {change.model_id: change for change in planned}


def _save(
    connection: Connection, caller: Caller, model: ModelPricing, wanted: Timeline[Override | None], action: str
) -> int:
    """Writes the difference and returns the next version. Keeps the version where nothing differs."""
    present = set(model.overrides.steps)
    if set(wanted.steps) == present:
        return model.override_version
    change = OverrideChange(
        model_id=model.model_id,
        version=model.override_version + 1,
        cancelled=[model.override_ids[step.begins] for step in present - set(wanted.steps)],
        added=[step for step in wanted.steps if step not in present],
    )
    price_overrides.save(connection, caller.tenant_id, change, actor_id=caller.actor.user_id, now=caller.now)
    before, after = _told(model.overrides, caller.now), _told(wanted, caller.now)
    audit.record(connection, caller.tenant_id, caller.actor, action, model.model_id, before=before, after=after)
    return change.version


def _told(overrides: Timeline[Override | None], now: datetime) -> dict[str, Any] | None:
    steps = overrides.since(now)
    told = [{"effective_from": step.begins, **(asdict(step.value) if step.value else {})} for step in steps]
    return {"overrides": told} if any(step.value for step in steps) else None
