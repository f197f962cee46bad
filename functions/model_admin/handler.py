"""The tenant in its admins' hands, and the registry in the operators'."""

from functions.model_admin import model_routes, provider_key_routes
from functions.model_admin.app import app

__all__ = ["app", "handler", "model_routes", "provider_key_routes"]

handler = app.ready()
