"""The tenant's pricing configuration, and the bulk update of a default markup."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.database.pool import Connection
from stoa.domain.pricing.markup import check_markup, markup_from_percent
from stoa.domain.pricing.price_book import SOURCE_BULK, SOURCE_CONFIG
from stoa.identity.caller import Caller, check_version
from stoa.store.pricing import pricing_configs
from stoa.store.pricing.pricing_configs import PricingSettings
from stoa.store.tenancy import audit
from stoa.workflows.pricing import sync_policy
from stoa.workflows.pricing.price_planning import PlannedChange, replan
from stoa.workflows.pricing.sync_policy import SyncPolicy

EXTERNAL, SELF_HOSTED = "external", "self_hosted"

# The names that clients use for the markups.
_OUTER = {"external_default_markup": "externalDefaultMarkup", "self_hosted_default_markup": "selfHostedDefaultMarkup"}
_READ_ONLY = frozenset({"version", "last_auto_update"})


class ConfigEdit(Struct, frozen=True):
    """Fields of the configuration to set. `expected_version` is the version that the editor read, if they said it."""

    changes: Mapping[str, Any]
    expected_version: int | None = None


class MarkupEdit(Struct, frozen=True):
    """The default markup of one kind of models, `EXTERNAL` or `SELF_HOSTED`, in percent."""

    kind: str
    percent: Decimal
    expected_version: int | None = None


class ReadConfig(Struct, frozen=True):
    """The configuration, and its rules for what providers change with the defaults filled in."""

    settings: PricingSettings
    policy: SyncPolicy


def read_config(caller: Caller) -> ReadConfig:
    """Returns the tenant's configuration, or the defaults where nothing was ever saved."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _read(connection, caller)


def put_config(caller: Caller, edit: ConfigEdit) -> ReadConfig:
    """Sets the fields that are given, keeps the others and returns the whole. Raises as `change_config`."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        change_config(connection, caller, edit)
        return _read(connection, caller)


def bulk_update(caller: Caller, edit: MarkupEdit) -> int:
    """Sets a default markup and returns the number of models whose prices change. Raises as `change_markup`."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        return len(change_markup(connection, caller, edit))


def change_config(connection: Connection, caller: Caller, edit: ConfigEdit) -> list[PlannedChange]:
    """Saves the configuration and plans prices anew, within a transaction.

    Raises InvalidFields for a markup or threshold in the wrong unit, Conflict for a stale edit.
    """
    for name, outer in _OUTER.items():
        if name in edit.changes:
            check_markup(edit.changes[name], outer)
    _check_threshold(edit.changes.get("notify_threshold_percent"))
    before = pricing_configs.lock(connection, caller.tenant_id)
    check_version(before.version, edit.expected_version, "the pricing configuration")
    changes = {name: value for name, value in edit.changes.items() if name not in _READ_ONLY}
    if "sync_policy" in changes:
        changes["sync_policy"] = sync_policy.changed(before.sync_policy, changes["sync_policy"])
    after = replace(before, **changes)
    if after == before and before.version > 0:
        return []
    _save(connection, caller, "pricing_config.update", before, after)
    if after.rules == before.rules:
        return []
    # A grace that becomes shorter in the same edit does not shorten the wait of the increases that the edit makes.
    return _replan(connection, caller, SOURCE_CONFIG, before)


def change_markup(connection: Connection, caller: Caller, edit: MarkupEdit) -> list[PlannedChange]:
    """Saves a default markup and plans prices anew, within a transaction.

    Raises InvalidFields for a percentage out of range, Conflict for a stale edit.
    """
    markup = markup_from_percent(edit.percent)
    before = pricing_configs.lock(connection, caller.tenant_id)
    check_version(before.version, edit.expected_version, "the pricing configuration")
    if edit.kind == EXTERNAL:
        after = replace(before, external_default_markup=markup)
    else:
        after = replace(before, self_hosted_default_markup=markup)
    if after == before:
        return []
    _save(connection, caller, "pricing.bulk_update", before, after)
    return _replan(connection, caller, SOURCE_BULK, before)


def _read(connection: Connection, caller: Caller) -> ReadConfig:
    settings = pricing_configs.get(connection, caller.tenant_id)
    return ReadConfig(settings, sync_policy.policy_of(settings.sync_policy))


def _replan(connection: Connection, caller: Caller, source: str, before: PricingSettings) -> list[PlannedChange]:
    return replan(
        connection,
        caller.tenant_id,
        None,
        source=source,
        actor_id=caller.actor.user_id,
        now=caller.now,
        least_grace=before.grace,
    )


def _save(connection: Connection, caller: Caller, action: str, before: PricingSettings, after: PricingSettings) -> None:
    pricing_configs.save(connection, caller.tenant_id, after, caller.now)
    audit.record(connection, caller.tenant_id, caller.actor, action, "config", before=_told(before), after=_told(after))


def _told(settings: PricingSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in _READ_ONLY}


def _check_threshold(percent: Decimal | None) -> None:
    if percent is not None and 0 < percent < 1:
        hint = format((percent * 100).normalize(), "f")
        reason = f"{percent} looks like a fraction: send {hint} for {hint} %."
        raise InvalidFields([FieldProblem("notifyThresholdPercent", reason)])
