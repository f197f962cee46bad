"""Bases of all request and answer models, and the types that their fields share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from stoa.core.pages import Page
from stoa.core.text import iso
from stoa.domain.pricing.markup import money_text
from stoa.http.cursors import cursor_of


def exact(value: Any) -> Any:
    """Returns a JSON number as the Decimal that was written. For `BeforeValidator`: strict pydantic takes text, too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("Input should be a number")
    return Decimal(str(value))


def says(words: str) -> WrapValidator:
    """Says in `words` what a field wants, where its own check would answer with a regular expression."""

    def checked(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(words) from None

    return WrapValidator(checked)


def at(field: str, reason: str) -> PydanticCustomError:
    """Returns an error about one field (by its outer name), for a model's own check, which knows several."""
    return PydanticCustomError(_AT, "{reason}", {"field": field, "reason": reason})


_AT = "at_field"


def _on_a_calendar(moment: datetime) -> datetime:
    # The ends of Python's and PostgreSQL's calendars differ, and so do the greatest offsets that they know.
    if not 2000 <= moment.year <= 2200:
        raise ValueError("Input should be a date from the years 2000 to 2200")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_on_a_calendar)]

# Forms of values in answers. Each also takes what already has its form.
Id = Annotated[str, BeforeValidator(str)]
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


# As far as mail can be tried; what would end a header, or make one address into two, is no address.
EmailAddress = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s\x00-\x1f\x7f<>,;]{1,64}@[^@\s\x00-\x1f\x7f<>,;]{1,255}$"),
    says("an e-mail address, such as ada@example.com"),
]


class Schema(BaseModel):
    """camelCase outside, snake_case inside; unknown fields and wrong types are refused, nothing is coerced."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        allow_inf_nan=False,
        validate_by_name=False,
        defer_build=True,  # a process builds the validators of the requests that it gets
    )

    @model_validator(mode="after")
    def _without_null_characters(self) -> Self:
        # PostgreSQL's text cannot hold U+0000; better refused here by name than there by accident.
        for name, value in self.__dict__.items():
            if any("\x00" in text for text in _texts(value)):
                raise at(to_camel(name), "must not contain the null character")
        return self

    def given(self) -> dict[str, Any]:
        """Returns the fields the client really sent, by inner name: null stays null, absent stays absent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


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


def path_of(problem: ErrorDetails) -> str:
    """Returns the path of a field that pydantic refused, in the spelling of the request."""
    steps = [step for step in problem["loc"] if step != "[key]"]  # pydantic's mark of a key that is wrong itself
    if problem["type"] == _AT:
        steps.append(problem["ctx"]["field"])
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.removeprefix(".") or "body"


def reason_of(problem: Mapping[str, Any]) -> str:
    """Returns why pydantic refused a field, in words for the client."""
    if problem["type"] == "extra_forbidden":
        return "this field is not known here"
    return str(problem["msg"]).removeprefix("Value error, ")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
