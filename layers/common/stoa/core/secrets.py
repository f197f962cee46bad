"""JSON secrets in AWS Secrets Manager, read by a signed request of our own.

The request is GetSecretValue: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html.
A snapshot must never hold a secret, so nothing here is called at init.
"""

import base64
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from stoa.core.aws_credentials import NoCredentials, credentials
from stoa.core.aws_http import send
from stoa.core.aws_signature import signed_headers

ATTEMPTS = 2
PAUSE_SECONDS = 0.1  # before the second attempt

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html, and the older name of the same.
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"})


class SecretError(Exception):
    """A secret cannot be had. `arn` names it; `code` is AWS's own, or ours where AWS was not reached."""

    def __init__(self, arn: str, code: str, message: str) -> None:
        super().__init__(f"The secret {arn} {message} ({code}).")
        self.arn = arn
        self.code = code


class SecretRefused(SecretError):
    """AWS refuses to give the secret: it does not exist, or the function may not read it."""

    def __init__(self, arn: str, code: str) -> None:
        super().__init__(arn, code, "was refused; check that it exists and that this function may read it")


class SecretUnreachable(SecretError):
    """Secrets Manager was not reached, failed, or had too many requests. A later attempt may succeed."""

    def __init__(self, arn: str, code: str) -> None:
        super().__init__(arn, code, "could not be read just now; try again")


class SecretMalformed(SecretError):
    """The secret was read and is not a JSON object."""

    def __init__(self, arn: str) -> None:
        super().__init__(arn, "NotAnObject", "is not a JSON object; write it again")


@cache
def secret(arn: str) -> dict[str, Any]:
    """A JSON secret, read once a process. Raises SecretError."""
    return read_secret(arn)


def read_secret(arn: str) -> dict[str, Any]:
    """A JSON secret, as AWS Secrets Manager has it now.

    Raises SecretRefused, SecretUnreachable (after a second attempt), or SecretMalformed.
    """
    return _read(arn, os.environ)


def _read(arn: str, environment: Mapping[str, str]) -> dict[str, Any]:
    failure = SecretUnreachable(arn, "NotAsked")
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            status, body = _ask(arn, environment)
        except NoCredentials as error:
            raise SecretRefused(arn, "NoCredentials") from error
        except (OSError, HTTPException) as error:
            failure = SecretUnreachable(arn, type(error).__name__)
            continue
        if status == 200:
            return _value(arn, body)
        code = _code(status, body)
        if status < 500 and status != 429 and code not in _THROTTLED:
            raise SecretRefused(arn, code)
        failure = SecretUnreachable(arn, code)
    raise failure


def _ask(arn: str, environment: Mapping[str, str]) -> tuple[int, bytes]:
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise SecretRefused(arn, "NoRegion")
    url = _endpoint(region, environment)
    body = json.dumps({"SecretId": arn}).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": urlsplit(url).netloc,
        "X-Amz-Target": "secretsmanager.GetSecretValue",
    }
    signed = signed_headers(
        "POST",
        headers,
        body,
        credentials(environment),
        region=region,
        service="secretsmanager",
        now=datetime.now(UTC),
    )
    return send("POST", url, signed, body)


def _endpoint(region: str, environment: Mapping[str, str]) -> str:
    """The service's address, or the one that AWS's own variables put in its place.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    given = environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or environment.get("AWS_ENDPOINT_URL")
    return given.rstrip("/") if given else f"https://secretsmanager.{region}.amazonaws.com"


def _value(arn: str, body: bytes) -> dict[str, Any]:
    """The secret in an answer. The decoder's own errors quote what they decode, so none of them leaves this."""
    try:
        answer = json.loads(body)
        text = answer["SecretString"] if "SecretString" in answer else base64.b64decode(answer["SecretBinary"])
        value = json.loads(text)
    except (ValueError, KeyError, TypeError):
        raise SecretMalformed(arn) from None
    if not isinstance(value, dict):
        raise SecretMalformed(arn)
    return value


def _code(status: int, body: bytes) -> str:
    """AWS's name for the failure, as in `{"__type": "ResourceNotFoundException"}`; the status where there is none."""
    try:
        named = json.loads(body)["__type"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"
    return str(named).rpartition("#")[2].partition(":")[0]
