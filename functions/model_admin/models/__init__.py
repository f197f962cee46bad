"""Requests and answers of the admins' side."""

from .audit import AuditAnswer
from .catalogue import (
    AdminModelAnswer,
    AdminModelListAnswer,
    ModelChange,
    NewModel,
    RegistryModelAnswer,
    RegistryModelChange,
    SwitchAnswer,
    UsageStatsAnswer,
)
from .circuits import CircuitListAnswer, ResetAnswer
from .entitlements import EntitlementAnswer, EntitlementListAnswer, GrantAnswer, GrantRequest
from .provider_keys import DeletedKeyAnswer, ProviderKey, ProviderKeyAnswer, ProviderKeyListAnswer
from .settings import SettingsAnswer, SettingsChange

__all__ = [
    "AdminModelAnswer",
    "AdminModelListAnswer",
    "AuditAnswer",
    "CircuitListAnswer",
    "DeletedKeyAnswer",
    "EntitlementAnswer",
    "EntitlementListAnswer",
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
