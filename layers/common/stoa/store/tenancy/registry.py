"""Writes the shared registry: providers, models, and the system's own personas and modes.

Needs the operator's scope.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, json_parameter
from stoa.domain.providers.provider import Provider

# Providers, personas and modes of the system are ours to define, so a new release rewrites them where they differ.
_PROVIDERS = """
INSERT INTO providers AS p (id, display_name, api_base, auth, wire, chat_path, options)
SELECT r.id, r.display_name, r.api_base, r.auth, r.wire, r.chat_path, r.options
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id text, display_name text, api_base text, auth text, wire text, chat_path text, options jsonb)
ON CONFLICT (id) DO UPDATE SET
    display_name = excluded.display_name, api_base = excluded.api_base, auth = excluded.auth,
    wire = excluded.wire, chat_path = excluded.chat_path, options = excluded.options, updated_at = now()
WHERE (p.display_name, p.api_base, p.auth, p.wire, p.chat_path, p.options) IS DISTINCT FROM
    (excluded.display_name, excluded.api_base, excluded.auth, excluded.wire, excluded.chat_path, excluded.options)
"""

# A model's row is a seed: prices, terms and sizes belong to the operator and to the registry sync once it is there. Of
# the facts, a release writes those anew that no operator changed.
_MODELS = """
INSERT INTO models AS m (
    id, provider_id, provider_model, display_name, context_window, max_output_tokens, base_input_price,
    base_output_price, base_rates, modalities, capabilities, is_novel, category, known_for, access_tier,
    unlock_price_cents, daily_limit, trial_messages, speed, quality, display_order, family, class, wire,
    max_input_tokens, thinking, patience_seconds, refused_parameters, ignored_parameters, features, further_prices,
    descriptions, best_for, released_on, end_announced_on, never_offered, is_servable, deprecated_at, successor_id
)
SELECT
    r.id, r.provider_id, r.provider_model, r.display_name, r.context_window, r.max_output_tokens, r.base_input_price,
    r.base_output_price, r.base_rates, r.modalities, r.capabilities, r.is_novel, r.category, r.known_for,
    r.access_tier, r.unlock_price_cents, r.daily_limit, r.trial_messages, r.speed, r.quality, r.display_order,
    r.family, r.class, r.wire, r.max_input_tokens, r.thinking, r.patience_seconds, r.refused_parameters,
    r.ignored_parameters, r.features, r.further_prices, r.descriptions, r.best_for, r.released_on,
    r.end_announced_on, r.never_offered, r.is_servable, r.deprecated_at, r.successor_id
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id text, provider_id text, provider_model text, display_name text, context_window int, max_output_tokens int,
    base_input_price numeric, base_output_price numeric, base_rates jsonb, modalities text[], capabilities text[],
    is_novel boolean, category text, known_for text, access_tier text, unlock_price_cents int, daily_limit int,
    trial_messages int, speed text, quality text, display_order int, family text, class text, wire text,
    max_input_tokens int, thinking text, patience_seconds int, refused_parameters text[], ignored_parameters text[],
    features text[], further_prices jsonb, descriptions jsonb, best_for jsonb, released_on date,
    end_announced_on date, never_offered boolean, is_servable boolean, deprecated_at timestamptz, successor_id text
)
ON CONFLICT (id) DO UPDATE SET
    family = excluded.family, class = excluded.class, wire = excluded.wire,
    max_input_tokens = excluded.max_input_tokens, thinking = excluded.thinking,
    patience_seconds = excluded.patience_seconds, refused_parameters = excluded.refused_parameters,
    ignored_parameters = excluded.ignored_parameters, features = excluded.features,
    further_prices = excluded.further_prices, descriptions = excluded.descriptions, best_for = excluded.best_for,
    released_on = excluded.released_on, end_announced_on = excluded.end_announced_on,
    never_offered = CASE WHEN 'never_offered' = ANY (m.operator_facts) THEN m.never_offered
        ELSE excluded.never_offered END,
    is_servable = excluded.is_servable,
    deprecated_at = CASE WHEN 'deprecated_at' = ANY (m.operator_facts) THEN m.deprecated_at
        ELSE excluded.deprecated_at END,
    successor_id = CASE WHEN 'successor_id' = ANY (m.operator_facts) THEN m.successor_id
        ELSE excluded.successor_id END,
    updated_at = now()
WHERE m.tenant_id IS NULL AND (
    m.family, m.class, m.wire, m.max_input_tokens, m.thinking, m.patience_seconds, m.refused_parameters,
    m.ignored_parameters, m.features, m.further_prices, m.descriptions, m.best_for, m.released_on,
    m.end_announced_on, m.is_servable,
    CASE WHEN 'never_offered' = ANY (m.operator_facts) THEN NULL ELSE m.never_offered END,
    CASE WHEN 'deprecated_at' = ANY (m.operator_facts) THEN NULL ELSE m.deprecated_at END,
    CASE WHEN 'successor_id' = ANY (m.operator_facts) THEN NULL ELSE m.successor_id END
) IS DISTINCT FROM (
    excluded.family, excluded.class, excluded.wire, excluded.max_input_tokens, excluded.thinking,
    excluded.patience_seconds, excluded.refused_parameters, excluded.ignored_parameters, excluded.features,
    excluded.further_prices, excluded.descriptions, excluded.best_for, excluded.released_on,
    excluded.end_announced_on, excluded.is_servable,
    CASE WHEN 'never_offered' = ANY (m.operator_facts) THEN NULL ELSE excluded.never_offered END,
    CASE WHEN 'deprecated_at' = ANY (m.operator_facts) THEN NULL ELSE excluded.deprecated_at END,
    CASE WHEN 'successor_id' = ANY (m.operator_facts) THEN NULL ELSE excluded.successor_id END
)
"""

_ALIASES = """
INSERT INTO model_aliases (alias, model_id)
SELECT r.alias, r.model_id FROM jsonb_to_recordset(:rows ::jsonb) AS r (alias text, model_id text)
ON CONFLICT DO NOTHING
"""

# Announced prices, too, are seeds: an operator may have set others for the same date.
_ANNOUNCED = """
INSERT INTO announced_prices (model_id, effective_from, input_price, output_price, rates, source)
SELECT r.model_id, r.effective_from, r.input_price, r.output_price, r.rates, r.source
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    model_id text, effective_from timestamptz, input_price numeric, output_price numeric, rates jsonb, source text
)
ON CONFLICT DO NOTHING
"""

_DEFAULTS = """
INSERT INTO default_models (tenant_id, model_ids)
SELECT NULL, ARRAY(SELECT r.id FROM jsonb_to_recordset(:rows ::jsonb) AS r (id text))
ON CONFLICT (tenant_id) DO NOTHING
"""

_PERSONAS = """
INSERT INTO personas AS p (
    id, name, display_name, system_prompt, traits, domains, style, language, search_config, is_public
)
SELECT
    r.id, r.name, r.display_name, r.system_prompt, r.traits, r.domains, r.style, r.language, r.search_config, true
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id text, name text, display_name text, system_prompt text, traits text[], domains text[], style jsonb,
    language text, search_config text
)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, display_name = excluded.display_name, system_prompt = excluded.system_prompt,
    traits = excluded.traits, domains = excluded.domains, style = excluded.style, language = excluded.language,
    search_config = excluded.search_config, updated_at = now()
WHERE (p.name, p.display_name, p.system_prompt, p.traits, p.domains, p.style, p.language, p.search_config)
    IS DISTINCT FROM (
        excluded.name, excluded.display_name, excluded.system_prompt, excluded.traits, excluded.domains,
        excluded.style, excluded.language, excluded.search_config
    )
"""

# A document's id is made of its text, so a text that a release changes is another document.
_FORGET_KNOWLEDGE = """
DELETE FROM persona_documents d
WHERE d.tenant_id IS NULL AND d.id <> ALL (ARRAY(
    SELECT r.id FROM jsonb_to_recordset(:rows ::jsonb) AS r (id uuid)
))
"""

_KNOWLEDGE = """
INSERT INTO persona_documents (id, persona_id, title, source, bytes, passages)
SELECT r.id, r.persona_id, r.title, r.source, r.bytes, jsonb_array_length(r.passages)
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id uuid, persona_id text, title text, source text, bytes int, passages jsonb)
ON CONFLICT (id) DO NOTHING
"""

_PASSAGES = """
INSERT INTO persona_passages (id, persona_id, document_id, position, heading, content, tokens, search)
SELECT
    s.id, p.id, r.id, s.position, s.heading, s.content, s.tokens,
    setweight(searched_words(p.search_config, s.heading), 'A') || searched_words(p.search_config, s.content)
FROM jsonb_to_recordset(:rows ::jsonb) AS r (id uuid, persona_id text, passages jsonb)
JOIN personas p ON p.id = r.persona_id
CROSS JOIN LATERAL jsonb_to_recordset(r.passages)
    AS s (id uuid, position int, heading text, content text, tokens int)
ON CONFLICT (id) DO NOTHING
"""

_FOCUS_MODES = """
INSERT INTO focus_modes AS f (id, name, icon, system_prompt, display_order)
SELECT r.id, r.name, r.icon, r.system_prompt, r.display_order
FROM jsonb_to_recordset(:rows ::jsonb) AS r (id text, name text, icon text, system_prompt text, display_order int)
ON CONFLICT (tenant_id, id) DO UPDATE SET
    name = excluded.name, icon = excluded.icon, system_prompt = excluded.system_prompt,
    display_order = excluded.display_order, updated_at = now()
WHERE (f.name, f.icon, f.system_prompt, f.display_order)
    IS DISTINCT FROM (excluded.name, excluded.icon, excluded.system_prompt, excluded.display_order)
"""

_DOMAIN_MODES = """
INSERT INTO domain_modes AS d (id, name, description, system_prompt, temperature, display_order)
SELECT r.id, r.name, r.description, r.system_prompt, r.temperature, r.display_order
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id text, name text, description text, system_prompt text, temperature numeric, display_order int)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, description = excluded.description, system_prompt = excluded.system_prompt,
    temperature = excluded.temperature, display_order = excluded.display_order, updated_at = now()
WHERE (d.name, d.description, d.system_prompt, d.temperature, d.display_order) IS DISTINCT FROM
    (excluded.name, excluded.description, excluded.system_prompt, excluded.temperature, excluded.display_order)
"""

Rows = Sequence[Mapping[str, Any]]  # their keys are the columns


class Registry(Struct, frozen=True):
    """The registry as a release ships it."""

    providers: Sequence[Provider]
    models: Rows
    aliases: Rows
    announced: Rows
    defaults: Rows
    personas: Rows
    knowledge: Rows
    focus_modes: Rows
    domain_modes: Rows


def save(connection: Connection, registry: Registry) -> None:
    """Writes the whole registry. Running it again with the same content writes nothing."""
    parts: list[tuple[str, Rows]] = [
        (_PROVIDERS, [asdict(provider) for provider in registry.providers]),
        (_MODELS, registry.models),
        (_ALIASES, registry.aliases),
        (_ANNOUNCED, registry.announced),
        (_DEFAULTS, registry.defaults),
        (_PERSONAS, registry.personas),
        (_FORGET_KNOWLEDGE, registry.knowledge),
        (_KNOWLEDGE, registry.knowledge),
        (_PASSAGES, registry.knowledge),
        (_FOCUS_MODES, registry.focus_modes),
        (_DOMAIN_MODES, registry.domain_modes),
    ]
    connection.run_all([(sql, {"rows": json_parameter(rows)}) for sql, rows in parts])
