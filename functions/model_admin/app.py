"""The door of this function, and the parameters that its routes share."""

from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BeforeValidator, WithJsonSchema

from stoa.http.door import Door
from stoa.http.parameters import short_text

app = Door()

MOST_FILTER_CHARACTERS = 320


def true_or_false(value: Any) -> bool | None:
    """Returns a switch of the query. Raises ValueError for any text but `true` and `false`."""
    if value not in (None, "true", "false"):
        raise ValueError("true or false")
    return None if value is None else bool(value == "true")


def user_id(value: Any) -> UUID | None:
    """Returns a user's id of the query. An empty one is none. Raises ValueError for a text that is no id."""
    try:
        return UUID(value) if value else None
    except ValueError as error:
        raise ValueError("a user's id, as the answers give it") from error


ModelId = Annotated[str, Path(alias="modelId")]
Flag = Annotated[bool | None, BeforeValidator(true_or_false), WithJsonSchema({"type": "boolean"})]
UserId = Annotated[UUID | None, BeforeValidator(user_id), WithJsonSchema({"type": "string", "format": "uuid"})]
ShortText = Annotated[
    str | None, BeforeValidator(short_text(MOST_FILTER_CHARACTERS)), WithJsonSchema({"type": "string"})
]
