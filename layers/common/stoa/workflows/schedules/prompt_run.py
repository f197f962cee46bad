"""Values between a scheduled run and the chat that answers it."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from stoa.core.values import Private
from stoa.identity.members import Member


class RunPrompt(Private, frozen=True):
    """A prompt to be answered as a chat message. The same `key` is answered and charged once."""

    key: str
    content: str
    model_id: str
    persona_id: str | None
    domain_mode: str | None


class RunAnswer(Private, frozen=True):
    """A whole answer, as the ledger has it."""

    text: str
    model_id: str
    conversation_id: UUID
    input_tokens: int
    output_tokens: int
    charge: Decimal


class RunFailed(Exception):
    """The prompt was not answered, and asking again would not change it. `code` and text are for the owner."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TryAgain(Exception):
    """Not now: an earlier attempt is not off the books yet, or a part of the installation does not answer."""


Ask = Callable[[Member, RunPrompt], RunAnswer]
"""Answers a prompt. Raises RunFailed or TryAgain."""
