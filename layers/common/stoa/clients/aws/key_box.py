"""Tenants' provider keys in and out of AWS KMS.

KMS encrypts the key itself, which is far below its 4 KB (docs/decisions/0016). The encryption context binds what comes
out to one tenant and one provider: https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
"""

from functools import cache
from typing import Any
from uuid import UUID

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import Unavailable
from stoa.core.observe import logger

LARGEST_KEY_BYTES = 4096


def seal(kms_arn: str, tenant_id: UUID, provider_id: str, key: str) -> bytes:
    """The key, encrypted for this tenant and provider. Raises Unavailable when KMS does not do it."""
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
    """The key as it was. Raises ProviderError(auth), which no circuit counts, when KMS does not give it back."""
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
    """Whose key it was, and what KMS said, for the log."""
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code") or type(error).__name__)
    return {"tenantId": str(tenant_id), "provider": provider_id, "error": code}


@cache
def _kms() -> Any:
    import boto3  # 270 ms: only for tenants with keys of their own
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2, "mode": "standard"}
    return boto3.client("kms", config=Config(connect_timeout=2, read_timeout=3, retries=retries))
