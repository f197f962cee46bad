"""A tenant's configuration of its prices."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from stoa.http.fields import Part, Version
from stoa.http.schemas import AnswerSchema, EmailAddress, Instant

from .fields import Charge, Fraction, Frequency, Threshold

PriceRule = Literal["apply", "agreed", "within_threshold", "review", "ignore"]
PlainRule = Literal["apply", "review", "ignore"]


class SyncPolicyUpdate(Part):
    """What becomes by itself of each kind of change that the feeds tell of. Null: the default; not sent: kept.

    `apply` at once; `agreed`: where two sources say the same; `within_threshold`: that, and it moves by no more than
    `notifyThresholdPercent`; `review`: waits for an admin; `ignore`: is not even proposed.
    """

    # Never offered on one source's word.
    new_model: Literal["agreed", "review", "ignore"] | None = Field(None, examples=["review"])
    price_rise: PriceRule | None = Field(None, examples=["within_threshold"])
    price_fall: PriceRule | None = Field(None, examples=["agreed"])
    context_larger: PlainRule | None = Field(None, examples=["apply"])
    context_smaller: PlainRule | None = Field(None, examples=["review"])
    retirement: PlainRule | None = Field(None, examples=["review"])

    def rules(self) -> dict[str, Any]:
        """The rules that were sent, by the names that the policy has."""
        return {to_camel(name): rule for name, rule in self.given().items()}


class SyncPolicy(AnswerSchema):
    """The rule that holds for each kind of change."""

    new_model: str
    price_rise: str
    price_fall: str
    context_larger: str
    context_smaller: str
    retirement: str


class PricingConfigUpdate(Part):
    """The configuration in part or whole: what is not sent is kept."""

    external_default_markup: Fraction = Field(Decimal(0), description="0.4 is 40 %.", examples=[0.4])
    self_hosted_default_markup: Fraction = Field(Decimal(0), description="0.75 is 75 %.", examples=[0.75])
    minimum_charge_per_request: Charge = Field(Decimal(0), description="USD a message.", examples=[0.001])
    price_increase_grace_period_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        0, description="How long an increase of a price waits.", examples=[24]
    )
    auto_update_from_providers: bool = True
    auto_update_frequency: Frequency = "daily"
    last_auto_update: Any = Field(None, description="Ignored. Accepted so that the whole object can be sent back.")
    notify_on_price_change: bool = True
    notify_threshold_percent: Threshold = Field(
        Decimal(0), description="Percent: a provider's price that moves by more is told.", examples=[10]
    )
    sync_policy: SyncPolicyUpdate = Field(default_factory=lambda: SyncPolicyUpdate.model_validate({}))
    notice_emails: Annotated[list[EmailAddress], Field(max_length=20)] = Field(
        default_factory=list,
        description="Who is written to when a provider's price moves. Nobody named: the admins of the last 90 days.",
        examples=[["ops@shop.test"]],
    )
    version: Version = Field(
        0, description="The version this edit was made from (or `If-Match`). A stale one is refused with 409."
    )


class PricingConfig(AnswerSchema):
    """How this tenant prices."""

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
    version: int = Field(description="Also the `ETag`. 0: nothing was ever saved, these are the defaults.")
