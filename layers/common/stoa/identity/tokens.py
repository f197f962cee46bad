"""Bearer tokens: is this JWT genuine, meant for us and in force? Pure: keys and the time are passed in.

`jwt` and `cryptography` are imported only when a token is really checked: they cost more than a cold start's rest.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from stoa.core.errors import Unauthenticated

if TYPE_CHECKING:
    from jwt import PyJWK

API_KEY_PREFIX = "sk-stoa-"

# The algorithm follows from the key and never from the token: a token cannot choose `none`, or have a public key used
# as an HMAC secret.
ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256"}
SMALLEST_RSA_BITS = 2048

LEEWAY_SECONDS = 30
"""The most that the issuer's clock may be away from ours."""

LATEST_TIME = 253_402_300_800
"""Seconds since the epoch at the end of the year 9999."""

LONGEST_TOKEN = 16_384
"""Characters. Longer ones are refused before anything in them is decoded."""


class InvalidToken(Unauthenticated):
    """401: the token proves nothing. The message says why, and holds nothing out of the token."""


class UnknownKey(InvalidToken):
    """401: the token names a signing key that is not among the keys at hand. A fresh copy of the keys may have it."""


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """Returns the person's e-mail. None: the issuer says that it saw no proof of it, so anybody may have written it.

    Not every issuer says anything (`email_verified`, OpenID Connect Core 5.1); one that does not is trusted to check.
    """
    email = claims.get("email")
    if not email or str(claims.get("email_verified", True)).lower() == "false":
        return None
    return str(email)


def read_keys(document: Mapping[str, Any]) -> dict[str, "PyJWK"]:
    """Returns the usable signing keys of a JWKS document, by key id. Keys of other kinds and uses are left out.

    Raises ValueError when the document is not a JWKS at all.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the signing keys' document has no list named keys")
    keys: dict[str, PyJWK] = {}
    for entry in listed:
        key = _read_key(entry) if isinstance(entry, dict) else None
        if key is not None:
            keys[str(entry.get("kid", ""))] = key
    return keys


def _read_key(entry: dict[str, Any]) -> "PyJWK | None":
    from jwt import PyJWK
    from jwt.exceptions import InvalidKeyError, PyJWKError

    algorithm = ALGORITHMS.get((str(entry.get("kty")), entry.get("crv")))
    if algorithm is None or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK(entry, algorithm)
    except (InvalidKeyError, PyJWKError, ValueError, KeyError):
        return None  # One broken entry must not lock everybody out who was signed in by another key.
    if algorithm == "RS256" and key.key.key_size < SMALLEST_RSA_BITS:
        return None
    return key


def verify(
    token: str, keys: Mapping[str, "PyJWK"], issuer: str, audiences: Collection[str], now: datetime
) -> dict[str, Any]:
    """Returns the claims of a token in force that one of `keys` signed and `issuer` issued to one of `audiences`.

    Raises UnknownKey when its key is not among `keys`, InvalidToken for every other defect.
    """
    claims = _signed_claims(token, keys)
    _check_times(claims, now.timestamp())
    if claims.get("iss") != issuer:
        raise InvalidToken("The token comes from another issuer. Sign in with this installation's issuer.")
    if not audiences or audiences_of(claims).isdisjoint(audiences):
        raise InvalidToken("The token was issued for another audience. Sign in to this application.")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise InvalidToken("The token names no subject.")
    return claims


def audiences_of(claims: Mapping[str, Any]) -> set[str]:
    """Returns the audiences of a token. Cognito's access tokens have no `aud` and name the client in `client_id`."""
    audience = claims.get("aud", claims.get("client_id"))
    listed = audience if isinstance(audience, list) else [audience]
    return {one for one in listed if isinstance(one, str)}


def _signed_claims(token: str, keys: Mapping[str, "PyJWK"]) -> dict[str, Any]:
    import json

    from jwt.api_jws import PyJWS
    from jwt.exceptions import InvalidTokenError

    if len(token) > LONGEST_TOKEN:
        raise InvalidToken("The token is too long to be one of ours.")
    signatures = PyJWS()
    try:
        header = signatures.get_unverified_header(token)
        key = _choose_key(header, keys)
        payload = signatures.decode(token, key.key, algorithms=[str(key.algorithm_name)])
        claims = json.loads(payload)
    except (InvalidTokenError, ValueError, RecursionError) as error:
        raise InvalidToken("The token is malformed or its signature is wrong. Sign in again.") from error
    if not isinstance(claims, dict):
        raise InvalidToken("The token holds no claims.")
    return claims


def _choose_key(header: Mapping[str, Any], keys: Mapping[str, "PyJWK"]) -> "PyJWK":
    name = header.get("kid")
    key = keys.get(str(name)) if name is not None else next(iter(keys.values())) if len(keys) == 1 else None
    if key is None:
        raise UnknownKey("The token is signed by a key that the issuer does not publish. Sign in again.")
    if header.get("alg") != key.algorithm_name:
        raise InvalidToken("The token is signed in a way that is not accepted. Use RS256 or ES256.")
    return key


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    expires = _seconds(claims, "exp")
    if expires is None:
        raise InvalidToken("The token has no expiry. Tokens that never expire are refused.")
    if now >= expires + LEEWAY_SECONDS:
        raise InvalidToken("The token has expired. Sign in again.")
    for name in ("nbf", "iat"):
        begins = _seconds(claims, name)
        if begins is not None and now < begins - LEEWAY_SECONDS:
            raise InvalidToken("The token is not valid yet. Compare the clocks of the issuer and of this installation.")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # Python's JSON also reads NaN, which is never past; and whole numbers beyond all measure.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST_TIME:
        raise InvalidToken(f"The token's {name} is not a point in time.")
    return float(value)
