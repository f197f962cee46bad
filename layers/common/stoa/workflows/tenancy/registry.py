"""Loads the registry that ships with Stoa, and sets tenants up with it: every model a tenant sees has a price."""

import csv
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid5

from stoa.clients.wires.endpoints import packaged_providers
from stoa.core.ids import new_id
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.personas.chunking import cut
from stoa.domain.personas.languages import search_config
from stoa.domain.pricing.price_book import SOURCE_BASE, SOURCE_INITIAL, PriceRow
from stoa.domain.pricing.price_planner import Timelines, plan
from stoa.domain.pricing.timeline import Timeline
from stoa.store.tenancy import registry, tenants
from stoa.store.tenancy.registry import Registry
from stoa.workflows.pricing.price_planning import replan

LANGUAGES = ("en", "de")
DEFAULT_MODELS = ("gpt-6-luna", "claude-haiku-5-5", "gemini-3.5-flash-lite", "deepseek-flash", "ministral-8b-2512")
_KNOWLEDGE_IDS = UUID("5f0d5b52-6c1e-4a44-9d1c-3b8f9a4e7c10")  # a namespace of our own (RFC 9562, section 6.5)


def load_registry(database: Database, now: datetime) -> None:
    """Writes providers, models, system personas and modes, and a first price for each model a tenant has none for.

    Idempotent. `database` may be the runtime role's: the operator's scope opens the registry for writing.
    """
    with database.autocommit(Scope(operator=True)) as connection:
        registry.save(connection, _packaged_registry())
        known = tenants.all_tenants(connection)
    for tenant in known:
        with database.transaction(Scope(tenant_id=tenant.id)) as connection:
            _price_unpriced_models(connection, tenant.id, now)
            announced = [row["model_id"] for row in _packaged_registry().announced]
            replan(connection, tenant.id, announced, source=SOURCE_BASE, actor_id=None, now=now)


def create_tenant(database: Database, slug: str, name: str, time_zone: str, now: datetime) -> UUID:
    """Returns the tenant called `slug`. Makes it, with prices for all models, if it is not there. Idempotent."""
    with database.autocommit(Scope(operator=True)) as connection:
        known = {tenant.slug: tenant.id for tenant in tenants.all_tenants(connection)}
    if slug in known:
        return known[slug]
    tenant_id = new_id()
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        tenants.create(connection, tenant_id, slug, name, time_zone)
        _price_unpriced_models(connection, tenant_id, now)
    return tenant_id


def _price_unpriced_models(connection: Connection, tenant_id: UUID, now: datetime) -> None:
    config = tenants.pricing(connection, tenant_id)
    rows: list[tuple[str, PriceRow]] = []
    for model in tenants.unpriced_models(connection, tenant_id):
        timelines = Timelines(
            base=model.base,
            config=Timeline.always(config),
            override=Timeline(),
            is_self_hosted=model.provider_id == "self_hosted",
        )
        planned = plan(timelines, (), now=now, grace=timedelta(0), source=SOURCE_INITIAL)
        rows += [(model.id, row) for row in planned.rows]
    if rows:
        tenants.add_prices(connection, tenant_id, rows)


@cache
def _packaged_registry() -> Registry:
    modes = _toml("modes.toml")
    return Registry(
        providers=packaged_providers(),
        models=_models(),
        aliases=list(_csv("model_aliases.csv")),
        announced=_announced(),
        defaults=[{"id": model_id} for model_id in DEFAULT_MODELS],
        personas=[{**row, "search_config": search_config(row["language"])} for row in _named(_toml("personas.toml"))],
        knowledge=list(_knowledge()),
        focus_modes=_named(modes["focus"]),
        domain_modes=_named(modes["domain"]),
    )


def _models() -> list[dict[str, Any]]:
    texts = {row["id"]: row for row in _csv("model_texts.csv")}
    return [_model(row, texts[row["id"]]) for row in _csv("registry.csv")]


def _model(row: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, Any]:
    as_written = ("id", "provider_id", "provider_model", "display_name", "category", "known_for", "access_tier")
    return {
        **{name: row[name] for name in (*as_written, "speed", "quality")},
        **{name: row[name] or None for name in ("family", "class", "wire", "successor_id")},
        **{name: row[name] or None for name in ("released_on", "end_announced_on", "deprecated_at")},
        **{name: _whole(row[name]) for name in ("max_input_tokens", "patience_seconds", "unlock_price_cents")},
        **{name: int(row[name]) for name in ("context_window", "max_output_tokens", "display_order")},
        **{name: _listed(row[name]) for name in ("modalities", "capabilities", "features")},
        **{name: _listed(row[name]) for name in ("refused_parameters", "ignored_parameters")},
        "base_input_price": row["input_per_1m_usd"] or None,
        "base_output_price": row["output_per_1m_usd"] or None,
        "base_rates": json.loads(row["rates"] or "{}"),
        "further_prices": json.loads(row["further_prices"] or "{}"),
        "thinking": row["thinking"],
        "is_novel": row["is_novel"] == "true",
        "daily_limit": _whole(row["messages_per_day"]),
        "trial_messages": _whole(row["trial_messages"]) or 0,
        "never_offered": row["never_offered"] == "true",
        "is_servable": row["is_servable"] != "false",
        "descriptions": {language: texts[f"description_{language}"] for language in LANGUAGES},
        "best_for": {language: _listed(texts[f"best_for_{language}"]) for language in LANGUAGES},
    }


def _announced() -> list[dict[str, Any]]:
    """Returns the prices that providers announced for a date, by the model that they are of."""
    return [
        {
            "model_id": row["id"],
            "effective_from": f"{row['next_price_from']}T00:00:00Z",
            "input_price": row["next_input_per_1m_usd"],
            "output_price": row["next_output_per_1m_usd"],
            "rates": json.loads(row["next_rates"] or "{}"),
            "source": "the packaged list",
        }
        for row in _csv("registry.csv")
        if row["next_price_from"]
    ]


def _listed(text: str) -> list[str]:
    return text.split("|") if text else []


def _whole(text: str) -> int | None:
    return int(text) if text else None


def _knowledge() -> Iterator[dict[str, Any]]:
    """Yields the knowledge of the system's personas. Ids are made of it, so that loading again writes nothing."""
    for persona_id, documents in _toml("persona_knowledge.toml").items():
        for document in ({**one, "content": _unwrapped(one["content"])} for one in documents):
            document_id = uuid5(_KNOWLEDGE_IDS, f"{persona_id}/{document['title']}/{document['content']}")
            passages = [
                {"id": uuid5(document_id, str(position)), "position": position, **passage._asdict()}
                for position, passage in enumerate(cut(document["content"]), start=1)
            ]
            size = len(document["content"].encode())
            yield {"id": document_id, "persona_id": persona_id, "bytes": size, **document, "passages": passages}


def _unwrapped(content: str) -> str:
    """Returns the text with each paragraph in one line: the file's lines are broken for readers, quotes must not be."""
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in content.strip().split("\n\n"))


def _named(table: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"id": key, "display_order": order, **_stripped(row)} for order, (key, row) in enumerate(table.items(), start=1)
    ]


def _stripped(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in row.items()}


def _csv(name: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(files("stoa.data").joinpath(name).read_text(encoding="utf-8").splitlines())


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files("stoa.data").joinpath(name).read_text(encoding="utf-8"))
