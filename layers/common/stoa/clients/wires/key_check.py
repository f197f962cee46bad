"""Asks a provider whether it accepts a key, by the cheapest call that needs one: mostly its list of models."""

import time

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.wires.asking import base_headers
from stoa.clients.wires.failures import refused
from stoa.clients.wires.types import Cancel, Endpoint

PATIENCE_SECONDS = 5.0

_CHAT = "/chat/completions"
_BY_WIRE = {"anthropic": "/v1/models", "replicate": "/account"}


def check_path(endpoint: Endpoint) -> str | None:
    """Returns the path that only a good key may read. None: the provider has no such path.

    The option `key_check` names it (empty: none, because some lists of models are public). Without the option it is the
    list of models beside the chat's path, or the key's account at Replicate.
    """
    told = endpoint.options.get("key_check")
    if told is not None:
        return told or None
    chat_path = endpoint.options.get("chat_path", "")
    if endpoint.wire == "openai" and chat_path.endswith(_CHAT):
        return chat_path.removesuffix(_CHAT) + "/models"
    return _BY_WIRE.get(endpoint.wire)


def check_key(endpoint: Endpoint, path: str) -> None:
    """Raises ProviderError: auth when the provider refuses the key, another kind when it does not answer."""
    headers = base_headers(endpoint) | {"Accept": "application/json"}
    if endpoint.wire == "anthropic":
        headers["anthropic-version"] = endpoint.options.get("anthropic_version", "2023-06-01")
    limits = Limits(
        connect_timeout=PATIENCE_SECONDS,
        first_token_timeout=PATIENCE_SECONDS,
        deadline=time.monotonic() + PATIENCE_SECONDS,
    )
    request = Request(endpoint.provider_id, "GET", endpoint.base_url + path, headers)
    with Exchange(request, limits, Cancel()) as exchange:
        if exchange.status != 200:
            raise refused(endpoint, exchange)
