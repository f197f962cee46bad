"""Streams as providers really send them, oddities and all."""

import pytest

from stoa.clients.wires import Cancel, Citation, Endpoint, Finish, ProviderError, Text, stream
from tests.integration.wires.canned import Canned, chunked, data, json_answer
from tests.integration.wires.conftest import call


def heard(endpoint: Endpoint) -> tuple[list[str], Finish]:
    *texts, finish = stream(endpoint, call("m"), Cancel())
    assert isinstance(finish, Finish)
    return [item.text for item in texts if isinstance(item, Text)], finish


def said(text: str) -> str:
    return f'{{"choices": [{{"delta": {{"content": "{text}"}}, "finish_reason": null}}]}}'


END = '{"choices": [{"delta": {}, "finish_reason": "stop"}]}'

OPENAI_STREAMS = [
    pytest.param(
        [
            '{"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}',  # Azure begins with its filter
            said("a"),
            END,
            '{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2,'
            ' "prompt_tokens_details": {"cached_tokens": 4}}}',
            "[DONE]",
        ],
        ["a"],
        Finish("stop", 9, 2, 4),
        id="openai, azure",
    ),
    pytest.param(
        ['{"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}], "usage": null,'
         ' "x_groq": {"id": "r", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}}', "[DONE]"],
        ["a"],
        Finish("stop", 1, 2),
        id="groq",
    ),
    pytest.param(
        ['{"choices": [{"delta": {"reasoning_content": "hm"}}]}', said("a"), END,
         '{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "prompt_cache_hit_tokens": 3}}'],
        ["a"],
        Finish("stop", 5, 7, 3),
        id="deepseek thinks, and sends no [DONE]",
    ),
    pytest.param(
        ['{"choices": [{"delta": {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}]}}]}',
         '{"choices": [{"delta": {"content": ""}, "finish_reason": "model_length"}]}', "[DONE]"],
        ["a"],
        Finish("length"),
        id="mistral sends parts",
    ),
    pytest.param(
        ['{"choices": [{"delta": {"content": "a"}}], "citations": ["https://one.test", "https://two.test"]}', END],
        ["a"],
        Finish("stop", citations=(Citation("https://one.test"), Citation("https://two.test"))),
        id="perplexity of old",
    ),
    pytest.param([said("a"), "[DONE]"], ["a"], Finish("stop"), id="no reason at all"),
    pytest.param(
        [said("a"), '{"choices": [{"delta": null, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": "?"}}'],
        ["a"],
        Finish("tool_use"),
        id="a count that is none",
    ),
    pytest.param(
        [said("a"), END,
         '{"choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 20, "total_tokens": 110,'
         ' "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5, "audio_tokens": 6, "image_tokens": 7'
         '}, "completion_tokens_details": {"audio_tokens": 8, "image_tokens": 9, "reasoning_tokens": 3}}}'],
        ["a"],
        Finish("stop", 90, 20, 4, 5, 6, 7, 8, 9),
        id="tokens with rates of their own",
    ),
    pytest.param(
        [said("a"), END,
         '{"choices": [], "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,'
         ' "completion_tokens_details": {"reasoning_tokens": 94}}}'],
        ["a"],
        Finish("stop", 32, 103),
        id="xai and gemini leave reasoning out of the completion, not out of the total",
    ),
    pytest.param(
        [said("a"), END,
         '{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 1000000000000,'
         ' "prompt_tokens_details": [], "completion_tokens_details": "?"}}'],
        ["a"],
        Finish("stop", 3, 2),
        id="details and a total that are none",
    ),
    pytest.param([said("a"), '{"choices": [{"finish_reason": "novel"}]}'], ["a"], Finish("other"), id="unknown reason"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "texts", "finish"), OPENAI_STREAMS)
def test_openai_s_format_as_others_write_it(endpoint, events: list[str], texts: list[str], finish: Finish) -> None:
    with Canned(chunked(*data(*events))) as server:
        assert heard(endpoint("openai", BASE_URL=server.address)) == (texts, finish)


FAILURES = [
    pytest.param(chunked(*data('{"error": {"code": 429, "message": "x"}}')), "rate_limited", id="error event"),
    pytest.param(
        chunked(*data('{"error": {"code": 503}, "choices": [{"delta": {}, "finish_reason": "error"}]}')),
        "unavailable",
        id="error as a reason",
    ),
    pytest.param(chunked(*data("[]")), "malformed", id="not an object"),
    pytest.param(chunked(*data('{"choices": [7]}')), "malformed", id="not a choice"),
    pytest.param(chunked(*data('{"choices": {"a": 1}}')), "malformed", id="not a list"),
    pytest.param(chunked(*data('{"choices": [{"delta": {"content": 7}}]}')), "malformed", id="not a text"),
    pytest.param(json_answer('{"error": {"type": "invalid_request_error"}}'), "rejected", id="error with status 200"),
    pytest.param(json_answer('[{"error": {"code": 403}}]'), "auth", id="Google's list"),
    pytest.param(json_answer('{"choices": []}'), "malformed", id="an answer that is not streamed"),
    pytest.param(json_answer("{"), "malformed", id="broken JSON"),
]


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_failures_in_openai_s_format(endpoint, answer: bytes, kind: str) -> None:
    with Canned(answer) as server, pytest.raises(ProviderError) as failure:
        heard(endpoint("openai", BASE_URL=server.address))
    assert failure.value.kind == kind


ANTHROPIC = [
    '{"type": "message_start", "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 200,'
    ' "cache_creation_input_tokens": 3, "output_tokens": 1}}}',
    '{"type": "ping"}',
    '{"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}',
    '{"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}',
    '{"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}}',
    '{"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}}',
    '{"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation":'
    ' {"type": "web_search_result_location", "url": "https://one.test", "title": "One"}}}',
    '{"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation":'
    ' {"type": "char_location", "document_title": "no address"}}}',
    '{"type": "a_novel_event"}',
    '{"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 42,'
    ' "input_tokens": null}}',
    '{"type": "message_stop"}',
]


def test_anthropic_s_thinking_citations_and_cache(endpoint) -> None:
    with Canned(chunked(*data(*ANTHROPIC))) as server:
        texts, finish = heard(endpoint("anthropic", BASE_URL=server.address))
    assert texts == ["a"]
    assert finish == Finish("length", 213, 42, 200, 3, citations=(Citation("https://one.test", "One"),))


@pytest.mark.parametrize(
    "event",
    ['{"no": "type"}', '{"type": "content_block_delta", "delta": {"type": "text_delta", "text": 7}}', "[]"],
)
def test_malformed_anthropic_events(endpoint, event: str) -> None:
    with Canned(chunked(*data(event))) as server, pytest.raises(ProviderError) as failure:
        heard(endpoint("anthropic", BASE_URL=server.address))
    assert failure.value.kind == "malformed"


def replicate_made(server: Canned) -> bytes:
    urls = ", ".join(f'"{name}": "{server.address}/{name}"' for name in ("stream", "get", "cancel"))
    return json_answer(f'{{"id": "x", "status": "starting", "urls": {{{urls}}}}}', "201 Created")


def test_replicate_s_lines_and_missing_counts(endpoint) -> None:
    events = [": hi\n\n", "event: logs\ndata: loading\n\n", "event: output\nid: 1\ndata: a\ndata: b\n\n",
              "event: output\ndata: \n\n", "event: done\ndata: {}\n\n"]  # fmt: skip
    server = Canned()
    server._answers += [replicate_made(server), chunked(*events), json_answer('{"status": "succeeded"}')]
    with server:
        assert heard(endpoint("replicate", BASE_URL=server.address)) == (["a\nb"], Finish("stop"))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ('event: done\ndata: {"reason": "canceled"}\n\n', "unavailable"),
        ('event: error\ndata: {"detail": "CUDA out of memory"}\n\n', "unavailable"),
        ("event: error\ndata: not JSON\n\n", "unavailable"),
    ],
)
def test_replicate_s_ends_that_are_none_and_need_no_cancelling(endpoint, event: str, kind: str) -> None:
    server = Canned()
    server._answers += [replicate_made(server), chunked(event)]
    with server, pytest.raises(ProviderError) as failure:
        heard(endpoint("replicate", BASE_URL=server.address))
    assert failure.value.kind == kind
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "prediction",
    ["[]", "{}", '{"urls": 7}', '{"urls": {"get": "http://x", "cancel": "http://x"}}', '{"urls": {"stream": 7}}'],
)
def test_replicate_s_predictions_that_cannot_be_streamed(endpoint, prediction: str) -> None:
    with Canned(json_answer(prediction, "201 Created")) as server, pytest.raises(ProviderError) as failure:
        heard(endpoint("replicate", BASE_URL=server.address))
    assert failure.value.kind == "malformed"


def test_a_replicate_prediction_that_failed_at_once(endpoint) -> None:
    answer = json_answer('{"status": "failed", "error": "no"}', "201 Created")
    with Canned(answer) as server, pytest.raises(ProviderError) as failure:
        heard(endpoint("replicate", BASE_URL=server.address))
    assert failure.value.kind == "unavailable"


def test_counts_that_replicate_does_not_hand_out_are_missing_and_nothing_more(endpoint) -> None:
    server = Canned()
    events = ["event: output\ndata: a\n\n", "event: done\ndata: {}\n\n"]
    server._answers += [replicate_made(server), chunked(*events), json_answer("oops", "500 Oh no")]
    with server:
        assert heard(endpoint("replicate", BASE_URL=server.address)) == (["a"], Finish("stop"))


def test_bedrock_without_credentials_says_so(endpoint, monkeypatch) -> None:
    from msgspec.structs import replace

    from stoa.clients.wires import bedrock_converse

    class NoSession:
        def get_credentials(self) -> None:
            return None

    monkeypatch.setattr(bedrock_converse, "_session", NoSession)
    with pytest.raises(ProviderError) as failure:
        heard(replace(endpoint("bedrock"), api_key=None))
    assert (failure.value.kind, failure.value.reason) == ("auth", "not configured: no AWS credentials")
