"""The tenant's pricing configuration, and the bulk update of a default markup."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.text import iso
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.pricing.markup import check_markup, markup_from_percent
from stoa.domain.pricing.price_book import SOURCE_BULK, SOURCE_CONFIG
from stoa.domain.sync.policy import with_rules
from stoa.identity.caller import check_version
from stoa.store.pricing import pricing_configs
from stoa.store.pricing.pricing_configs import PricingSettings
from stoa.store.tenancy import audit
from stoa.store.tenancy.audit import Actor
from stoa.workflows.pricing.policy_view import policy_view
from stoa.workflows.pricing.price_planning import PlannedChange, replan

# Kinds of models as clients call them, and the default markup of each.
MARKUP_FIELDS = {"external": "external_default_markup", "self_hosted": "self_hosted_default_markup"}

_OUTER = {"external_default_markup": "externalDefaultMarkup", "self_hosted_default_markup": "selfHostedDefaultMarkup"}
_READ_ONLY = frozenset({"version", "last_auto_update"})


def read_config(database: Database, tenant_id: UUID) -> dict[str, Any]:
    """The configuration, the defaults where nothing was ever saved."""
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        return config_view(pricing_configs.get(connection, tenant_id))


def put_config(
    database: Database, tenant_id: UUID, actor: Actor, given: Mapping[str, Any], expected: int | None, now: datetime
) -> dict[str, Any]:
    """Set what `given` names and keep the rest; all of it as it is then. Raises Conflict for a stale edit."""
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        change_config(connection, tenant_id, actor, given, expected, now)
        return config_view(pricing_configs.get(connection, tenant_id))


def bulk_update(
    database: Database,
    tenant_id: UUID,
    actor: Actor,
    kind: str,
    percent: Decimal,
    expected: int | None,
    now: datetime,
) -> int:
    """Set the default markup of external or self-hosted models, in percent; returns how many models' prices change."""
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        return len(change_markup(connection, tenant_id, actor, kind, percent, expected, now))


def change_config(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    given: Mapping[str, Any],
    expected: int | None,
    now: datetime,
) -> list[PlannedChange]:
    """Save and plan anew, within a transaction."""
    for name, outer in _OUTER.items():
        if name in given:
            check_markup(given[name], outer)
    _check_threshold(given.get("notify_threshold_percent"))
    before = pricing_configs.lock(connection, tenant_id)
    check_version(before.version, expected, "the pricing configuration")
    changed = {name: value for name, value in given.items() if name not in _READ_ONLY}
    if "sync_policy" in changed:
        changed["sync_policy"] = with_rules(before.sync_policy, changed["sync_policy"])
    after = replace(before, **changed)
    if after == before and before.version > 0:
        return []
    _save(connection, tenant_id, actor, "pricing_config.update", before, after, now)
    if after.rules == before.rules:
        return []
    # A grace that becomes shorter in the same edit does not shorten the wait of what the edit makes dearer.
    return replan(
        connection,
        tenant_id,
        None,
        source=SOURCE_CONFIG,
        actor_id=actor.user_id,
        now=now,
        least_grace=before.grace,
    )


def change_markup(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    kind: str,
    percent: Decimal,
    expected: int | None,
    now: datetime,
) -> list[PlannedChange]:
    """The bulk update within a transaction."""
    markup = markup_from_percent(percent)
    before = pricing_configs.lock(connection, tenant_id)
    check_version(before.version, expected, "the pricing configuration")
    field: dict[str, Any] = {MARKUP_FIELDS[kind]: markup}
    after = replace(before, **field)
    if after == before:
        return []
    _save(connection, tenant_id, actor, "pricing.bulk_update", before, after, now)
    return replan(connection, tenant_id, None, source=SOURCE_BULK, actor_id=actor.user_id, now=now)


def config_view(settings: PricingSettings) -> dict[str, Any]:
    """The configuration as clients read it."""
    return {
        "externalDefaultMarkup": settings.external_default_markup,
        "selfHostedDefaultMarkup": settings.self_hosted_default_markup,
        "minimumChargePerRequest": settings.minimum_charge,
        "priceIncreaseGracePeriodHours": settings.price_increase_grace_hours,
        "autoUpdateFromProviders": settings.auto_update_from_providers,
        "autoUpdateFrequency": settings.auto_update_frequency,
        "lastAutoUpdate": settings.last_auto_update and iso(settings.last_auto_update),
        "notifyOnPriceChange": settings.notify_on_price_change,
        "notifyThresholdPercent": settings.notify_threshold_percent,
        "syncPolicy": policy_view(settings.sync_policy),
        "noticeEmails": list(settings.notice_emails),
        "version": settings.version,
    }


def _save(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    action: str,
    before: PricingSettings,
    after: PricingSettings,
    now: datetime,
) -> None:
    pricing_configs.save(connection, tenant_id, after, now)
    audit.record(connection, tenant_id, actor, action, "config", before=_told(before), after=_told(after))


def _told(settings: PricingSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in _READ_ONLY}


def _check_threshold(percent: Decimal | None) -> None:
    if percent is not None and 0 < percent < 1:
        hint = format((percent * 100).normalize(), "f")
        reason = f"{percent} looks like a fraction: send {hint} for {hint} %."
        raise InvalidFields([FieldProblem("notifyThresholdPercent", reason)])
