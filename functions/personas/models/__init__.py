"""Requests and answers of the personas function."""

from .knowledge import KnowledgeAnswer, KnownDocumentAnswer, NewDocument
from .modes import (
    DomainModesAnswer,
    DomainModesUpdate,
    FocusModeChange,
    FocusModeDeletedAnswer,
    NewFocusMode,
    TenantFocusModeAnswer,
    TenantFocusModeListAnswer,
)
from .personas import (
    NewPersona,
    PersonaAnswer,
    PersonaChange,
    PersonaDeletedAnswer,
    PersonaListAnswer,
    PersonaUsageAnswer,
)

__all__ = [
    "DomainModesAnswer",
    "DomainModesUpdate",
    "FocusModeChange",
    "FocusModeDeletedAnswer",
    "KnowledgeAnswer",
    "KnownDocumentAnswer",
    "NewDocument",
    "NewFocusMode",
    "NewPersona",
    "PersonaAnswer",
    "PersonaChange",
    "PersonaDeletedAnswer",
    "PersonaListAnswer",
    "PersonaUsageAnswer",
    "TenantFocusModeAnswer",
    "TenantFocusModeListAnswer",
]
