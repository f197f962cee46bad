"""Each minute: frees what expired reservations hold, for every tenant."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stoa.database.pool import database
from stoa.workflows.operations.sweep import sweep_all


def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """Sweep and report how many lines were freed."""
    return {"expired": sweep_all(database(), datetime.now(UTC))}
