"""A tenant's pricing configuration: default markups, minimum charge, grace period, and automatic updates."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from stoa.database.pool import Connection, Rows, json_parameter
from stoa.domain.pricing.price_book import PricingConfig

_COLUMNS = """
    c.version, c.external_default_markup, c.self_hosted_default_markup, c.minimum_charge, c.price_increase_grace_hours,
    c.auto_update_from_providers, c.auto_update_frequency, c.last_auto_update, c.notify_on_price_change,
    c.notify_threshold_percent, c.sync_policy, c.notice_emails
"""

_GET = f"SELECT {_COLUMNS} FROM pricing_configs c WHERE c.tenant_id = :tenant_id ::uuid"  # noqa: S608 - our own text

# Everybody who changes prices of this tenant locks this row first, so that they come one after another.
_ENSURE = """
INSERT INTO pricing_configs (tenant_id, version)
VALUES (:tenant_id, 0)
ON CONFLICT (tenant_id) DO NOTHING
"""

_LOCK = f"{_GET} FOR UPDATE"

_SAVE = """
UPDATE pricing_configs c SET
    external_default_markup = :external_default_markup,
    self_hosted_default_markup = :self_hosted_default_markup,
    minimum_charge = :minimum_charge,
    price_increase_grace_hours = :price_increase_grace_hours,
    auto_update_from_providers = :auto_update_from_providers,
    auto_update_frequency = :auto_update_frequency,
    notify_on_price_change = :notify_on_price_change,
    notify_threshold_percent = :notify_threshold_percent,
    sync_policy = :sync_policy ::jsonb,
    notice_emails = :notice_emails ::text[],
    version = c.version + 1,
    updated_at = :now
WHERE c.tenant_id = :tenant_id
"""

_SYNCED = "UPDATE pricing_configs c SET last_auto_update = :now ::timestamptz WHERE c.tenant_id = :tenant_id ::uuid"


class PricingSettings(Struct, frozen=True):
    """A tenant's pricing configuration. Markups are fractions, the charge USD, the threshold percent.

    Version 0 means that nothing was ever saved and these defaults hold. `sync_policy` holds the rules that differ from
    `domain/sync/sync/policy.py`, by its names.
    """

    external_default_markup: Decimal = Decimal("0.4")
    self_hosted_default_markup: Decimal = Decimal("0.75")
    minimum_charge: Decimal = Decimal("0.001")
    price_increase_grace_hours: int = 24
    auto_update_from_providers: bool = True
    auto_update_frequency: str = "daily"
    last_auto_update: datetime | None = None
    notify_on_price_change: bool = True
    notify_threshold_percent: Decimal = Decimal(10)
    sync_policy: Mapping[str, Any] = field(default_factory=dict)
    notice_emails: tuple[str, ...] = ()
    version: int = 0

    @property
    def rules(self) -> PricingConfig:
        """The part of the configuration that prices follow from."""
        return PricingConfig(self.external_default_markup, self.self_hosted_default_markup, self.minimum_charge)

    @property
    def grace(self) -> timedelta:
        """The time that an increase waits."""
        return timedelta(hours=self.price_increase_grace_hours)


def get(connection: Connection, tenant_id: UUID) -> PricingSettings:
    """Returns the tenant's configuration, or the defaults where nothing was ever saved."""
    return _settings(connection.run(_GET, tenant_id=tenant_id))


def lock(connection: Connection, tenant_id: UUID) -> PricingSettings:
    """Returns the configuration, locked until the transaction ends, so that nobody else changes prices meanwhile."""
    own = {"tenant_id": tenant_id}
    return _settings(connection.run_all([(_ENSURE, own), (_LOCK, own)])[1])


def save(connection: Connection, tenant_id: UUID, settings: PricingSettings, now: datetime) -> None:
    """Writes a configuration that was locked before, and counts its version up."""
    values: dict[str, Any] = {
        "external_default_markup": settings.external_default_markup,
        "self_hosted_default_markup": settings.self_hosted_default_markup,
        "minimum_charge": settings.minimum_charge,
        "price_increase_grace_hours": settings.price_increase_grace_hours,
        "auto_update_from_providers": settings.auto_update_from_providers,
        "auto_update_frequency": settings.auto_update_frequency,
        "notify_on_price_change": settings.notify_on_price_change,
        "notify_threshold_percent": settings.notify_threshold_percent,
        "sync_policy": json_parameter(settings.sync_policy),
        "notice_emails": list(settings.notice_emails),
    }
    connection.run(_SAVE, tenant_id=tenant_id, now=now, **values)


def synced(connection: Connection, tenant_id: UUID, now: datetime) -> None:
    """Notes that the tenant's registry has been compared with the feeds."""
    connection.run(_SYNCED, tenant_id=tenant_id, now=now)


def _settings(rows: Rows) -> PricingSettings:
    if not rows:
        return PricingSettings()
    return PricingSettings(**{**rows[0], "notice_emails": tuple(rows[0]["notice_emails"])})
