"""Requests and answers of the personas function."""

from .knowledge import KnowledgeAnswer, KnownDocumentAnswer, NewDocument
from .personas import (
    NewPersona,
    PersonaAnswer,
    PersonaChange,
    PersonaDeletedAnswer,
    PersonaEditParameters,
    PersonaListAnswer,
    PersonaParameters,
    PersonaUsageAnswer,
    PersonaUsageParameters,
)

__all__ = [
    "KnowledgeAnswer",
    "KnownDocumentAnswer",
    "NewDocument",
    "NewPersona",
    "PersonaAnswer",
    "PersonaChange",
    "PersonaDeletedAnswer",
    "PersonaEditParameters",
    "PersonaListAnswer",
    "PersonaParameters",
    "PersonaUsageAnswer",
    "PersonaUsageParameters",
]
