"""Requests and answers about the member's own things."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from msgspec.structs import asdict
from pydantic import AliasChoices, BeforeValidator, Field, StringConstraints, WithJsonSchema

from stoa.http.cursors import cursor_of
from stoa.http.fields import Identifier, Part
from stoa.http.request_schemas import Schema, exact, says
from stoa.http.schemas import (
    AnswerSchema,
    DataAnswer,
    Day,
    Document,
    ExactAmount,
    Id,
    Instant,
    ModelId,
    NextPage,
    PageAnswer,
    PassageCitation,
)
from stoa.workflows.chat.conversations import ReadConversation
from stoa.workflows.members.member_usage import UsageReport

DomainModeId = Literal["general", "medical", "legal", "code", "academic", "creative", "scientific"]
SelectionMode = Literal["auto", "manual", "favorites"]

MOST_OVERRIDES = 500
MOST_FAVORITES = 200


Ceiling = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1_000_000, max_digits=18, decimal_places=9),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]


class ProfileChange(Part):
    """A change of the profile: null clears, an absent field keeps."""

    display_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] | None = Field(
        None, examples=["Ada"]
    )
    language: Annotated[
        str, StringConstraints(pattern="^[a-z]{2}$"), says("two lower-case letters of ISO 639-1, such as de")
    ] = Field("en", description="ISO 639-1", examples=["de"])
    about_me: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)] | None = Field(
        None, description="Told to every persona that the member talks to.", examples=["I bake on Sundays."]
    )


class Profile(AnswerSchema):
    """The member's own profile, as the member wrote it."""

    id: Id
    email: str | None
    display_name: str | None
    language: str
    about_me: str | None


class ProfileAnswer(DataAnswer[Profile]):
    """The own profile."""


class ModelPreferencesPatch(Part):
    """A change of the standing choices: null clears, an absent field keeps."""

    default_model_id: Identifier | None = Field(
        None, description="The model that answers where nothing else decides.", examples=["gpt-4o-mini"]
    )
    persona_overrides: Annotated[dict[Identifier, Identifier | None], Field(max_length=MOST_OVERRIDES)] | None = Field(
        None,
        description="Persona id to model id or `auto`; null clears, absent keeps. Null for the whole clears all.",
        examples=[{"marcus": "claude-3.5-haiku", "lao": None}],
    )


class ModelPreferences(AnswerSchema):
    """The standing choices after the change."""

    default_model_id: ModelId | None
    persona_overrides: dict[str, ModelId]


class ModelPreferencesAnswer(DataAnswer[ModelPreferences]):
    """Default model and persona overrides."""


class PreferenceNotice(AnswerSchema):
    """Something to tell the member about a model that they chose."""

    kind: Literal["model_retiring", "model_retired"]
    model_id: ModelId
    model_name: str
    retires_at: Instant
    successor_id: ModelId | None = Field(description="Who takes its place; null: nobody, choose another.")
    successor_name: str | None
    message: str = Field(description="The same in words.")


class ChatPreferences(AnswerSchema):
    """All model preferences of the chat product."""

    selection_mode: SelectionMode = Field(description="Who chooses where no override applies.")
    default_model_id: ModelId | None = Field(description="For selection mode `manual`.")
    favorite_models: list[ModelId] = Field(description="In the order in which `favorites` tries them.")
    show_standard_models: bool
    show_novel_models: bool
    show_self_hosted_models: bool
    show_cost_per_message: bool
    max_cost_per_message: float | None = Field(description="USD; null: no ceiling.")
    prefer_cost_optimization: bool = Field(description="Auto breaks near-ties toward the cheaper model.")
    domain_mode_model_overrides: dict[DomainModeId, str] = Field(description="Domain mode to model id or `auto`.")
    recent_models: list[ModelId] = Field(description="Models that answered last, newest first, at most ten.")
    notices: list[PreferenceNotice] = Field(description="Chosen models that end within 90 days, or have ended.")


class ChatPreferencesUpdate(Part):
    """Preferences to replace; those that are not sent are kept."""

    selection_mode: SelectionMode = Field("manual", description="Who chooses where no override applies.")
    default_model_id: Identifier | None = Field(None, description="Null: none.", examples=["gpt-4o-mini"])
    favorite_models: Annotated[list[Identifier], Field(max_length=MOST_FAVORITES)] | None = Field(
        None, description="The whole list in order; doubles are dropped. Null: none.", examples=[["gpt-4o-mini"]]
    )
    show_standard_models: bool = True
    show_novel_models: bool = True
    show_self_hosted_models: bool = True
    show_cost_per_message: bool = True
    max_cost_per_message: Ceiling | None = Field(None, description="USD a message. Null: no ceiling.", examples=[0.05])
    prefer_cost_optimization: bool = False
    domain_mode_model_overrides: dict[DomainModeId, Identifier | None] | None = Field(
        None,
        description="The whole map, domain mode to model id or `auto`. Null: none.",
        examples=[{"code": "deepseek-v3"}],
    )
    recent_models: list[Identifier] | None = Field(None, description="Ignored: it follows from what was used.")
    notices: list[dict[str, Any]] | None = Field(None, description="Ignored: they follow from what was chosen.")


class FavoriteToggle(Schema):
    """The model to star, or to take the star from."""

    model_id: Identifier = Field(examples=["gpt-4o-mini"])


class FavoriteAnswer(AnswerSchema):
    """The favourites after the change."""

    success: bool
    is_favorite: bool
    favorite_models: list[ModelId]


class SelectRequest(Schema):
    """A message to choose a model for. `modelId` null leaves the choice to the preferences; `auto` to the router."""

    content: Annotated[str, StringConstraints(min_length=1, max_length=400_000)] = Field(
        description="What the member would write.", examples=["What is in our power?"]
    )
    model_id: Identifier | None = Field(
        None, description="One of our model ids, `auto`, or null.", examples=["gpt-4o-mini"]
    )
    persona_id: Identifier | None = Field(None, description="The persona that answers.", examples=["marcus"])
    domain_mode: Identifier | None = Field(None, description="The field the message is in.", examples=["general"])
    focus_mode: Identifier | None = Field(None, description="The kind of work the answer is.", examples=["writer"])


class SelectedModel(AnswerSchema):
    """The decision that a chat message would meet now."""

    model_id: ModelId
    model_name: str
    rule: str = Field(
        description="request, persona_override, domain_override, default_model, favorite, auto, domain_default, "
        "focus_default, system_default, forced_system_default, fallback, successor or cheapest_free",
        examples=["request"],
    )
    reason: str = Field(description="The same in words.", examples=["You asked for GPT-4o Mini."])
    access: str = Field(description="free, entitled, team or trial")
    requested_model_id: ModelId | None = Field(description="What was asked for, where another model answers.")
    estimated_cost: ExactAmount = Field(description="USD, exact; 0 for a trial message.", examples=["0.001000000"])
    fallbacks: list[str] = Field(description="Models that take over, in order, if this one fails.")


class SelectAnswer(DataAnswer[SelectedModel]):
    """A selection, dry."""


class Conversation(AnswerSchema):
    """A saved conversation."""

    id: Id
    title: str
    persona_id: str | None
    message_count: int
    created_at: Instant
    updated_at: Instant


class ConversationListAnswer(PageAnswer[Conversation]):
    """Own conversations, the last used first."""


class MessageCitation(AnswerSchema):
    """A source on the web that the model found."""

    url: str | None = Field(description="Null where the provider named no web page.")
    title: str | None


class SavedMessage(AnswerSchema):
    """A turn of a conversation."""

    id: Id
    role: Literal["user", "assistant"]
    content: str
    model_id: ModelId | None = Field(description="Which model answered; null for the member's own turns.")
    model_name: str | None
    charge: ExactAmount | None = Field(description="What the answer cost the member, USD, exact.")
    citations: list[MessageCitation | PassageCitation]
    is_partial: bool = Field(description="True for an answer that was cut off.")
    metadata: Document | None = Field(description="The `metadata` that came with the answer.")
    created_at: Instant


class ConversationWithMessages(Conversation):
    """A conversation with a page of its messages."""

    messages: list[SavedMessage] = Field(description="In the order they were said.")


class ConversationAnswer(AnswerSchema):
    """A conversation with a page of its messages."""

    data: ConversationWithMessages
    meta: NextPage

    @classmethod
    def of(cls, read: ReadConversation) -> Self:
        """Returns the answer for one page of a conversation's messages."""
        found, page = read.conversation, read.messages
        shown = {**asdict(found), "messages": page.rows}
        return cls.model_validate({"data": shown, "meta": {"next_cursor": cursor_of(page)}})


class Deletion(AnswerSchema):
    """Confirms a deletion."""

    deleted: bool


class DeletedAnswer(DataAnswer[Deletion]):
    """It is gone."""


class UsageSums(AnswerSchema):
    """Answered messages, what they took and what was charged for them."""

    messages: int
    input_tokens: int
    output_tokens: int
    charge: ExactAmount = Field(description="USD, exact.", examples=["0.021400000"])


class UsageRow(UsageSums):
    """The use of one model on one day of the tenant's calendar."""

    date: Day = Field(validation_alias=AliasChoices("date", "day"))
    model_id: ModelId
    model_name: str


class UsageMeta(NextPage):
    """The figures of the whole period."""

    from_: Day = Field(alias="from")
    to: Day
    time_zone: str
    totals: UsageSums


class UsageAnswer(AnswerSchema):
    """Own usage, newest day first."""

    data: list[UsageRow]
    meta: UsageMeta

    @classmethod
    def of(cls, report: UsageReport) -> Self:
        """Returns the answer for one page of a report."""
        meta = UsageMeta.model_validate(
            {
                "from": report.totals.first_day,
                "to": report.totals.last_day,
                "time_zone": report.totals.time_zone,
                "totals": UsageSums.model_validate(report.totals),
                "next_cursor": cursor_of(report.page),
            }
        )
        return cls.model_validate({"data": report.page.rows, "meta": meta})
