"""A message goes through every provider that is shipped, by its row alone, and is metered."""

import pytest

from stoa.clients.wires import Cancel, Finish, Text, stream
from tests.integration.wires.conftest import KEY, ROWS, call

MODELS = {
    "bedrock": "anthropic.claude-3-5-haiku-20241022-v1:0",
    "replicate": "owner/name",
    "cloudflare": "@cf/meta/llama",
}


@pytest.mark.parametrize("provider", ROWS)
def test_an_answer_with_its_tokens(endpoint, practice, provider: str) -> None:
    *texts, finish = stream(endpoint(provider), call(MODELS.get(provider, "m")), Cancel())
    assert "".join(item.text for item in texts if isinstance(item, Text))
    assert isinstance(finish, Finish)
    assert finish.stop_reason == "stop"
    assert finish.input_tokens
    assert finish.output_tokens
    (taken, *_) = practice.calls()
    assert (taken["provider"], taken["ended"]) == (provider, "complete")
    assert KEY not in str(practice.calls())
