"""Focus and domain modes in an admin's hands."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from stoa.http.fields import Edit, Identifier, Version
from stoa.http.request_schemas import Schema, exact, says
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, ModelId

from .fields import Gone, Name, PromptText, Word

ModeId = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$"), says("up to 50 lower-case letters, digits, _ and -")
]
DomainId = Literal["general", "medical", "legal", "code", "academic", "creative", "scientific"]
Order = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
OutputTokens = Annotated[int, Field(ge=1, le=1_000_000)]
Temperature = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=2, max_digits=3, decimal_places=2),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 2}),
]
DomainPrompt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]

_MODEL = "The model that answers where neither message nor member decides: one of our ids, `auto`, or null for none."


class NewFocusMode(Schema):
    """A focus mode of the tenant's own."""

    id: ModeId = Field(description="With the id of a system mode it takes that one's place.", examples=["briefing"])
    name: Name = Field(examples=["Briefing"])
    icon: Word = Field(description="A name that the client has a picture for.", examples=["clipboard"])
    system_prompt: PromptText = Field(examples=["Answer in five bullet points, the most important one first."])
    default_model_id: Identifier | None = Field(None, description=_MODEL, examples=["gpt-4o-mini"])
    temperature: Temperature | None = Field(None, description="Null: the model's own.", examples=[0.3])
    max_output_tokens: OutputTokens | None = Field(None, description="Where the message names no other.")
    display_order: Order = 100
    enabled: bool = True


class FocusModeChange(Edit):
    """Any of a focus mode's fields. Null clears, an absent field keeps."""

    name: Name | None = Field(None, examples=["Briefing"])
    icon: Word | None = Field(None)
    system_prompt: PromptText | None = Field(None)
    default_model_id: Identifier | None = Field(None, description=_MODEL)
    temperature: Temperature | None = Field(None, description="Null: the model's own.")
    max_output_tokens: OutputTokens | None = Field(None)
    display_order: Order | None = Field(None)
    enabled: bool | None = Field(None)

    @classmethod
    def clearable(cls) -> frozenset[str]:
        """Fields for which null means something."""
        return frozenset({"default_model_id", "temperature", "max_output_tokens"})


class TenantFocusMode(AnswerSchema):
    """A focus mode as it holds for the tenant."""

    id: Id
    name: str
    icon: str
    system_prompt: str
    default_model_id: ModelId | None
    temperature: float | None
    max_output_tokens: int | None
    display_order: int
    enabled: bool
    is_system: bool = Field(description="The system's, unchanged.")
    replaces_system: bool = Field(description="The tenant's own in the place of the system's of this id.")
    version: int


class TenantFocusModeListAnswer(DataAnswer[list[TenantFocusMode]]):
    """All focus modes."""


class TenantFocusModeAnswer(DataAnswer[TenantFocusMode]):
    """A focus mode."""


class FocusModeDeletedAnswer(DataAnswer[Gone]):
    """It is gone."""


class DomainModeSetting(Schema):
    """A tenant's settings of a domain mode. Null: as the system says; an absent field keeps."""

    enabled: bool | None = Field(None, examples=[True])
    default_model: Identifier | None = Field(None, description=_MODEL, examples=["auto"])
    temperature: Temperature | None = Field(None, examples=[0.2])
    system_prompt: DomainPrompt | None = Field(None, description="Empty: no prompt at all.")


class DomainModesUpdate(Schema):
    """The modes to set; those that are not named are kept."""

    modes: dict[DomainId, DomainModeSetting] = Field(examples=[{"medical": {"enabled": True, "temperature": 0.2}}])
    version: Version | None = Field(None, description="The version you read. Another one now: 409.")


class DomainModeHolding(AnswerSchema):
    """A domain mode as it holds for the tenant."""

    enabled: bool
    default_model: str | None
    temperature: float
    system_prompt: str


class DomainModesAnswer(AnswerSchema):
    """All domain modes by id, and the version of them together."""

    modes: dict[str, DomainModeHolding]
    version: int
