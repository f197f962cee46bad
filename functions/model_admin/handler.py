"""The tenant as its admins manage it: models, settings, access, keys, the audit log; and the operators' registry."""

from functions.model_admin import (
    entitlement_routes,
    model_routes,
    operator_routes,
    provider_key_routes,
    tenant_routes,
)
from functions.model_admin.app import app

__all__ = [
    "app",
    "entitlement_routes",
    "handler",
    "model_routes",
    "operator_routes",
    "provider_key_routes",
    "tenant_routes",
]

handler = app.ready()
