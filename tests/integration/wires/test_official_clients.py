"""The providers' own client libraries understand the practice providers, and read the same from them as we do.

They are the proof that the practice providers speak the real formats: what we agree with them on, we did not agree
with ourselves on.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import boto3
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from msgspec import structs

from dev.practice import PracticeProviders
from stoa.clients.wires import Cancel, Endpoint, Finish, ProviderError, Text, stream
from tests.integration.wires.conftest import KEY, MESSAGE, ROWS, call

LIMIT = 500
SYSTEM = "answer kindly"  # what conftest's call() says


@dataclasses.dataclass(frozen=True)
class Read:
    """An answer as a reader understood it."""

    pieces: tuple[str, ...]
    stop: str
    input_tokens: int
    output_tokens: int


def ours(endpoint: Endpoint, model: str, content: str = MESSAGE) -> Read:
    *texts, finish = stream(endpoint, call(model, content, max_output_tokens=LIMIT), Cancel())
    assert isinstance(finish, Finish)
    pieces = tuple(item.text for item in texts if isinstance(item, Text))
    return Read(pieces, finish.stop_reason, finish.input_tokens or 0, finish.output_tokens or 0)


def whole(read: Read) -> Read:
    return dataclasses.replace(read, pieces=("".join(read.pieces),))


@pytest.fixture
def openai_client(practice: PracticeProviders) -> Iterator[Callable[[str], openai.OpenAI]]:
    """OpenAI's client for a provider, with the part of its chat path that is not OpenAI's in the address."""
    made: list[openai.OpenAI] = []

    def client(provider: str) -> openai.OpenAI:
        before = ROWS[provider].chat_path.removesuffix("/chat/completions")
        address = practice.url(provider) + before.format_map({"project": "p", "region": "r"})
        made.append(openai.OpenAI(base_url=address, api_key=KEY, max_retries=0, timeout=20))
        return made[-1]

    yield client
    for opened in made:
        opened.close()


@pytest.fixture
def anthropic_client(practice: PracticeProviders, request: pytest.FixtureRequest) -> Iterator[anthropic.Anthropic]:
    provider = getattr(request, "param", "anthropic")
    with anthropic.Anthropic(base_url=practice.url(provider), api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def bedrock_client(practice: PracticeProviders) -> Any:
    retries = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=20)
    return boto3.client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=practice.url("bedrock"), config=retries
    )


def openai_messages(content: str) -> Any:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]


STOP = {"stop": "stop", "length": "length", "end_turn": "stop", "max_tokens": "length"}


# Azure's client puts the deployment into its address, so it has its own (openai.AzureOpenAI).
COMPATIBLE = [name for name, row in ROWS.items() if row.wire == "openai" and name != "azure_openai"]


@pytest.mark.parametrize("provider", COMPATIBLE)
@pytest.mark.parametrize("content", [MESSAGE, "grüße 👋 \u2028 und mehr"])
def test_openai_s_client_reads_the_same_stream(openai_client, endpoint, provider: str, content: str) -> None:
    asked = ROWS[provider].options.get("usage") == "stream_options"
    options: Any = {"stream_options": {"include_usage": True}} if asked else {}
    pieces, stop, counts = [], "", None
    for chunk in openai_client(provider).chat.completions.create(
        model="m", messages=openai_messages(content), stream=True, max_tokens=LIMIT, **options
    ):
        if chunk.choices:
            pieces += [chunk.choices[0].delta.content] if chunk.choices[0].delta.content else []
            stop = chunk.choices[0].finish_reason or stop
        counts = chunk.usage or counts
    mine = ours(endpoint(provider), "m", content)
    assert (tuple(pieces), STOP[stop]) == (mine.pieces, mine.stop)
    if counts is not None:
        assert (counts.prompt_tokens, counts.completion_tokens) == (mine.input_tokens, mine.output_tokens)
    assert (counts is None) == (provider == "groq")  # which has a place of its own


def test_openai_s_client_reads_the_same_whole_answer(openai_client, endpoint) -> None:
    answer = openai_client("openai").chat.completions.create(
        model="gpt-4o-mini", messages=openai_messages(MESSAGE), max_completion_tokens=LIMIT
    )
    (choice,) = answer.choices
    read = Read(
        (choice.message.content or "",),
        STOP[choice.finish_reason],
        answer.usage.prompt_tokens if answer.usage else 0,
        answer.usage.completion_tokens if answer.usage else 0,
    )
    assert read == whole(ours(endpoint("openai"), "gpt-4o-mini"))


def test_openai_s_client_lists_the_models(openai_client) -> None:
    assert [model.object for model in openai_client("openai").models.list()]


OPENAI_ERRORS = [
    ("error_400", openai.BadRequestError, "rejected"),
    ("error_401", openai.AuthenticationError, "auth"),
    ("error_403", openai.PermissionDeniedError, "auth"),
    ("error_404", openai.NotFoundError, "rejected"),
    ("error_422", openai.UnprocessableEntityError, "rejected"),
    ("error_429", openai.RateLimitError, "rate_limited"),
    ("error_500", openai.InternalServerError, "unavailable"),
    ("refuse", openai.APIConnectionError, "unavailable"),
    ("error_event", openai.APIError, "unavailable"),
]


@pytest.mark.parametrize(("fault", "theirs", "kind"), OPENAI_ERRORS)
def test_openai_s_client_sees_the_same_failures(openai_client, endpoint, practice, fault, theirs, kind) -> None:
    practice.fault(fault)
    with pytest.raises(theirs):
        for _ in openai_client("openai").chat.completions.create(
            model="m", messages=openai_messages(MESSAGE), stream=True
        ):
            pass
    with pytest.raises(ProviderError) as failure:
        ours(endpoint("openai"), "m")
    assert failure.value.kind == kind


def test_openai_s_client_is_refused_what_reasoning_models_refuse(openai_client) -> None:
    for wrong in ({"max_tokens": 9}, {"temperature": 0.5}):
        with pytest.raises(openai.BadRequestError):
            openai_client("openai").chat.completions.create(model="o1", messages=openai_messages("x"), **wrong)


def anthropic_question(content: str) -> Any:
    return {
        "model": "claude-3-5-haiku-20241022",
        "system": SYSTEM,
        "max_tokens": LIMIT,
        "messages": [{"role": "user", "content": content}],
    }


SPEAKING_MESSAGES = [name for name, row in ROWS.items() if row.wire == "anthropic"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the model's name
@pytest.mark.parametrize(
    ("anthropic_client", "provider"), [(name, name) for name in SPEAKING_MESSAGES], indirect=["anthropic_client"]
)
def test_anthropic_s_client_reads_the_same_stream(anthropic_client, endpoint, provider: str) -> None:
    with anthropic_client.messages.stream(**anthropic_question(MESSAGE)) as answer:
        pieces = tuple(answer.text_stream)
        final = answer.get_final_message()
    read = Read(pieces, STOP[final.stop_reason or ""], final.usage.input_tokens, final.usage.output_tokens)
    assert read == ours(endpoint(provider), "claude-3-5-haiku-20241022")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_anthropic_s_client_reads_the_same_whole_answer(anthropic_client, endpoint) -> None:
    final = anthropic_client.messages.create(**anthropic_question(MESSAGE))
    text = "".join(block.text for block in final.content if block.type == "text")
    read = Read((text,), STOP[final.stop_reason or ""], final.usage.input_tokens, final.usage.output_tokens)
    assert read == whole(ours(endpoint("anthropic"), "claude-3-5-haiku-20241022"))


def test_anthropic_s_client_lists_the_models(anthropic_client) -> None:
    assert {model.type for model in anthropic_client.models.list()} == {"model"}


ANTHROPIC_ERRORS = [
    ("error_400", anthropic.BadRequestError, "rejected"),
    ("error_401", anthropic.AuthenticationError, "auth"),
    ("error_429", anthropic.RateLimitError, "rate_limited"),
    ("error_500", anthropic.InternalServerError, "unavailable"),
    ("error_529", anthropic.APIStatusError, "unavailable"),
    ("refuse", anthropic.APIConnectionError, "unavailable"),
    ("error_event", anthropic.APIStatusError, "unavailable"),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("fault", "theirs", "kind"), ANTHROPIC_ERRORS)
def test_anthropic_s_client_sees_the_same_failures(anthropic_client, endpoint, practice, fault, theirs, kind) -> None:
    practice.fault(fault)
    with pytest.raises(theirs), anthropic_client.messages.stream(**anthropic_question(MESSAGE)) as answer:
        answer.until_done()
    with pytest.raises(ProviderError) as failure:
        ours(endpoint("anthropic"), "claude-3-5-haiku-20241022")
    assert failure.value.kind == kind


def bedrock_question(content: str) -> Any:
    return {
        "modelId": "anthropic.claude-3-5-haiku-20241022-v1:0",
        "system": [{"text": SYSTEM}],
        "messages": [{"role": "user", "content": [{"text": content}]}],
        "inferenceConfig": {"maxTokens": LIMIT},
    }


def bedrock_read(client: Any, content: str) -> Read:
    pieces, stop, counts = [], "", {"inputTokens": 0, "outputTokens": 0}
    for event in client.converse_stream(**bedrock_question(content))["stream"]:
        if "contentBlockDelta" in event:
            pieces.append(event["contentBlockDelta"]["delta"]["text"])
        elif "messageStop" in event:
            stop = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            counts = event["metadata"]["usage"]
    return Read(tuple(pieces), STOP[stop], counts["inputTokens"], counts["outputTokens"])


@pytest.mark.parametrize("content", [MESSAGE, "grüße 👋 \u2028 und mehr"])
def test_boto3_reads_the_same_stream(bedrock_client, endpoint, content: str) -> None:
    mine = ours(endpoint("bedrock"), "anthropic.claude-3-5-haiku-20241022-v1:0", content)
    assert bedrock_read(bedrock_client, content) == mine


def test_boto3_reads_the_same_whole_answer(bedrock_client, endpoint) -> None:
    answer = bedrock_client.converse(**bedrock_question(MESSAGE))
    text = answer["output"]["message"]["content"][0]["text"]
    counts = answer["usage"]
    read = Read((text,), STOP[answer["stopReason"]], counts["inputTokens"], counts["outputTokens"])
    assert read == whole(ours(endpoint("bedrock"), "anthropic.claude-3-5-haiku-20241022-v1:0"))


BEDROCK_ERRORS = [
    ("error_400", "ValidationException", "rejected"),
    ("error_403", "AccessDeniedException", "auth"),
    ("error_404", "ResourceNotFoundException", "rejected"),
    ("error_429", "ThrottlingException", "rate_limited"),
    ("error_500", "InternalServerException", "unavailable"),
    ("error_503", "ServiceUnavailableException", "unavailable"),
]


@pytest.mark.parametrize(("fault", "code", "kind"), BEDROCK_ERRORS)
def test_boto3_sees_the_same_failures(bedrock_client, endpoint, practice, fault: str, code: str, kind: str) -> None:
    practice.fault(fault)
    with pytest.raises(ClientError) as theirs:
        bedrock_read(bedrock_client, MESSAGE)
    assert theirs.value.response["Error"]["Code"] == code
    with pytest.raises(ProviderError) as failure:
        ours(endpoint("bedrock"), "m")
    assert failure.value.kind == kind


def test_boto3_sees_the_same_failure_inside_a_stream(bedrock_client, endpoint, practice) -> None:
    practice.fault("error_event")
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        bedrock_read(bedrock_client, MESSAGE)
    with pytest.raises(ProviderError) as failure:
        ours(endpoint("bedrock"), "m")
    assert failure.value.kind == "unavailable"


def test_we_sign_bedrock_s_requests_as_boto3_does(bedrock_client, endpoint, practice) -> None:
    """Same credentials, same headers signed. The signature itself is botocore's own code."""
    ours(structs.replace(endpoint("bedrock"), api_key=None), "anthropic.claude-3-5-haiku-20241022-v1:0")
    bedrock_read(bedrock_client, MESSAGE)
    mine, theirs = practice.calls()
    assert mine["path"] == theirs["path"] == "/bedrock/model/anthropic.claude-3-5-haiku-20241022-v1:0/converse-stream"
    for name in ("authorization", "x-amz-date"):
        assert name in mine["headerNames"]
        assert name in theirs["headerNames"]
