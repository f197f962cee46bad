"""The body of a Stripe webhook."""

import json
from typing import Any

from stoa.core.errors import MalformedRequest


def parse_event(body: bytes) -> dict[str, Any]:
    """Returns the event, which has an id and a type. Raises MalformedRequest."""
    try:
        event = json.loads(body)
    except ValueError as error:
        raise MalformedRequest("The event is not JSON.") from error
    if not isinstance(event, dict) or not all(isinstance(event.get(name), str) for name in ("id", "type")):
        raise MalformedRequest("The event has no id or type.")
    return event
