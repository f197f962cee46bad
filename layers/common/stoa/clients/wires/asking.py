"""Helpers that all wires share when they ask a provider."""

from collections.abc import Mapping

from stoa.clients.wires.types import Endpoint


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


def takes_temperature(options: Mapping[str, str], model: str) -> bool:
    """Returns False for models that refuse a temperature. Options list those that take one, or those that do not."""
    if "free_temperature" in options:
        return is_one_of(model, options["free_temperature"])
    return not is_one_of(model, options.get("fixed_temperature", ""))
