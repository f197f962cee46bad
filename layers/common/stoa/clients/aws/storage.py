"""Results that are kept as files: objects in the installation's own bucket, read through links that expire."""

from functools import cache
from typing import Any

from stoa.core.errors import Unavailable
from stoa.core.settings import settings

_TIMEOUT_SECONDS = 5  # to connect, and again to answer; two attempts, so a worker loses 20 s at worst


def put(key: str, body: bytes, content_type: str) -> None:
    """Keep an object; the same key is overwritten. Raises Unavailable when it was not taken, or no bucket is set."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _s3().put_object(Bucket=_bucket(), Key=key, Body=body, ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The result could not be stored. It will be tried again.") from error


def link(key: str, seconds: int, file_name: str) -> str:
    """Returns an address that lets anyone download the object as `file_name` for that long. Asks nothing of S3.

    It dies with the credentials that signed it, which a function renews within hours: make it when it is wanted.
    """
    parameters = {
        "Bucket": _bucket(),
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{file_name}"',
    }
    return str(_s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))


def _bucket() -> str:
    bucket = settings().results_bucket
    if bucket is None:
        raise Unavailable("This installation keeps no files: its operator has set no bucket (STOA_RESULTS_BUCKET).")
    return bucket


@cache
def _s3() -> Any:
    import boto3  # 270 ms: only where something is stored
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2}
    timeouts: Any = {"connect_timeout": _TIMEOUT_SECONDS, "read_timeout": _TIMEOUT_SECONDS}
    return boto3.client("s3", config=Config(retries=retries, signature_version="s3v4", **timeouts))
