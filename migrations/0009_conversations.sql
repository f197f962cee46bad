-- migrate:up
SET LOCAL lock_timeout = '5s';

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
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON conversations
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON conversations TO stoa_runtime;

CREATE TABLE messages (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    model_id text, -- of an assistant's message
    usage_id uuid, -- the ledger line that paid for it
    metadata jsonb, -- the client was told this with it (model, access, usage, charge)
    citations jsonb NOT NULL DEFAULT '[]',
    is_partial boolean NOT NULL DEFAULT false, -- cut off by the provider or by the member
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_by_conversation ON messages (conversation_id, id);
CREATE INDEX messages_by_usage ON messages (usage_id) WHERE usage_id IS NOT NULL;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON messages
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON messages TO stoa_runtime;

-- migrate:down
DROP TABLE messages, conversations;
