-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What a provider's and a model's circuit breaker says (stoa/domain/providers/circuit.py). No row, or no `open_until`: calls go
-- there as usual. Rows of a tenant's own model carry the tenant, all others none.
CREATE TABLE circuits (
    kind text NOT NULL CHECK (kind IN ('provider', 'model')),
    subject_id text NOT NULL, -- the provider's or the model's id
    tenant_id uuid REFERENCES tenants (id),
    opens integer NOT NULL CHECK (opens > 0), -- how often it has opened in a row; the cool-down grows with it
    opened_at timestamptz NOT NULL, -- names this opening: what a probe of an earlier one found counts no more
    open_until timestamptz, -- from then on one probe at a time may try; null: closed
    probe_until timestamptz, -- while somebody probes: when their claim lapses
    closed_at timestamptz, -- outcomes from before are forgotten
    reason text NOT NULL,
    PRIMARY KEY (kind, subject_id)
);

-- How calls ended, by model and ten seconds. Every process keeps its own sums and adds them to one of several rows, so
-- that no row is written by everybody at once. Forgotten after some minutes.
CREATE TABLE call_outcomes (
    model_id text NOT NULL,
    bucket timestamptz NOT NULL, -- when the ten seconds begin
    -- squawk-ignore prefer-bigint-over-smallint
    shard smallint NOT NULL,
    tenant_id uuid REFERENCES tenants (id), -- of a tenant's own model
    provider_id text, -- whose circuit this counts for; null for a tenant's own model, which says nothing of others
    calls integer NOT NULL DEFAULT 0, -- those below included
    failed integer NOT NULL DEFAULT 0, -- unreachable, overloaded, broken off, not understood
    timed_out integer NOT NULL DEFAULT 0,
    rate_limited integer NOT NULL DEFAULT 0,
    slow integer NOT NULL DEFAULT 0, -- answered, but only after a long silence
    PRIMARY KEY (model_id, bucket, shard)
) WITH (fillfactor = 70); -- room for HOT updates
CREATE INDEX call_outcomes_by_provider ON call_outcomes (provider_id, bucket);

-- Who stands in for a model, in the tenant's order, before those that Stoa finds by itself. Null: nobody named.
ALTER TABLE tenant_models ADD COLUMN fallback_model_ids text[];

-- Facts about providers, not about anybody's messages; still only seen and written on somebody's behalf.
ALTER TABLE circuits ENABLE ROW LEVEL SECURITY;
ALTER TABLE circuits FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON circuits
    USING (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()))
    WITH CHECK (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()));

ALTER TABLE call_outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_outcomes FORCE ROW LEVEL SECURITY;
CREATE POLICY shared_or_own ON call_outcomes
    USING (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()))
    WITH CHECK (current_tenant_id() IS NOT NULL AND (tenant_id IS NULL OR tenant_id = current_tenant_id()));

GRANT SELECT, INSERT, UPDATE, DELETE ON circuits, call_outcomes TO stoa_runtime;

-- migrate:down
ALTER TABLE tenant_models DROP COLUMN fallback_model_ids;
DROP TABLE call_outcomes, circuits;
