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
    verified_at timestamptz, -- when the provider last accepted it at our asking
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, provider_id)
);

ALTER TABLE tenant_provider_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_provider_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_provider_keys
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_provider_keys TO stoa_runtime;

-- The message was served with the tenant's own key: its provider is paid by the tenant itself, so it cost us nothing.
ALTER TABLE usage ADD COLUMN own_key boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE usage DROP COLUMN own_key;
DROP TABLE tenant_provider_keys;
