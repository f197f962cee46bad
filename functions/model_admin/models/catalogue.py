"""Requests and answers about models, for admins and operators."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from functions.model_admin.models.client_names import BestFor, ClientNames, by_our_names
from functions.model_admin.models.fields import (
    Capabilities,
    Cents,
    Copy,
    Limit,
    Messages,
    Modalities,
    Order,
    Quality,
    Speed,
    Tier,
    Tokens,
    Word,
    Words,
)
from stoa.http.fields import Edit, Identifier, Part, Price
from stoa.http.model_cards import ModelMetadata
from stoa.http.rates import GivenRates, ShownRatesOrNull, with_stored_rates
from stoa.http.request_schemas import Moment
from stoa.http.schemas import AnswerSchema, DataAnswer, Day, Id, Instant, ModelId
from stoa.workflows.catalogue.model_view import ModelView


class ModelChange(ClientNames, Edit):
    """A change of a tenant's offer. In the first group null gives the field back to the registry."""

    display_name: Copy | None = Field(None, examples=["Legal assistant"])
    description: Words | None = Field(None, description="The model's strengths, for people who choose.")
    access_tier: Tier | None = None
    unlock_price_cents: Cents | None = Field(
        None, description="What unlocking it costs, in the smallest unit of the tenant's currency.", examples=[499]
    )
    daily_limit: Limit | None = Field(None, description='Messages a member a day, or "unlimited".', examples=[50])
    trial_messages: Messages | None = Field(None, description="Free messages on a premium model.", examples=[2])
    display_order: Order | None = None
    enabled: bool | None = None
    fallback_model_ids: Annotated[list[Identifier], Field(max_length=5)] | None = Field(
        None,
        description="Models that stand in while this one is in trouble, in order, before those Stoa finds. Null: none.",
        examples=[["gpt-4o-mini"]],
    )

    best_for: BestFor | None = Field(None, description="Short phrases, for people who choose.")
    speed: Speed | None = None
    quality: Quality | None = None
    thinktank_enabled: bool | None = Field(None, description="False: the chat's picker leaves the model out.")

    provider_id: Identifier | None = Field(None, description="Own models: the provider that serves it.")
    provider_model: Identifier | None = Field(None, description="Own models: the provider's own name for it.")
    context_window: Tokens | None = Field(None, description="Own models.")
    max_output_tokens: Tokens | None = Field(None, description="Own models.")
    modalities: Modalities | None = Field(None, description="Own models.")
    capabilities: Capabilities | None = Field(None, description="Own models.")
    is_novel: bool | None = Field(None, description="Own models.")
    category: Word | None = Field(None, description="Own models.")
    base_input_price: Price | None = Field(
        None, description="Own models: what the provider asks, USD per one million tokens. A rise waits for the grace."
    )
    base_output_price: Price | None = Field(None, description="Own models, likewise.")
    base_rates: GivenRates | None = Field(
        None, description="Own models: what the provider asks for cached input and the like; all of it. {} for none."
    )
    deprecated_at: Moment | None = Field(None, description="Own models: from then on the successor answers.")
    successor_id: Identifier | None = Field(None, description="Own models: who takes over.")

    @classmethod
    def clearable(cls) -> frozenset[str]:
        """Returns the overlay's fields, and the dates that may be taken back."""
        return frozenset(
            {
                "display_name",
                "description",
                "access_tier",
                "unlock_price_cents",
                "daily_limit",
                "trial_messages",
                "display_order",
                "enabled",
                "fallback_model_ids",
                "deprecated_at",
                "successor_id",
                *("best_for", "speed", "quality", "thinktank_enabled"),
                *("price_cents", "rate_limit_messages_per_day"),
            }
        )

    def given(self) -> dict[str, Any]:
        """Returns the fields that were sent, by the names of the columns."""
        sent = super().given()
        if "description" in sent:
            sent["known_for"] = sent.pop("description")
        return with_stored_rates(by_our_names(sent))


class Decisions(AnswerSchema):
    """The values of a model that a tenant may decide."""

    display_name: str
    description: str = Field(validation_alias="known_for")
    access_tier: Tier
    unlock_price_cents: int | None
    daily_limit: int | None = Field(description="Messages a member a day; null: no limit.")
    trial_messages: int
    display_order: int
    enabled: bool


class OverlayDecisions(AnswerSchema):
    """A tenant's decisions about a model. Null leaves the value to the registry."""

    display_name: str | None
    description: str | None = Field(validation_alias="known_for")
    access_tier: Tier | None
    unlock_price_cents: int | None
    daily_limit: int | Literal["unlimited"] | None
    trial_messages: int | None
    display_order: int | None
    enabled: bool | None


class AdminModel(Decisions):
    """A model with the values that hold for the tenant's members. Prices are USD per one million tokens."""

    id: ModelId
    is_own: bool = Field(description="True for the tenant's own models.")
    provider_id: str
    provider_name: str
    provider_model: str
    is_self_hosted: bool
    is_novel: bool
    category: str
    context_window: int
    max_output_tokens: int
    modalities: list[str]
    capabilities: list[str]
    speed: str
    quality: str
    metadata: ModelMetadata
    thinktank_enabled: bool = Field(description="False: the chat's picker leaves the model out.")
    lifecycle: str = Field(description="listed, retiring, retired or never_offered", examples=["listed"])
    family: str | None
    model_class: str | None = Field(alias="class")
    wire: str | None = Field(description="The protocol that it speaks; null: its provider's own.")
    thinking: str = Field(description="Whether it thinks before it answers: never, optional or always.")
    features: list[str]
    refused_parameters: list[str] = Field(description="A request that has one of these is never sent with it.")
    max_input_tokens: int | None
    further_prices: dict[str, Any] = Field(description="Facts that no charge is made from, such as fees by search.")
    released_on: Day | None
    end_announced_on: Day | None
    is_servable: bool = Field(description="False: none of our wires reaches it.")
    updated_at: Instant
    is_available: bool = Field(description="False while an operator holds it, or its provider, for troubled.")
    deprecated_at: Instant | None
    successor_id: ModelId | None
    fallback_model_ids: list[ModelId] = Field(description="Who stands in while it is in trouble; the tenant decides.")
    base_input_price: float | None = Field(description="What the provider asks; null: not known.")
    base_output_price: float | None
    base_rates: ShownRatesOrNull = Field(description="What it asks for cached input and the like; null: no rates.")
    user_input_price: float | None = Field(description="What members pay at present; null: it is not sold.")
    user_output_price: float | None
    rates: ShownRatesOrNull = Field(description="What members pay for cached input and the like; null: no rates.")
    is_sold: bool = Field(description="False for a model without a price: no member sees it.")
    registry: Decisions = Field(description="What the model's own row says.")
    overlay: OverlayDecisions = Field(description="What the tenant decided.")
    version: int = Field(description="Counts the tenant's decisions; send it back with a change.")


class TotalMeta(AnswerSchema):
    """The size of the whole list."""

    total: int


class AdminModelListAnswer(AnswerSchema):
    """All models, in the catalogue's order."""

    data: list[AdminModel]
    meta: TotalMeta

    @classmethod
    def of(cls, models: Sequence[ModelView]) -> Self:
        """Returns the answer for all models."""
        return cls.model_validate({"data": models, "meta": {"total": len(models)}})


class AdminModelAnswer(DataAnswer[AdminModel]):
    """A model under `data`."""


class Switch(AnswerSchema):
    """Tells whether the model is offered now."""

    enabled: bool


class SwitchAnswer(DataAnswer[Switch]):
    """The state of a switch."""


class TopUser(AnswerSchema):
    """A member and the number of messages they sent."""

    user_id: Id
    message_count: int


class UsageStats(AnswerSchema):
    """Usage of a model."""

    total_users: int = Field(description="Members who ever sent it a message.")
    messages_last24h: int = Field(alias="messagesLast24h")
    messages_last7d: int = Field(alias="messagesLast7d")
    average_messages_per_user: float
    top_users: list[TopUser] = Field(description="The ten who sent most, of all time.")


class UsageStatsAnswer(DataAnswer[UsageStats]):
    """Usage of a model."""


class RegistryModelChange(Part):
    """A change of a shared model: null clears, absent keeps."""

    enabled: bool = Field(True, description="The registry's own decision; a tenant may decide otherwise.")
    is_available: bool = Field(True, description="False while it is in trouble: nobody's message goes there.")
    deprecated_at: Moment | None = Field(None, description="From then on the successor answers.")
    successor_id: Identifier | None = Field(None, examples=["gpt-4o-mini"])
    base_rates: GivenRates = Field(
        GivenRates.model_validate({}),
        description="What the provider asks for cached input and the like; all of it. {} for none.",
    )

    def given(self) -> dict[str, Any]:
        """Returns the fields that were sent, by the names of the columns."""
        return with_stored_rates(super().given())


class RegistryModel(AnswerSchema):
    """A model that all tenants share."""

    id: str
    display_name: str
    provider_id: str
    enabled: bool
    is_available: bool
    deprecated_at: Instant | None
    successor_id: ModelId | None
    base_rates: ShownRatesOrNull = Field(description="What the provider asks for cached input and the like.")


class RegistryModelAnswer(DataAnswer[RegistryModel]):
    """A model of the registry under `data`."""
