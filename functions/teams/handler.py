"""Teams, their members, and teams in the hands of admins."""

from functions.teams import admin_routes, member_routes, team_routes
from functions.teams.app import app

__all__ = ["admin_routes", "app", "handler", "member_routes", "team_routes"]

handler = app.ready()
