"""From a provider's configuration row to an `Endpoint`: address, key and options.

Rows come from the database or from `data/providers.csv` (`provider_rows`). Environment of an installation, where <ID>
is the provider's id in upper case:

STOA_PROVIDER_<ID>_BASE_URL   instead of the row's `api_base`, in the same form
STOA_PROVIDER_<ID>_API_KEY    the key, or several as a JSON list; without it, the provider's id is looked up in the JSON
                              secret named by STOA_PROVIDER_SECRET_ARN: {"openai": ["sk-1", "sk-2"], "xai": "…"}
STOA_PROVIDER_<ID>_<OPTION>   instead of the row's option, such as STOA_PROVIDER_VERTEX_AI_PROJECT

Vertex AI's key is an access token or, because those last an hour, the text of a service account's JSON key (in the
secret also the object itself). How several keys are used: `stoa.clients.wires.key_spread`.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.core.secrets import secret

OWN_IDENTITY = frozenset({"iam", "optional_api_key"})  # ways to sign in that need no key of ours
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_LEFT_TO_THE_CALL = "model"


@cache
def provider_rows() -> tuple[Mapping[str, str], ...]:
    """The providers as shipped, explained in docs/providers.md. One row each; the columns are those of the file."""
    return _read("providers.csv")


@cache
def model_names() -> tuple[Mapping[str, str], ...]:
    """The providers' own names for the registry's models: id, provider_model, deprecated_at, successor_id, source."""
    return _read("model_names.csv")


def parse_options(text: str) -> dict[str, str]:
    """`name=value|name=value` as a mapping, the form of the `options` column."""
    return dict(pair.split("=", 1) for pair in text.split("|") if pair)


def endpoint_for(
    provider: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    secrets: Callable[[str], Mapping[str, Any]] = secret,
) -> Endpoint:
    """The endpoint of a provider's row with the installation's keys. `options` are a mapping or the column's text.

    Raises ProviderError(auth) when a key, an address or a value in an address is missing; the message names the
    environment variable to set. A service account's key is exchanged for an access token, over the network, once an
    hour; that may raise any ProviderError.
    """
    options = _options(provider, environment)
    keys = keys_in(provider["id"], options.pop("api_key", None) or _secret_value(provider["id"], environment, secrets))
    return _endpoint(provider, options, keys)


def own_endpoint(
    provider: Mapping[str, Any], key: str, given: Mapping[str, str], environment: Mapping[str, str] = os.environ
) -> Endpoint:
    """The endpoint of a provider's row with a tenant's own key, and what the tenant gave to fill the address with.

    Raises as `endpoint_for` does. The installation's keys are not looked at.
    """
    options = _options(provider, environment)
    options.pop("api_key", None)
    return replace(_endpoint(provider, {**options, **given}, (key,)), own_key=True)


def keys_in(provider_id: str, value: Any) -> tuple[str, ...]:
    """The keys in a setting: one, or a list (in the environment as JSON), each a text or a service account's object.

    A key never begins with "[", so a text that does is a list. Raises ProviderError(auth) for a list that is none.
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


def places_in(provider: Mapping[str, Any]) -> frozenset[str]:
    """What has to be filled into a provider's address, such as Azure's `resource`."""
    return frozenset(_PLACEHOLDER.findall(f"{provider['api_base'] or ''}{provider['chat_path']}")) - {_LEFT_TO_THE_CALL}


def _options(provider: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """The row's options and what the installation sets in their place."""
    row_options = provider["options"] or {}
    options = parse_options(row_options) if isinstance(row_options, str) else dict(row_options)
    options["chat_path"] = provider["chat_path"]
    if "AWS_REGION" in environment and provider["auth"] == "iam":
        options["region"] = environment["AWS_REGION"]
    prefix = _prefix(provider["id"])
    for name, value in environment.items():
        if name.startswith(prefix) and value:
            options[name.removeprefix(prefix).lower()] = value
    return options


def _endpoint(provider: Mapping[str, Any], options: dict[str, str], keys: tuple[str, ...]) -> Endpoint:
    provider_id = provider["id"]
    prefix = _prefix(provider_id)
    if not keys and provider["auth"] not in OWN_IDENTITY:
        raise _missing(provider_id, f"{prefix}API_KEY")
    if provider["auth"] == "service_account":
        keys = tuple(_access_token(provider_id, key) for key in keys)
    base_url = options.pop("base_url", None) or options.pop("base", None) or provider["api_base"]
    if not base_url:
        raise _missing(provider_id, f"{prefix}BASE_URL")

    def fill(template: str) -> str:
        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if name == _LEFT_TO_THE_CALL:
                return found[0]
            if name not in options:
                raise _missing(provider_id, prefix + name.upper())
            return options[name]

        return _PLACEHOLDER.sub(value_of, template)

    for path in {"chat_path", "key_check", "list_path"} & set(options):
        options[path] = fill(options[path])
    return Endpoint(
        provider_id=provider_id,
        wire=provider["wire"],
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
