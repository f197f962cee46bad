"""Practice price feeds: what both sources say of the registry's models, until somebody orders otherwise."""

import csv
import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from dev.practice.rows import DATA

GENAI_PATH, SECOND_PATH = "/feed/genai-prices.json", "/feed/model-prices.json"
# What genai-prices and model-prices call the providers that we call otherwise.
FIRST_IDS = {"bedrock": "aws", "azure_openai": "azure", "xai": "x-ai"}
SECOND_IDS = {"bedrock": "amazon-bedrock"}
PAGE = b"<!doctype html><html><body><h1>502 Bad gateway</h1></body></html>"
PAGES = ("html", "cut", "empty", "error_500", "redirect")
SPOILT: dict[str, Any] = {
    "negative": {"input_mtok": -1, "output_mtok": 2},
    "nan": {"input_mtok": float("nan"), "output_mtok": 2},
    "missing": {"input_mtok": 1},
    "million": {"input_mtok": 1_000_000, "output_mtok": 2},
    "zero": {"input_mtok": 0, "output_mtok": 0},
    "text": {"input_mtok": "free", "output_mtok": 2},
}


class UnknownOrder(Exception):
    """An order that the practice feed does not understand; the message says what it does."""


@dataclass(frozen=True)
class Model:
    """A model as the feeds tell of it. `prices` are in genai-prices' units, and may be anything."""

    provider: str
    name: str
    prices: dict[str, Any]
    context: int | None = None
    deprecated: bool = False
    ends_on: str | None = None  # told by the provider's own list
    repeated: bool = False  # a second entry, with other prices


@dataclass
class PracticeFeed:
    """Both feeds. An order with `only` changes one of them."""

    first: dict[tuple[str, str], Model] = field(default_factory=dict)
    second: dict[tuple[str, str], Model] = field(default_factory=dict)
    page: str | None = None

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Say again what the registry says."""
        self.first, self.second, self.page = _registry(), _registry(), None

    def names(self, provider: str) -> list[str]:
        """The models that a provider lists."""
        return [model.name for model in self.first.values() if model.provider == provider]

    def context(self, provider: str, name: str) -> int | None:
        """A model's context window."""
        return self.first[provider, name].context

    def ends_on(self, provider: str, name: str) -> str | None:
        """The day a model ends, where its provider announces one."""
        model = self.first.get((provider, name))
        return model.ends_on if model else None

    def order(self, order: dict[str, Any]) -> None:
        """Change what is said: see the table in README.md. Raises UnknownOrder."""
        order = dict(order)
        if "page" in order:
            page = order.pop("page")
            if page not in (None, *PAGES) or order:
                raise UnknownOrder(f"page stands alone and is null or one of {', '.join(PAGES)}.")
            self.page = page
            return
        provider, name, only = order.pop("provider", None), order.pop("model", None), order.pop("only", None)
        if not isinstance(provider, str) or not isinstance(name, str) or only not in (None, "first", "second"):
            raise UnknownOrder("Send provider and model, the provider's name for it; only: first or second.")
        for feed in ("first", "second") if only is None else (only,):
            said: dict[tuple[str, str], Model] = getattr(self, feed)
            known = said.pop((provider, name), Model(provider, name, {"input_mtok": 1, "output_mtok": 2}))
            if order.get("remove") is not True:
                said[provider, name] = _changed(known, order)

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of one of the feeds."""
        data = self._genai() if path == GENAI_PATH else self._snapshot()
        body = json.dumps(data).encode()
        match self.page:
            case "html":
                return 200, PAGE, {"Content-Type": "text/html"}
            case "cut":
                return 200, body[: len(body) // 2], {}
            case "empty":
                return 200, b"[]" if path == GENAI_PATH else b"{}", {}
            case "error_500":
                return 500, b"{}", {}
            case "redirect":
                return 302, b"", {"Location": "http://127.0.0.1:9/"}
        return 200, body, {"ETag": f'"{sha256(body).hexdigest()[:16]}"'}

    def _genai(self) -> list[Any]:
        providers: dict[str, list[Any]] = {}
        for model in self.first.values():
            entry: dict[str, Any] = {
                "id": model.name,
                "name": model.name,
                "match": {"equals": model.name},
                "prices": model.prices,
            }
            entry |= {"context_window": model.context, "deprecated": model.deprecated}
            listed = providers.setdefault(FIRST_IDS.get(model.provider, model.provider), [])
            listed.append(entry)
            if model.repeated:
                listed.append(entry | {"prices": {"input_mtok": 77, "output_mtok": 78}})
        return [{"id": name, "name": name, "models": models} for name, models in providers.items()]

    def _snapshot(self) -> dict[str, Any]:
        units = {"input_mtok": "input", "output_mtok": "output"}
        units |= {"cache_read_mtok": "cache_read", "cache_write_mtok": "cache_write"}
        prices: dict[str, dict[str, Any]] = {}
        status: dict[str, dict[str, str]] = {}
        for model in self.second.values():
            provider = SECOND_IDS.get(model.provider, model.provider)
            rates = {units[unit]: price for unit, price in model.prices.items() if unit in units}
            prices.setdefault(provider, {})[model.name] = {"standard": [{"start": None, "rates": rates}]}
            if model.deprecated:
                status.setdefault(provider, {})[model.name] = "deprecated"
        return {"schema": 1, "prices": prices, "status": status}


def _changed(model: Model, order: dict[str, Any]) -> Model:
    for key, value in order.items():
        match key, value:
            case "prices", dict():
                model = replace(model, prices=value)
            case "risePercent", int() | float():
                risen = {unit: round(price * (1 + value / 100), 6) for unit, price in model.prices.items()}
                model = replace(model, prices=risen)
            case "contextWindow", int():
                model = replace(model, context=value)
            case "deprecated", bool():
                model = replace(model, deprecated=value)
            case "endsOn", str() | None:
                model = replace(model, ends_on=value)
            case "garbage", "duplicate":
                model = replace(model, repeated=True)
            case "garbage", str() if value in SPOILT:
                model = replace(model, prices=SPOILT[value])
            case _:
                garbage = ", ".join([*SPOILT, "duplicate"])
                raise UnknownOrder(
                    f"{key} is not understood. Send prices (by genai-prices' units), risePercent, contextWindow, "
                    f"deprecated, endsOn, remove or garbage ({garbage})."
                )
    return model


def _registry() -> dict[tuple[str, str], Model]:
    said: dict[tuple[str, str], Model] = {}
    with (DATA / "registry.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["input_per_1m_usd"] or not row["output_per_1m_usd"]:
                continue
            prices = {"input_mtok": float(row["input_per_1m_usd"]), "output_mtok": float(row["output_per_1m_usd"])}
            key = row["provider_id"], row["provider_model"]
            if all(prices.values()):  # two of ours may be one of theirs: the first has the word
                said.setdefault(key, Model(*key, prices, int(row["context_window"])))
    return said
