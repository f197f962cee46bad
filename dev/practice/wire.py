"""The interface of a practice wire; `service.py` does the rest, faults included, alike for all."""

from collections.abc import Iterable
from typing import Any, Protocol

from dev.practice.answers import Answer, Question
from dev.practice.exchange import Request


class StreamWriter(Protocol):
    """Turns one answer into the wire's bytes."""

    content_type: str

    def opening(self) -> Iterable[bytes]:
        """Returns the bytes before the first word."""

    def piece(self, text: str) -> bytes:
        """Returns the bytes of a word."""

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:
        """Returns the bytes after the last word."""

    def error_event(self) -> bytes:
        """A failure told inside the stream."""

    def broken(self) -> bytes:
        """An event whose content cannot be parsed."""


class Wire(Protocol):
    """A wire format."""

    def question(self, provider: str, request: Request) -> Question:
        """Read a request. Raises Refusal where the real provider would."""

    def writer(self, question: Question, answer: Answer) -> StreamWriter:
        """A writer for one streamed answer."""

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:
        """The answer in one piece."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of a refusal."""

    def error_headers(self, status: int) -> dict[str, str]:
        """Headers of a refusal beyond the usual."""
