"""The answer that Stripe gets."""

from typing import Literal

from stoa.http.schemas import AnswerSchema


class WebhookAnswer(AnswerSchema):
    """The event is recorded."""

    received: bool
    status: Literal["applied", "ignored", "failed", "dead"]
