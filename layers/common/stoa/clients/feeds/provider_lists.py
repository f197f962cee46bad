"""What the providers themselves list: which models are there, and how much context they take.

OpenAI's form (https://platform.openai.com/docs/api-reference/models/list) is everybody's, with context windows under
several names; some leave its envelope out. Anthropic's comes in pages
(https://docs.anthropic.com/en/api/models-list). Bedrock, Replicate and Azure's deployments have no list of this kind.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from pydantic import AliasChoices, BaseModel, Field

from stoa.clients.feeds.fetch import FeedUnreadable, get, parse_json
from stoa.clients.feeds.fields import READING, Label, entry_name, problems_of
from stoa.clients.wires.asking import base_headers
from stoa.clients.wires.types import Endpoint
from stoa.domain.feed import CONTEXT_LIMIT, FeedProblem, ListedModel, Listing, is_name, too_few

CHAT = "/chat/completions"
PAGE_SIZE = 1000
MOST_PAGES = 20


class Entry(BaseModel):
    """One model of a list."""

    model_config = READING
    id: Label = Field(validation_alias=AliasChoices("id", "name"))
    context_window: int | None = Field(
        default=None,
        gt=0,
        lt=CONTEXT_LIMIT,
        # Groq; OpenRouter, Together and Fireworks; Mistral; vLLM; Anthropic
        validation_alias=AliasChoices(
            "context_window", "context_length", "max_context_length", "max_model_len", "max_input_tokens"
        ),
    )


def has_list(endpoint: Endpoint) -> bool:
    """True for a provider whose models can be asked for."""
    return _address(endpoint) is not None


def read_list(endpoint: Endpoint, last_count: int | None = None) -> Listing:
    """The provider's list. Never raises for what the provider does; see `Listing.complete`."""
    source = f"list:{endpoint.provider_id}"
    try:
        entries = _entries(endpoint)
    except FeedUnreadable as error:
        return Listing(endpoint.provider_id, (), (FeedProblem(source, "", None, error.message),), complete=False)
    models: dict[str, ListedModel] = {}
    problems: list[FeedProblem] = []
    for entry in entries:
        try:
            read = Entry.model_validate(entry)
            name = read.id.removeprefix("models/")  # as Google writes them
            if not is_name(name):
                raise ValueError("id: not a name that a model can have")
        except ValueError as error:
            named = entry_name(endpoint.provider_id, entry.get("id") if isinstance(entry, dict) else None)
            problems += problems_of(source, named, error)
            continue
        models.setdefault(name, ListedModel(endpoint.provider_id, name, read.context_window))
    if not models or too_few(len(models), last_count):
        problems.append(FeedProblem(source, "", None, f"only {len(models)} models: none is taken to be gone"))
    return Listing(endpoint.provider_id, tuple(models.values()), tuple(problems), complete=not problems)


def _entries(endpoint: Endpoint) -> list[Any]:
    address = _address(endpoint)
    if address is None:
        raise FeedUnreadable("has no list")
    headers = base_headers(endpoint)
    if endpoint.wire != "anthropic":
        return _listed(parse_json(get(address, headers).body))
    headers["anthropic-version"] = endpoint.options.get("anthropic_version", "2023-06-01")
    found: list[Any] = []
    after = ""
    for _ in range(MOST_PAGES):
        query = urlencode({"limit": PAGE_SIZE} | ({"after_id": after} if after else {}))
        page = parse_json(get(f"{address}?{query}", headers).body)
        found += _listed(page)
        if not isinstance(page, dict) or page.get("has_more") is not True:
            return found
        last = page.get("last_id")
        if not isinstance(last, str) or not is_name(last) or last == after:
            raise FeedUnreadable("says that there is more, and not where")
        after = last
    raise FeedUnreadable(f"more than {MOST_PAGES} pages")


def _listed(page: Any) -> list[Any]:
    if isinstance(page, Mapping):
        page = page.get("data", page.get("models"))
    if not isinstance(page, list):
        raise FeedUnreadable("not a list of models")
    return page


def _address(endpoint: Endpoint) -> str | None:
    if endpoint.wire == "anthropic":
        return f"{endpoint.base_url}/v1/models"
    path = endpoint.options.get("chat_path", "")
    if endpoint.wire != "openai" or not path.endswith(CHAT) or "{" in path:
        return None
    return f"{endpoint.base_url}{path.removesuffix(CHAT)}/models"
