"""Somebody to talk to."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from stoa.http.fields import Edit, NextPage
from stoa.http.schemas import AnswerSchema, Schema

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


class PersonaParameters(Schema):
    """Which personas."""

    kind: Literal["mine", "public", "system"] | None = Field(
        None, description="Own ones, those that are public in the tenant (own ones among them), or the system's."
    )
    search: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        None, description="Part of a name, a trait or a domain."
    )


class PersonaUsageParameters(Schema):
    """Which days."""

    days: Annotated[int, Field(ge=1, le=366)] = Field(30, description="How many days, today included.")


class Persona(AnswerSchema):
    """Somebody to talk to."""

    id: str = Field(examples=["marcus"])
    name: str
    display_name: str
    system_prompt: str | None = Field(description="In lists, of own personas only.")
    avatar_url: str | None
    voice_id: str | None
    traits: list[str]
    domains: list[str]
    style: dict[str, Any]
    language: str = Field(description="ISO 639-1")
    is_public: bool
    is_system: bool
    is_own: bool
    usage_count: int = Field(description="Messages of the tenant's members that it answered.")
    version: int = Field(description="Send it back with a change; counts up with each.")
    created_at: datetime
    updated_at: datetime


class PersonaListAnswer(AnswerSchema):
    """Personas that the member may talk to."""

    data: list[Persona]
    meta: NextPage


class PersonaAnswer(AnswerSchema):
    """One persona."""

    data: Persona


class PersonaDeletedAnswer(AnswerSchema):
    """It is gone."""

    data: Gone


class PersonaDay(AnswerSchema):
    """One day of the tenant's calendar."""

    date: date
    members: int = Field(description="How many people; who they are is not told.")
    messages: int


class PersonaUsage(AnswerSchema):
    """How often it answered."""

    usage_count: int = Field(description="Of all time.")
    days: list[PersonaDay] = Field(description="Days with messages, the newest first.")


class PersonaUsageAnswer(AnswerSchema):
    """How often a persona answered."""

    data: PersonaUsage
