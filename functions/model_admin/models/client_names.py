"""Other names of a model's fields, as the API's first clients send them. Both are taken; sent twice they must agree."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from functions.model_admin.models.fields import Cents, Limit, Messages, Quality, Speed, Tier, Tokens
from stoa.http.fields import Identifier, Price
from stoa.http.request_schemas import Schema, at, says

Phrase = Annotated[str, StringConstraints(max_length=100, pattern=r"\S"), says("a phrase of up to 100 characters")]
BestFor = Annotated[list[Phrase], Field(max_length=10)]

# Their name, and ours.
OURS = {
    "provider": "provider_id",
    "provider_model_id": "provider_model",
    "tier": "access_tier",
    "price_cents": "unlock_price_cents",
    "rate_limit_messages_per_day": "daily_limit",
    "trial_messages_allowed": "trial_messages",
}
_METADATA = {"cost_per_1m_tok": "shown_cost"}  # the others have the same name


class GivenMetadata(Schema):
    """The facts of a model's card. What is not sent is kept."""

    speed: Speed | None = None
    quality: Quality | None = None
    context_window: Tokens | None = None
    cost_per_1m_tok: Price | None = Field(
        None, alias="costPer1MTok", description="Shown, and never charged by. USD per one million tokens."
    )
    best_for: BestFor | None = None


class ClientNames(Schema):
    """The other names. Each means the field that is named in its description."""

    provider: Identifier | None = Field(None, description="`providerId`")
    provider_model_id: Identifier | None = Field(None, description="`providerModel`")
    tier: Tier | None = Field(None, description="`accessTier`")
    price_cents: Cents | None = Field(None, description="`unlockPriceCents`")
    rate_limit_messages_per_day: Limit | None = Field(None, description="`dailyLimit`")
    trial_messages_allowed: Messages | None = Field(None, description="`trialMessages`")
    metadata: GivenMetadata | None = Field(None, description="`speed`, `quality`, `contextWindow`, `bestFor`")

    @model_validator(mode="after")
    def _both_names_say_the_same(self) -> Self:
        for theirs, ours in OURS.items():
            if {theirs, ours} <= self.model_fields_set and getattr(self, theirs) != getattr(self, ours):
                raise at(to_camel(theirs), f"differs from {to_camel(ours)}, which means the same; send one of them")
        return self


def by_our_names(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields that were sent, by our names."""
    ours = {OURS.get(name, name): value for name, value in sent.items() if name != "metadata"}
    metadata = sent.get("metadata")
    given = metadata.given() if isinstance(metadata, GivenMetadata) else {}
    return {**{_METADATA.get(name, name): value for name, value in given.items() if value is not None}, **ours}
