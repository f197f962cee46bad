-- migrate:up
SET LOCAL lock_timeout = '5s';

-- The ledger: one line for every message that reached a provider. A line is born `reserved`, with the price row it will
-- be charged by and an expiry, and ends once. Lines are never deleted; counters are derived from them.
CREATE TABLE usage (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    -- Only two references, because each is checked and locked on every message: the user stands for the tenant, and the
    -- price row for the model.
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    model_id text NOT NULL,
    provider_id text NOT NULL,
    price_row_id uuid NOT NULL REFERENCES price_book (id),
    requested_model_id text, -- the model that was asked for, where that differs
    rule text NOT NULL, -- the selection rule that chose the model
    access text NOT NULL CHECK (access IN ('free', 'entitled', 'team', 'trial')),
    status text NOT NULL DEFAULT 'reserved' CHECK (status IN ('reserved', 'completed', 'partial', 'failed', 'expired')),
    local_day date NOT NULL, -- the tenant's day whose counter holds this message
    persona_id text,
    domain_mode text,
    focus_mode text,
    conversation_id uuid, -- no reference: deleting a conversation leaves the ledger whole
    estimated_cost numeric(18, 9) NOT NULL,
    reserved_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    input_tokens integer,
    output_tokens integer,
    tokens_estimated boolean NOT NULL DEFAULT false, -- the provider reported none
    provider_cost numeric(18, 9), -- USD, the provider takes this
    charge numeric(18, 9), -- USD, the member pays this
    latency_ms integer,
    first_token_ms integer,
    stop_reason text,
    error_code text,
    -- The parts of input_tokens and output_tokens that have rates of their own. No token is in two of them.
    cached_input_tokens integer NOT NULL DEFAULT 0,
    cache_write_tokens integer NOT NULL DEFAULT 0,
    input_audio_tokens integer NOT NULL DEFAULT 0,
    output_audio_tokens integer NOT NULL DEFAULT 0,
    input_image_tokens integer NOT NULL DEFAULT 0,
    output_image_tokens integer NOT NULL DEFAULT 0,
    own_key boolean NOT NULL DEFAULT false, -- served with the tenant's own key: the tenant pays the provider, we do not
    team_id uuid, -- the team that paid for the message
    team_period date, -- the first day of the team's period
    team_tokens bigint, -- tokens taken from the team: the reserved ones until the line is settled
    CHECK ((status = 'reserved') = (settled_at IS NULL)),
    CHECK (status NOT IN ('completed', 'partial') OR (charge IS NOT NULL AND provider_cost IS NOT NULL))
);
CREATE INDEX usage_by_user ON usage (user_id, reserved_at DESC);
CREATE INDEX usage_reserved ON usage (user_id, expires_at) WHERE status = 'reserved';
CREATE INDEX usage_reserved_by_tenant ON usage (tenant_id, expires_at) WHERE status = 'reserved';
CREATE INDEX usage_by_time ON usage USING brin (reserved_at);
CREATE INDEX usage_by_team ON usage (team_id, team_period, id DESC) WHERE team_id IS NOT NULL;
ALTER TABLE usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON usage
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON usage TO stoa_runtime;

-- One row a key that a user sent with a chat request: the same key and body are answered once and charged once.
CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash text NOT NULL, -- SHA-256 of the request body's meaning, never the body
    usage_id uuid NOT NULL REFERENCES usage (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (tenant_id, created_at); -- the daily function deletes these
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON idempotency_keys
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO stoa_runtime;

-- Messages that a user sent to a model on one day of the tenant's calendar. A new day is a new row, so the limit starts
-- afresh at the tenant's midnight whether or not any scheduled function runs.
CREATE TABLE daily_counters (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    model_id text NOT NULL,
    day date NOT NULL,
    used integer NOT NULL DEFAULT 0 CHECK (used >= 0),
    PRIMARY KEY (user_id, day, model_id)
) WITH (fillfactor = 80); -- room for HOT updates
CREATE INDEX daily_counters_by_tenant ON daily_counters (tenant_id, day); -- the daily function works tenant by tenant
ALTER TABLE daily_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE daily_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON daily_counters
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON daily_counters TO stoa_runtime;

-- Trial messages that a user sent to a model.
CREATE TABLE trial_counters (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    model_id text NOT NULL,
    used integer NOT NULL DEFAULT 0 CHECK (used >= 0),
    extra integer NOT NULL DEFAULT 0 CHECK (extra >= 0), -- messages granted beyond the model's own number
    PRIMARY KEY (user_id, model_id)
) WITH (fillfactor = 80); -- room for HOT updates
ALTER TABLE trial_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE trial_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON trial_counters
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON trial_counters TO stoa_runtime;

-- Days of a tenant's calendar that are over and whose messages have all ended: nothing in them changes any more.
CREATE TABLE day_closes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    day date NOT NULL,
    time_zone text NOT NULL, -- by which the day began and ended
    members integer NOT NULL, -- those who sent a message
    messages bigint NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
ALTER TABLE day_closes ENABLE ROW LEVEL SECURITY;
ALTER TABLE day_closes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON day_closes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON day_closes TO stoa_runtime;

-- The archive of the daily counters, a row a day and model: small, and kept.
CREATE TABLE daily_totals (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    day date NOT NULL,
    model_id text NOT NULL,
    members integer NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, model_id)
);
ALTER TABLE daily_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE daily_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON daily_totals
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON daily_totals TO stoa_runtime;

-- Messages that a member ever sent to a model, as far as their daily counters have been removed. The statement that
-- removes a counter adds it here, so these rows and the counters that are left make the whole, at any moment.
CREATE TABLE member_model_totals (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    model_id text NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id),
    messages bigint NOT NULL CHECK (messages >= 0),
    PRIMARY KEY (tenant_id, model_id, user_id)
) WITH (fillfactor = 80); -- room for HOT updates
ALTER TABLE member_model_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_model_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON member_model_totals
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON member_model_totals TO stoa_runtime;

-- migrate:down
DROP TABLE member_model_totals, daily_totals, day_closes, trial_counters, daily_counters, idempotency_keys, usage;
