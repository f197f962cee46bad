"""Our OpenAI wire against a server that we did not write: llama.cpp's, with a model of random weights.

Optional: runs where `xllamacpp` and `gguf` are installed (`pip install xllamacpp gguf`, 40 MB, no model is downloaded).
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import openai
import pytest
from msgspec.structs import replace

from stoa.clients.wires import Cancel, Endpoint, Finish, ProviderError, Text, stream
from stoa.clients.wires.endpoints import endpoint_for
from tests.integration.wires.conftest import ROWS, call

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("gguf") is None,
    reason="llama.cpp's server is not installed: pip install xllamacpp gguf",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("tiny_server.py")), str(tmp_path_factory.mktemp("model"))]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if line.startswith("address "):
                yield line.split()[1] + "/v1"
                break
        else:
            pytest.fail("llama.cpp's server did not start")
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def llama(address: str) -> Endpoint:
    return endpoint_for(ROWS["self_hosted"], {"STOA_PROVIDER_SELF_HOSTED_BASE_URL": address})


def asked(endpoint: Endpoint, content: str, **fields: Any) -> tuple[str, Finish]:
    fields = {"temperature": 0.0, "max_output_tokens": 24, "seconds": 60.0} | fields
    *texts, finish = stream(endpoint, call("tiny", content, **fields), Cancel())
    assert isinstance(finish, Finish)
    return "".join(item.text for item in texts if isinstance(item, Text)), finish


def test_it_answers_and_counts_as_openai_s_own_client_reads_it(llama: Endpoint, address: str) -> None:
    mine, finish = asked(llama, "one two")
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        chunks = list(
            client.chat.completions.create(
                model="tiny",
                messages=[{"role": "system", "content": "answer kindly"}, {"role": "user", "content": "one two"}],
                max_tokens=24,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    counts = chunks[-1].usage
    assert counts is not None
    assert mine == text
    assert finish.stop_reason == "length"
    assert (finish.input_tokens, finish.output_tokens) == (counts.prompt_tokens, counts.completion_tokens)


def test_a_message_beyond_its_context_is_rejected_for_that_reason(llama: Endpoint) -> None:
    with pytest.raises(ProviderError) as failure:
        asked(llama, "word " * 600)
    assert (failure.value.kind, failure.value.reason) == ("rejected", "context_length")


def test_its_answer_can_be_cancelled_and_asked_again(llama: Endpoint) -> None:
    cancel = Cancel()
    answer = stream(llama, call("tiny", "go on", max_output_tokens=400, seconds=60.0), cancel)
    assert isinstance(next(answer), Text)
    answer.close()
    assert asked(llama, "one two")[1].output_tokens == 24


def test_a_wrong_path_is_rejected(llama: Endpoint) -> None:
    with pytest.raises(ProviderError) as failure:
        asked(replace(llama, options={"chat_path": "/no/such/path"}), "x")
    assert failure.value.kind == "rejected"
