"""Answers about the audit log."""

from pydantic import Field

from stoa.http.schemas import AnswerSchema, Document, Id, Instant, PageAnswer


class AuditedChange(AnswerSchema):
    """A change by an admin."""

    id: Id
    actor_id: Id | None = Field(description="Null: Stoa itself.")
    actor_email: str | None
    action: str
    target: str
    before: Document | None
    after: Document | None
    request_id: str | None
    created_at: Instant


class AuditAnswer(PageAnswer[AuditedChange]):
    """Changes, newest first."""
