"""A token issuer of our own: OpenID Connect discovery, keys, and tokens for anybody who asks. Local use only."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

ALGORITHM = "RS256"  # API Gateway's JWT authorizers know only RSA
AUDIENCE = "stoa-local"
LIFETIME_SECONDS = 12 * 3600


class Issuer:
    """Signs tokens with a key that is made once and kept in `key_path`."""

    def __init__(self, url: str, key_path: Path) -> None:
        self.url = url
        self._key = _load_or_make_key(key_path)
        self._published = _public_key(self._key)

    def discovery(self) -> dict[str, Any]:
        """The document at /.well-known/openid-configuration."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/.well-known/jwks.json",
            "token_endpoint": f"{self.url}/dev/token",
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }

    def keys(self) -> dict[str, Any]:
        """The document at /.well-known/jwks.json."""
        return {"keys": [self._published]}

    def subject(self, email: str, tenant_id: UUID) -> str:
        """The same e-mail in the same tenant is the same subject."""
        return str(uuid5(NAMESPACE_URL, f"{tenant_id}/{email}"))

    def token(self, email: str, tenant_id: UUID, groups: Sequence[str], **other_claims: Any) -> str:
        """A token as Cognito would issue it."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": self.subject(email, tenant_id),
            "email": email,
            "custom:tenant_id": str(tenant_id),
            "cognito:groups": list(groups),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            **other_claims,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._published["kid"]})


def _load_or_make_key(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    return key


def _public_key(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    published: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    # The key's id follows from the key, so that a new key is never taken for an old one in somebody's cache.
    return {**published, "kid": uuid5(NAMESPACE_URL, published["n"]).hex, "alg": ALGORITHM, "use": "sig"}
