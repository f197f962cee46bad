"""A tenant's configuration of its prices."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from functions.pricing_admin.models.fields import Charge, Fraction, Frequency, Threshold
from stoa.http.fields import Part, Version
from stoa.http.parameters import expected_version
from stoa.http.request_schemas import EmailAddress
from stoa.http.schemas import AnswerSchema, Instant
from stoa.workflows.pricing.config import ConfigEdit, ReadConfig

PriceRule = Literal["apply", "agreed", "within_threshold", "review", "ignore"]
PlainRule = Literal["apply", "review", "ignore"]

# Names of the API that differ from the configuration's own.
_OWN_NAMES = {
    "minimum_charge_per_request": "minimum_charge",
    "price_increase_grace_period_hours": "price_increase_grace_hours",
}


class SyncPolicyUpdate(Part):
    """Rules for each kind of change that the feeds tell of. Null sets the default. A rule that is not sent is kept.

    `apply`: the change applies at once. `agreed`: it applies where two sources say the same. `within_threshold`: it
    applies where they do and the price moves by no more than `notifyThresholdPercent`. `review`: it waits for an
    admin. `ignore`: it is not even proposed.
    """

    # Never offered on one source's word.
    new_model: Literal["agreed", "review", "ignore"] | None = Field(None, examples=["review"])
    price_rise: PriceRule | None = Field(None, examples=["within_threshold"])
    price_fall: PriceRule | None = Field(None, examples=["agreed"])
    context_larger: PlainRule | None = Field(None, examples=["apply"])
    context_smaller: PlainRule | None = Field(None, examples=["review"])
    retirement: PlainRule | None = Field(None, examples=["review"])


class SyncPolicy(AnswerSchema):
    """The rule that holds for each kind of change."""

    new_model: str
    price_rise: str
    price_fall: str
    context_larger: str
    context_smaller: str
    retirement: str


class PricingConfigUpdate(Part):
    """The configuration in part or whole. A field that is not sent is kept."""

    external_default_markup: Fraction = Field(Decimal(0), description="0.4 is 40 %.", examples=[0.4])
    self_hosted_default_markup: Fraction = Field(Decimal(0), description="0.75 is 75 %.", examples=[0.75])
    minimum_charge_per_request: Charge = Field(Decimal(0), description="USD a message.", examples=[0.001])
    price_increase_grace_period_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        0, description="Hours that an increase of a price waits.", examples=[24]
    )
    auto_update_from_providers: bool = True
    auto_update_frequency: Frequency = "daily"
    last_auto_update: Any = Field(None, description="Ignored. Accepted so that the whole object can be sent back.")
    notify_on_price_change: bool = True
    notify_threshold_percent: Threshold = Field(
        Decimal(0), description="Percent. Admins are told of a provider's price that moves by more.", examples=[10]
    )
    sync_policy: SyncPolicyUpdate = Field(default_factory=lambda: SyncPolicyUpdate.model_validate({}))
    notice_emails: Annotated[list[EmailAddress], Field(max_length=20)] = Field(
        default_factory=list,
        description="Addresses to write to when a provider's price moves. Empty: the admins of the last 90 days.",
        examples=[["ops@shop.test"]],
    )
    version: Version = Field(
        0, description="The version this edit was made from (or `If-Match`). A stale one is refused with 409."
    )

    def edit(self, if_match: str | None = None) -> ConfigEdit:
        """Returns the edit as the use case takes it."""
        given = self.given()
        version = expected_version(if_match, given.pop("version", None))
        changes = {_OWN_NAMES.get(name, name): value for name, value in given.items() if name != "last_auto_update"}
        if "sync_policy" in changes:
            changes["sync_policy"] = self.sync_policy.given()
        return ConfigEdit(changes, version)


class PricingConfig(AnswerSchema):
    """The pricing configuration of the tenant."""

    external_default_markup: float = Field(examples=[0.4])
    self_hosted_default_markup: float = Field(examples=[0.75])
    minimum_charge_per_request: float = Field(description="USD a message.", examples=[0.001])
    price_increase_grace_period_hours: int = Field(examples=[24])
    auto_update_from_providers: bool
    auto_update_frequency: Frequency
    last_auto_update: Instant | None
    notify_on_price_change: bool
    notify_threshold_percent: float = Field(examples=[10])
    sync_policy: SyncPolicy
    notice_emails: list[str]
    version: int = Field(description="Also the `ETag`. 0: nothing was ever saved and these are the defaults.")

    @classmethod
    def of(cls, read: ReadConfig) -> Self:
        """Returns the answer for a configuration."""
        settings = {name: getattr(read.settings, _OWN_NAMES.get(name, name)) for name in cls.model_fields}
        return cls.model_validate({**settings, "sync_policy": read.policy})
