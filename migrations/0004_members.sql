-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A member's choices. No row: the defaults of these columns.
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

-- Why a member may use a premium model. Revoking keeps the row.
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
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX entitlements_in_force ON entitlements (user_id, model_id) WHERE revoked_at IS NULL;

CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    title text NOT NULL,
    persona_id text,
    message_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_newest ON conversations (user_id, updated_at DESC, id DESC);

CREATE TABLE messages (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    model_id text, -- of an assistant's message
    usage_id uuid, -- the ledger line that paid for it
    metadata jsonb, -- what the client was told with it (model, access, usage, charge)
    citations jsonb NOT NULL DEFAULT '[]',
    is_partial boolean NOT NULL DEFAULT false, -- cut off by the provider or by the member
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, id);
CREATE INDEX messages_by_usage ON messages (usage_id) WHERE usage_id IS NOT NULL;

ALTER TABLE user_preferences ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_preferences FORCE ROW LEVEL SECURITY;
ALTER TABLE entitlements ENABLE ROW LEVEL SECURITY;
ALTER TABLE entitlements FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;

-- Personal tables: within the tenant, a transaction that is bound to a user sees that user's rows and no other's.
CREATE POLICY own_rows ON user_preferences
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
CREATE POLICY own_rows ON entitlements
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
CREATE POLICY own_rows ON conversations
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
CREATE POLICY own_rows ON messages
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));

GRANT SELECT, INSERT, UPDATE ON user_preferences, entitlements TO stoa_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON conversations, messages TO stoa_runtime;

-- migrate:down
DROP TABLE messages, conversations, entitlements, user_preferences;
