"""Requests and answers of the personas function."""

from stoa.http.fields import EditParameters

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
    PersonaParameters,
    PersonaUsageAnswer,
    PersonaUsageParameters,
)

__all__ = [
    "DomainModesAnswer",
    "DomainModesUpdate",
    "EditParameters",
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
    "PersonaParameters",
    "PersonaUsageAnswer",
    "PersonaUsageParameters",
    "TenantFocusModeAnswer",
    "TenantFocusModeListAnswer",
]
