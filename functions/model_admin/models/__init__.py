"""Requests and answers of the admins' side."""

from stoa.http.fields import EditParameters

from .audit import AuditAnswer, AuditParameters
from .catalogue import (
    AdminModelAnswer,
    AdminModelListAnswer,
    AdminModelParameters,
    ModelChange,
    NewModel,
    RegistryModelAnswer,
    RegistryModelChange,
    SwitchAnswer,
    UsageStatsAnswer,
)
from .circuits import CircuitListAnswer, ResetAnswer
from .entitlements import EntitlementAnswer, EntitlementListAnswer, EntitlementParameters, GrantAnswer, GrantRequest
from .provider_keys import DeletedKeyAnswer, ProviderKey, ProviderKeyAnswer, ProviderKeyListAnswer
from .settings import SettingsAnswer, SettingsChange

__all__ = [
    "AdminModelAnswer",
    "AdminModelListAnswer",
    "AdminModelParameters",
    "AuditAnswer",
    "AuditParameters",
    "CircuitListAnswer",
    "DeletedKeyAnswer",
    "EditParameters",
    "EntitlementAnswer",
    "EntitlementListAnswer",
    "EntitlementParameters",
    "GrantAnswer",
    "GrantRequest",
    "ModelChange",
    "NewModel",
    "ProviderKey",
    "ProviderKeyAnswer",
    "ProviderKeyListAnswer",
    "RegistryModelAnswer",
    "RegistryModelChange",
    "ResetAnswer",
    "SettingsAnswer",
    "SettingsChange",
    "SwitchAnswer",
    "UsageStatsAnswer",
]
