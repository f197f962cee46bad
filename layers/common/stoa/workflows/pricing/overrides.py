"""Overrides of a model's price: set, with dates where wanted, and taken away. Both are price changes like any other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound, StoaError
from stoa.core.text import iso
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.pricing.markup import check_markup
from stoa.domain.pricing.price_book import NO_OVERRIDE, SOURCE_OVERRIDE, SOURCE_OVERRIDE_END, Override
from stoa.domain.pricing.timeline import Timeline
from stoa.identity.caller import check_version
from stoa.store.pricing import price_overrides, prices, pricing_configs
from stoa.store.pricing.prices import ModelPricing
from stoa.store.tenancy import audit
from stoa.store.tenancy.audit import Actor
from stoa.workflows.pricing.dates import in_utc
from stoa.workflows.pricing.price_planning import PlannedChange, is_priced, plan_each

Period = tuple[datetime, datetime | None]  # from, and until where it ends


@dataclass(frozen=True, slots=True)
class OverrideEdit:
    """An override as an admin asks for it. Dates without an offset are meant in the tenant's time zone.

    No beginning: from now on; one that is past: from now on, too, as prices are never changed backwards.
    """

    model_id: str
    override: Override
    effective_from: datetime | None = None
    effective_to: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class SavedOverride:
    """`effective_from` is the instant from which nothing of it is held back by the grace period any more."""

    effective_from: datetime
    version: int
    change: PlannedChange


def put_override(database: Database, tenant_id: UUID, actor: Actor, edit: OverrideEdit, now: datetime) -> SavedOverride:
    """Set the model's override from its beginning on. What was set before holds until then, and nothing of it later.

    Raises NotFound, InvalidFields, and Conflict for a stale edit or a model whose provider prices are not known.
    """
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        return set_override(connection, tenant_id, actor, edit, now)


def delete_override(
    database: Database, tenant_id: UUID, actor: Actor, model_id: str, expected: int | None, now: datetime
) -> SavedOverride:
    """Take away the override in force and those to come. Raises NotFound without any, Conflict for a stale edit."""
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        return clear_override(connection, tenant_id, actor, model_id, expected, now)


def set_override(
    connection: Connection, tenant_id: UUID, actor: Actor, edit: OverrideEdit, now: datetime
) -> SavedOverride:
    """`put_override` within a transaction."""
    (outcome,) = apply_edits(connection, tenant_id, actor, [edit], now)
    if isinstance(outcome, StoaError):
        raise outcome
    assert outcome is not None  # only of several edits some are not tried
    return outcome


def apply_edits(
    connection: Connection, tenant_id: UUID, actor: Actor, edits: Sequence[OverrideEdit], now: datetime
) -> list[SavedOverride | StoaError | None]:
    """Set many overrides, those of one model in the order given, and plan once.

    What came of each edit: an error where it cannot be, None where it was not tried because another one cannot. The
    caller has to raise then, so that nothing stays written.
    """
    settings = pricing_configs.lock(connection, tenant_id)
    zone = ZoneInfo(prices.time_zone(connection, tenant_id))
    asked = sorted({edit.model_id for edit in edits})
    models = {model.model_id: model for model in prices.models(connection, tenant_id, asked, now)}
    wanted = {model.model_id: model.overrides for model in models.values()}
    periods: list[Period | StoaError] = []
    for edit in edits:
        try:
            _check_edit(models.get(edit.model_id), edit)
            begins, ends = _period(edit, zone, now)
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
        model_id: _save(connection, tenant_id, actor, models[model_id], wanted[model_id], "price_override.set", now)
        for model_id in asked
    }
    planned = plan_each(connection, tenant_id, asked, source=SOURCE_OVERRIDE, actor_id=actor.user_id, now=now)
    changes = {change.model_id: change for change in planned}
    return [
        _outcome(changes[edit.model_id], versions[edit.model_id], period, max(period[0], now + settings.grace))
        for edit, period in zip(edits, periods, strict=True)
        if not isinstance(period, StoaError)
    ]


def clear_override(
    connection: Connection, tenant_id: UUID, actor: Actor, model_id: str, expected: int | None, now: datetime
) -> SavedOverride:
    """`delete_override` within a transaction."""
    pricing_configs.lock(connection, tenant_id)
    found = prices.models(connection, tenant_id, [model_id], now)
    if not found:
        raise NotFound("model")
    (model,) = found
    check_version(model.override_version, expected, f"the override of {model_id}")
    if not has_override(model, now):
        raise NotFound("override")
    wanted = model.overrides.replaced(now, None)
    version = _save(connection, tenant_id, actor, model, wanted, "price_override.clear", now)
    (change,) = plan_each(
        connection, tenant_id, [model_id], source=SOURCE_OVERRIDE_END, actor_id=actor.user_id, now=now
    )
    in_full = change.plan.in_full_from(now)
    assert in_full is not None  # nothing is held back for longer than the grace
    return SavedOverride(in_full, version, change)


def has_override(model: ModelPricing, now: datetime) -> bool:
    """Whether an override is in force or will be."""
    later = [step.value for step in model.overrides.after(now)]
    return any(value is not None for value in (model.overrides.at(now), *later))


def described_override(overrides: Timeline[Override | None], now: datetime) -> list[dict[str, Any]]:
    """The overrides in force and to come, each with its end."""
    steps = overrides.since(now)
    ends = [*(step.begins for step in steps[1:]), None]
    return [
        {
            "markup": step.value.markup,
            "inputPrice": step.value.input_price,
            "outputPrice": step.value.output_price,
            "effectiveFrom": iso(step.begins),
            "effectiveTo": end and iso(end),
        }
        for step, end in zip(steps, ends, strict=False)  # without any step one end is left over
        if step.value is not None
    ]


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


def _save(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    model: ModelPricing,
    wanted: Timeline[Override | None],
    action: str,
    now: datetime,
) -> int:
    """Write what differs and count the version up, or leave both where nothing does; returns the version."""
    present = set(model.overrides.steps)
    if set(wanted.steps) == present:
        return model.override_version
    price_overrides.save(
        connection,
        tenant_id,
        model.model_id,
        version=model.override_version + 1,
        cancelled=[model.override_ids[step.begins] for step in present - set(wanted.steps)],
        added=[step for step in wanted.steps if step not in present],
        actor_id=actor.user_id,
        now=now,
    )
    before, after = _told(model.overrides, now), _told(wanted, now)
    audit.record(connection, tenant_id, actor, action, model.model_id, before=before, after=after)
    return model.override_version + 1


def _told(overrides: Timeline[Override | None], now: datetime) -> dict[str, Any] | None:
    steps = overrides.since(now)
    told = [{"effective_from": step.begins, **(asdict(step.value) if step.value else {})} for step in steps]
    return {"overrides": told} if any(step.value for step in steps) else None
