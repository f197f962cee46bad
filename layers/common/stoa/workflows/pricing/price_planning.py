"""Brings a tenant's price books up to date with all that prices follow from.

Every workflow that changes a base price, the tenant's configuration or an override calls `replan` afterwards, in the
same transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.price_planner import Plan, StoredRow, Timelines, plan
from stoa.domain.pricing.timeline import Timeline
from stoa.store.pricing import price_changes, prices, pricing_configs
from stoa.store.pricing.price_changes import BookChange, NewChange, NewRow
from stoa.store.pricing.prices import ModelPricing
from stoa.store.pricing.pricing_configs import PricingSettings

# Clocks of two machines differ by less than this. A price that began at once, and lies just ahead of our own clock, was
# written by a machine whose clock is ahead. It has been shown and counts as begun.
CLOCK_DIFFERENCE = timedelta(seconds=5)
NO_TIME = timedelta(0)


class PlannedChange(Struct, frozen=True):
    """The price rows of a model in force and to come, before and after a change, and the plan between the two."""

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
    """Plans the named models (None: all of the tenant's), writes what changes and returns the models that changed.

    Cancels rows to come that are no longer wanted, adds new ones and tells each change in the history.
    An increase waits for the tenant's grace period, or `least_grace` where that is longer. Models whose base price is
    not known keep the rows they have. Needs a transaction in the tenant's scope. Other changes of the tenant's prices
    wait until it ends.
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
    """Does the same as `replan`, and also returns the models of which nothing changed."""
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
    """Returns `now`, or the instant just ahead of it at which a machine whose clock is ahead put a price in force."""
    begun = [
        stored.row.effective_from
        for model in models
        for stored, written_at in zip(model.book, model.written_at, strict=True)
        if now < stored.row.effective_from <= min(written_at, now + CLOCK_DIFFERENCE)
    ]
    return max(begun, default=now)


def is_priced(model: ModelPricing) -> bool:
    """Returns whether the provider's prices are known. A model without them cannot be sold, even with an override."""
    return model.base.input_price is not None and model.base.output_price is not None


def _planned(
    model: ModelPricing, settings: PricingSettings, *, source: str, now: datetime, grace: timedelta
) -> PlannedChange:
    timelines = Timelines(
        base=model.base_timeline,
        config=Timeline.always(settings.rules),
        override=model.overrides,
        is_self_hosted=model.is_self_hosted,
    )
    made = plan(timelines, model.book, now=now, grace=grace, source=source)
    # `book` also has an earlier row where the clock was put forward. That row is over.
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
    added: list[NewRow] = []
    history: list[NewChange] = []
    for change in changes:
        ids = {id(row): new_id() for row in change.plan.added}
        added += [NewRow(change.model_id, StoredRow(ids[id(row)], row)) for row in change.plan.added]
        in_force = change.plan.in_force
        previous = in_force.row if in_force else None
        for row in change.after:
            if id(row) in ids:
                told = NewChange(change.model_id, ids[id(row)], row.source, previous, row, row.effective_from)
                history.append(told)
            previous = row
        if not change.plan.added:
            history.append(_withdrawn(change, source))
    cancelled = [stored.row_id for change in changes for stored in change.plan.cancelled]
    price_changes.write(connection, tenant_id, BookChange(cancelled, added, history), actor_id=actor_id, now=now)


def _withdrawn(change: PlannedChange, source: str) -> NewChange:
    """Tells that an announced price will not come. The one before it goes on."""
    first = change.plan.cancelled[0].row
    lasting = [stored for stored in change.plan.kept if stored.row.effective_from <= first.effective_from][-1]
    return NewChange(change.model_id, lasting.row_id, source, first, lasting.row, first.effective_from)
