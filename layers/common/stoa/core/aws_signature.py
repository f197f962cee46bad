"""AWS Signature Version 4, for requests to the path "/" without a query, as the services with JSON bodies take them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html names the steps; the names
below are those of that page.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from stoa.core.values import Private

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(Private, frozen=True):
    """An AWS identity. Temporary ones, such as a function's role, come with a session token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


def signed_headers(
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    *,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """`headers` with the date, the session token and the signature added. All of them are signed.

    `headers` must hold `Host` as it is sent, with the port where it is not the scheme's own.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "X-Amz-Date": stamp}
    if credentials.session_token:
        sent["X-Amz-Security-Token"] = credentials.session_token
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    names = ";".join(sorted(canonical))
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    canonical_request = f"{method}\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    string_to_sign = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical_request.encode()).hexdigest()))
    signature = hmac.new(_signing_key(credentials, scope), string_to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"{credentials.access_key_id}/{scope}"
    sent["Authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return sent


def _signing_key(credentials: Credentials, scope: str) -> bytes:
    """The secret key, derived step by step for the scope's day, region and service."""
    key = b"AWS4" + credentials.secret_access_key.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
