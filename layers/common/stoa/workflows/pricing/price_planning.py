"""Bring a tenant's price books up to date with what prices follow from. For every workflow that changes such a thing.

Call `replan` after the change, in the same transaction: a model's base price, the tenant's configuration, an override.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from stoa.core.ids import new_id
from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.price_planner import Plan, Timelines, plan
from stoa.domain.pricing.timeline import Timeline
from stoa.store.pricing import prices, pricing_configs
from stoa.store.pricing.prices import ModelPricing
from stoa.store.pricing.pricing_configs import PricingSettings

# Clocks of two machines differ by less than this. A price that began at once, but only just ahead of our own clock, was
# written by a machine whose clock is ahead; it has been shown and counts as begun.
CLOCK_DIFFERENCE = timedelta(seconds=5)
NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What became of one model's prices: the row in force and those to come, before and after."""

    model_id: str
    before: tuple[PriceRow, ...]
    after: tuple[PriceRow, ...]
    plan: Plan

    @property
    def effective_from(self) -> datetime:
        """The first instant at which the book now says something else."""
        begins = [row.effective_from for row in self.plan.added]
        begins += [stored.row.effective_from for stored in self.plan.cancelled]
        return min(begins)


def replan(
    connection: Connection,
    tenant_id: UUID,
    model_ids: Sequence[str] | None,
    *,
    source: str,
    actor_id: UUID | None,
    now: datetime,
    least_grace: timedelta = NO_TIME,
) -> list[PlannedChange]:
    """Plan the named models (None: all of the tenant's) and write what changes; returns the models that changed.

    Rows to come that are no longer wanted are cancelled, new ones are added, each change gets a line in the history.
    An increase waits for the tenant's grace period, or `least_grace` where that is longer. Models whose base price is
    not known keep the rows they have. Needs a transaction in the tenant's scope, which it makes others wait for.
    """
    planned = plan_each(
        connection, tenant_id, model_ids, source=source, actor_id=actor_id, now=now, least_grace=least_grace
    )
    return [change for change in planned if change.plan.changes_anything]


def plan_each(
    connection: Connection,
    tenant_id: UUID,
    model_ids: Sequence[str] | None,
    *,
    source: str,
    actor_id: UUID | None,
    now: datetime,
    least_grace: timedelta = NO_TIME,
) -> list[PlannedChange]:
    """The same as `replan`, and returns also the models of which nothing changed."""
    settings = pricing_configs.lock(connection, tenant_id)
    found = prices.models(connection, tenant_id, model_ids, now)
    now = latest_instant(found, now)
    grace = max(settings.grace, least_grace)
    planned = [_planned(model, settings, source=source, now=now, grace=grace) for model in found if is_priced(model)]
    changes = [change for change in planned if change.plan.changes_anything]
    if changes:
        _write(connection, tenant_id, changes, source=source, actor_id=actor_id, now=now)
    return planned


def latest_instant(models: Sequence[ModelPricing], now: datetime) -> datetime:
    """`now`, or the instant just ahead of it at which a machine whose clock is ahead put a price in force."""
    begun = [
        stored.row.effective_from
        for model in models
        for stored, written_at in zip(model.book, model.written_at, strict=True)
        if now < stored.row.effective_from <= min(written_at, now + CLOCK_DIFFERENCE)
    ]
    return max(begun, default=now)


def is_priced(model: ModelPricing) -> bool:
    """Whether the provider's prices are known. Without them the model cannot be sold, whatever an override says."""
    return model.base.input_price is not None and model.base.output_price is not None


def _planned(
    model: ModelPricing, settings: PricingSettings, *, source: str, now: datetime, grace: timedelta
) -> PlannedChange:
    timelines = Timelines(
        base=Timeline.always(model.base),
        config=Timeline.always(settings.rules),
        override=model.overrides,
        is_self_hosted=model.is_self_hosted,
    )
    made = plan(timelines, model.book, now=now, grace=grace, source=source)
    # An earlier row is in `book` where the clock was put forward; it is over.
    before = tuple(stored.row for stored in model.book if stored is made.in_force or stored.row.effective_from > now)
    return PlannedChange(model.model_id, before, made.rows, made)


def _write(
    connection: Connection,
    tenant_id: UUID,
    changes: Sequence[PlannedChange],
    *,
    source: str,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for change in changes:
        ids = {id(row): new_id() for row in change.plan.added}
        rows += [{"id": ids[id(row)], "model_id": change.model_id, **row.columns()} for row in change.plan.added]
        in_force = change.plan.in_force
        previous = in_force.row if in_force else None
        for row in change.after:
            if id(row) in ids:
                history.append(_told(change.model_id, ids[id(row)], row.source, previous, row))
            previous = row
        if not change.plan.added:
            history += _withdrawn(change, source)
    prices.write(
        connection,
        tenant_id,
        cancelled=[stored.row_id for change in changes for stored in change.plan.cancelled],
        rows=rows,
        changes=history,
        actor_id=actor_id,
        now=now,
    )


def _withdrawn(change: PlannedChange, source: str) -> list[dict[str, Any]]:
    """A price that was announced and will not come: the one before it goes on."""
    first = change.plan.cancelled[0]
    lasting = [stored for stored in change.plan.kept if stored.row.effective_from <= first.row.effective_from][-1]
    told = _told(change.model_id, lasting.row_id, source, first.row, lasting.row)
    return [{**told, "effective_from": first.row.effective_from}]


def _told(model_id: str, row_id: UUID, source: str, previous: PriceRow | None, row: PriceRow) -> dict[str, Any]:
    return {
        "id": new_id(),
        "model_id": model_id,
        "price_row_id": row_id,
        "change_source": source,
        "previous_input_price": previous and previous.input_price,
        "previous_output_price": previous and previous.output_price,
        "previous_markup": previous and previous.markup,
        "previous_minimum_charge": previous and previous.minimum_charge,
        "previous_rates": previous.rates.to_json() if previous else {},
        "new_input_price": row.input_price,
        "new_output_price": row.output_price,
        "new_markup": row.markup,
        "new_minimum_charge": row.minimum_charge,
        "new_rates": row.rates.to_json(),
        "effective_from": row.effective_from,
    }
