"""Encrypts and decrypts tenants' provider keys with AWS KMS.

KMS encrypts the key itself, which is far below its limit of 4 KB (docs/decisions/0011). The encryption context binds
the ciphertext to one tenant and one provider:
https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
"""

import os
from functools import cache
from typing import Any
from uuid import UUID

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import Unavailable
from stoa.core.observe import logger

LARGEST_KEY_BYTES = 4096


def prepare() -> None:
    """Makes the client of KMS, so that a SnapStart snapshot holds it. Does nothing where no region is configured."""
    if "AWS_DEFAULT_REGION" in os.environ:
        _kms()


def seal(kms_arn: str, tenant_id: UUID, provider_id: str, key: str) -> bytes:
    """Returns the key, encrypted for this tenant and provider. Raises Unavailable when KMS does not encrypt it."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _kms().encrypt(
            KeyId=kms_arn, Plaintext=key.encode(), EncryptionContext=_context(tenant_id, provider_id)
        )
    except (BotoCoreError, ClientError) as error:
        logger().warning("provider key not encrypted", extra=_failed(tenant_id, provider_id, error))
        raise Unavailable("The key could not be encrypted just now. Nothing was kept; try again.") from None
    return bytes(answer["CiphertextBlob"])


def unseal(tenant_id: UUID, provider_id: str, ciphertext: bytes) -> str:
    """Returns the decrypted key. Raises ProviderError(auth), which no circuit counts, when KMS does not decrypt it."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _kms().decrypt(CiphertextBlob=ciphertext, EncryptionContext=_context(tenant_id, provider_id))
    except (BotoCoreError, ClientError) as error:
        logger().error("provider key not decrypted", extra=_failed(tenant_id, provider_id, error))
        reason = "your organisation's own key cannot be decrypted"
        raise ProviderError("auth", provider_id=provider_id, reason=reason) from None
    return bytes(answer["Plaintext"]).decode()


def _context(tenant_id: UUID, provider_id: str) -> dict[str, str]:
    return {"tenant": str(tenant_id), "provider": provider_id}


def _failed(tenant_id: UUID, provider_id: str, error: Any) -> dict[str, str]:
    """Returns the tenant, the provider and the error of KMS, for the log."""
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code") or type(error).__name__)
    return {"tenantId": str(tenant_id), "provider": provider_id, "error": code}


@cache
def _kms() -> Any:
    import boto3  # 270 ms: chat loads it only for tenants with keys of their own
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2, "mode": "standard"}
    return boto3.client("kms", config=Config(connect_timeout=2, read_timeout=3, retries=retries))
