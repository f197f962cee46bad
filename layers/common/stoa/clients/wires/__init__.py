"""The five wire formats that providers speak. `stream` is the only entry."""

from collections.abc import Generator
from importlib import import_module

from stoa.clients.wires.types import (
    Call,
    Cancel,
    Cancelled,
    Citation,
    Endpoint,
    Finish,
    ProviderError,
    Text,
    Turn,
)

__all__ = [
    "Call",
    "Cancel",
    "Cancelled",
    "Citation",
    "Endpoint",
    "Finish",
    "ProviderError",
    "Text",
    "Turn",
    "stream",
]

_MODULES = {
    "openai": "stoa.clients.wires.openai_compatible",
    "responses": "stoa.clients.wires.openai_responses",
    "anthropic": "stoa.clients.wires.anthropic_messages",
    "bedrock": "stoa.clients.wires.bedrock_converse",
    "replicate": "stoa.clients.wires.replicate",
}


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Asks a model and yields its answer as it comes: Text pieces, then exactly one Finish.

    Sends nothing before the first item is asked for. Closing the generator, or `cancel.cancel()` from any thread,
    stops the provider. Raises ProviderError, also after some Text; Cancelled after `cancel`.
    """
    module = import_module(_MODULES[endpoint.wire])  # the first call through a wire imports it
    answer: Generator[Text | Finish, None, None] = module.stream(endpoint, call, cancel)
    return answer
