-- migrate:up
SET LOCAL lock_timeout = '5s';

-- `base_version` counts the changes of a model's base prices, whoever makes them, so that a price which a tenant accepted
-- of a feed holds until an operator sets another. `added_by_sync`: from a feed, at some tenant's wish; offered nowhere else.
ALTER TABLE models
    ADD COLUMN base_version integer NOT NULL DEFAULT 1,
    ADD COLUMN added_by_sync boolean NOT NULL DEFAULT false;

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

-- What a tenant wants done with each kind of change by itself ({}: the defaults of stoa/domain/sync/review_policy.py), and
-- whom to write to.
ALTER TABLE pricing_configs
    ADD COLUMN sync_policy jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN notice_emails text[] NOT NULL DEFAULT '{}';

-- What the price feeds and the providers' own lists say of each model, as last told. The same for all tenants. Only rows
-- of which something has changed are written.
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

-- A reading of the feeds that changed something or met new problems; the others leave no trace.
CREATE TABLE feed_runs (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    sources jsonb NOT NULL, -- each source: whether it was complete, how many models it named, how many problems
    problems jsonb NOT NULL, -- source, entry, field, reason
    problems_digest text NOT NULL,
    models_added integer NOT NULL,
    models_changed integer NOT NULL,
    created_at timestamptz NOT NULL
);

-- What a tenant accepted of a provider's price. The newest row holds in the place of the model's own base prices, as long
-- as these are still the ones it was accepted over. Never edited.
CREATE TABLE tenant_base_prices (
    id uuid PRIMARY KEY, -- version 7: the newest is the greatest
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    base_version integer NOT NULL, -- models.base_version at the time
    input_price numeric(14, 6) NOT NULL CHECK (input_price >= 0),
    output_price numeric(14, 6) NOT NULL CHECK (output_price >= 0),
    rates jsonb NOT NULL DEFAULT '{}',
    actor_id uuid, -- null: by the tenant's policy
    created_at timestamptz NOT NULL
);
CREATE INDEX tenant_base_prices_newest ON tenant_base_prices (tenant_id, model_id, id DESC);

-- What the feeds say otherwise than a tenant has it: waiting for an admin (`open`), or what became of it.
CREATE TABLE registry_changes (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL CHECK (kind IN ('new_model', 'price', 'context', 'retirement')),
    subject text NOT NULL, -- the model's id; of a new one provider and its name there
    provider_id text NOT NULL REFERENCES providers (id),
    provider_model text NOT NULL,
    model_id text REFERENCES models (id),
    before jsonb,
    after jsonb NOT NULL,
    digest text NOT NULL, -- of `after`: the same is not proposed twice
    percent numeric(14, 4), -- the greatest move of a price; null: not a price, or from an unknown one
    agreement text, -- of the two sources about the price
    status text NOT NULL CHECK (status IN ('open', 'applied', 'approved', 'rejected', 'superseded', 'withdrawn')),
    reason text NOT NULL, -- why it waits or was applied by itself; of a rejected one the admin's words
    created_at timestamptz NOT NULL,
    decided_by uuid,
    decided_at timestamptz,
    CHECK ((status = 'open') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX registry_changes_open ON registry_changes (tenant_id, kind, subject) WHERE status = 'open';
CREATE INDEX registry_changes_newest ON registry_changes (tenant_id, id DESC);

-- Not a tenant's: every tenant reads what the feeds say, only the operator's scope writes it.
ALTER TABLE feed_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed_models FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_read ON feed_models FOR SELECT USING (current_tenant_id() IS NOT NULL);
CREATE POLICY operator_writes ON feed_models USING (is_operator()) WITH CHECK (is_operator());

ALTER TABLE feed_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE feed_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY operator ON feed_runs USING (is_operator()) WITH CHECK (is_operator());

ALTER TABLE tenant_base_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_base_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_base_prices
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

ALTER TABLE registry_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE registry_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON registry_changes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE ON feed_models TO stoa_runtime;
GRANT SELECT, INSERT ON feed_runs, tenant_base_prices TO stoa_runtime;
GRANT SELECT, INSERT, UPDATE (status, reason, decided_by, decided_at, model_id) ON registry_changes TO stoa_runtime;

-- migrate:down
DROP TABLE registry_changes, tenant_base_prices, feed_runs, feed_models;
ALTER TABLE pricing_configs DROP COLUMN sync_policy, DROP COLUMN notice_emails;
DROP TRIGGER base_price_changed ON models;
DROP FUNCTION count_base_change();
ALTER TABLE models DROP COLUMN base_version, DROP COLUMN added_by_sync;
