"""The request of the chat function. It stands alone because a cold start waits for the models that it imports."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from stoa.http.request_schemas import Identifier, Schema


class ChatRequest(Schema):
    """A message to a model. `modelId` null leaves the choice to the member's preferences; `auto` to the router."""

    content: Annotated[str, StringConstraints(min_length=1, max_length=400_000)] = Field(
        description="What the member writes.", examples=["What is in our power?"]
    )
    model_id: Identifier | None = Field(
        None, description="One of our model ids, `auto`, or null.", examples=["gpt-4o-mini"]
    )
    persona_id: Identifier | None = Field(None, description="The persona that answers.", examples=["marcus"])
    domain_mode: Identifier | None = Field(None, description="The field the message is in.", examples=["general"])
    focus_mode: Identifier | None = Field(None, description="The kind of work the answer is.", examples=["writer"])
    conversation_id: Annotated[UUID, Field(strict=False)] | None = Field(
        None, description="The conversation to go on with; without it a new one begins."
    )
    max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The most tokens the answer may take; the model's own maximum holds, too."
    )
