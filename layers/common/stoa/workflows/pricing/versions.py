"""Optimistic concurrency: an edit names the version it was made from, and a stale one is refused."""

from stoa.errors import Conflict

STALE = "STALE_EDIT"
ANY_VERSION = None  # the client did not say which version it saw


def check_version(expected: int | None, present: int, what: str) -> None:
    """Raises Conflict (409) when somebody else has changed it since the client read it."""
    if expected is not ANY_VERSION and expected != present:
        message = f"Somebody else has changed {what} meanwhile. Read it again and repeat your change."
        raise Conflict(STALE, message, details={"version": present})
