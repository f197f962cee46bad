-- migrate:up
SET LOCAL lock_timeout = '5s';

-- The last word of the price feeds and the providers' own lists about each model, the same for all tenants. A reading of
-- the feeds writes only the rows of which something has changed.
CREATE TABLE feed_models (
    provider_id text NOT NULL REFERENCES providers (id),
    provider_model text NOT NULL,
    display_name text NOT NULL,
    context_window integer CHECK (context_window > 0),
    max_output_tokens integer CHECK (max_output_tokens > 0),
    input_price numeric(14, 6) CHECK (input_price > 0), -- USD per 1M tokens; null: no source has a usable one
    output_price numeric(14, 6) CHECK (output_price > 0),
    rates jsonb NOT NULL DEFAULT '{}', -- as models.base_rates
    agreement text NOT NULL CHECK (agreement IN ('agreed', 'differs', 'only_one')), -- of the sources about the price
    lifecycle text NOT NULL CHECK (lifecycle IN ('active', 'deprecated', 'removed')),
    deprecated_on date,
    is_listed boolean, -- whether the provider's own list names it; false only where it once did
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, provider_model),
    CHECK ((input_price IS NULL) = (output_price IS NULL))
);
ALTER TABLE feed_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed_models FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_read ON feed_models FOR SELECT USING (current_tenant_id() IS NOT NULL);
CREATE POLICY operator_writes ON feed_models USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE ON feed_models TO stoa_runtime;

-- A reading of the feeds that changed something or met new problems. Other readings leave no row.
CREATE TABLE feed_runs (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    sources jsonb NOT NULL, -- each source: whether it was complete, how many models it named, how many problems
    problems jsonb NOT NULL, -- source, entry, field, reason
    problems_digest text NOT NULL,
    models_added integer NOT NULL,
    models_changed integer NOT NULL,
    created_at timestamptz NOT NULL
);
ALTER TABLE feed_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY operator ON feed_runs USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT ON feed_runs TO stoa_runtime;

-- A provider's price that a tenant accepted. The newest row holds in the place of the model's own base prices, as long as
-- these are still the ones it was accepted over. Rows are never edited.
CREATE TABLE tenant_base_prices (
    id uuid PRIMARY KEY, -- version 7: the newest is the greatest
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    base_version integer NOT NULL, -- models.base_version at the time
    input_price numeric(14, 6) NOT NULL CHECK (input_price >= 0),
    output_price numeric(14, 6) NOT NULL CHECK (output_price >= 0),
    rates jsonb NOT NULL DEFAULT '{}',
    actor_id uuid, -- null: by the tenant's policy
    created_at timestamptz NOT NULL,
    -- An admin decided on another price than the feeds say. News of the feeds about the price then waits, whatever the
    -- policy, until an admin approves one.
    is_own boolean NOT NULL DEFAULT false
);
CREATE INDEX tenant_base_prices_newest ON tenant_base_prices (tenant_id, model_id, id DESC);
ALTER TABLE tenant_base_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_base_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_base_prices
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON tenant_base_prices TO stoa_runtime;

-- A difference between the feeds and a tenant's catalogue: it waits for an admin (`open`), or has been decided.
CREATE TABLE registry_changes (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL CHECK (kind IN ('new_model', 'price', 'context', 'retirement')),
    subject text NOT NULL, -- the model's id; for a new model its provider and its name there
    provider_id text NOT NULL REFERENCES providers (id),
    provider_model text NOT NULL,
    model_id text REFERENCES models (id),
    before jsonb,
    after jsonb NOT NULL,
    digest text NOT NULL, -- of `after`: the same is not proposed twice
    percent numeric(14, 4), -- the greatest move of a price; null: not a price, or from an unknown one
    agreement text, -- of the two sources about the price
    status text NOT NULL CHECK (status IN ('open', 'applied', 'approved', 'rejected', 'superseded', 'withdrawn')),
    reason text NOT NULL, -- why it waits or was applied by itself; when rejected, the admin's words
    created_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    CHECK ((status = 'open') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX registry_changes_open ON registry_changes (tenant_id, kind, subject) WHERE status = 'open';
CREATE INDEX registry_changes_newest ON registry_changes (tenant_id, id DESC);
ALTER TABLE registry_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE registry_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON registry_changes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE (status, reason, decided_by, decided_at, model_id) ON registry_changes TO stoa_runtime;

-- migrate:down
DROP TABLE registry_changes, tenant_base_prices, feed_runs, feed_models;
