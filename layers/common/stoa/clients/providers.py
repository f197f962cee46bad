"""From a provider's configuration row to an `Endpoint`: address, key and options.

Rows come from the database or from `data/providers.csv` (`provider_rows`). Environment of an installation, where <ID>
is the provider's id in upper case:

STOA_PROVIDER_<ID>_BASE_URL   instead of the row's `api_base`, in the same form
STOA_PROVIDER_<ID>_API_KEY    the key; without it, the provider's id is looked up in the JSON secret named by
                              STOA_PROVIDER_SECRET_ARN, such as {"openai": "sk-…", "anthropic": "…"}
STOA_PROVIDER_<ID>_<OPTION>   instead of the row's option, such as STOA_PROVIDER_VERTEX_AI_PROJECT

Vertex AI's key is an access token or, because those last an hour, the text of a service account's JSON key.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.settings import secret

OWN_IDENTITY = frozenset({"iam", "optional_api_key"})  # ways to sign in that need no key of ours
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_LEFT_TO_THE_CALL = "model"


@cache
def provider_rows() -> tuple[Mapping[str, str], ...]:
    """The 17 providers as shipped: id, display_name, api_base, auth, wire, chat_path, options, model_name_form."""
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
    """The endpoint of a provider's row, whose `options` are a mapping or the column's text.

    Raises ProviderError(auth) when a key, an address or a value in an address is missing; the message names the
    environment variable to set. A service account's key is exchanged for an access token, over the network, once an
    hour; that may raise any ProviderError.
    """
    provider_id = provider["id"]
    prefix = f"STOA_PROVIDER_{provider_id.upper()}_"
    row_options = provider["options"] or {}
    options = parse_options(row_options) if isinstance(row_options, str) else dict(row_options)
    options["chat_path"] = provider["chat_path"]
    if "AWS_REGION" in environment and provider["auth"] == "iam":
        options["region"] = environment["AWS_REGION"]
    for name, value in environment.items():
        if name.startswith(prefix) and value:
            options[name.removeprefix(prefix).lower()] = value
    key = options.pop("api_key", None) or _secret_key(provider_id, environment, secrets)
    if not key and provider["auth"] not in OWN_IDENTITY:
        raise _missing(provider_id, f"{prefix}API_KEY")
    if key and provider["auth"] == "service_account" and key.lstrip().startswith("{"):
        from stoa.clients.google_token import access_token

        key = access_token(provider_id, key)
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

    options["chat_path"] = fill(options["chat_path"])
    return Endpoint(
        provider_id=provider_id,
        wire=provider["wire"],
        base_url=fill(base_url).rstrip("/"),
        api_key=key.strip() if key else None,
        options=options,
    )


def _secret_key(
    provider_id: str, environment: Mapping[str, str], secrets: Callable[[str], Mapping[str, Any]]
) -> str | None:
    arn = environment.get("STOA_PROVIDER_SECRET_ARN")
    value = secrets(arn).get(provider_id) if arn else None
    if isinstance(value, dict):  # a service account's key, put into the secret as it is
        return json.dumps(value)
    return value if isinstance(value, str) else None


def _missing(provider_id: str, variable: str) -> ProviderError:
    return ProviderError("auth", provider_id=provider_id, reason=f"not configured: set {variable}")


def _read(name: str) -> tuple[Mapping[str, str], ...]:
    text = files("stoa").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
