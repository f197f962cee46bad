"""Personas, their knowledge, and the modes of messages."""

from functions.personas import mode_routes, persona_routes
from functions.personas.app import app

__all__ = ["app", "handler", "mode_routes", "persona_routes"]

handler = app.ready()
