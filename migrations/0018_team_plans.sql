-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What a tenant sells to teams, a plan a type: what it costs a month, and the most that a team may then have.
CREATE TABLE team_plans (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    type text NOT NULL CHECK (type IN ('family', 'team', 'enterprise')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    price_cents integer NOT NULL CHECK (price_cents > 0), -- a month, in the smallest unit of the tenant's currency
    max_members integer NOT NULL CHECK (max_members > 0),
    total_tokens_monthly bigint NOT NULL CHECK (total_tokens_monthly > 0),
    models text[] NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true, -- false: nobody new; who has it keeps it
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, type)
);

-- A team that is paid for gives access until then, and no longer: so a webhook that was lost gives nothing away for ever.
ALTER TABLE teams
    ADD COLUMN access_until timestamptz, -- null: no end is known (switched on by an admin)
    ADD COLUMN checkout jsonb NOT NULL DEFAULT '{}', -- the pay page that was last made for it, and its terms
    ADD COLUMN plan_terms jsonb NOT NULL DEFAULT '{}', -- the most that was bought; empty: not bought
    ADD COLUMN stripe_asked_at timestamptz; -- when Stripe was last asked about it by the reconciliation
-- Quick: no team exists yet. A migration is one transaction, which CONCURRENTLY could not be part of.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX teams_paid_until ON teams (tenant_id, access_until) WHERE stripe_subscription_id IS NOT NULL;

ALTER TABLE team_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_plans FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON team_plans
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON team_plans TO stoa_runtime;

-- migrate:down
DROP TABLE team_plans;
DROP INDEX teams_paid_until;
ALTER TABLE teams
    DROP COLUMN access_until, DROP COLUMN checkout, DROP COLUMN plan_terms, DROP COLUMN stripe_asked_at;
