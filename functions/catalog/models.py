"""Answers of the catalogue."""

from pydantic import Field, RootModel

from stoa.http.model_cards import ModelMetadata
from stoa.http.rates import ShownRatesOrNull
from stoa.http.schemas import AnswerSchema, DataAnswer, Day, ExactAmount, Id, Instant, ModelId


class HealthAnswer(AnswerSchema):
    """The installation answers. Without its database it answers 503 instead."""

    status: str = Field(examples=["ok"])
    version: str = Field(description="Version of Stoa.", examples=["0.1.0"])
    database: str = Field(examples=["reachable"])
    migration: str | None = Field(description="Number of the newest migration that was applied.", examples=["0005"])


class UsageToday(AnswerSchema):
    """Messages to one model on the tenant's present day."""

    used: int
    limit: int | None = Field(description="Messages a day; null: no limit.")


class PendingPrice(AnswerSchema):
    """A price that is announced and does not hold yet: increases wait for a grace period."""

    input_price: float
    output_price: float
    rates: ShownRatesOrNull = Field(description="For cached input and the like; null: all as input and output.")
    minimum_charge: ExactAmount
    effective_from: Instant


class Model(AnswerSchema):
    """A model as this tenant offers it to this member. Prices are USD per one million tokens."""

    id: ModelId = Field(description="Our id: what requests name.", examples=["gpt-6-luna"])
    display_name: str = Field(examples=["GPT-4o Mini"])
    provider_id: str = Field(examples=["openai"])
    provider_name: str = Field(examples=["OpenAI"])
    description: str = Field(description="Whole sentences, in the language asked for.", examples=["Answers fast."])
    category: str = Field(examples=["economy"])
    is_novel: bool = Field(description="New or experimental; listed after the standard models.")
    is_self_hosted: bool
    context_window: int = Field(description="Tokens that fit, question and answer together.", examples=[128000])
    max_output_tokens: int = Field(examples=[16384])
    modalities: list[str] = Field(description="What it reads and gives: text, image, audio.", examples=[["text"]])
    capabilities: list[str] = Field(examples=[["chat", "vision"]])
    can_chat: bool = Field(description="False for models that give no text answer, such as embeddings.")
    speed: str = Field(description="fastest, fast, standard or slower")
    quality: str = Field(description="good, excellent or exceptional")
    display_order: int
    access_tier: str = Field(description="free or premium")
    is_available: bool = Field(description="False while the model or its provider does not answer.")
    is_favorite: bool
    user_input_price: float = Field(description="What the member pays for input.", examples=[0.21])
    user_output_price: float = Field(description="What the member pays for output.", examples=[0.84])
    rates: ShownRatesOrNull = Field(
        description="What the member pays for cached input and the like; null: all as input and output."
    )
    minimum_charge: ExactAmount = Field(description="The least a message costs, USD, exact.", examples=["0.001000000"])
    pending_price: PendingPrice | None = Field(description="The next change of the price; null: none is announced.")
    usage_today: UsageToday
    deprecated_at: Instant | None = Field(description="From then on the successor answers.")
    successor_id: ModelId | None
    lifecycle: str = Field(description="listed, or retiring where its end is announced", examples=["listed"])
    family: str | None = Field(description="`<family>-latest` names its newest model.", examples=["gpt-luna"])
    model_class: str | None = Field(
        alias="class", description="small, standard, flagship, reasoning, search or code", examples=["small"]
    )
    thinking: str = Field(description="Whether it thinks before it answers: never, optional or always.")
    features: list[str] = Field(description="tools, structured_output, vision, pdf, audio")
    released_on: Day | None
    updated_at: Instant | None
    metadata: ModelMetadata
    currency: str = Field(description="Of prices in cents, ISO 4217 in lower case.", examples=["usd"])


class PremiumModel(Model):
    """A model that is unlocked once. For free models the four fields read false, `free`, 0 and null."""

    purchased: bool = Field(description="The member may use it without a trial: bought, granted or by a team.")
    purchase_status: str = Field(
        description="free, purchased, granted, team, trial, trial_expired or locked", examples=["trial"]
    )
    trial_messages_remaining: int
    price_cents: int | None = Field(description="What unlocking costs, once.", examples=[299])


class UserModelPreferences(AnswerSchema):
    """The member's standing choices."""

    default_model_id: ModelId | None
    persona_overrides: dict[str, ModelId] = Field(description="Persona id to model id.", examples=[{"lao": "gpt-4o"}])


class ModelLists(AnswerSchema):
    """The catalogue, each list standard before novel, then in the tenant's order, then by name."""

    free: list[Model]
    premium: list[PremiumModel]
    user_preferences: UserModelPreferences


class ModelListAnswer(DataAnswer[ModelLists]):
    """The catalogue of a member."""


class ChatModelList(RootModel[list[PremiumModel]]):
    """Models that can chat, free and premium in one list."""


class TrialStatus(AnswerSchema):
    """The member's trial on one model. A free model has none."""

    trial_messages_remaining: int = Field(examples=[2])
    total_trial_messages: int = Field(examples=[2])
    can_use_trial: bool = Field(description="False once the member may use the model anyway, or has none left.")


class TrialStatusAnswer(DataAnswer[TrialStatus]):
    """A trial's state."""


class ModelUsage(AnswerSchema):
    """Today's messages against the daily limit."""

    messages_used_today: int = Field(examples=[3])
    daily_limit: int | None = Field(description="null: no limit", examples=[50])
    limit_reset_at: Instant = Field(description="The next midnight of the tenant's time zone.")
    has_unlimited_access: bool


class ModelUsageAnswer(DataAnswer[ModelUsage]):
    """Usage of one model today."""


class FocusMode(AnswerSchema):
    """A kind of work. Its prompt stays on the server."""

    id: Id = Field(examples=["code"])
    name: str = Field(examples=["Code"])
    icon: str = Field(examples=["code"])
    default_model_id: ModelId | None = Field(description="A model id, `auto`, or null for none.")
    temperature: float | None
    is_system: bool = Field(description="False for the tenant's own.")


class FocusModeListAnswer(DataAnswer[list[FocusMode]]):
    """Focus modes in order."""


class DomainMode(AnswerSchema):
    """A field of knowledge. Its prompt stays on the server."""

    id: Id = Field(examples=["medical"])
    name: str = Field(examples=["Medical"])
    description: str = Field(examples=["Health and medicine"])
    default_model_id: ModelId | None = Field(description="A model id, `auto`, or null for none.")
    temperature: float = Field(examples=[0.2])


class DomainModeListAnswer(DataAnswer[list[DomainMode]]):
    """Domain modes in order."""
