-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A tenant turns a provider's price into its own by these settings. A tenant without a row uses the columns' defaults.
-- Version 0 is a tenant that never saved its pricing: the row was made, with the defaults, for the planner to lock.
CREATE TABLE pricing_configs (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id),
    external_default_markup numeric(8, 6) NOT NULL DEFAULT 0.4 CHECK (external_default_markup BETWEEN 0 AND 10),
    self_hosted_default_markup numeric(8, 6) NOT NULL DEFAULT 0.75 CHECK (self_hosted_default_markup BETWEEN 0 AND 10),
    minimum_charge numeric(18, 9) NOT NULL DEFAULT 0.001 CHECK (minimum_charge >= 0), -- USD a message
    price_increase_grace_hours integer NOT NULL DEFAULT 24 CHECK (price_increase_grace_hours >= 0),
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    auto_update_from_providers boolean NOT NULL DEFAULT true,
    auto_update_frequency text NOT NULL DEFAULT 'daily',
    last_auto_update timestamptz,
    notify_on_price_change boolean NOT NULL DEFAULT true,
    notify_threshold_percent numeric(8, 4) NOT NULL DEFAULT 10,
    -- Says for each kind of change in the feeds whether it applies by itself; {}: the defaults of
    -- stoa.domain.sync.policy.py.
    sync_policy jsonb NOT NULL DEFAULT '{}',
    notice_emails text[] NOT NULL DEFAULT '{}' -- addresses that are told of price changes
);
ALTER TABLE pricing_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE pricing_configs FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON pricing_configs
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON pricing_configs TO stoa_runtime;

-- The price book. A row has a beginning and no end: the one in force at an instant is the newest that is not cancelled
-- and has begun. So rows cannot overlap, and a look-up is one index probe. Rows are never edited: the runtime role may
-- only set `cancelled_at`, and the trigger below allows that once.
-- price = (override's price, else base price) × (1 + markup), unless the row is `held`: then at least one of its prices
-- is lower, because an increase waits for its grace.
CREATE TABLE price_book (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    effective_from timestamptz NOT NULL,
    input_price numeric(14, 6) NOT NULL CHECK (input_price >= 0), -- a member pays this, USD per 1M tokens
    output_price numeric(14, 6) NOT NULL CHECK (output_price >= 0),
    base_input_price numeric(14, 6) NOT NULL CHECK (base_input_price >= 0), -- the provider takes this
    base_output_price numeric(14, 6) NOT NULL CHECK (base_output_price >= 0),
    markup numeric(8, 6) NOT NULL CHECK (markup >= 0),
    minimum_charge numeric(18, 9) NOT NULL CHECK (minimum_charge >= 0), -- USD a message
    source text NOT NULL CHECK (source IN ('initial', 'config', 'bulk', 'override', 'override_end', 'base', 'sync')),
    actor_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz,
    override_input_price numeric(14, 6),
    override_output_price numeric(14, 6),
    held boolean NOT NULL DEFAULT false,
    base_rates jsonb NOT NULL DEFAULT '{}', -- as models.base_rates: the provider takes this
    rates jsonb NOT NULL DEFAULT '{}' -- a member pays this
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
CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE ON price_book
    FOR EACH STATEMENT EXECUTE FUNCTION bump_catalogue_version();
ALTER TABLE price_book ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_book FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_book
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE (cancelled_at) ON price_book TO stoa_runtime;

-- An admin's settings for one model, in the place of base price and default markup. Like the price book, a row has a
-- beginning and no end: the one that holds is the newest that is not cancelled and has begun, and a row without any value
-- ends the one before. So no model has two overrides at once, and an end date is a row of its own. Rows are never edited.
CREATE TABLE price_overrides (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    version integer NOT NULL CHECK (version > 0), -- counts the edits of this model's override; an edit may write two rows
    effective_from timestamptz NOT NULL,
    markup numeric(8, 6) CHECK (markup BETWEEN 0 AND 10), -- null: the tenant's default; 0 is a markup
    input_price numeric(14, 6) CHECK (input_price >= 0), -- USD per 1M tokens, before markup; null: the base price
    output_price numeric(14, 6) CHECK (output_price >= 0),
    actor_id uuid,
    created_at timestamptz NOT NULL,
    cancelled_at timestamptz
);
CREATE UNIQUE INDEX price_overrides_in_force
    ON price_overrides (tenant_id, model_id, effective_from DESC) WHERE cancelled_at IS NULL;
CREATE INDEX price_overrides_by_version ON price_overrides (tenant_id, model_id, version);
CREATE TRIGGER price_overrides_are_immutable BEFORE UPDATE ON price_overrides
    FOR EACH ROW EXECUTE FUNCTION keep_price_book_rows();
ALTER TABLE price_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_overrides FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_overrides
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE (cancelled_at) ON price_overrides TO stoa_runtime;

-- The history of prices: one line for each change of a model's price, now or announced. The table is append-only: the
-- runtime role may add and read.
CREATE TABLE price_changes (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL REFERENCES models (id),
    price_row_id uuid NOT NULL REFERENCES price_book (id), -- the row that holds from `effective_from` on
    change_source text NOT NULL,
    previous_input_price numeric(14, 6), -- null: the model had no price before
    previous_output_price numeric(14, 6),
    previous_markup numeric(8, 6),
    previous_minimum_charge numeric(18, 9),
    new_input_price numeric(14, 6) NOT NULL,
    new_output_price numeric(14, 6) NOT NULL,
    new_markup numeric(8, 6) NOT NULL,
    new_minimum_charge numeric(18, 9) NOT NULL,
    effective_from timestamptz NOT NULL,
    actor_id uuid,
    created_at timestamptz NOT NULL,
    previous_rates jsonb NOT NULL DEFAULT '{}',
    new_rates jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX price_changes_newest ON price_changes (tenant_id, id DESC);
CREATE INDEX price_changes_by_model ON price_changes (tenant_id, model_id, id DESC);
ALTER TABLE price_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_changes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON price_changes TO stoa_runtime;

-- migrate:down
DROP TABLE price_changes, price_overrides, price_book, pricing_configs;
DROP FUNCTION keep_price_book_rows();
