"""Exchanges a service account's key for an access token of Vertex AI, as Google's own libraries do.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest: a signed statement of our identity
goes to the account's `token_uri`, which answers with a bearer token for about an hour.
"""

import hashlib
import json
import threading
import time
from typing import Any
from urllib.parse import urlencode

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.wires.types import Cancel, ProviderError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STATEMENT_SECONDS = 3600
SPARE_SECONDS = 300  # a token this close to its end may not outlive the call
PATIENCE_SECONDS = 10.0

_lock = threading.Lock()
# Tokens with their end (`time.time()`), by the hash of the whole key. The key's id would not do: a tenant could write
# another tenant's id into its key and would get that tenant's token.
_tokens: dict[str, tuple[str, float]] = {}


def access_token(provider_id: str, service_account: str) -> str:
    """Returns a token that is good for some minutes at least. `service_account` is the text of the JSON key file.

    Raises ProviderError: auth for a text that is no key or a key that Google refuses, unavailable and timeout as for
    any call.
    """
    account = _account(provider_id, service_account)
    name = hashlib.sha256(json.dumps(account, sort_keys=True).encode()).hexdigest()
    with _lock:
        token, ends = _tokens.get(name, ("", 0.0))
        if time.time() < ends - SPARE_SECONDS:
            return token
        token, seconds = _fetch(provider_id, account)
        _tokens[name] = (token, time.time() + seconds)
        return token


def _account(provider_id: str, text: str) -> dict[str, str]:
    try:
        account = json.loads(text)
        return {name: str(account[name]) for name in ("client_email", "private_key", "private_key_id", "token_uri")}
    except (ValueError, TypeError, KeyError):
        raise _refusal(provider_id, "the service account's key is not the JSON that Google hands out") from None


def _fetch(provider_id: str, account: dict[str, str]) -> tuple[str, float]:
    address = account["token_uri"]
    body = urlencode({"grant_type": GRANT, "assertion": _statement(provider_id, account)}).encode()
    limits = Limits(
        connect_timeout=PATIENCE_SECONDS,
        first_token_timeout=PATIENCE_SECONDS,
        deadline=time.monotonic() + PATIENCE_SECONDS,
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    with Exchange(Request(provider_id, "POST", address, headers, body), limits, Cancel()) as exchange:
        if exchange.status >= 500:
            raise ProviderError("unavailable", provider_id=provider_id, reason="no access token")
        answer = exchange.whole()
        if exchange.status != 200:
            raise _refusal(provider_id, "Google refuses the service account's key")
    try:
        told: Any = json.loads(answer)
        return str(told["access_token"]), float(told["expires_in"])
    except (ValueError, TypeError, KeyError):
        raise ProviderError("malformed", provider_id=provider_id, reason="not an access token") from None


def _statement(provider_id: str, account: dict[str, str]) -> str:
    import jwt  # with cryptography 100 ms: only where a service account is configured

    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + STATEMENT_SECONDS,
    }
    try:
        return jwt.encode(claims, account["private_key"], algorithm="RS256", headers={"kid": account["private_key_id"]})
    except (ValueError, TypeError, jwt.PyJWTError):
        raise _refusal(provider_id, "the service account's private key cannot be read") from None


def _refusal(provider_id: str, reason: str) -> ProviderError:
    return ProviderError("auth", provider_id=provider_id, reason=reason)
