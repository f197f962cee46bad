"""Preferences of a member: read, changed in part, favourites toggled. A saved choice outlives its model."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.observe import emit
from stoa.domain.catalogue.choosing import chosen
from stoa.domain.catalogue.lifecycle import chosen_models, retirements
from stoa.domain.selection.offers import Preferences
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller
from stoa.store.chat import ledger
from stoa.store.members import preferences as store
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.catalogue import retirement_words
from stoa.workflows.catalogue.retirement_words import Notice
from stoa.workflows.selection.member_view import load_member_view, load_with

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

    Raises InvalidFields when the model cannot be added. One that has ended can still lose its star.
    """
    view = load_member_view(caller.database, caller.member, caller.now)
    starred = model_id in view.preferences.favorite_models
    kept = model_id if starred else _checked(view, [("modelId", model_id)], caller.now)[model_id]
    with caller.database.autocommit(caller.own_scope) as connection:
        favorites = store.toggle_favorite(connection, caller.tenant_id, caller.user_id, kept, MAX_FAVORITES)
    if favorites is None:
        full = f"you have {MAX_FAVORITES} favourites; take the star from one first"
        raise InvalidFields([FieldProblem("modelId", full)])
    return favorites


def _save(caller: Caller, changes: Mapping[str, Any], persona_changes: Mapping[str, str | None]) -> Preferences:
    references = [one for one in _references(changes, persona_changes) if one[1] != AUTO]
    personas = [(f"{_PERSONAS}.{key}", key) for key, model_id in persona_changes.items() if model_id is not None]
    kept: dict[str, str] = {}
    if references:
        view = load_member_view(caller.database, caller.member, caller.now)
        known = {*chosen_models(view.preferences)}  # what was saved once may be sent again
        kept = _checked(view, [one for one in references if one[1] not in known], caller.now)
    with caller.database.autocommit(caller.own_scope) as connection:
        if personas:
            ids = sorted({key for _, key in personas})
            unknown = store.unknown_personas(connection, caller.tenant_id, caller.user_id, ids)
            problems = [
                FieldProblem(path, f"there is no persona {key!r}; see GET /api/personas")
                for path, key in personas
                if key in unknown
            ]
            if problems:
                raise InvalidFields(problems)
        changed, overrides = _renamed(changes, persona_changes, kept)
        saved = store.save(connection, caller.tenant_id, caller.user_id, changed, overrides)
    count = len(saved.persona_overrides) + len(saved.domain_overrides)
    emit(
        "model_preference_saved",
        defaultModelId=saved.default_model_id,
        hasOverrides=count > 0,
        overrideCount=count,
    )
    return saved


def _checked(view: MemberSnapshot, references: Sequence[Reference], now: datetime) -> dict[str, str]:
    """Returns the ids that are kept, by the names that were sent. Raises InvalidFields naming what cannot be."""
    choices = {name: chosen(name, view.offers, view.aliases, now) for _, name in references}
    problems = [FieldProblem(path, choices[name].problem or "") for path, name in references if choices[name].problem]
    if problems:
        raise InvalidFields(problems)
    return {name: choice.kept for name, choice in choices.items()}


def _renamed(
    changes: Mapping[str, Any], persona_changes: Mapping[str, str | None], kept: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Returns the changes with our ids in the places of other spellings."""

    def ours(name: str | None) -> str | None:
        return None if name is None else kept.get(name, name)

    changed = dict(changes)
    if "default_model_id" in changed:
        changed["default_model_id"] = ours(changed["default_model_id"])
    if "favorite_models" in changed:
        changed["favorite_models"] = list(dict.fromkeys(kept.get(name, name) for name in changed["favorite_models"]))
    for column in ("domain_overrides", "persona_overrides"):
        if changed.get(column):
            changed[column] = {key: ours(name) for key, name in changed[column].items()}
    return changed, {key: ours(name) for key, name in persona_changes.items()}


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
