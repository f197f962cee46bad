"""The rows a message's persona, domain mode and focus mode stand for."""

from dataclasses import dataclass
from uuid import UUID

from stoa.db import Row, Statement

# Prompts and the models they bring along. Read only when a message names one.
_PROMPTS = """
SELECT
    (
        SELECT to_json(p) FROM personas p
        WHERE p.id = :persona_id ::text
            AND (
                p.tenant_id IS NULL
                OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id ::uuid)
            )
    ) AS persona,
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
    """The rows a message's persona, domain mode and focus mode stand for; None where not named or not there."""

    persona: Row | None = None
    domain_mode: Row | None = None
    focus_mode: Row | None = None


def statement(
    tenant_id: UUID, user_id: UUID, persona_id: str | None, domain_mode: str | None, focus_mode: str | None
) -> Statement:
    """The query for `Prompts`; its one row goes to `from_row`."""
    return _PROMPTS, {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "persona_id": persona_id,
        "domain_mode": domain_mode,
        "focus_mode": focus_mode,
    }


def from_row(row: Row) -> Prompts:
    """The query's row as values."""
    return Prompts(row["persona"], row["domain_mode"], row["focus_mode"])
