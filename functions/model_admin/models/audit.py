"""Answers about the audit log."""

from typing import Any

from pydantic import Field

from stoa.http.schemas import AnswerSchema, Id, Instant, PageAnswer


class AuditedChange(AnswerSchema):
    """One change by an admin."""

    id: Id
    actor_id: Id | None = Field(description="Null: Stoa itself.")
    actor_email: str | None
    action: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None
    created_at: Instant


class AuditAnswer(PageAnswer[AuditedChange]):
    """Changes, newest first."""
