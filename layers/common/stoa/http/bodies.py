"""The body of a request, read and validated. Shared by the resolver's door and by chat."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ValidationError

from stoa.core.errors import FieldProblem, InvalidFields, MalformedRequest, PayloadTooLarge
from stoa.http.request_schemas import Schema, path_of, reason_of

MAX_BODY_BYTES = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


class TextBody(Schema):
    """Base of a body that may also come as text of `media_type` instead of JSON, such as a sheet."""

    media_type: ClassVar[str]

    @classmethod
    def of_bytes(cls, body: bytes) -> Self:
        """Returns the body for the text. Raises MalformedRequest where it cannot be read."""
        raise NotImplementedError


def body_bytes(event: Mapping[str, Any]) -> bytes:
    """Returns an API Gateway event's raw body. Raises PayloadTooLarge over 1 MB, MalformedRequest for bad base64."""
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (ValueError, UnicodeEncodeError) as error:
        raise MalformedRequest("The request body is not valid.") from error
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"The request body is larger than {MAX_BODY_BYTES:,} bytes.")
    return raw


def read_body(model: type[Model], content_type: str, body: bytes) -> Model:
    """Returns the request body as `model`, from JSON or from the text that it also takes. Raises as `parse_body`."""
    if issubclass(model, TextBody) and content_type.startswith(model.media_type):
        return model.of_bytes(body)
    return parse_body(model, body)


def parse_body(model: type[Model], body: bytes) -> Model:
    """Returns the body as `model`. Raises MalformedRequest for bad JSON, InvalidFields naming each field otherwise."""
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        reason = problems[0]["msg"].removeprefix("Invalid JSON: ")
        raise MalformedRequest(f"The request body is not valid JSON: {reason}.")
    raise InvalidFields([FieldProblem(path_of(problem), reason_of(problem)) for problem in problems])
