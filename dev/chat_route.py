"""The chat's route as the OpenAPI document describes it.

Chat streams, so it has a handler of its own in place of the resolver. Its models are the same as every function's.
"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import WithJsonSchema

from functions.chat.models import ChatAnswer
from functions.chat.request import ChatRequest
from stoa.http.dependencies import AsMember
from stoa.http.door import Door
from stoa.http.errors import errors

app = Door()

IdempotencyKey = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 255}),
    Header(
        alias="Idempotency-Key",
        description="The same key and body are answered once and charged once; another body is refused with 409.",
    ),
]


@app.post(
    "/api/chat",
    summary="Send a message. With `Accept: text/event-stream` the answer streams as events, else it is one document.",
    tags=["chat"],
    responses=errors(402, 404, 409, 413, 429, 502),
)
def post_chat(caller: AsMember, request: ChatRequest, idempotency_key: IdempotencyKey = None) -> ChatAnswer:
    raise NotImplementedError("This route is described here and answered by functions/chat.")
