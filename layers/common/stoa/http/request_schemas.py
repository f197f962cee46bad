"""Base of all request models, and the types that their fields share."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError


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

# As far as mail can be tried; what would end a header, or make one address into two, is no address.
EmailAddress = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s\x00-\x1f\x7f<>,;]{1,64}@[^@\s\x00-\x1f\x7f<>,;]{1,255}$"),
    says("an e-mail address, such as ada@example.com"),
]


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200)]


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
