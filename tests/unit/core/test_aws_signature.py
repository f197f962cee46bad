"""Signature Version 4 against AWS's published test suite and against botocore's signer."""

from datetime import UTC, datetime

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest

from stoa.core.aws_signature import Credentials, signed_headers

# AWS's "Signature Version 4 test suite": its credentials, scope and instant, and those of its requests that have the
# path "/" and no query. https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html
KEY_ID, KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx"
    "7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6"
    "d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SUITE = {
    "get-vanilla": ("GET", {}, b"", None, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "post-vanilla": ("POST", {}, b"", None, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    "post-x-www-form-urlencoded": (
        *("POST", FORM, b"Param1=value1", None),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-sts-header-before": (
        *("POST", {}, b"", TOKEN),
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
}


@pytest.mark.parametrize("name", SUITE)
def test_the_signature_is_the_one_that_aws_publishes(name: str) -> None:
    method, more, body, token, signature = SUITE[name]
    headers = signed_headers(
        method,
        {"Host": "example.amazonaws.com", **more},
        body,
        Credentials(KEY_ID, KEY, token),
        region="us-east-1",
        service="service",
        now=NOW,
    )
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    assert headers["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=")
    assert headers["Authorization"].endswith(f", Signature={signature}")


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize("body", [b"{}", '{"SecretId": "größer"}'.encode()])
def test_the_signature_is_the_one_that_botocore_makes(
    monkeypatch: pytest.MonkeyPatch, token: str | None, region: str, body: bytes
) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None))
    url = f"https://secretsmanager.{region}.amazonaws.com/"
    sent = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": f"secretsmanager.{region}.amazonaws.com",
        "X-Amz-Target": "secretsmanager.GetSecretValue",
    }
    request = AWSRequest("POST", url, headers=dict(sent), data=body)
    keys = botocore.credentials.Credentials(KEY_ID, KEY, token)
    botocore.auth.SigV4Auth(keys, "secretsmanager", region).add_auth(request)
    ours = signed_headers(
        "POST", sent, body, Credentials(KEY_ID, KEY, token), region=region, service="secretsmanager", now=NOW
    )
    assert ours == dict(request.headers.items())


def test_an_identity_does_not_show_its_keys() -> None:
    assert KEY not in repr(Credentials(KEY_ID, KEY, TOKEN))
    assert TOKEN not in repr(Credentials(KEY_ID, KEY, TOKEN))
