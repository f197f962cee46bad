-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Personal tables carry the policy `own_rows`: within the tenant, a transaction that is bound to a user sees that user's
-- rows and no other's.

-- A member's choices. A member without a row has the columns' defaults.
CREATE TABLE user_preferences (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid PRIMARY KEY REFERENCES users (id),
    selection_mode text NOT NULL DEFAULT 'manual' CHECK (selection_mode IN ('auto', 'manual', 'favorites')),
    default_model_id text REFERENCES models (id),
    persona_overrides jsonb NOT NULL DEFAULT '{}', -- persona id -> model id
    domain_overrides jsonb NOT NULL DEFAULT '{}', -- domain mode id -> model id
    favorite_models text[] NOT NULL DEFAULT '{}',
    show_standard_models boolean NOT NULL DEFAULT true,
    show_novel_models boolean NOT NULL DEFAULT true,
    show_self_hosted_models boolean NOT NULL DEFAULT true,
    show_cost_per_message boolean NOT NULL DEFAULT true,
    max_cost_per_message numeric(18, 9) CHECK (max_cost_per_message >= 0), -- USD; null: no ceiling
    prefer_cost_optimization boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE user_preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_preferences FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON user_preferences
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON user_preferences TO stoa_runtime;

-- A member's reason to use a premium model. Revoking keeps the row. A grant of trial messages is a row like every other,
-- but gives no access by itself: trial_counters.extra holds what it granted, and revoking takes it back from there.
CREATE TABLE entitlements (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    model_id text NOT NULL REFERENCES models (id),
    source text NOT NULL CHECK (source IN ('purchase', 'admin_grant', 'trial', 'team', 'plan')),
    notes text,
    granted_by uuid,
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    purchase_id uuid, -- no reference, because a check of it would lock the purchase's row
    revoked_by uuid, -- the admin who revoked it; null while it holds and where a refund or a dispute revoked it
    extra_trial_messages integer CHECK (extra_trial_messages > 0)
);
CREATE INDEX entitlements_in_force ON entitlements (user_id, model_id) WHERE revoked_at IS NULL;
CREATE INDEX entitlements_newest ON entitlements (tenant_id, created_at DESC, id DESC);
-- A purchase unlocks each of its models once.
CREATE UNIQUE INDEX entitlements_once_a_purchase ON entitlements (purchase_id, model_id)
    WHERE purchase_id IS NOT NULL;
ALTER TABLE entitlements ENABLE ROW LEVEL SECURITY;
ALTER TABLE entitlements FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON entitlements
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON entitlements TO stoa_runtime;

-- migrate:down
DROP TABLE entitlements, user_preferences;
