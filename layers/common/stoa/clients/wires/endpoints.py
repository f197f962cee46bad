"""Makes an `Endpoint` of a provider: address, keys and options.

Providers come from the database or from `data/providers.csv` (`packaged_providers`). An installation sets these
variables of the environment, where <ID> is the provider's id in upper case:

STOA_PROVIDER_<ID>_BASE_URL   instead of the provider's `api_base`, in the same form
STOA_PROVIDER_<ID>_API_KEY    the key, or several as a JSON list; without it, the provider's id is looked up in the JSON
                              secret named by STOA_PROVIDER_SECRET_ARN: {"openai": ["sk-1", "sk-2"], "xai": "…"}
STOA_PROVIDER_<ID>_<OPTION>   instead of the provider's option, such as STOA_PROVIDER_VERTEX_AI_PROJECT

Vertex AI's key is an access token or, because those last an hour, the text of a service account's JSON key (in the
secret also the object itself). `stoa.clients.wires.key_spread` tells how several keys are used.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from msgspec.structs import replace

from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.core.secrets import secret
from stoa.domain.providers.provider import MODEL_PLACE, PLACE, Provider

OWN_IDENTITY = frozenset({"iam", "optional_api_key"})  # ways to sign in that need no key of ours


@cache
def packaged_providers() -> tuple[Provider, ...]:
    """Returns the providers as shipped. docs/providers.md explains them."""
    return tuple(_provider(row) for row in _read("providers.csv"))


@cache
def model_names() -> tuple[Mapping[str, str], ...]:
    """Returns the models as shipped, with the providers' names for them (`provider_model`)."""
    return _read("registry.csv")


def endpoint_for(
    provider: Provider,
    environment: Mapping[str, str] = os.environ,
    secrets: Callable[[str], Mapping[str, Any]] = secret,
) -> Endpoint:
    """Returns the endpoint of a provider with the installation's keys.

    Raises ProviderError(auth) when a key, an address or a value in an address is missing. The message names the
    environment variable to set. A service account's key is exchanged for an access token over the network, once an
    hour. That may raise any ProviderError.
    """
    options = _options(provider, environment)
    keys = keys_in(provider.id, options.pop("api_key", None) or _secret_value(provider.id, environment, secrets))
    return _endpoint(provider, options, keys)


def own_endpoint(
    provider: Provider, key: str, given: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> Endpoint:
    """Returns the endpoint of a provider with a tenant's own key. The tenant's settings fill the address.

    Raises as `endpoint_for` does. Never looks at the installation's keys.
    """
    options = _options(provider, environment)
    options.pop("api_key", None)
    return replace(_endpoint(provider, {**options, **given}, (key,)), own_key=True)


def keys_in(provider_id: str, value: Any) -> tuple[str, ...]:
    """Returns the keys in a setting: one, or a list (in the environment as JSON), each a text or an account's object.

    A key never begins with "[", so a text that does is a list. Raises ProviderError(auth) for any other value.
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise _not_keys(provider_id) from None
    listed = value if isinstance(value, list) else [value]
    keys = [json.dumps(key) if isinstance(key, dict) else key for key in listed if key]
    if not all(isinstance(key, str) for key in keys):
        raise _not_keys(provider_id)
    return tuple(dict.fromkeys(key.strip() for key in keys if key.strip()))


def _provider(row: Mapping[str, str]) -> Provider:
    options = dict(pair.split("=", 1) for pair in row["options"].split("|") if pair)
    return Provider(
        row["id"], row["display_name"], row["api_base"], row["auth"], row["wire"], row["chat_path"], options
    )


def _options(provider: Provider, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the provider's options, and what the installation sets in their place."""
    options = dict(provider.options)
    options["chat_path"] = provider.chat_path
    if "AWS_REGION" in environment and provider.auth == "iam":
        options["region"] = environment["AWS_REGION"]
    prefix = _prefix(provider.id)
    for name, value in environment.items():
        if name.startswith(prefix) and value:
            options[name.removeprefix(prefix).lower()] = value
    return options


def _endpoint(provider: Provider, options: dict[str, str], keys: tuple[str, ...]) -> Endpoint:
    provider_id = provider.id
    prefix = _prefix(provider_id)
    if not keys and provider.auth not in OWN_IDENTITY:
        raise _missing(provider_id, f"{prefix}API_KEY")
    if provider.auth == "service_account":
        keys = tuple(_access_token(provider_id, key) for key in keys)
    base_url = options.pop("base_url", None) or options.pop("base", None) or provider.api_base
    if not base_url:
        raise _missing(provider_id, f"{prefix}BASE_URL")

    def fill(template: str) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if name == MODEL_PLACE:
                return found[0]
            if name not in options:
                raise _missing(provider_id, prefix + name.upper())
            return options[name]

        return PLACE.sub(value_of, template)

    for path in {"chat_path", "key_check", "list_path"} & set(options):
        options[path] = fill(options[path])
    return Endpoint(
        provider_id=provider_id,
        wire=provider.wire,
        base_url=fill(base_url).rstrip("/"),
        api_key=keys[0] if keys else None,
        options=options,
        other_keys=keys[1:],
    )


def _access_token(provider_id: str, key: str) -> str:
    if not key.startswith("{"):
        return key
    from stoa.clients.wires.google_token import access_token

    return access_token(provider_id, key)


def _secret_value(provider_id: str, environment: Mapping[str, str], secrets: Callable[[str], Mapping[str, Any]]) -> Any:
    arn = environment.get("STOA_PROVIDER_SECRET_ARN")
    return secrets(arn).get(provider_id) if arn else None


def _prefix(provider_id: str) -> str:
    return f"STOA_PROVIDER_{provider_id.upper()}_"


def _not_keys(provider_id: str) -> ProviderError:
    reason = f"not configured: the keys of {provider_id} are neither a text nor a list of texts"
    return ProviderError("auth", provider_id=provider_id, reason=reason)


def _missing(provider_id: str, variable: str) -> ProviderError:
    return ProviderError("auth", provider_id=provider_id, reason=f"not configured: set {variable}")


def _read(name: str) -> tuple[Mapping[str, str], ...]:
    text = files("stoa").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
