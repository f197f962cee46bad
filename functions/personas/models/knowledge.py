"""Knowledge of personas."""

from typing import Annotated

from pydantic import Field, StringConstraints

from stoa.http.request_schemas import Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, Instant

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class NewDocument(Schema):
    """A text for a persona to know."""

    title: Title = Field(description="Stands with every citation.", examples=["Our bakery's handbook"])
    content: Annotated[str, StringConstraints(min_length=1, max_length=200_000)] = Field(
        description="Plain text or Markdown, at most 200,000 bytes. Headings begin a new passage.",
        examples=["# Sourdough\n\nFeed the starter twice a day. It is ready when it floats."],
    )
    source: Title | None = Field(None, description="Where it comes from, for people.", examples=["handbook.md"])


class KnownDocument(AnswerSchema):
    """A text that a persona knows."""

    id: Id
    title: str
    source: str | None
    bytes: int
    passage_count: int
    created_at: Instant


class KnownPassage(AnswerSchema):
    """A piece of it that answers may cite, by `passageId`."""

    id: Id
    heading: str = Field(description="The headings above it, from the outermost in.")
    content: str
    tokens: int = Field(description="An estimate.")


class KnownDocumentWithPassages(KnownDocument):
    """A text with its passages."""

    passages: list[KnownPassage] = Field(description="In order.")


class KnowledgeAnswer(DataAnswer[list[KnownDocument]]):
    """The texts that a persona knows, the oldest first."""


class KnownDocumentAnswer(DataAnswer[KnownDocumentWithPassages]):
    """A text that a persona knows."""
