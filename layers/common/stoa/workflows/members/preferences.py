"""What a member prefers: read, changed in part, favourites toggled. Saved choices stay, whatever becomes of a model."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from stoa.core.errors import InvalidFields
from stoa.core.observe import emit
from stoa.database.pool import Database
from stoa.domain.catalogue.lifecycle import retirements
from stoa.domain.selection.offers import Preferences
from stoa.domain.selection.selection import AUTO
from stoa.identity.members import Member
from stoa.store.chat import ledger
from stoa.store.members import preferences as store
from stoa.workflows.catalogue import retirement_words
from stoa.workflows.selection.member_view import load_with

MAX_FAVORITES = 200
NOTICE = timedelta(days=90)  # how long before a chosen model's end the client is told

_READ_ONLY = ("recent_models", "notices")

# The names that clients use for the columns whose values are checked against the catalogue.
_DEFAULT, _PERSONAS = "defaultModelId", "personaOverrides"
_FAVORITES, _DOMAINS = "favoriteModels", "domainModeModelOverrides"

Reference = tuple[str, str]  # path of a field, and the id that it refers to


def patch_model_preferences(database: Database, member: Member, given: Mapping[str, Any]) -> dict[str, Any]:
    """Change default model and persona overrides as `given` says: null clears, absent keeps, also inside the overrides.

    Raises InvalidFields naming each id that is not the member's to use.
    """
    changes = {name: given[name] for name in ("default_model_id",) if name in given}
    overrides: Mapping[str, str | None] = {}
    if "persona_overrides" in given:
        overrides = given["persona_overrides"] or {}
        if given["persona_overrides"] is None:
            changes["persona_overrides"] = {}
    saved = _save(database, member, changes, overrides)
    return {"defaultModelId": saved.default_model_id, "personaOverrides": saved.persona_overrides}


def read_preferences(database: Database, member: Member, now: datetime) -> dict[str, Any]:
    """All of the member's preferences, with the models that answered them last and what is to be told of them."""
    recent = ledger.recent_models_statement(member.tenant_id, member.user_id)
    view, (answered,) = load_with(database, member, now, [recent])
    notices = [
        retirement_words.notice(one, is_over=one.ends_at <= now)
        for one in retirements(view.offers, view.preferences, now, NOTICE)
    ]
    return {**_described(view.preferences, [row["model_id"] for row in answered]), "notices": notices}


def put_preferences(database: Database, member: Member, given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Replace the preferences that `given` names and keep the others; all of them as they are then.

    Recent models come from the ledger, notices from the catalogue: neither can be set. Raises InvalidFields naming each
    id that is not the member's to use.
    """
    changes = {name: value for name, value in given.items() if name not in _READ_ONLY}
    if "favorite_models" in changes:
        changes["favorite_models"] = list(dict.fromkeys(changes["favorite_models"] or ()))
    if "domain_mode_model_overrides" in changes:
        overrides = changes.pop("domain_mode_model_overrides") or {}
        changes["domain_overrides"] = {mode: model_id for mode, model_id in overrides.items() if model_id is not None}
    _save(database, member, changes, {})
    return read_preferences(database, member, now)


def toggle_favorite(database: Database, member: Member, model_id: str) -> dict[str, Any]:
    """Star the model, or take its star away. Raises InvalidFields when it cannot be added."""
    with database.autocommit(member.scope) as connection:
        favorites = store.toggle_favorite(connection, member.tenant_id, member.user_id, model_id, MAX_FAVORITES)
        if favorites is None:
            unknown = store.unknown(connection, member.tenant_id, member.user_id, [model_id], [])
            full = f"you have {MAX_FAVORITES} favourites; take the star from one first"
            reason = _no_model(model_id) if unknown.models else full
            raise InvalidFields([{"path": "modelId", "reason": reason}])
    return {"success": True, "isFavorite": model_id in favorites, "favoriteModels": favorites}


def _save(
    database: Database, member: Member, changes: Mapping[str, Any], persona_changes: Mapping[str, str | None]
) -> Preferences:
    references = list(_references(changes, persona_changes))
    personas = [(f"{_PERSONAS}.{key}", key) for key, model_id in persona_changes.items() if model_id is not None]
    with database.autocommit(member.scope) as connection:
        if references or personas:
            unknown = store.unknown(
                connection, member.tenant_id, member.user_id, _ids(references, allowed=AUTO), _ids(personas)
            )
            problems = [(path, _no_model(key)) for path, key in references if key in unknown.models]
            problems += [
                (path, f"there is no persona {key!r}; see GET /api/personas")
                for path, key in personas
                if key in unknown.personas
            ]
            if problems:
                raise InvalidFields([{"path": path, "reason": reason} for path, reason in problems])
        saved = store.save(connection, member.tenant_id, member.user_id, changes, persona_changes)
    count = len(saved.persona_overrides) + len(saved.domain_overrides)
    emit(
        "model_preference_saved",
        defaultModelId=saved.default_model_id,
        hasOverrides=count > 0,
        overrideCount=count,
    )
    return saved


def _references(changes: Mapping[str, Any], persona_changes: Mapping[str, str | None]) -> Iterator[Reference]:
    """Every model id that is about to be saved, with the path of the field it came in."""
    default = changes.get("default_model_id")
    if default == AUTO:
        raise InvalidFields([{"path": _DEFAULT, "reason": 'for Auto set selectionMode to "auto"'}])
    if default is not None:
        yield _DEFAULT, default
    for position, model_id in enumerate(changes.get("favorite_models", ())):
        yield f"{_FAVORITES}[{position}]", model_id
    for mode, model_id in changes.get("domain_overrides", {}).items():
        yield f"{_DOMAINS}.{mode}", model_id
    for persona_id, override in persona_changes.items():
        if override is not None:
            yield f"{_PERSONAS}.{persona_id}", override


def _ids(references: Iterable[Reference], allowed: str | None = None) -> list[str]:
    return sorted({key for _, key in references if key != allowed})


def _no_model(model_id: str) -> str:
    return f"there is no model {model_id!r}; see GET /api/models"


def _described(saved: Preferences, recent: list[str]) -> dict[str, Any]:
    return {
        "selectionMode": saved.selection_mode,
        "defaultModelId": saved.default_model_id,
        "favoriteModels": saved.favorite_models,
        "showStandardModels": saved.show_standard_models,
        "showNovelModels": saved.show_novel_models,
        "showSelfHostedModels": saved.show_self_hosted_models,
        "showCostPerMessage": saved.show_cost_per_message,
        "maxCostPerMessage": saved.max_cost_per_message,
        "preferCostOptimization": saved.prefer_cost_optimization,
        "domainModeModelOverrides": saved.domain_overrides,
        "recentModels": recent,
    }
