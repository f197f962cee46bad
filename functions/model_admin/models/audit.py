"""Who changed what."""

from datetime import datetime
from typing import Any

from pydantic import (
    Field,
)

from stoa.http.fields import NextPage
from stoa.http.schemas import AnswerSchema, Schema


class AuditParameters(Schema):
    """Which changes."""

    actor: str | None = Field(None, description="A user's id or e-mail.")
    action: str | None = Field(None, description="What was done, such as `model.disable`.")
    target: str | None = Field(None, description="What it was done to: a model's id, a user's id, `settings`.")


class AuditedChange(AnswerSchema):
    """One change by an admin."""

    id: str
    actor_id: str | None = Field(description="Null: Stoa itself.")
    actor_email: str | None
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    created_at: datetime


class AuditAnswer(AnswerSchema):
    """Changes, newest first."""

    data: list[AuditedChange]
    meta: NextPage
