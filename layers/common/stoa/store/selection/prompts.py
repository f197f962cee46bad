"""The rows a message's persona, domain mode and focus mode stand for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stoa.database.pool import Row, Statement
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
    (SELECT to_json(p) FROM persona p) AS persona,
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
            'id', d.id,
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
        SELECT to_json(f) FROM focus_modes f
        WHERE f.id = :focus_mode ::text AND (f.tenant_id IS NULL OR f.tenant_id = :tenant_id)
        ORDER BY f.tenant_id NULLS LAST
        LIMIT 1
    ) AS focus_mode
"""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The rows a message's persona, domain mode and focus mode stand for; None where not named or not there.

    `passages` are what the persona knows about the message, best first; `member` is whom it talks to.
    """

    persona: Row | None = None
    domain_mode: Row | None = None
    focus_mode: Row | None = None
    member: Row | None = None
    passages: tuple[PromptPassage, ...] = ()


def statement(tenant_id: UUID, user_id: UUID, asked: ChatRequest, now: datetime) -> Statement:
    """Returns the query for `Prompts`; its one row goes to `from_row`."""
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


def from_row(row: Row) -> Prompts:
    """Returns the query's row as values."""
    passages = tuple(_passage(row["persona"]["id"], passage) for passage in row["passages"] or ())
    return Prompts(row["persona"], row["domain_mode"], row["focus_mode"], row["member"], passages)


def _question(content: str) -> str:
    if len(content) <= 2 * _QUESTION_CHARACTERS:
        return content
    return f"{content[:_QUESTION_CHARACTERS]} {content[-_QUESTION_CHARACTERS:]}"


def _passage(persona_id: str, row: Row) -> PromptPassage:
    title = ", ".join(filter(None, [row["title"], row["heading"]]))
    return PromptPassage(UUID(row["id"]), persona_id, title, row["content"], row["tokens"])
