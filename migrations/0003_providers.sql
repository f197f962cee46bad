-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A tenant's own key at a provider. KMS encrypted it for this tenant and this provider (its encryption context), so a
-- row copied elsewhere is of no use. `settings` fill the provider's address, such as {"resource": "ours"} at Azure.
CREATE TABLE tenant_provider_keys (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    provider_id text NOT NULL REFERENCES providers (id),
    ciphertext bytea NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    last_four text NOT NULL,
    fingerprint text NOT NULL, -- the first 12 hexadecimal digits of the key's SHA-256
    created_by uuid, -- a user; null: none of this tenant's
    created_at timestamptz NOT NULL,
    verified_at timestamptz, -- the time at which the provider last accepted the key when Stoa tried it
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, provider_id)
);
ALTER TABLE tenant_provider_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_provider_keys FORCE ROW LEVEL SECURITY;
-- A transaction that is bound to a user has no business with keys: they are read in the whole tenant's scope.
CREATE POLICY own_tenant ON tenant_provider_keys
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_provider_keys TO stoa_runtime;

-- The state of a provider's or a model's circuit breaker (stoa/domain/providers/circuit.py). Without a row, or without
-- `open_until`, calls go there as usual. Rows of a tenant's own model carry the tenant, all others carry none.
CREATE TABLE circuits (
    kind text NOT NULL CHECK (kind IN ('provider', 'model')),
    subject_id text NOT NULL, -- the provider's or the model's id
    tenant_id uuid REFERENCES tenants (id),
    opens integer NOT NULL CHECK (opens > 0), -- counts openings in a row; the cool-down grows with it
    opened_at timestamptz NOT NULL, -- names this opening: the result of an earlier opening's probe no longer counts
    open_until timestamptz, -- from then on one probe at a time may try; null: closed
    probe_until timestamptz, -- the end of the claim of the process that probes
    closed_at timestamptz, -- outcomes from before are forgotten
    reason text NOT NULL,
    PRIMARY KEY (kind, subject_id)
);
-- Circuits and outcomes are facts about providers, not about anybody's messages. They are still read and written on
-- behalf of a tenant only.
ALTER TABLE circuits ENABLE ROW LEVEL SECURITY;
ALTER TABLE circuits FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON circuits
    USING (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()))
    WITH CHECK (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON circuits TO stoa_runtime;

-- Counts of how calls ended, by model and ten seconds. Every process keeps its own sums and adds them to one of several
-- rows (shards), so that no row is written by all processes at once. Rows are deleted after some minutes.
CREATE TABLE call_outcomes (
    model_id text NOT NULL,
    bucket timestamptz NOT NULL, -- the beginning of the ten seconds
    shard smallint NOT NULL,
    tenant_id uuid REFERENCES tenants (id), -- of a tenant's own model
    provider_id text, -- the provider whose circuit this counts for; null: a tenant's own model, which tells of no other
    calls integer NOT NULL DEFAULT 0, -- those below included
    failed integer NOT NULL DEFAULT 0, -- unreachable, overloaded, broken off, not understood
    timed_out integer NOT NULL DEFAULT 0,
    rate_limited integer NOT NULL DEFAULT 0,
    slow integer NOT NULL DEFAULT 0, -- answered, but only after a long silence
    PRIMARY KEY (model_id, bucket, shard)
) WITH (fillfactor = 70); -- room for HOT updates
CREATE INDEX call_outcomes_by_provider ON call_outcomes (provider_id, bucket);
ALTER TABLE call_outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_outcomes FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON call_outcomes
    USING (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()))
    WITH CHECK (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON call_outcomes TO stoa_runtime;

-- migrate:down
DROP TABLE call_outcomes, circuits, tenant_provider_keys;
