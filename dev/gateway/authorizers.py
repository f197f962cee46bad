"""The authorizers before a route: the HTTP API's for JWTs or the REST API's Lambda function, with their cache."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from stoa.core.errors import Forbidden, Unauthenticated

CACHE_SECONDS = 60
CACHE_SIZE = 10_000

Identity = Mapping[str, Any]


class AuthorizerCache:
    """Remembers for a minute who a token is. Keys are hashes, so that no token lies in memory longer than needed."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: dict[bytes, tuple[float, Identity]] = {}
        self._lock = threading.Lock()

    def identity(self, kind: str, token: str, find: Callable[[], Identity]) -> Identity:
        """The identity behind `token`, found by `find` when it is not remembered. What `find` raises comes out."""
        key = hashlib.sha256(f"{kind} {token}".encode()).digest()
        known = self._known.get(key)
        if known is not None and known[0] > self._clock():
            return known[1]
        found = find()
        until = self._clock() + CACHE_SECONDS
        expiry = found.get("exp")
        if isinstance(expiry, (int, float)):
            until = min(until, float(expiry))
        with self._lock:
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[key] = (until, found)
        return found


def bearer_token(authorization: str) -> str:
    """The token of an Authorization header. Raises Unauthenticated."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()


def context_from_policy(returned: Any) -> Identity:
    """The context of a Lambda authorizer's answer. Raises Forbidden when its policy denies."""
    statements = returned["policyDocument"]["Statement"]
    if not statements or any(statement["Effect"] != "Allow" for statement in statements):
        raise Forbidden("You may not call this route.")
    return {**(returned.get("context") or {}), "principalId": returned["principalId"]}
