"""The providers' own lists: the models there are, and how much context they take.

All use OpenAI's form (https://platform.openai.com/docs/api-reference/models/list), with context windows under several
names. Some leave its envelope out. OpenAI, OpenRouter and Mistral also tell when a model ends. OpenRouter's list may
come in pages (https://openrouter.ai/docs/api-reference/list-available-models), and Anthropic's does
(https://docs.anthropic.com/en/api/models-list). Bedrock, Replicate and Azure's deployments have no list of this kind.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode, urljoin, urlsplit

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from stoa.clients.feeds.fetch import FeedUnreadable, get, parse_json
from stoa.clients.feeds.fields import READING, Label, entry_name, problems_of
from stoa.clients.wires.asking import base_headers
from stoa.clients.wires.types import Endpoint
from stoa.domain.sync.feed import CONTEXT_LIMIT, FeedProblem, ListedModel, Listing, is_name, too_few

CHAT = "/chat/completions"
PAGE_SIZE = 1000
MOST_PAGES = 20


def _day(value: object) -> date | None:
    """Returns the day of a date, or of an instant in UTC."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or not 2000 <= moment.year <= 2200:
        raise ValueError("not a date")
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


class Entry(BaseModel):
    """A model of a list."""

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
    ends_on: Annotated[date | None, BeforeValidator(_day)] = Field(
        default=None,
        validation_alias=AliasChoices("shutdown_date", "expiration_date", "deprecation"),  # OpenAI; OpenRouter; Mistral
    )


def has_list(endpoint: Endpoint) -> bool:
    """Returns whether the provider has a list of its models."""
    return _address(endpoint) is not None


def read_list(endpoint: Endpoint, last_count: int | None = None) -> Listing:
    """Returns the provider's list. Never raises for what the provider does. See `Listing.complete`."""
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
        tells_end = "ends_on" in read.model_fields_set
        listed = ListedModel(endpoint.provider_id, name, read.context_window, read.ends_on, tells_end)
        models.setdefault(name, listed)
    if not models or too_few(len(models), last_count):
        problems.append(FeedProblem(source, "", None, f"only {len(models)} models: none is taken to be gone"))
    return Listing(endpoint.provider_id, tuple(models.values()), tuple(problems), complete=not problems)


def _entries(endpoint: Endpoint) -> list[Any]:
    address = _address(endpoint)
    if address is None:
        raise FeedUnreadable("has no list")
    headers = base_headers(endpoint)
    if endpoint.wire == "anthropic":
        headers["anthropic-version"] = endpoint.options.get("anthropic_version", "2023-06-01")
        address = f"{address}?{urlencode({'limit': PAGE_SIZE})}"
    found: list[Any] = []
    asked: set[str] = set()
    following: str | None = address
    while following is not None:
        if following in asked or urlsplit(following)[:2] != urlsplit(address)[:2]:  # the key is for this host alone
            raise FeedUnreadable("says that there is more, and not where")
        if len(asked) == MOST_PAGES:
            raise FeedUnreadable(f"more than {MOST_PAGES} pages")
        asked.add(following)
        page = parse_json(get(following, headers).body)
        found += _listed(page)
        following = _following(page, address)
    return found


def _following(page: Any, address: str) -> str | None:
    """Returns the address of the next page. None: this was the last one. Raises FeedUnreadable."""
    if not isinstance(page, Mapping):
        return None
    links = page.get("links")
    following = links.get("next") if isinstance(links, Mapping) else None
    if isinstance(following, str):
        return _joined(address, following)
    if page.get("has_more") is not True:
        return None
    last = page.get("last_id")
    if not isinstance(last, str) or not is_name(last):
        raise FeedUnreadable("says that there is more, and not where")
    query = urlencode({"limit": PAGE_SIZE, "after_id": last})
    return f"{address.partition('?')[0]}?{query}"


def _joined(address: str, following: str) -> str:
    try:
        return urljoin(address, following)
    except ValueError:  # a bracket without its other half, and the like
        raise FeedUnreadable("says that there is more, and not where") from None


def _listed(page: Any) -> list[Any]:
    if isinstance(page, Mapping):
        page = page.get("data", page.get("models"))
    if not isinstance(page, list):
        raise FeedUnreadable("not a list of models")
    return page


def _address(endpoint: Endpoint) -> str | None:
    told = endpoint.options.get("list_path")
    if told is not None:
        return f"{endpoint.base_url}{told}" if told else None
    if endpoint.wire == "anthropic":
        return f"{endpoint.base_url}/v1/models"
    path = endpoint.options.get("chat_path", "")
    if endpoint.wire != "openai" or not path.endswith(CHAT) or "{" in path:
        return None
    return f"{endpoint.base_url}{path.removesuffix(CHAT)}/models"
