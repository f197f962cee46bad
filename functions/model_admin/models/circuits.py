"""Answers about circuits, for operators."""

from typing import Literal

from pydantic import Field

from stoa.http.schemas import AnswerSchema, DataAnswer, Instant


class Circuit(AnswerSchema):
    """The circuit breaker of a provider or a model."""

    id: str = Field(examples=["provider:openai"])
    kind: Literal["provider", "model"]
    subject_id: str = Field(description="The provider's or the model's id.")
    state: Literal["closed", "open", "half_open"] = Field(description="half_open: one message at a time tries it.")
    reason: str = Field(description="The reason why it opened last.")
    opens: int = Field(description="How often it has opened in a row; the cool-down doubles with each.")
    opened_at: Instant
    open_until: Instant | None = Field(description="When it may be tried again; null: closed.")
    closed_at: Instant | None


class CircuitListAnswer(DataAnswer[list[Circuit]]):
    """Circuits that opened lately, the open ones first. A provider or model that is not in the list works."""


class Reset(AnswerSchema):
    """The outcome of a reset."""

    reset: bool = Field(description="False: it was not open.")


class ResetAnswer(DataAnswer[Reset]):
    """Tells whether the circuit was open."""
