"""The persona, domain mode and focus mode that a message names, and what the persona knows about it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Statement
from stoa.domain.chat.prompt import Introduction, ModePrompt, PersonaPrompt
from stoa.domain.personas.knowledge import PromptPassage
from stoa.domain.selection.offers import ChatRequest

# Of a longer message its beginning and its end say what it is about.
_QUESTION_CHARACTERS = 1000

# More than a prompt takes: which of them fit is the rules' to say.
_PASSAGES = 8

# Prompts and the models they bring along. Read only when a message names one.
# Passages with any word of the question are ranked by how many of them they have, and how often.
_PROMPTS = """
WITH persona AS (
    SELECT p.* FROM personas p
    WHERE p.id = :persona_id ::text
        AND (
            p.tenant_id IS NULL
            OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id ::uuid)
        )
),
asked AS (
    SELECT string_agg('''' || replace(replace(w.word, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery AS words
    FROM persona p
    CROSS JOIN LATERAL unnest(tsvector_to_array(searched_words(p.search_config, :question ::text))) AS w (word)
),
found AS (
    SELECT s.id, s.document_id, s.heading, s.content, s.tokens, ts_rank(s.search, a.words) AS rank
    FROM persona p
    CROSS JOIN asked a
    JOIN persona_passages s ON s.persona_id = p.id AND s.search @@ a.words
    ORDER BY rank DESC, s.id
    LIMIT :most_passages ::int
)
SELECT
    (SELECT p.id FROM persona p) AS persona_id,
    (
        SELECT json_build_object(
            'system_prompt', p.system_prompt, 'traits', p.traits, 'domains', p.domains, 'style', p.style,
            'language', p.language
        )
        FROM persona p
    ) AS persona,
    (
        SELECT json_agg(
            json_build_object(
                'id', f.id, 'title', d.title, 'heading', f.heading, 'content', f.content, 'tokens', f.tokens
            ) ORDER BY f.rank DESC, f.id
        )
        FROM found f
        JOIN persona_documents d ON d.id = f.document_id
    ) AS passages,
    (
        SELECT json_build_object(
            'display_name', u.display_name,
            'about_me', u.about_me,
            'today', (:now ::timestamptz AT TIME ZONE t.time_zone)::date
        )
        FROM users u
        JOIN tenants t ON t.id = u.tenant_id
        WHERE u.tenant_id = :tenant_id AND u.id = :user_id
    ) AS member,
    (
        SELECT json_build_object(
            'enabled', coalesce(o.enabled, true),
            'default_model', o.default_model,
            'temperature', coalesce(o.temperature, d.temperature),
            'system_prompt', coalesce(o.system_prompt, d.system_prompt)
        )
        FROM domain_modes d
        LEFT JOIN tenant_domain_modes o ON o.mode_id = d.id AND o.tenant_id = :tenant_id
        WHERE d.id = :domain_mode ::text
    ) AS domain_mode,
    (
        SELECT json_build_object(
            'enabled', f.enabled,
            'default_model', f.default_model_id,
            'temperature', f.temperature,
            'system_prompt', f.system_prompt,
            'max_output_tokens', f.max_output_tokens
        )
        FROM focus_modes f
        WHERE f.id = :focus_mode ::text AND (f.tenant_id IS NULL OR f.tenant_id = :tenant_id)
        ORDER BY f.tenant_id NULLS LAST
        LIMIT 1
    ) AS focus_mode
"""


class ChosenMode(Struct, frozen=True):
    """A domain mode or focus mode that a message names. `default_model` is a model id, `auto` or None."""

    enabled: bool
    default_model: str | None
    prompt: ModePrompt


class Prompts(Struct, frozen=True):
    """A message's persona, domain mode and focus mode. None: the message names none, or there is no such one.

    `passages` are the persona's knowledge about the message, best first. `member` is the one that it talks to.
    """

    persona: PersonaPrompt | None = None
    domain_mode: ChosenMode | None = None
    focus_mode: ChosenMode | None = None
    member: Introduction | None = None
    passages: tuple[PromptPassage, ...] = ()


def statement(tenant_id: UUID, user_id: UUID, asked: ChatRequest, now: datetime) -> Statement:
    """Returns the query for `Prompts`. Its one row goes to `from_row`."""
    return _PROMPTS, {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "persona_id": asked.persona_id,
        "domain_mode": asked.domain_mode,
        "focus_mode": asked.focus_mode,
        "question": _question(asked.content),
        "most_passages": _PASSAGES,
        "now": now,
    }


def from_row(row: Mapping[str, Any]) -> Prompts:
    """Returns the query's row as values."""
    return Prompts(
        persona=None if row["persona"] is None else PersonaPrompt(**row["persona"]),
        domain_mode=_mode(row["domain_mode"]),
        focus_mode=_mode(row["focus_mode"]),
        member=_introduction(row["member"]),
        passages=tuple(_passage(row["persona_id"], **passage) for passage in row["passages"] or ()),
    )


def _question(content: str) -> str:
    if len(content) <= 2 * _QUESTION_CHARACTERS:
        return content
    return f"{content[:_QUESTION_CHARACTERS]} {content[-_QUESTION_CHARACTERS:]}"


def _mode(stored: Mapping[str, Any] | None) -> ChosenMode | None:
    if stored is None:
        return None
    prompt = {name: value for name, value in stored.items() if name not in ("enabled", "default_model")}
    return ChosenMode(stored["enabled"], stored["default_model"], ModePrompt(**prompt))


def _introduction(stored: Mapping[str, Any] | None) -> Introduction | None:
    if stored is None:
        return None
    return Introduction(stored["display_name"], stored["about_me"], date.fromisoformat(stored["today"]))


def _passage(persona_id: str, *, id: str, title: str, heading: str | None, content: str, tokens: int) -> PromptPassage:
    return PromptPassage(UUID(id), persona_id, ", ".join(filter(None, [title, heading])), content, tokens)
