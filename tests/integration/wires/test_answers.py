"""Every provider's answer arrives whole, piece by piece, with what it cost."""

import pytest

from stoa.clients.wires import Cancel, Citation, Finish, Text, Turn, stream
from stoa.clients.wires.endpoints import packaged_providers
from tests.integration.wires.conftest import MESSAGE, WIRES, call


def asked(endpoint, model: str, content: str = MESSAGE, **fields) -> tuple[list[str], Finish]:
    *texts, last = stream(endpoint, call(model, content, **fields), Cancel())
    assert isinstance(last, Finish)
    assert all(isinstance(item, Text) and item.text for item in texts)
    return [item.text for item in texts], last


@pytest.mark.parametrize("provider", [provider.id for provider in packaged_providers()])
def test_each_of_the_providers_answers_with_its_counts(endpoint, practice, provider: str) -> None:
    model = "meta/llama" if provider == "replicate" else "some-model"
    texts, finish = asked(endpoint(provider), model)
    assert "".join(texts).endswith(MESSAGE)
    assert "practice" in "".join(texts)
    assert (finish.stop_reason, finish.input_tokens, finish.output_tokens) == ("stop", 10, len(texts))
    (taken,) = practice.calls()
    assert (taken["provider"], taken["model"], taken["ended"]) == (provider, model, "complete")
    assert (taken["inputTokens"], taken["outputTokens"]) == (10, len(texts))


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_an_answer_stops_at_the_limit_and_says_so(endpoint, provider: str, model: str) -> None:
    texts, finish = asked(endpoint(provider), model, max_output_tokens=7)
    assert (len(texts), finish.output_tokens, finish.stop_reason) == (7, 7, "length")


@pytest.mark.parametrize(("provider", "model"), [*WIRES[:3], WIRES[4]])  # Replicate tells no reasons
def test_a_content_filter_is_told_apart(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("content_filter")
    texts, finish = asked(endpoint(provider), model)
    assert (len(texts), finish.stop_reason) == (3, "content_filter")


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_whole_conversation_is_sent(endpoint, provider: str, model: str) -> None:
    turns = (Turn("user", "one two"), Turn("assistant", "three"), Turn("user", "four five six"))
    _, finish = asked(endpoint(provider), model, turns=turns, system="seven eight")
    # Replicate is sent one text with the speakers' names in it: User:, Assistant:, User:, Assistant:.
    assert finish.input_tokens == (8 if provider != "replicate" else 12)


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_without_counts_from_the_provider_there_are_none(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("no_usage")
    texts, finish = asked(endpoint(provider), model)
    assert texts
    assert (finish.input_tokens, finish.output_tokens, finish.cached_input_tokens) == (None, None, None)


# OpenAI itself tells no writing to the cache, and takes it for input; Anthropic and Bedrock tell no audio.
@pytest.mark.parametrize(
    ("provider", "written", "audio"),
    [("openai", 5, 2), ("deepseek", 5, 2), ("anthropic", 5, None), ("bedrock", 5, None)],
)
def test_tokens_of_the_cache_are_part_of_the_input_whoever_tells_them(
    endpoint, practice, provider: str, written: int, audio: int | None
) -> None:
    practice.fault("tokens", inputTokens=100, cachedTokens=30, writtenTokens=5, audioTokens=2)
    _, finish = asked(endpoint(provider), "some-model")
    assert (finish.input_tokens, finish.cached_input_tokens, finish.cache_write_tokens) == (100, 30, written)
    assert finish.input_audio_tokens == audio


@pytest.mark.parametrize("content", ["line one\nline two", 'quotes " and \\ and \t', "grüße 👋 \u2028 \x7f", "data: x"])
@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_any_characters_come_through(endpoint, provider: str, model: str, content: str) -> None:
    texts, _ = asked(endpoint(provider), model, content)
    assert "".join(texts).endswith(" ".join(content.split()))


def test_perplexity_s_sources_are_kept(endpoint) -> None:
    _, finish = asked(endpoint("perplexity"), "sonar-pro")
    assert finish.citations == (Citation("https://example.com/practice", "Practice"),)


def test_azure_names_the_deployment_in_the_path(endpoint, practice) -> None:
    asked(endpoint("azure_openai"), "my phi/4")
    (taken,) = practice.calls()
    assert taken["path"] == "/azure_openai/openai/deployments/my phi/4/chat/completions"
    assert "api-key" in taken["headerNames"]
    assert "authorization" not in taken["headerNames"]


def test_a_self_hosted_server_needs_no_key(endpoint, practice) -> None:
    texts, _ = asked(endpoint("self_hosted", key=""), "any")
    assert texts
    assert practice.calls()[0]["keySha256"] is None


@pytest.mark.parametrize("model", ["meta/llama:3a9c", "3a9c"])
def test_replicate_s_versions_go_to_their_own_address(endpoint, practice, model: str) -> None:
    asked(endpoint("replicate"), model)
    (taken,) = practice.calls()
    assert (taken["path"], taken["model"]) == ("/replicate/v1/predictions", "3a9c")


def test_bedrock_is_signed_as_the_process_unless_a_key_is_configured(endpoint, practice) -> None:
    from msgspec.structs import replace

    asked(replace(endpoint("bedrock"), api_key=None), "m")
    asked(endpoint("bedrock"), "m")
    signed, keyed = practice.calls()
    assert "x-amz-date" in signed["headerNames"]
    assert "x-amz-date" not in keyed["headerNames"]


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_text_is_given_out_while_the_provider_is_still_producing(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("hold", afterChunks=4)
    answer = stream(endpoint(provider), call(model), Cancel())
    texts = [next(answer) for _ in range(4)]
    assert len(texts) == 4
    (taken,) = practice.calls()
    assert (taken["chunksSent"], taken["ended"]) == (4, None)
    practice.release()
    *rest, finish = answer
    assert rest
    assert isinstance(finish, Finish)


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_connection_serves_again_after_a_whole_answer(endpoint, practice, provider: str, model: str) -> None:
    for _ in range(5):
        asked(endpoint(provider), model)
    assert len({taken["connection"] for taken in practice.calls()}) == 1


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_connection_that_the_provider_has_closed_is_replaced_unseen(
    endpoint, practice, provider: str, model: str
) -> None:
    practice.fault("close_after", times=1)
    for _ in range(3):
        asked(endpoint(provider), model)
    first, second, third = (taken["connection"] for taken in practice.calls())
    assert first != second
    assert second == third


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_kept_connection_that_breaks_before_any_answer_is_tried_once_on_a_new_one(
    endpoint, practice, provider: str, model: str
) -> None:
    asked(endpoint(provider), model)
    practice.fault("refuse", times=1)
    asked(endpoint(provider), model)
    _, refused, served = practice.calls()
    assert (refused["fault"], served["fault"]) == ("refuse", None)
    assert refused["connection"] != served["connection"]
