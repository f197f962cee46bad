"""A member's preferences. Absent row: the defaults of the table's columns."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, json_parameter
from stoa.domain.selection.offers import Preferences
from stoa.store.selection.snapshots import preferences_from_row

_GET = """
SELECT to_json(f) AS preferences
FROM user_preferences f
WHERE f.tenant_id = :tenant_id AND f.user_id = :user_id
"""

_ENSURE = """
INSERT INTO user_preferences (tenant_id, user_id)
VALUES (:tenant_id, :user_id)
ON CONFLICT (user_id) DO NOTHING
"""

# jsonb_populate_record keeps the row's own value of every key that the changes do not have, and takes null where they
# say null. Done by the row's lock holder, so two requests that change different fields both hold.
_SAVE = """
UPDATE user_preferences f SET (
    selection_mode, default_model_id, persona_overrides, domain_overrides, favorite_models, show_standard_models,
    show_novel_models, show_self_hosted_models, show_cost_per_message, max_cost_per_message, prefer_cost_optimization,
    updated_at
) = (
    SELECT
        n.selection_mode, n.default_model_id,
        jsonb_strip_nulls(n.persona_overrides || :persona_changes ::jsonb),
        n.domain_overrides, n.favorite_models, n.show_standard_models, n.show_novel_models, n.show_self_hosted_models,
        n.show_cost_per_message, n.max_cost_per_message, n.prefer_cost_optimization, now()
    FROM jsonb_populate_record(f, :changes ::jsonb) AS n
)
WHERE f.tenant_id = :tenant_id AND f.user_id = :user_id
RETURNING to_json(f) AS preferences
"""

# A favourite may always be taken away, also one whose model is gone; only what the tenant has can be added.
_TOGGLE_FAVORITE = """
UPDATE user_preferences f SET
    favorite_models = CASE
        WHEN :model_id ::text = ANY (f.favorite_models) THEN array_remove(f.favorite_models, :model_id)
        ELSE f.favorite_models || :model_id
    END,
    updated_at = now()
WHERE f.tenant_id = :tenant_id ::uuid AND f.user_id = :user_id
    AND (
        :model_id = ANY (f.favorite_models)
        OR cardinality(f.favorite_models) < :most ::int
    )
RETURNING f.favorite_models
"""

# What was saved once may be sent again: clients send back the whole object that they were given.
_UNKNOWN_PERSONAS = """
SELECT asked.id FROM unnest(:persona_ids ::text[]) AS asked (id)
WHERE NOT EXISTS (
    SELECT FROM personas p
    WHERE p.id = asked.id
        AND (p.tenant_id IS NULL OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id ::uuid))
)
AND NOT EXISTS (
    SELECT FROM user_preferences f
    WHERE f.tenant_id = :tenant_id AND f.user_id = :user_id AND jsonb_exists(f.persona_overrides, asked.id)
)
"""


def get(connection: Connection, tenant_id: UUID, user_id: UUID) -> Preferences:
    """Returns the member's preferences, or the defaults."""
    rows = connection.run(_GET, tenant_id=tenant_id, user_id=user_id)
    return preferences_from_row(rows[0]["preferences"] if rows else None)


def locked(connection: Connection, tenant_id: UUID, user_id: UUID) -> Preferences:
    """Returns the member's preferences and keeps others from changing them until the transaction ends."""
    rows = connection.run(_GET + "FOR UPDATE", tenant_id=tenant_id, user_id=user_id)
    return preferences_from_row(rows[0]["preferences"] if rows else None)


def save(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    changes: Mapping[str, Any],
    persona_changes: Mapping[str, str | None],
) -> Preferences:
    """Set the columns that `changes` names and keep the others; returns all of them.

    `persona_changes` go into the overrides one by one: a model id sets a persona's override, None takes it away.
    """
    own = {"tenant_id": tenant_id, "user_id": user_id}
    documents = {"changes": json_parameter(changes), "persona_changes": json_parameter(persona_changes)}
    _, rows = connection.run_all([(_ENSURE, own), (_SAVE, {**own, **documents})])
    return preferences_from_row(rows[0]["preferences"])


def toggle_favorite(
    connection: Connection, tenant_id: UUID, user_id: UUID, model_id: str, most: int
) -> list[str] | None:
    """Add the model to the favourites or take it away; the favourites as they are then.

    None: there is no such model, or there are `most` favourites already; nothing was changed.
    """
    own = {"tenant_id": tenant_id, "user_id": user_id}
    _, rows = connection.run_all([(_ENSURE, own), (_TOGGLE_FAVORITE, {**own, "model_id": model_id, "most": most})])
    return list(rows[0]["favorite_models"]) if rows else None


def unknown_personas(
    connection: Connection, tenant_id: UUID, user_id: UUID, persona_ids: Sequence[str]
) -> frozenset[str]:
    """Returns the ids that are no personas that the member may use, or chose once."""
    rows = connection.run(_UNKNOWN_PERSONAS, tenant_id=tenant_id, user_id=user_id, persona_ids=list(persona_ids))
    return frozenset(row["id"] for row in rows)
