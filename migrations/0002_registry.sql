-- migrate:up
SET LOCAL lock_timeout = '5s';

CREATE TABLE providers (
    id text PRIMARY KEY,
    display_name text NOT NULL,
    api_base text,
    auth text NOT NULL,
    -- One of the four wire protocols; everything else about a provider is configuration in `options`.
    wire text NOT NULL CHECK (wire IN ('openai', 'anthropic', 'bedrock', 'replicate')),
    chat_path text NOT NULL DEFAULT '',
    options jsonb NOT NULL DEFAULT '{}',
    -- An operator's switch for a provider in trouble.
    is_available boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The registry. Rows without a tenant are shared by all; a tenant may own further ones (fine-tunes, self-hosted).
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
    CHECK (access_tier = 'free' OR unlock_price_cents IS NOT NULL)
);
CREATE INDEX models_by_tenant ON models (tenant_id);

-- What one tenant decides about a model. A null column means: as the registry says.
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
    PRIMARY KEY (tenant_id, model_id)
);

-- The price book. A row has a beginning and no end: the one in force at an instant is the newest that is not cancelled
-- and has begun. So rows cannot overlap, and a look-up is one index probe. Rows are never edited: the runtime role may
-- only set `cancelled_at`, and the trigger below allows that once.
CREATE TABLE price_book (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    effective_from timestamptz NOT NULL,
    input_price numeric(14, 6) NOT NULL CHECK (input_price >= 0), -- what a member pays, USD per 1M tokens
    output_price numeric(14, 6) NOT NULL CHECK (output_price >= 0),
    base_input_price numeric(14, 6) NOT NULL CHECK (base_input_price >= 0), -- what the provider takes
    base_output_price numeric(14, 6) NOT NULL CHECK (base_output_price >= 0),
    markup numeric(8, 6) NOT NULL CHECK (markup >= 0),
    minimum_charge numeric(18, 9) NOT NULL CHECK (minimum_charge >= 0), -- USD a message
    source text NOT NULL CHECK (source IN ('initial', 'config', 'bulk', 'override', 'override_end', 'base', 'sync')),
    actor_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz
);
CREATE UNIQUE INDEX price_book_in_force
    ON price_book (tenant_id, model_id, effective_from DESC) WHERE cancelled_at IS NULL;

CREATE FUNCTION keep_price_book_rows() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.cancelled_at IS NOT NULL
        OR to_jsonb(NEW) - 'cancelled_at' IS DISTINCT FROM to_jsonb(OLD) - 'cancelled_at' THEN
        RAISE EXCEPTION 'price book rows are immutable; cancel the row and write a new one';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER price_book_rows_are_immutable BEFORE UPDATE ON price_book
    FOR EACH ROW EXECUTE FUNCTION keep_price_book_rows();

-- Processes keep a tenant's catalogue and read it again only when one of these two numbers has moved: the tenant's own
-- row, and the shared row (no tenant), which also counts changes made outside any tenant's scope.
CREATE TABLE catalogue_versions (
    tenant_id uuid REFERENCES tenants (id),
    version bigint NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (tenant_id)
);

CREATE FUNCTION bump_catalogue_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO catalogue_versions AS v (tenant_id) VALUES (current_tenant_id())
    ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON providers
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON models
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON tenant_models
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON price_book
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();

ALTER TABLE catalogue_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE catalogue_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON catalogue_versions
    USING (tenant_id IS NULL OR tenant_id = current_tenant_id())
    WITH CHECK (tenant_id IS NULL OR tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON catalogue_versions TO stoa_runtime;

ALTER TABLE models ENABLE ROW LEVEL SECURITY;
ALTER TABLE models FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON models FOR SELECT USING (tenant_id IS NULL OR tenant_id = current_tenant_id());
CREATE POLICY own_rows_change ON models USING (tenant_id = current_tenant_id())
    WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY operator_keeps_registry ON models USING (tenant_id IS NULL AND is_operator())
    WITH CHECK (tenant_id IS NULL AND is_operator());

-- Not a tenant's table, yet guarded: everyone reads the providers, only the operator's scope writes them.
ALTER TABLE providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE providers FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON providers FOR SELECT USING (true);
CREATE POLICY operator_writes ON providers USING (is_operator()) WITH CHECK (is_operator());

ALTER TABLE tenant_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_models FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_models
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

ALTER TABLE price_book ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_book FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_book
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE ON providers, models, tenant_models TO stoa_runtime;
GRANT SELECT, INSERT, UPDATE (cancelled_at) ON price_book TO stoa_runtime;

-- migrate:down
DROP TABLE catalogue_versions, price_book, tenant_models, models, providers;
DROP FUNCTION bump_catalogue_version(), keep_price_book_rows();
