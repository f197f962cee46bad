"""Base of all answer models, and the types that their fields share."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from stoa.core.pages import Page
from stoa.core.text import iso
from stoa.domain.catalogue.names import outer_id
from stoa.domain.pricing.markup import money_text
from stoa.http.cursors import cursor_of

# Forms of values in answers. Each also takes what already has its form.
Id = Annotated[str, BeforeValidator(str)]
# A model by the id that people know: of a tenant's own model the one that its admin typed.
ModelId = Annotated[str, AfterValidator(outer_id)]
Instant = Annotated[
    str,
    BeforeValidator(lambda value: iso(value) if isinstance(value, datetime) else value),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[
    str,
    BeforeValidator(lambda value: value.isoformat() if isinstance(value, date) else value),
    WithJsonSchema({"type": "string", "format": "date"}),
]
ExactAmount = Annotated[str, BeforeValidator(lambda value: money_text(value) if isinstance(value, Decimal) else value)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


# A document that is answered as it was saved. Numbers stay numbers, which pydantic would write as text.
Document = Annotated[dict[str, Any], BeforeValidator(_plain)]


class AnswerSchema(BaseModel):
    """Base of answer models: camelCase outside. `of` reads a use case's values by their own names."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        from_attributes=True,
        defer_build=True,
    )


def absent(description: str | None = None, **described: Any) -> Any:
    """Returns the field of an answer that is left out where its value is None."""
    return Field(None, description=description, exclude_if=_is_none, **described)


def _is_none(value: object) -> bool:
    return value is None


DataType = TypeVar("DataType")


class DataAnswer(AnswerSchema, Generic[DataType]):
    """A single thing under `data`."""

    data: DataType

    @classmethod
    def of(cls, value: object) -> Self:
        """Returns the answer for a use case's value. Raises ValidationError where it does not fit."""
        return cls.model_validate({"data": value})


class NextPage(AnswerSchema):
    """The place where the page ended."""

    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null: this was the last one.")


class PageAnswer(AnswerSchema, Generic[DataType]):
    """A page of a list that grows."""

    data: list[DataType]
    meta: NextPage

    @classmethod
    def of(cls, page: Page[Any]) -> Self:
        """Returns the answer for a page. Raises ValidationError where a row does not fit."""
        return cls.model_validate({"data": page.rows, "meta": {"next_cursor": cursor_of(page)}})


class PassageCitation(AnswerSchema):
    """A passage of the persona's knowledge that an answer cites."""

    passage_id: str
    persona_id: str
    title: str = Field(description="The document, and the place in it.")
    quote: str = Field(description="A sentence of the passage, word for word.")
    marker: int = Field(description="The number by which the answer cites it, as `[1]`.")
