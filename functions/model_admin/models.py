"""Requests and answers of the admins' side."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from stoa.schemas import AnswerSchema, Schema

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Copy = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(max_length=2000)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Tier = Literal["free", "premium"]
Speed = Literal["fastest", "fast", "standard", "slower"]
Quality = Literal["good", "excellent", "exceptional"]
Modality = Literal["text", "image", "audio", "video"]
Cents = Annotated[int, Field(ge=1, le=100_000_000)]
Messages = Annotated[int, Field(ge=0, le=1_000_000)]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Order = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Version = Annotated[int, Field(ge=0, le=2_000_000_000)]
Limit = Messages | Literal["unlimited"]


def _exact(value: Any) -> Any:
    # Only a JSON number: strict pydantic would take text for a Decimal, too. `str` gives the digits that were sent.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("Input should be a number")
    return Decimal(str(value))


Price = Annotated[
    Decimal,
    BeforeValidator(_exact),
    Field(ge=0, le=1_000_000, max_digits=14, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _on_a_calendar(moment: datetime) -> datetime:
    # The ends of Python's and PostgreSQL's calendars differ; nobody means them.
    if not 2000 <= moment.year <= 2200:
        raise ValueError("Input should be a date from the years 2000 to 2200")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_on_a_calendar)]
Capabilities = Annotated[list[Word], Field(min_length=1, max_length=50), AfterValidator(_distinct)]
Modalities = Annotated[list[Modality], Field(min_length=1, max_length=4), AfterValidator(_distinct)]


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Edit(Schema):
    """A change in part: what is not sent is kept, so the document must not promise a default for it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    version: Version | None = Field(None, description="The version you read. Another one now: 409.", examples=[3])

    @model_validator(mode="after")
    def _null_only_where_it_means_something(self) -> Self:
        for name in self.model_fields_set - self.clearable() - {"version"}:
            if getattr(self, name) is None:
                field = type(self).model_fields[name]
                raise ValueError(f"{field.alias or name} cannot be null; leave it out to keep it")
        return self

    @classmethod
    def clearable(cls) -> frozenset[str]:
        """Fields for which null means something."""
        return frozenset()


class EditParameters(Schema):
    """The version that was read, as a header."""

    if_match: str | None = Field(
        None,
        alias="If-Match",
        description="The version you read, where it is not in the body.",
        json_schema_extra={"in": "header"},
    )


class ModelChange(Edit):
    """How the tenant offers a model. In the first group null means: as the registry says."""

    display_name: Copy | None = Field(None, examples=["Legal assistant"])
    description: Words | None = Field(None, description="What it is known for.")
    access_tier: Tier | None = None
    unlock_price_cents: Cents | None = Field(
        None, description="What unlocking it costs, in the smallest unit of the tenant's currency.", examples=[499]
    )
    daily_limit: Limit | None = Field(None, description='Messages a member a day, or "unlimited".', examples=[50])
    trial_messages: Messages | None = Field(None, description="Free messages on a premium model.", examples=[2])
    display_order: Order | None = None
    enabled: bool | None = None

    provider_model: Identifier | None = Field(None, description="Own models: the provider's own name for it.")
    context_window: Tokens | None = Field(None, description="Own models.")
    max_output_tokens: Tokens | None = Field(None, description="Own models.")
    modalities: Modalities | None = Field(None, description="Own models.")
    capabilities: Capabilities | None = Field(None, description="Own models.")
    is_novel: bool | None = Field(None, description="Own models.")
    category: Word | None = Field(None, description="Own models.")
    speed: Speed | None = Field(None, description="Own models.")
    quality: Quality | None = Field(None, description="Own models.")
    base_input_price: Price | None = Field(
        None, description="Own models: what the provider asks, USD per one million tokens. A rise waits for the grace."
    )
    base_output_price: Price | None = Field(None, description="Own models, likewise.")
    deprecated_at: Moment | None = Field(None, description="Own models: from then on the successor answers.")
    successor_id: Identifier | None = Field(None, description="Own models: who takes over.")

    @classmethod
    def clearable(cls) -> frozenset[str]:
        """The overlay's fields, and the dates that may be taken back."""
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
                "deprecated_at",
                "successor_id",
            }
        )

    def given(self) -> dict[str, Any]:
        """The fields that were sent, under the names of the columns."""
        sent = super().given()
        if "description" in sent:
            sent["known_for"] = sent.pop("description")
        return sent


class NewModel(Schema):
    """A model of the tenant's own."""

    name: Name = Field(description="The end of its id; the tenant's slug stands before it.", examples=["legal-llama"])
    provider_id: Identifier = Field(description="Who serves it.", examples=["self_hosted"])
    provider_model: Identifier = Field(description="The provider's own name for it.", examples=["llama-3.3-70b-legal"])
    display_name: Copy = Field(examples=["Legal Llama"])
    known_for: Words = Field("", alias="description", examples=["Contracts"])
    context_window: Tokens = Field(examples=[128000])
    max_output_tokens: Tokens = Field(examples=[8192])
    base_input_price: Price | None = Field(
        description="What it costs you, USD per one million tokens. Null: not known, and then it is not sold.",
        examples=[0.5],
    )
    base_output_price: Price | None = Field(description="Likewise.", examples=[0.5])
    modalities: Modalities = Field(["text"], examples=[["text"]])
    capabilities: Capabilities = Field(["chat"], examples=[["chat"]])
    is_novel: bool = False
    category: Word = "general"
    access_tier: Tier = "free"
    unlock_price_cents: Cents | None = None
    daily_limit: Messages | None = Field(None, description="Messages a member a day; null: no limit.")
    trial_messages: Messages = 0
    speed: Speed = "standard"
    quality: Quality = "good"
    display_order: Order = 1000
    enabled: bool = True


class Decisions(AnswerSchema):
    """What can be decided about a model."""

    display_name: str
    description: str
    access_tier: Tier
    unlock_price_cents: int | None
    daily_limit: int | None = Field(description="Messages a member a day; null: no limit.")
    trial_messages: int
    display_order: int
    enabled: bool


class OverlayDecisions(AnswerSchema):
    """What the tenant decided about a model; null: as the registry says."""

    display_name: str | None
    description: str | None
    access_tier: Tier | None
    unlock_price_cents: int | None
    daily_limit: int | Literal["unlimited"] | None
    trial_messages: int | None
    display_order: int | None
    enabled: bool | None


class AdminModel(Decisions):
    """A model with the values that hold for the tenant's members. Prices are USD per one million tokens."""

    id: str
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
    is_available: bool = Field(description="False while an operator holds it, or its provider, for troubled.")
    deprecated_at: datetime | None
    successor_id: str | None
    base_input_price: float | None = Field(description="What the provider asks; null: not known.")
    base_output_price: float | None
    user_input_price: float | None = Field(description="What members pay at present; null: it is not sold.")
    user_output_price: float | None
    is_sold: bool = Field(description="False for a model without a price: no member sees it.")
    registry: Decisions = Field(description="What the model's own row says.")
    overlay: OverlayDecisions = Field(description="What the tenant decided.")
    version: int = Field(description="Counts the tenant's decisions; send it back with a change.")


class TotalMeta(AnswerSchema):
    """How many there are."""

    total: int


class AdminModelParameters(Schema):
    """Which models."""

    enabled: bool | None = Field(None, description="Only those that are offered, or only those that are not.")


class AdminModelListAnswer(AnswerSchema):
    """All models, in the catalogue's order."""

    data: list[AdminModel]
    meta: TotalMeta


class AdminModelAnswer(AnswerSchema):
    """One model."""

    data: AdminModel


class Switch(AnswerSchema):
    """Whether it is offered now."""

    enabled: bool


class SwitchAnswer(AnswerSchema):
    """The state of a switch."""

    data: Switch


class TopUser(AnswerSchema):
    """A member and how many messages they sent."""

    user_id: str
    message_count: int


class UsageStats(AnswerSchema):
    """How much a model is used."""

    total_users: int = Field(description="Members who ever sent it a message.")
    messages_last24h: int = Field(alias="messagesLast24h")
    messages_last7d: int = Field(alias="messagesLast7d")
    average_messages_per_user: float
    top_users: list[TopUser] = Field(description="The ten who sent most, of all time.")


class UsageStatsAnswer(AnswerSchema):
    """How much a model is used."""

    data: UsageStats


class SettingsChange(Edit):
    """What to change for the whole tenant."""

    name: Copy | None = Field(None, examples=["Example Ltd"])
    time_zone: Identifier | None = Field(
        None, description="IANA's name of the zone whose midnight ends the day.", examples=["Europe/Berlin"]
    )
    currency: Annotated[str, StringConstraints(pattern="^[a-z]{3}$")] | None = Field(
        None, description="ISO 4217, lower case, of new purchases.", examples=["eur"]
    )
    force_system_default: bool | None = Field(
        None, description="Every message goes to the system default while trouble lasts."
    )
    purchases_paused: bool | None = Field(None, description="No new purchases; those begun are fulfilled.")


class Settings(AnswerSchema):
    """What holds for the whole tenant."""

    slug: str
    name: str
    time_zone: str
    currency: str
    force_system_default: bool
    purchases_paused: bool
    version: int


class SettingsAnswer(AnswerSchema):
    """The tenant's settings."""

    data: Settings


class GrantRequest(Schema):
    """Access for one member, named by id or e-mail."""

    user_id: Annotated[UUID, Field(strict=False)] | None = None
    email: Annotated[str, StringConstraints(min_length=3, max_length=320)] | None = Field(
        None, examples=["ada@demo.test"]
    )
    model_id: Identifier = Field(examples=["gpt-4o"])
    source: Literal["admin_grant", "trial", "plan"] = Field(
        "admin_grant", description="`trial`: for a time, or extra trial messages. Purchases and teams make their own."
    )
    notes: Words | None = None
    expires_at: Moment | None = Field(None, description="Null: for good.")
    extra_trial_messages: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="With source `trial`: so many more free messages, and no other access."
    )

    @model_validator(mode="after")
    def _one_way_to_name_the_member(self) -> Self:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("send either userId or email")
        return self


class Entitlement(AnswerSchema):
    """Why a member may use a model."""

    id: str
    user_id: str
    email: str | None
    model_id: str
    model_name: str
    source: str = Field(description="purchase, admin_grant, trial, team or plan")
    notes: str | None
    extra_trial_messages: int | None = Field(description="Free messages granted; such a row gives no other access.")
    granted_by: str | None = Field(description="The admin's user id; null where nobody granted it.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None = Field(description="The admin's user id; null where a refund or dispute revoked it.")
    active: bool


class EntitlementAnswer(AnswerSchema):
    """One entitlement."""

    data: Entitlement


class GrantedEntitlement(Entitlement):
    """An entitlement, and whether the member had it before."""

    already_granted: bool


class GrantAnswer(AnswerSchema):
    """What the member has now."""

    data: GrantedEntitlement


class EntitlementParameters(Schema):
    """Which entitlements."""

    user_id: UUID | None = None
    model_id: str | None = None
    active: bool | None = Field(None, description="Neither expired nor revoked, or the contrary.")


class NextPage(AnswerSchema):
    """Where the page ended."""

    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null: this was the last one.")


class EntitlementListAnswer(AnswerSchema):
    """Entitlements, newest first."""

    data: list[Entitlement]
    meta: NextPage


class AuditParameters(Schema):
    """Which changes."""

    actor: str | None = Field(None, description="A user's id or e-mail.")
    action: str | None = Field(None, description="What was done, such as `model.disable`.")
    target: str | None = Field(None, description="What it was done to: a model's id, a user's id, `settings`.")


class AuditedChange(AnswerSchema):
    """One change by an admin."""

    id: str
    actor_id: str | None = Field(description="Null: Stoa itself.")
    actor_email: str | None
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    created_at: datetime


class AuditAnswer(AnswerSchema):
    """Changes, newest first."""

    data: list[AuditedChange]
    meta: NextPage


class RegistryModelChange(Schema):
    """A change of a shared model: null clears, absent keeps."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    enabled: bool = Field(True, description="The registry's own decision; a tenant may decide otherwise.")
    is_available: bool = Field(True, description="False while it is in trouble: nobody's message goes there.")
    deprecated_at: Moment | None = Field(None, description="From then on the successor answers.")
    successor_id: Identifier | None = Field(None, examples=["gpt-4o-mini"])


class RegistryModel(AnswerSchema):
    """A model that all tenants share."""

    id: str
    display_name: str
    provider_id: str
    enabled: bool
    is_available: bool
    deprecated_at: datetime | None
    successor_id: str | None


class RegistryModelAnswer(AnswerSchema):
    """One model of the registry."""

    data: RegistryModel
