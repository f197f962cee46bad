"""The door of this function, and the parameters that its routes share."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import BeforeValidator

from stoa.http.door import Door
from stoa.http.parameters import FLAG, TEXT, flag, short_text, user_id

app = Door()

MOST_FILTER_CHARACTERS = 320

ModelId = Annotated[str, Path(alias="modelId")]
Flag = Annotated[bool | None, BeforeValidator(flag), FLAG]
UserId = Annotated[UUID | None, BeforeValidator(user_id), TEXT]
ShortText = Annotated[str | None, BeforeValidator(short_text(MOST_FILTER_CHARACTERS)), TEXT]
