-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Facts by which members choose a model, and on which a call depends.
ALTER TABLE models
    ADD COLUMN family text, -- models that follow one another, such as claude-haiku: `claude-haiku-latest` is the newest
    ADD COLUMN class text, -- small, standard, flagship, reasoning, search, code, embedding, realtime
    ADD COLUMN wire text, -- null: the provider's own
    ADD COLUMN max_input_tokens integer, -- null: the window is the only limit
    ADD COLUMN thinking text NOT NULL DEFAULT 'never',
    ADD COLUMN patience_seconds integer, -- the longest silence before the first token; null: by `thinking`
    ADD COLUMN refused_parameters text[] NOT NULL DEFAULT '{}', -- a request that has one of these fails
    ADD COLUMN ignored_parameters text[] NOT NULL DEFAULT '{}',
    ADD COLUMN features text[] NOT NULL DEFAULT '{}', -- tools, structured_output, vision, pdf, audio
    -- Facts that no charge is made from: {"fees": {"search": "0.0025"}, "cacheWriteByAge": {"1h": "4"}, "byHour": {…}}.
    ADD COLUMN further_prices jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN descriptions jsonb NOT NULL DEFAULT '{}', -- whole sentences by language: {"en": "…", "de": "…"}
    ADD COLUMN best_for jsonb NOT NULL DEFAULT '{}', -- short phrases by language: {"en": ["…"], "de": ["…"]}
    ADD COLUMN released_on date,
    ADD COLUMN end_announced_on date,
    ADD COLUMN never_offered boolean NOT NULL DEFAULT false, -- no provider ever had a model of this name
    ADD COLUMN is_servable boolean NOT NULL DEFAULT true, -- false: none of our wires reaches it
    -- Names the columns that an operator changed: a release writes the others anew, and these never.
    ADD COLUMN operator_facts text[] NOT NULL DEFAULT '{}';
-- NOT VALID: every row there is has the columns' defaults, and PostgreSQL checks each write from here on.
ALTER TABLE models
    ADD CONSTRAINT models_thinking CHECK (thinking IN ('never', 'optional', 'always')) NOT VALID,
    ADD CONSTRAINT models_wire CHECK (wire IN ('openai', 'responses', 'anthropic', 'bedrock', 'replicate')) NOT VALID,
    ADD CONSTRAINT models_max_input_tokens CHECK (max_input_tokens > 0) NOT VALID,
    ADD CONSTRAINT models_patience_seconds CHECK (patience_seconds > 0) NOT VALID;
ALTER TABLE providers
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT providers_wire_check,
    ADD CONSTRAINT providers_wire CHECK (wire IN ('openai', 'responses', 'anthropic', 'bedrock', 'replicate')) NOT VALID;

ALTER TABLE tenant_models
    ADD COLUMN thinktank_enabled boolean, -- false: the chat's picker leaves the model out
    ADD COLUMN best_for text[],
    ADD COLUMN shown_cost numeric(14, 6), -- shown in the place of a cost from prices; nothing is charged by it
    ADD COLUMN speed text,
    ADD COLUMN quality text;
ALTER TABLE tenant_models
    ADD CONSTRAINT tenant_models_speed CHECK (speed IN ('fastest', 'fast', 'standard', 'slower')) NOT VALID,
    ADD CONSTRAINT tenant_models_quality CHECK (quality IN ('good', 'excellent', 'exceptional')) NOT VALID;

-- Other spellings of a model's id, as its maker and other clients have them. One that fits models of several providers
-- means the first of them, by display order, that can answer.
CREATE TABLE model_aliases (
    alias text NOT NULL,
    model_id text NOT NULL REFERENCES models (id),
    PRIMARY KEY (alias, model_id)
);
-- The id of the model that a tenant means by a name: the id itself, the id that its admin typed for a model of its own
-- ("<slug>~~<id>" is what is kept), or another spelling. A name that fits none is returned as it is.
CREATE FUNCTION model_named(given text) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        (SELECT m.id FROM models m WHERE m.id = given AND (m.tenant_id IS NULL OR m.tenant_id = current_tenant_id())),
        (SELECT m.id FROM models m WHERE m.tenant_id = current_tenant_id() AND split_part(m.id, '~~', 2) = given),
        (
            SELECT a.model_id FROM model_aliases a
            JOIN models m ON m.id = a.model_id
            WHERE a.alias = given
            ORDER BY m.never_offered, m.deprecated_at IS NOT NULL AND m.deprecated_at <= now(), m.display_order, m.id
            LIMIT 1
        ),
        given
    )
$$;
CREATE INDEX model_aliases_by_model ON model_aliases (model_id);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON model_aliases
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
ALTER TABLE model_aliases ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_aliases FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON model_aliases FOR SELECT USING (true);
CREATE POLICY operator_writes ON model_aliases USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, DELETE ON model_aliases TO stoa_runtime;

-- Base prices that a provider announced for a date, USD per 1M tokens. From that date on they hold in place of the
-- model's own, until an operator or a feed says otherwise.
CREATE TABLE announced_prices (
    model_id text NOT NULL REFERENCES models (id),
    effective_from timestamptz NOT NULL,
    input_price numeric(14, 6) NOT NULL CHECK (input_price > 0),
    output_price numeric(14, 6) NOT NULL CHECK (output_price > 0),
    rates jsonb NOT NULL DEFAULT '{}', -- as models.base_rates
    source text NOT NULL, -- who says so
    PRIMARY KEY (model_id, effective_from)
);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON announced_prices
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
ALTER TABLE announced_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE announced_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON announced_prices FOR SELECT USING (true);
CREATE POLICY operator_writes ON announced_prices USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON announced_prices TO stoa_runtime;

-- The models that answer where nobody chose one, in order: the first that lasts. The row without a tenant is the
-- installation's. A tenant's row may name models of its own (null: the installation's hold) and keeps the one that
-- last stood first, so that a move is told once.
CREATE TABLE default_models (
    tenant_id uuid REFERENCES tenants (id),
    model_ids text[],
    stood_first text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id),
    CHECK (cardinality(model_ids) > 0)
);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OF model_ids OR DELETE ON default_models
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
ALTER TABLE default_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE default_models FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON default_models FOR SELECT
    USING (tenant_id IS NULL OR tenant_id = current_tenant_id());
CREATE POLICY own_row_changes ON default_models
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY operator_keeps_shared ON default_models
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());
GRANT SELECT, INSERT, UPDATE ON default_models TO stoa_runtime;

-- True where the provider refused the key, or does not know the model: nobody is offered what the circuit concerns
-- until a probe succeeds.
ALTER TABLE circuits ADD COLUMN is_unreachable boolean NOT NULL DEFAULT false;
-- The circuit of a tenant's own key: its subject is the tenant and the provider, "<tenant>/<provider>".
ALTER TABLE circuits
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT circuits_kind_check,
    ADD CONSTRAINT circuits_kind CHECK (kind IN ('provider', 'model', 'provider_key')) NOT VALID;

-- migrate:down
ALTER TABLE circuits DROP CONSTRAINT circuits_kind;
DELETE FROM circuits WHERE kind = 'provider_key';
ALTER TABLE circuits
    DROP COLUMN is_unreachable,
    ADD CONSTRAINT circuits_kind_check CHECK (kind IN ('provider', 'model'));
DROP FUNCTION model_named(text);
DROP TABLE default_models, announced_prices, model_aliases;
ALTER TABLE tenant_models
    DROP COLUMN thinktank_enabled, DROP COLUMN best_for, DROP COLUMN shown_cost, DROP COLUMN speed, DROP COLUMN quality;
ALTER TABLE providers
    DROP CONSTRAINT providers_wire,
    ADD CONSTRAINT providers_wire_check CHECK (wire IN ('openai', 'anthropic', 'bedrock', 'replicate'));
ALTER TABLE models
    DROP COLUMN family, DROP COLUMN class, DROP COLUMN wire, DROP COLUMN max_input_tokens, DROP COLUMN thinking,
    DROP COLUMN patience_seconds, DROP COLUMN refused_parameters, DROP COLUMN ignored_parameters,
    DROP COLUMN features, DROP COLUMN further_prices, DROP COLUMN descriptions, DROP COLUMN best_for,
    DROP COLUMN released_on, DROP COLUMN end_announced_on, DROP COLUMN never_offered, DROP COLUMN is_servable,
    DROP COLUMN operator_facts;
