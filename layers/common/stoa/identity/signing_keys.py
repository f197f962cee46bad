"""The issuer's public signing keys (JWKS): found through OpenID discovery, kept, and fetched again when they rotate."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stoa.core.errors import Unavailable
from stoa.identity.tokens import read_keys

if TYPE_CHECKING:
    from jwt import PyJWK

OLDEST_SECONDS = 3600.0
"""Keys older than this are fetched again, so that a withdrawn key is forgotten."""

SHORTEST_INTERVAL_SECONDS = 60.0
"""Between two fetches, however many tokens name an unknown key: strangers must not make us flood the issuer."""

FETCH_TIMEOUT_SECONDS = 5.0
LARGEST_DOCUMENT = 1_000_000


class SigningKeys:
    """The keys at hand. Safe to share between threads.

    `fetch` answers a JWKS document and raises OSError or ValueError when it cannot; `clock` answers seconds.
    """

    def __init__(self, fetch: Callable[[], Mapping[str, Any]], clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, PyJWK] = {}
        self._tried_at: float | None = None

    def current(self) -> Mapping[str, "PyJWK"]:
        """Returns the keys, fetched when there are none or they are old. A failed fetch keeps the keys at hand.

        Raises Unavailable when there have never been any.
        """
        with self._lock:
            if not self._keys or self._age() >= OLDEST_SECONDS:
                self._refresh()
            return self._keys

    def fresh(self) -> Mapping[str, "PyJWK"]:
        """Returns the keys for a token whose key is not in `current()`. Fetches them unless they were just fetched."""
        with self._lock:
            if self._age() >= SHORTEST_INTERVAL_SECONDS:
                self._refresh()
            return self._keys

    def _age(self) -> float:
        return float("inf") if self._tried_at is None else self._clock() - self._tried_at

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            keys = read_keys(self._fetch())
        except (OSError, ValueError) as error:
            if not self._keys:
                raise Unavailable("The issuer's signing keys cannot be fetched; try again.") from error
            return
        # An empty list is an issuer's mishap, and forgetting every key would sign everybody out.
        self._keys = keys or self._keys
        if not self._keys:
            raise Unavailable("The issuer publishes no signing key that is accepted (RS256 or ES256).")


def issuers_keys(issuer: str, jwks_url: str | None = None) -> SigningKeys:
    """Returns the keys of an OpenID Connect issuer. `jwks_url` spares the discovery, where an issuer has none."""
    return SigningKeys(lambda: fetch_document(jwks_url or discover(issuer)))


def discover(issuer: str) -> str:
    """Returns the address at which an issuer says that it publishes its keys. Raises OSError or ValueError."""
    document = fetch_document(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise ValueError("the discovery document names another issuer")
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise ValueError("the discovery document does not say where the keys are")
    return address


def fetch_document(url: str) -> dict[str, Any]:
    """Returns a JSON object from `url`. Raises OSError when it is out of reach, ValueError when it is no object."""
    import urllib.request

    address = urlsplit(url)
    # Keys that came over an open line prove nothing; a practice issuer on this very machine is let through.
    if address.scheme != "https" and not (address.scheme == "http" and address.hostname in ("127.0.0.1", "localhost")):
        raise ValueError("signing keys are fetched over https only")
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the scheme is checked
        content = answer.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise ValueError("the document is too large")
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("the document is not a JSON object")
    return document
