"""The request that makes a model of a tenant's own."""

from typing import Annotated, Any, Self

from msgspec import UNSET
from pydantic import Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from functions.model_admin.models.client_names import BestFor, ClientNames, by_our_names
from functions.model_admin.models.fields import (
    Capabilities,
    Cents,
    Copy,
    Messages,
    Modalities,
    Name,
    Order,
    Quality,
    Speed,
    Tier,
    Tokens,
    Word,
    Words,
)
from stoa.http.fields import Identifier, Price
from stoa.http.rates import GivenRates
from stoa.http.request_schemas import at, says
from stoa.workflows.catalogue.new_model import AskedModel

TypedId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,99}$"),
    says("up to 100 letters, digits, . _ - : and @, a letter or digit first"),
]
_SHOWN = ("best_for", "shown_cost", "thinktank_enabled")


class NewModel(ClientNames):
    """A model of the tenant's own. Facts that are not sent come from the registry and the price feeds, by provider and
    its model.
    """

    id: TypedId | None = Field(
        None, description="The id that everyone in the tenant uses. Send it or `name`.", examples=["legal-llama"]
    )
    name: Name | None = Field(None, description="Instead of `id`: the tenant's slug is put before it.")
    provider_id: Identifier | None = Field(None, description="The provider that serves it.", examples=["self_hosted"])
    provider_model: Identifier | None = Field(
        None, description="The provider's own name for it.", examples=["llama-3.3-70b-legal"]
    )
    display_name: Copy = Field(examples=["Legal Llama"])
    known_for: Words | None = Field(None, alias="description", examples=["Reads contracts and compares them."])
    context_window: Tokens | None = Field(None, examples=[128000])
    max_output_tokens: Tokens | None = Field(None, examples=[8192])
    base_input_price: Price | None = Field(
        None,
        description="Your cost, USD per one million tokens. Null: not known, and then it is not sold.",
        examples=[0.5],
    )
    base_output_price: Price | None = Field(None, description="Likewise.", examples=[0.5])
    base_rates: GivenRates | None = Field(None, description="Likewise, for cached input and the like.")
    modalities: Modalities | None = Field(None, examples=[["text"]])
    capabilities: Capabilities | None = Field(None, examples=[["chat"]])
    is_novel: bool = False
    category: Word | None = None
    access_tier: Tier = "free"
    unlock_price_cents: Cents | None = None
    daily_limit: Messages | None = Field(None, description="Messages a member a day; null: no limit.")
    trial_messages: Messages = 0
    speed: Speed | None = None
    quality: Quality | None = None
    best_for: BestFor | None = None
    thinktank_enabled: bool | None = Field(None, description="False: the chat's picker leaves the model out.")
    display_order: Order = 1000
    enabled: bool = True

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if (self.id is None) == (self.name is None):
            raise at("id", "send either id or name")
        for theirs, ours in (("provider", "provider_id"), ("provider_model_id", "provider_model")):
            if getattr(self, theirs) is None and getattr(self, ours) is None:
                raise at(to_camel(ours), "is missing")
        return self

    def asked(self) -> AskedModel:
        """Returns the model as the use case takes it."""
        defaults = {name: getattr(self, name) for name in type(self).model_fields}
        sent = by_our_names(self.given())
        values: dict[str, Any] = {**defaults, **sent}
        if values["daily_limit"] == "unlimited":
            values["daily_limit"] = None
        for price in ("base_input_price", "base_output_price"):
            values[price] = sent.get(price, UNSET)
        return AskedModel(
            **{
                name: values[name]
                for name in AskedModel.__struct_fields__
                if name in values and name not in ("name", "base_rates", "shown", "trial_messages")
            },
            name=self.id or self.name or "",
            is_typed=self.id is not None,
            trial_messages=values["trial_messages"] or 0,
            base_rates=self.base_rates.rates() if self.base_rates else None,
            shown={name: sent[name] for name in _SHOWN if sent.get(name) is not None},
        )
