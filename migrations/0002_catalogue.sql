-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Processes keep a tenant's catalogue and read it again only when one of two numbers has moved: the tenant's own row, and
-- the shared row (no tenant), which also counts changes made outside any tenant's scope.
CREATE TABLE catalogue_versions (
    tenant_id uuid REFERENCES tenants (id),
    version bigint NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (tenant_id)
);
ALTER TABLE catalogue_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalogue_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON catalogue_versions
    USING (tenant_id IS NULL OR tenant_id = current_tenant_id())
    WITH CHECK (tenant_id IS NULL OR tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON catalogue_versions TO stoa_runtime;

-- An operator's change concerns every tenant, whichever tenant the operator belongs to. It counts in the shared row, so
-- that each process reads its catalogue again.
CREATE FUNCTION bump_catalogue_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO catalogue_versions AS v (tenant_id)
    VALUES (CASE WHEN is_operator() THEN NULL ELSE current_tenant_id() END)
    ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;

-- A provider is a service that answers for models.
CREATE TABLE providers (
    id text PRIMARY KEY,
    display_name text NOT NULL,
    api_base text,
    auth text NOT NULL,
    -- One of the four wire protocols; everything else about a provider is configuration in `options`.
    wire text NOT NULL CHECK (wire IN ('openai', 'anthropic', 'bedrock', 'replicate')),
    chat_path text NOT NULL DEFAULT '',
    options jsonb NOT NULL DEFAULT '{}',
    is_available boolean NOT NULL DEFAULT true, -- an operator's switch for a provider in trouble
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON providers
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
-- The table belongs to no tenant and is guarded all the same: everyone reads it, only the operator's scope writes it.
ALTER TABLE providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE providers FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON providers FOR SELECT USING (true);
CREATE POLICY operator_writes ON providers USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE ON providers TO stoa_runtime;

-- The registry of models. All tenants share the rows without a tenant; a tenant may own further ones (fine-tunes,
-- self-hosted models).
CREATE TABLE models (
    id text PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id),
    provider_id text NOT NULL REFERENCES providers (id),
    provider_model text NOT NULL, -- the provider's own name for it
    display_name text NOT NULL,
    context_window integer NOT NULL CHECK (context_window > 0),
    max_output_tokens integer NOT NULL CHECK (max_output_tokens >= 0),
    base_input_price numeric(14, 6) CHECK (base_input_price >= 0), -- USD per 1M tokens; null: not known, not sold
    base_output_price numeric(14, 6) CHECK (base_output_price >= 0),
    modalities text[] NOT NULL DEFAULT '{text}',
    capabilities text[] NOT NULL DEFAULT '{chat}',
    is_novel boolean NOT NULL DEFAULT false,
    category text NOT NULL DEFAULT 'general',
    known_for text NOT NULL DEFAULT '',
    access_tier text NOT NULL DEFAULT 'free' CHECK (access_tier IN ('free', 'premium')),
    unlock_price_cents integer CHECK (unlock_price_cents > 0),
    daily_limit integer CHECK (daily_limit >= 0), -- messages a user a day; null: no limit
    trial_messages integer NOT NULL DEFAULT 0 CHECK (trial_messages >= 0),
    speed text NOT NULL DEFAULT 'standard' CHECK (speed IN ('fastest', 'fast', 'standard', 'slower')),
    quality text NOT NULL DEFAULT 'good' CHECK (quality IN ('good', 'excellent', 'exceptional')),
    display_order integer NOT NULL DEFAULT 1000,
    enabled boolean NOT NULL DEFAULT true,
    is_available boolean NOT NULL DEFAULT true, -- an operator's switch for one model in trouble
    deprecated_at timestamptz, -- from this instant on the successor serves instead
    successor_id text REFERENCES models (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- The provider's prices for tokens that are not plain input or output (stoa/domain/pricing/rates.py), USD per 1M as
    -- decimal strings: {"cached_input": "0.3", "tiers": [{"above_input_tokens": 200000, "input": "2.5"}]}.
    -- {}: all tokens cost as plain input or output does.
    base_rates jsonb NOT NULL DEFAULT '{}',
    -- Counts the changes of the base prices and rates, whoever makes them. A price that a tenant accepted of a feed holds
    -- until this number moves, that is, until an operator sets another price.
    base_version integer NOT NULL DEFAULT 1,
    added_by_sync boolean NOT NULL DEFAULT false, -- a tenant took it over from a feed; no other tenant is offered it
    CHECK (access_tier = 'free' OR unlock_price_cents IS NOT NULL)
);
CREATE INDEX models_by_tenant ON models (tenant_id);
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();

CREATE FUNCTION count_base_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.base_version := OLD.base_version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER base_price_changed BEFORE UPDATE ON models
    FOR EACH ROW
    WHEN ((OLD.base_input_price, OLD.base_output_price, OLD.base_rates)
        IS DISTINCT FROM (NEW.base_input_price, NEW.base_output_price, NEW.base_rates))
    EXECUTE FUNCTION count_base_change();

ALTER TABLE models ENABLE ROW LEVEL SECURITY;
ALTER TABLE models FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON models FOR SELECT USING (tenant_id IS NULL OR tenant_id = current_tenant_id());
CREATE POLICY own_rows_change ON models USING (tenant_id = current_tenant_id())
    WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY operator_keeps_registry ON models USING (tenant_id IS NULL AND is_operator())
    WITH CHECK (tenant_id IS NULL AND is_operator());
GRANT SELECT, INSERT, UPDATE ON models TO stoa_runtime;

-- The overlay: a tenant's decisions about a model, and its provider's news that the tenant accepted (context size,
-- retirement). A null column means "as the registry says".
CREATE TABLE tenant_models (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    enabled boolean,
    access_tier text CHECK (access_tier IN ('free', 'premium')),
    unlock_price_cents integer CHECK (unlock_price_cents > 0),
    has_daily_limit boolean, -- false: without a limit, whatever the registry says
    daily_limit integer CHECK (daily_limit >= 0),
    trial_messages integer CHECK (trial_messages >= 0),
    display_order integer,
    display_name text,
    known_for text,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- These models answer in its place, in this order, before those that Stoa finds by itself. Null: the tenant named none.
    fallback_model_ids text[],
    context_window integer,
    max_output_tokens integer,
    deprecated_at timestamptz,
    successor_id text,
    -- Names the columns that an admin set otherwise than the feeds say. News of the feeds about them waits, whatever the
    -- policy, until an admin approves a change of them.
    own_facts text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, model_id)
);
-- NOT VALID: PostgreSQL enforces these on every write; no row is older than they are, so none needs to be looked at.
ALTER TABLE tenant_models
    ADD CONSTRAINT tenant_models_context_window CHECK (context_window > 0) NOT VALID,
    ADD CONSTRAINT tenant_models_max_output_tokens CHECK (max_output_tokens >= 0) NOT VALID,
    ADD CONSTRAINT tenant_models_successor FOREIGN KEY (successor_id) REFERENCES models (id) NOT VALID;
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON tenant_models
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
ALTER TABLE tenant_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_models FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_models
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON tenant_models TO stoa_runtime;

-- migrate:down
DROP TABLE tenant_models, models, providers, catalogue_versions;
DROP FUNCTION count_base_change(), bump_catalogue_version();
