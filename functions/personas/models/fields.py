"""Fields that the requests and answers of this function share."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from stoa.schemas import AnswerSchema, Schema, at, says

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
PromptText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
LanguageCode = Annotated[
    str, StringConstraints(pattern="^[a-z]{2}$"), says("two lower-case letters of ISO 639-1, such as de")
]
Address = Annotated[
    str, StringConstraints(pattern=r"^https://[^\s\"'<>\\]+$", max_length=2000), says("an https:// address")
]
VoiceId = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,100}$"), says("1 to 100 letters, digits and . : _ -")]
StyleName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"),
    says("a name of up to 40 letters, digits, _ and -"),
]
StyleValue = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | bool | int | float
Style = Annotated[dict[StyleName, StyleValue], Field(max_length=20)]
Version = Annotated[int, Field(ge=0, le=2_000_000_000)]


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


Words = Annotated[list[Word], Field(max_length=20), AfterValidator(_distinct)]


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class PersonalEdit(Schema):
    """A change in part: what is not sent is kept, so the document must not promise a default for it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

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


class PersonasMeta(AnswerSchema):
    """Where the page ended."""

    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null: this was the last one.")


class Gone(AnswerSchema):
    """What became of it."""

    deleted: bool
