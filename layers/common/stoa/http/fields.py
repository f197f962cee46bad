"""Fields and bases that requests and answers of several functions share. Imports pydantic: load it lazily."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from stoa.http.request_schemas import Identifier as Identifier
from stoa.http.request_schemas import Schema, at, exact
from stoa.http.schemas import NextPage as NextPage

Version = Annotated[int, Field(ge=0, le=2_000_000_000)]
Price = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1_000_000, max_digits=14, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}),
]


def distinct(words: list[str]) -> list[str]:
    """Each once, in the order sent."""
    return list(dict.fromkeys(words))


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class Part(Schema):
    """A change in part: what is not sent is kept, so the document must not promise a default for it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Edit(Part):
    """A change in part of what has a version. Null is refused where it would mean nothing."""

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
