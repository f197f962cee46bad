"""Headers that tell of limits and of the end of models. Lean: chat imports it."""

from datetime import UTC, datetime
from email.utils import format_datetime


def rate_limit_headers(limit: int, used: int, reset_seconds: int) -> dict[str, str]:
    """Returns `RateLimit-*` headers. `used` counts the message that is answered."""
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(max(0, limit - used)),
        "RateLimit-Reset": str(reset_seconds),
    }


def retirement_headers(ends_at: datetime) -> dict[str, str]:
    """Returns `Deprecation` (RFC 9745: a structured date) and `Sunset` (RFC 8594: an HTTP date) of an answer.

    Both name the same instant: until then the model answers as ever, from then on its successor does.
    """
    at = ends_at.astimezone(UTC).replace(microsecond=0)
    return {"Deprecation": f"@{int(at.timestamp())}", "Sunset": format_datetime(at, usegmt=True)}
