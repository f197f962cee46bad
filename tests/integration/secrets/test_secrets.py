"""Secrets read by our own signed request: from a stand-in for AWS, and from an endpoint that fails."""

import json
import traceback
from collections.abc import Iterator

import boto3
import pytest

from dev.children import free_port
from stoa.core import secrets
from stoa.core.secrets import SecretError, SecretMalformed, SecretRefused, SecretUnreachable, read_secret
from tests.aws_server import AWS_KEYS
from tests.integration.secrets.fake_aws import HANG_UP, Answer, FakeAws, fake_aws

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:stoa-AbCdEf"
FOUND: Answer = (200, {"ARN": ARN, "SecretString": '{"password": "kept quiet"}'})
THROTTLED: Answer = (400, {"__type": "ThrottlingException", "Message": "Rate exceeded"})
MISSING: Answer = (400, {"__type": "com.amazonaws#ResourceNotFoundException", "Message": "no such secret"})


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment with AWS's keys, and no pause between two attempts."""
    for name, value in AWS_KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "PAUSE_SECONDS", 0)
    yield monkeypatch


def read(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> tuple[object, FakeAws]:
    """Returns what reading gives or raises, and the endpoint that was asked."""
    with fake_aws(*answers) as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL", fake.url)
        try:
            return read_secret(ARN), fake
        except SecretError as error:
            return error, fake


def test_a_secret_is_read_as_it_is_now(aws: str) -> None:
    manager = boto3.client("secretsmanager")
    arn = manager.create_secret(Name="database", SecretString=json.dumps({"password": "one"}))["ARN"]
    assert read_secret(arn) == {"password": "one"}
    manager.put_secret_value(SecretId=arn, SecretString=json.dumps({"password": "two"}))
    assert read_secret(arn) == {"password": "two"}


def test_a_binary_secret_is_read_too(aws: str) -> None:
    arn = boto3.client("secretsmanager").create_secret(Name="binary", SecretBinary=b'{"password": "one"}')["ARN"]
    assert read_secret(arn) == {"password": "one"}


def test_a_secret_that_is_not_there_is_refused_with_aws_s_code(aws: str) -> None:
    with pytest.raises(SecretRefused) as caught:
        read_secret(ARN)
    assert (caught.value.arn, caught.value.code) == (ARN, "ResourceNotFoundException")
    assert ARN in str(caught.value)
    assert "ResourceNotFoundException" in str(caught.value)


def test_a_secret_is_fetched_once_a_process(keys: pytest.MonkeyPatch) -> None:
    with fake_aws(FOUND) as fake:
        keys.setenv("AWS_ENDPOINT_URL", fake.url)
        secrets.secret.cache_clear()
        try:
            assert secrets.secret(ARN) == secrets.secret(ARN) == {"password": "kept quiet"}
        finally:
            secrets.secret.cache_clear()
    assert len(fake.asked) == 1


@pytest.mark.parametrize("fault", [HANG_UP, THROTTLED, (429, {}), (500, b"oops"), (503, {})])
def test_what_may_pass_is_tried_a_second_time(keys: pytest.MonkeyPatch, fault: Answer) -> None:
    value, fake = read(keys, fault, FOUND)
    assert value == {"password": "kept quiet"}
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (HANG_UP, "RemoteDisconnected"),
        (THROTTLED, "ThrottlingException"),
        ((500, {"__type": "InternalServiceError"}), "InternalServiceError"),
        ((502, b"<html>"), "HTTP 502"),
    ],
)
def test_after_two_attempts_it_is_unreachable(keys: pytest.MonkeyPatch, fault: Answer, code: str) -> None:
    error, fake = read(keys, fault)
    assert isinstance(error, SecretUnreachable)
    assert (error.code, len(fake.asked)) == (code, 2)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (MISSING, "ResourceNotFoundException"),
        ((400, {"__type": "AccessDeniedException"}), "AccessDeniedException"),
        ((403, b"no JSON"), "HTTP 403"),
    ],
)
def test_a_refusal_is_not_tried_again(keys: pytest.MonkeyPatch, answer: Answer, code: str) -> None:
    error, fake = read(keys, answer)
    assert isinstance(error, SecretRefused)
    assert (error.code, len(fake.asked)) == (code, 1)


@pytest.mark.parametrize(
    "body",
    [
        {"SecretString": "kept quiet"},
        {"SecretString": '["kept quiet"]'},
        {"SecretString": None},
        {"SecretBinary": "kept quiet"},
        {"kept quiet": 1},
        ["kept quiet"],
        b"kept quiet",
    ],
)
def test_a_malformed_secret_is_named_and_not_shown(keys: pytest.MonkeyPatch, body: object) -> None:
    error, fake = read(keys, (200, body))
    assert isinstance(error, SecretMalformed)
    assert error.arn == ARN
    assert "kept quiet" not in "".join(traceback.format_exception(error))
    assert len(fake.asked) == 1


def test_nobody_listening_is_unreachable(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SecretUnreachable, match="ConnectionRefusedError"):
        read_secret(ARN)


def test_the_service_s_own_address_wins_over_the_general_one(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with fake_aws(FOUND) as fake:
        keys.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", fake.url)
        assert read_secret(ARN) == {"password": "kept quiet"}


def test_without_region_or_keys_the_environment_is_at_fault(keys: pytest.MonkeyPatch) -> None:
    keys.delenv("AWS_DEFAULT_REGION")
    keys.delenv("AWS_REGION", raising=False)
    assert getattr(read(keys, FOUND)[0], "code", None) == "NoRegion"
    keys.setenv("AWS_REGION", "us-east-1")
    keys.delenv("AWS_SECRET_ACCESS_KEY")
    assert getattr(read(keys, FOUND)[0], "code", None) == "NoCredentials"


def test_a_restored_snapshot_gets_its_credentials_from_their_address(keys: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        keys.delenv(name)
    given = {"AccessKeyId": "ASIARESTORED", "SecretAccessKey": "restored", "Token": "session", "Expiration": "later"}
    with fake_aws((200, given)) as container, fake_aws(FOUND) as manager:
        keys.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{container.url}/v1/credentials?for=us")
        keys.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "who we are")
        keys.setenv("AWS_ENDPOINT_URL", manager.url)
        for _ in range(2):
            assert read_secret(ARN) == {"password": "kept quiet"}
    assert [headers["Authorization"] for headers in container.asked] == ["who we are"] * 2  # never kept
    assert "Credential=ASIARESTORED/" in manager.asked[0]["Authorization"]
    assert manager.asked[0]["X-Amz-Security-Token"] == "session"


@pytest.mark.parametrize("answer", [(404, b""), (200, b"no JSON"), (200, {"AccessKeyId": "half"})])
def test_an_address_without_credentials_is_a_refusal(keys: pytest.MonkeyPatch, answer: Answer) -> None:
    keys.delenv("AWS_ACCESS_KEY_ID")
    with fake_aws(answer) as container:
        keys.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url)
        with pytest.raises(SecretRefused, match="NoCredentials"):
            read_secret(ARN)
