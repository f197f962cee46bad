"""Values between a scheduled run and the chat that answers it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from stoa.identity.members import Member


@dataclass(frozen=True, slots=True)
class RunPrompt:
    """A prompt to be answered as a chat message. The same `key` is answered and charged once."""

    key: str
    content: str = field(repr=False)
    model_id: str
    persona_id: str | None
    domain_mode: str | None


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """A whole answer, as the ledger has it."""

    text: str = field(repr=False)
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
