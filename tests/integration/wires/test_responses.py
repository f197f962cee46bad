"""Responses: read by OpenAI's own client as by ours, chosen by model, and parameters that a model refuses."""

from collections.abc import Callable

import openai
import pytest

from dev.practice import PracticeProviders
from stoa.clients.wires import Call, Endpoint
from stoa.clients.wires.asking import speaking, temperature_of
from stoa.clients.wires.openai_responses import request_body
from stoa.clients.wires.types import Cancel, Text, Turn
from tests.integration.wires.conftest import KEY, MESSAGE, call
from tests.integration.wires.test_official_clients import ours

MODEL = "gpt-5.5-pro"


@pytest.mark.parametrize("limit", [500, 7])
def test_openais_client_reads_what_we_read(
    practice: PracticeProviders, endpoint: Callable[..., Endpoint], limit: int
) -> None:
    client = openai.OpenAI(base_url=practice.url("openrouter"), api_key=KEY, max_retries=0, timeout=20)
    pieces, ended = [], None
    with client.responses.create(
        model=MODEL,
        instructions="answer kindly",
        input=[{"role": "user", "content": MESSAGE}],
        max_output_tokens=limit,
        store=False,
        stream=True,
    ) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
            elif event.type in ("response.completed", "response.incomplete"):
                ended = event.response
    client.close()
    assert ended is not None and ended.usage is not None
    theirs, read = ("".join(pieces), ended.usage.input_tokens), ours(endpoint("openrouter"), MODEL)
    assert ended.status == ("completed" if limit == 500 else "incomplete")
    if limit == 500:
        assert (("".join(read.pieces)), read.input_tokens) == theirs
        assert read.output_tokens == ended.usage.output_tokens


def test_a_model_speaks_another_wire_than_its_provider(
    practice: PracticeProviders, endpoint: Callable[..., Endpoint]
) -> None:
    from stoa.clients.wires import stream

    openai_s = endpoint("openai")
    assert speaking(openai_s, None) is openai_s
    assert speaking(openai_s, "openai") is openai_s
    items = list(stream(speaking(openai_s, "responses"), call(MODEL), Cancel()))
    assert isinstance(items[0], Text)
    (taken,) = practice.calls()
    assert (taken["provider"], taken["model"]) == ("openai", MODEL)


def test_a_provider_names_another_path(endpoint: Callable[..., Endpoint]) -> None:
    made = speaking(endpoint("openai", RESPONSES_PATH="/preview/responses"), "responses")
    assert made.options["chat_path"] == "/preview/responses"


@pytest.mark.parametrize(
    ("refuses", "asked", "sent"), [(frozenset(), 0.5, 0.5), ({"temperature"}, 0.5, None), (frozenset(), None, None)]
)
def test_a_refused_parameter_is_not_sent(
    endpoint: Callable[..., Endpoint], refuses: frozenset[str], asked: float | None, sent: float | None
) -> None:
    made: Call = call("some-model", temperature=asked, refuses=frozenset(refuses))
    assert temperature_of(made, {}) == sent
    assert request_body(endpoint("openrouter"), made).get("temperature") == sent


def test_the_request_keeps_nothing_at_the_provider(endpoint: Callable[..., Endpoint]) -> None:
    turns = (Turn("user", "one"), Turn("assistant", ""), Turn("assistant", "two"), Turn("user", "three"))
    assert request_body(endpoint("openrouter"), call(MODEL, turns=turns)) == {
        "model": MODEL,
        "instructions": "answer kindly",
        "input": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
        ],
        "max_output_tokens": 500,
        "store": False,
        "stream": True,
    }
