"""The practice answer: says that it is one, repeats what it was told, and counts a word as a token."""

from dataclasses import dataclass

from dev.practice.faults import Fault

LONGEST_ECHO = 60  # words


class Refusal(Exception):
    """The request is not one that the real provider would serve."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Question:
    """The content of a request, the same on every wire."""

    provider: str
    model: str
    texts: tuple[str, ...]  # system prompt and turns, in order; the last is the message to answer
    max_tokens: int | None
    streamed: bool
    wants_usage: bool = True

    @property
    def message(self) -> str:
        """The message to answer."""
        return self.texts[-1] if self.texts else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in pieces of one word each."""

    pieces: tuple[str, ...]
    stop: str  # stop | length | content_filter
    input_tokens: int  # all of them; of these:
    cached_tokens: int = 0  # read from the cache
    written_tokens: int = 0  # written to it
    audio_tokens: int = 0

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)


def compose(question: Question, fault: Fault | None) -> Answer:
    """The same question always gets the same answer."""
    words = question.message.split()
    if fault is not None and fault.chunks is not None:
        spoken = [f"word{number}" for number in range(1, fault.chunks + 1)]
    else:
        spoken = (
            f"This is a practice answer in the place of {question.provider}: no model was asked, {question.model} is "
            f"only named. Your message has {len(words)} words. You wrote:"
        ).split()
        spoken += words[:LONGEST_ECHO] + (["…"] if len(words) > LONGEST_ECHO else [])
        if any('<passage number="1"' in text for text in question.texts[:-1]):
            spoken += ["The", "first", "passage", "of", "the", "persona's", "knowledge", "is", "cited", "here", "[1]."]
    stop = "stop"
    if question.max_tokens is not None and len(spoken) > question.max_tokens:
        spoken, stop = spoken[: question.max_tokens], "length"
    if fault is not None and fault.fault == "content_filter":
        spoken, stop = spoken[: fault.after_chunks], "content_filter"
    pieces = tuple(word if index == 0 else f" {word}" for index, word in enumerate(spoken))
    read = sum(len(text.split()) for text in question.texts)
    if fault is None or fault.fault != "tokens":
        return Answer(pieces, stop, read)
    whole = read if fault.input_tokens is None else fault.input_tokens
    return Answer(pieces, stop, whole, fault.cached_tokens, fault.written_tokens, fault.audio_tokens)
