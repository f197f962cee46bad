"""Helpers that all wires share when they ask a provider."""

from collections.abc import Mapping

from msgspec.structs import replace

from stoa.clients.wires.types import Call, Endpoint

# Where a model speaks another wire than its provider, the path is that wire's own.
_PATHS = {"openai": "/chat/completions", "responses": "/responses", "anthropic": "/v1/messages"}


def speaking(endpoint: Endpoint, wire: str | None) -> Endpoint:
    """Returns the endpoint for a model that speaks `wire`. None: the provider's own.

    Providers name another path by an option, such as `responses_path`.
    """
    if wire is None or wire == endpoint.wire:
        return endpoint
    path = endpoint.options.get(f"{wire}_path") or _PATHS.get(wire, "")
    return replace(endpoint, wire=wire, options={**endpoint.options, "chat_path": path})


def base_headers(endpoint: Endpoint) -> dict[str, str]:
    """Returns user agent and key. The key goes into the provider's `auth_header`, or as a bearer token without one."""
    headers = {"User-Agent": "stoa", "Accept-Encoding": "identity"}
    if endpoint.api_key:
        name = endpoint.options.get("auth_header")
        headers[name or "Authorization"] = endpoint.api_key if name else f"Bearer {endpoint.api_key}"
    return headers


def is_one_of(model: str, prefixes: str) -> bool:
    """Returns whether the model's name begins with one of the prefixes, which are separated by spaces."""
    return model.startswith(tuple(prefixes.split())) if prefixes else False


def temperature_of(call: Call, options: Mapping[str, str]) -> float | None:
    """Returns the temperature to send. None: none was asked for, or the model refuses one."""
    takes = "temperature" not in call.refuses and takes_temperature(options, call.model)
    return call.temperature if takes else None


def takes_temperature(options: Mapping[str, str], model: str) -> bool:
    """Returns False for models that refuse a temperature. Options list those that take one, or those that do not.

    They are for models of which the registry has no facts.
    """
    if "free_temperature" in options:
        return is_one_of(model, options["free_temperature"])
    return not is_one_of(model, options.get("fixed_temperature", ""))
