-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Version 0 is a tenant that never saved its pricing: the row is made, with the defaults, for the planner to lock.
ALTER TABLE pricing_configs
    ADD COLUMN auto_update_from_providers boolean NOT NULL DEFAULT true,
    ADD COLUMN auto_update_frequency text NOT NULL DEFAULT 'daily',
    ADD COLUMN last_auto_update timestamptz,
    ADD COLUMN notify_on_price_change boolean NOT NULL DEFAULT true,
    ADD COLUMN notify_threshold_percent numeric(8, 4) NOT NULL DEFAULT 10;

-- What explains a row beside base price and markup: price = (override's price, else base price) x (1 + markup), unless
-- the row is `held`: then at least one of its prices is lower, because an increase waits for its grace.
ALTER TABLE price_book
    ADD COLUMN override_input_price numeric(14, 6),
    ADD COLUMN override_output_price numeric(14, 6),
    ADD COLUMN held boolean NOT NULL DEFAULT false;

-- What a tenant's admin sets for one model in the place of base price and default markup. Like the price book, a row has
-- a beginning and no end: the one that holds is the newest that is not cancelled and has begun, and one without any value
-- ends what held before. So no model has two overrides at once, and an end date is a row of its own. Never edited.
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

-- The history of prices: one line for each change of a model's price, now or announced. Append-only.
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
    created_at timestamptz NOT NULL
);
CREATE INDEX price_changes_newest ON price_changes (tenant_id, id DESC);
CREATE INDEX price_changes_by_model ON price_changes (tenant_id, model_id, id DESC);

ALTER TABLE price_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_overrides FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_overrides
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
ALTER TABLE price_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON price_changes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE (cancelled_at) ON price_overrides TO stoa_runtime;
GRANT SELECT, INSERT ON price_changes TO stoa_runtime;

-- migrate:down
DROP TABLE price_changes, price_overrides;
ALTER TABLE price_book DROP COLUMN override_input_price, DROP COLUMN override_output_price, DROP COLUMN held;
ALTER TABLE pricing_configs
    DROP COLUMN auto_update_from_providers, DROP COLUMN auto_update_frequency, DROP COLUMN last_auto_update,
    DROP COLUMN notify_on_price_change, DROP COLUMN notify_threshold_percent;
