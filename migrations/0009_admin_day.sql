-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Several admins edit a tenant's settings; a stale edit is told by this number.
ALTER TABLE tenants ADD COLUMN version integer NOT NULL DEFAULT 1;

-- A grant of trial messages is a row like every other grant, but gives no access by itself: what it granted is in
-- trial_counters.extra, and revoking takes it back from there.
ALTER TABLE entitlements ADD COLUMN extra_trial_messages integer CHECK (extra_trial_messages > 0);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX entitlements_newest ON entitlements (tenant_id, created_at DESC, id DESC);

-- What an operator changes in the registry concerns every tenant, whichever tenant the operator belongs to: it counts in
-- the shared row, so that each process reads its catalogue again.
CREATE OR REPLACE FUNCTION bump_catalogue_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO catalogue_versions AS v (tenant_id)
    VALUES (CASE WHEN is_operator() THEN NULL ELSE current_tenant_id() END)
    ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;

-- Days of a tenant's calendar that are over and whose messages have all ended: nothing in them changes any more.
CREATE TABLE day_closes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    day date NOT NULL,
    time_zone text NOT NULL, -- by which the day began and ended
    members integer NOT NULL, -- who sent a message
    messages bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day)
);

-- The archive of the daily counters, a row a day and model: small, and kept.
CREATE TABLE daily_totals (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    day date NOT NULL,
    model_id text NOT NULL,
    members integer NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, model_id)
);

-- Messages a member ever sent to a model, as far as their daily counters have been removed: a counter is added here in
-- the statement that removes it, so these and the counters that are left make the whole, at any moment.
CREATE TABLE member_model_totals (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    messages bigint NOT NULL CHECK (messages >= 0),
    PRIMARY KEY (tenant_id, model_id, user_id)
) WITH (fillfactor = 80); -- room for HOT updates

-- The daily function works tenant by tenant.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX daily_counters_by_tenant ON daily_counters (tenant_id, day);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (tenant_id, created_at);

ALTER TABLE day_closes ENABLE ROW LEVEL SECURITY;
ALTER TABLE day_closes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON day_closes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

ALTER TABLE daily_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE daily_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON daily_totals
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

ALTER TABLE member_model_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_model_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON member_model_totals
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));

GRANT SELECT, INSERT, UPDATE, DELETE ON day_closes, daily_totals TO stoa_runtime;
GRANT SELECT, INSERT, UPDATE ON member_model_totals TO stoa_runtime;
GRANT DELETE ON daily_counters TO stoa_runtime;

-- migrate:down
REVOKE DELETE ON daily_counters FROM stoa_runtime;
DROP INDEX idempotency_keys_oldest, daily_counters_by_tenant, entitlements_newest;
DROP TABLE member_model_totals, daily_totals, day_closes;
CREATE OR REPLACE FUNCTION bump_catalogue_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO catalogue_versions AS v (tenant_id) VALUES (current_tenant_id())
    ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1;
    RETURN NULL;
END
$$;
ALTER TABLE entitlements DROP COLUMN extra_trial_messages;
ALTER TABLE tenants DROP COLUMN version;
