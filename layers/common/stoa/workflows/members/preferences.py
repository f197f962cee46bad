"""Preferences of a member: read, changed in part, favourites toggled. A saved choice outlives its model."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.observe import emit
from stoa.domain.catalogue.lifecycle import retirements
from stoa.domain.selection.offers import Preferences
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller
from stoa.store.chat import ledger
from stoa.store.members import preferences as store
from stoa.workflows.catalogue import retirement_words
from stoa.workflows.catalogue.retirement_words import Notice
from stoa.workflows.selection.member_view import load_with

MAX_FAVORITES = 200
NOTICE = timedelta(days=90)  # how long before a chosen model's end the client is told

_READ_ONLY = ("recent_models", "notices")

# The names that clients use for the columns whose values are checked against the catalogue.
_DEFAULT, _PERSONAS = "defaultModelId", "personaOverrides"
_FAVORITES, _DOMAINS = "favoriteModels", "domainModeModelOverrides"

Reference = tuple[str, str]  # path of a field, and the id that it refers to


class ModelChoices(Struct, frozen=True):
    """The standing choices that settings pages show beside the models."""

    default_model_id: str | None
    persona_overrides: dict[str, str]


class ShownPreferences(Struct, frozen=True):
    """All preferences, the models that answered last (newest first), and what the member is to be told of them."""

    selection_mode: str
    default_model_id: str | None
    favorite_models: list[str]
    show_standard_models: bool
    show_novel_models: bool
    show_self_hosted_models: bool
    show_cost_per_message: bool
    max_cost_per_message: Decimal | None
    prefer_cost_optimization: bool
    domain_mode_model_overrides: dict[str, str]
    recent_models: list[str]
    notices: list[Notice]


def patch_model_preferences(caller: Caller, given: Mapping[str, Any]) -> ModelChoices:
    """Changes default model and persona overrides. Null clears, absent keeps, and so inside the overrides.

    Raises InvalidFields naming each id that is not the member's to use.
    """
    changes = {name: given[name] for name in ("default_model_id",) if name in given}
    overrides: Mapping[str, str | None] = {}
    if "persona_overrides" in given:
        overrides = given["persona_overrides"] or {}
        if given["persona_overrides"] is None:
            changes["persona_overrides"] = {}
    saved = _save(caller, changes, overrides)
    return ModelChoices(saved.default_model_id, dict(saved.persona_overrides))


def read_preferences(caller: Caller) -> ShownPreferences:
    """Returns all of the caller's preferences, with the models that answered them last and notices of their ends."""
    recent = ledger.recent_models_statement(caller.tenant_id, caller.user_id)
    view, (answered,) = load_with(caller.database, caller.member, caller.now, [recent])
    notices = [
        retirement_words.notice(one, is_over=one.ends_at <= caller.now)
        for one in retirements(view.offers, view.preferences, caller.now, NOTICE)
    ]
    return _shown(view.preferences, ledger.recent_models(answered), notices)


def put_preferences(caller: Caller, given: Mapping[str, Any]) -> ShownPreferences:
    """Replaces the preferences that `given` names, keeps the others and returns all of them.

    Recent models come from the ledger, notices from the catalogue: neither can be set. Raises InvalidFields naming each
    id that is not the member's to use.
    """
    changes = {name: value for name, value in given.items() if name not in _READ_ONLY}
    if "favorite_models" in changes:
        changes["favorite_models"] = list(dict.fromkeys(changes["favorite_models"] or ()))
    if "domain_mode_model_overrides" in changes:
        overrides = changes.pop("domain_mode_model_overrides") or {}
        changes["domain_overrides"] = {mode: model_id for mode, model_id in overrides.items() if model_id is not None}
    _save(caller, changes, {})
    return read_preferences(caller)


def toggle_favorite(caller: Caller, model_id: str) -> list[str]:
    """Stars the model, or takes its star away, and returns the favourites.

    Raises InvalidFields when the model cannot be added.
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        favorites = store.toggle_favorite(connection, caller.tenant_id, caller.user_id, model_id, MAX_FAVORITES)
        if favorites is None:
            unknown = store.unknown(connection, caller.tenant_id, caller.user_id, [model_id], [])
            full = f"you have {MAX_FAVORITES} favourites; take the star from one first"
            reason = _no_model(model_id) if unknown.models else full
            raise InvalidFields([FieldProblem("modelId", reason)])
    return favorites


def _save(caller: Caller, changes: Mapping[str, Any], persona_changes: Mapping[str, str | None]) -> Preferences:
    references = list(_references(changes, persona_changes))
    personas = [(f"{_PERSONAS}.{key}", key) for key, model_id in persona_changes.items() if model_id is not None]
    with caller.database.autocommit(caller.own_scope) as connection:
        if references or personas:
            unknown = store.unknown(
                connection, caller.tenant_id, caller.user_id, _ids(references, allowed=AUTO), _ids(personas)
            )
            problems = [(path, _no_model(key)) for path, key in references if key in unknown.models]
            problems += [
                (path, f"there is no persona {key!r}; see GET /api/personas")
                for path, key in personas
                if key in unknown.personas
            ]
            if problems:
                raise InvalidFields([FieldProblem(path, reason) for path, reason in problems])
        saved = store.save(connection, caller.tenant_id, caller.user_id, changes, persona_changes)
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
        raise InvalidFields([FieldProblem(_DEFAULT, 'for Auto set selectionMode to "auto"')])
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


def _shown(saved: Preferences, recent: list[str], notices: list[Notice]) -> ShownPreferences:
    return ShownPreferences(
        selection_mode=saved.selection_mode,
        default_model_id=saved.default_model_id,
        favorite_models=list(saved.favorite_models),
        show_standard_models=saved.show_standard_models,
        show_novel_models=saved.show_novel_models,
        show_self_hosted_models=saved.show_self_hosted_models,
        show_cost_per_message=saved.show_cost_per_message,
        max_cost_per_message=saved.max_cost_per_message,
        prefer_cost_optimization=saved.prefer_cost_optimization,
        domain_mode_model_overrides=dict(saved.domain_overrides),
        recent_models=recent,
        notices=notices,
    )
