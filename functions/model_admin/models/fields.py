"""Fields and bases that the requests and answers of this function share."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from stoa.schemas import AnswerSchema, Schema, at, exact, says

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Copy = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(max_length=2000)]
Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$"),
    says("up to 100 lower-case letters, digits, . _ and -"),
]
Word = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$"),
    says("up to 50 lower-case letters, digits and _, a letter first"),
]
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


Price = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1_000_000, max_digits=14, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


Capabilities = Annotated[list[Word], Field(min_length=1, max_length=50), AfterValidator(_distinct)]
Modalities = Annotated[list[Modality], Field(min_length=1, max_length=4), AfterValidator(_distinct)]


def without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Edit(Schema):
    """A change in part: what is not sent is kept, so the document must not promise a default for it."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    version: Version | None = Field(None, description="The version you read. Another one now: 409.", examples=[3])

    @model_validator(mode="after")
    def _null_only_where_it_means_something(self) -> Self:
        for name in self.model_fields_set - self.clearable() - {"version"}:
            if getattr(self, name) is None:
                field = type(self).model_fields[name]
                raise at(field.alias or name, "cannot be null; leave it out to keep it")
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


class NextPage(AnswerSchema):
    """Where the page ended."""

    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null: this was the last one.")
