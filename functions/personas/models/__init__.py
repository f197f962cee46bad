"""Requests and answers of the personas function."""

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
