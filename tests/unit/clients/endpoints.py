"""Endpoints of the shipped rows, with a key of no worth."""

from stoa.clients.wires import Endpoint
from stoa.clients.wires.endpoints import endpoint_for, packaged_providers

ROWS = {provider.id: provider for provider in packaged_providers()}
KEY = "sk-test"


def endpoint(provider_id: str, **settings: str) -> Endpoint:
    """The endpoint that an installation with only these settings, such as `BASE_URL`, would use."""
    prefix = f"STOA_PROVIDER_{provider_id.upper()}_"
    given = {"API_KEY": KEY, "PROJECT": "p", "RESOURCE": "r", "ACCOUNT_ID": "a", "WORKSPACE": "w", **settings}
    if provider_id == "self_hosted":
        given.setdefault("BASE_URL", "http://localhost:11434/v1")
    return endpoint_for(ROWS[provider_id], {prefix + name: value for name, value in given.items()})
