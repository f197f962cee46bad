"""Somebody to talk to."""

from pydantic import Field

from stoa.http.fields import Edit
from stoa.http.request_schemas import Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, Day, Document, Id, Instant, PageAnswer
from stoa.store.personas.personas import PersonaFields

from .fields import (
    Address,
    Gone,
    LanguageCode,
    Name,
    PromptText,
    Style,
    VoiceId,
    Words,
)

_STYLE = "How it speaks: `tone`, `length`, `format` and whatever else, each in a word or a sentence."
_PUBLIC = "Colleagues of the tenant may talk to it, read its prompt and knowledge, and clone it."


class NewPersona(Schema):
    """A persona of the member's own."""

    name: Name = Field(examples=["Grandmother"])
    display_name: Name | None = Field(None, description="What members see; the name where null.")
    system_prompt: PromptText = Field(
        description="Who speaks, what it cares for, how it answers.",
        examples=["You are a grandmother who has run a bakery for fifty years. You answer with a story and a recipe."],
    )
    avatar_url: Address | None = Field(None, examples=["https://example.com/grandmother.png"])
    voice_id: VoiceId | None = Field(None, description="Of the client's text-to-speech.", examples=["warm-2"])
    traits: Words | None = Field(None, examples=[["patient", "funny"]])
    domains: Words | None = Field(None, description="What it knows most about.", examples=[["baking", "family"]])
    style: Style | None = Field(None, description=_STYLE, examples=[{"tone": "warm", "length": "short"}])
    language: LanguageCode = Field(
        "en", description="ISO 639-1. The language it answers in, and in which its knowledge is searched."
    )
    is_public: bool = Field(False, description=_PUBLIC)

    def fields(self) -> PersonaFields:
        """Returns the values by column. Null is an empty list or map where the column holds one."""
        empty = {"traits": self.traits or [], "domains": self.domains or [], "style": self.style or {}}
        return PersonaFields(**{**self.model_dump(), **empty})


class PersonaChange(Edit):
    """Any of a persona's fields. Null clears, an absent field keeps."""

    name: Name | None = Field(None, examples=["Grandmother"])
    display_name: Name | None = Field(None, description="Null: the name.")
    system_prompt: PromptText | None = Field(None)
    avatar_url: Address | None = Field(None)
    voice_id: VoiceId | None = Field(None)
    traits: Words | None = Field(None, examples=[["patient", "strict"]])
    domains: Words | None = Field(None)
    style: Style | None = Field(None, description=_STYLE + " Replaced as a whole.")
    language: LanguageCode | None = Field(None)
    is_public: bool | None = Field(None, description=_PUBLIC)

    @classmethod
    def clearable(cls) -> frozenset[str]:
        """Fields for which null means something."""
        return frozenset({"display_name", "avatar_url", "voice_id", "traits", "domains", "style"})


class Persona(AnswerSchema):
    """Somebody to talk to."""

    id: Id = Field(examples=["marcus"])
    name: str
    display_name: str
    system_prompt: str | None = Field(description="In lists, of own personas only.")
    avatar_url: str | None
    voice_id: str | None
    traits: list[str]
    domains: list[str]
    style: Document
    language: str = Field(description="ISO 639-1")
    is_public: bool
    is_system: bool
    is_own: bool
    usage_count: int = Field(description="Messages of the tenant's members that it answered.")
    version: int = Field(description="Send it back with a change; counts up with each.")
    created_at: Instant
    updated_at: Instant


class PersonaListAnswer(PageAnswer[Persona]):
    """Personas that the member may talk to."""


class PersonaAnswer(DataAnswer[Persona]):
    """A persona."""


class PersonaDeletedAnswer(DataAnswer[Gone]):
    """It is gone."""


class PersonaDay(AnswerSchema):
    """A day of the tenant's calendar."""

    day: Day = Field(alias="date")
    members: int = Field(description="How many people; who they are is not told.")
    messages: int


class PersonaUsage(AnswerSchema):
    """The number of a persona's answers."""

    usage_count: int = Field(description="Of all time.")
    days: list[PersonaDay] = Field(description="Days with messages, the newest first.")


class PersonaUsageAnswer(DataAnswer[PersonaUsage]):
    """The number of a persona's answers, by day."""
