"""The headers that every call to a provider carries."""

from stoa.clients.wires.types import Endpoint


def base_headers(endpoint: Endpoint) -> dict[str, str]:
    """User agent and key. The key goes where the provider's row says (`auth_header`), else as a bearer token."""
    headers = {"User-Agent": "stoa", "Accept-Encoding": "identity"}
    if endpoint.api_key:
        name = endpoint.options.get("auth_header", "Authorization")
        prefix = "Bearer " if name == "Authorization" else ""
        headers[name] = prefix + endpoint.api_key
    return headers
