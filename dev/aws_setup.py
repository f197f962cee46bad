"""Makes in the local stand-in what the functions expect to find on AWS. Runs at each start and is idempotent."""

import json
import urllib.request
from email import message_from_string, policy
from typing import Any

MAIL_FROM = "stoa@stoa.test"
KMS_ALIAS = "alias/stoa-provider-keys"
RESULTS_BUCKET = "stoa-results"
RUN_QUEUE = "stoa-scheduled-runs"
RUN_QUEUE_PATH = f"/123456789012/{RUN_QUEUE}"  # in the stand-in, under its own account


def prepare_aws(endpoint_url: str) -> None:
    """Make what is not there yet. The credentials and the region are the environment's."""
    import boto3

    # Its own session, because boto3's default one must not be used by two threads at once.
    session = boto3.Session()
    session.client("ses", endpoint_url=endpoint_url).verify_email_identity(EmailAddress=MAIL_FROM)
    session.client("s3", endpoint_url=endpoint_url, region_name="us-east-1").create_bucket(Bucket=RESULTS_BUCKET)
    kms = session.client("kms", endpoint_url=endpoint_url, region_name="us-east-1")
    if KMS_ALIAS not in {alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}:
        kms.create_alias(AliasName=KMS_ALIAS, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    # As long as a worker may take; the template's six-fold time is for batches that Lambda itself holds back.
    session.client("sqs", endpoint_url=endpoint_url).create_queue(
        QueueName=RUN_QUEUE, Attributes={"VisibilityTimeout": "300"}
    )


def sent_mail(endpoint_url: str) -> list[dict[str, Any]]:
    """Returns the mail that the stand-in for SES took, the newest first."""
    with urllib.request.urlopen(f"{endpoint_url}/moto-api/data.json", timeout=5) as answer:  # noqa: S310 - our own
        raw = json.load(answer).get("ses", {}).get("RawMessage", [])
    return [_readable(one) for one in reversed(raw)]


def _readable(raw: dict[str, Any]) -> dict[str, Any]:
    message = message_from_string(raw["raw_data"], policy=policy.default)
    body = message.get_body(("plain",))
    return {
        "from": raw["source"],
        "to": sorted(set(raw["destinations"])),
        "subject": message["Subject"],
        "messageId": message["Message-ID"],
        "text": body.get_content().replace("\r\n", "\n") if body is not None else "",
    }
