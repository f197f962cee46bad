-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Rows without a tenant are the system's own and everybody's; others belong to a user of a tenant.
CREATE TABLE personas (
    id text PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id),
    owner_id uuid REFERENCES users (id),
    name text NOT NULL,
    display_name text,
    system_prompt text NOT NULL,
    avatar_url text,
    voice_id text,
    traits text[] NOT NULL DEFAULT '{}',
    domains text[] NOT NULL DEFAULT '{}',
    style jsonb NOT NULL DEFAULT '{}',
    is_public boolean NOT NULL DEFAULT false,
    usage_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((tenant_id IS NULL) = (owner_id IS NULL))
);
CREATE INDEX personas_by_owner ON personas (tenant_id, owner_id);

CREATE TABLE focus_modes (
    id text NOT NULL,
    tenant_id uuid REFERENCES tenants (id),
    name text NOT NULL,
    icon text NOT NULL,
    system_prompt text NOT NULL,
    default_model_id text REFERENCES models (id),
    temperature numeric(3, 2) CHECK (temperature BETWEEN 0 AND 2),
    display_order integer NOT NULL DEFAULT 100,
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (tenant_id, id)
);

CREATE TABLE domain_modes (
    id text PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    system_prompt text NOT NULL,
    temperature numeric(3, 2) NOT NULL CHECK (temperature BETWEEN 0 AND 2),
    display_order integer NOT NULL DEFAULT 100,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What one tenant sets for a domain mode; a null column means: as the system's row says.
CREATE TABLE tenant_domain_modes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    mode_id text NOT NULL REFERENCES domain_modes (id),
    enabled boolean,
    default_model text, -- a model id, `auto`, or null for none
    temperature numeric(3, 2) CHECK (temperature BETWEEN 0 AND 2),
    system_prompt text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, mode_id)
);

ALTER TABLE personas ENABLE ROW LEVEL SECURITY;
ALTER TABLE personas FORCE ROW LEVEL SECURITY;
CREATE POLICY system_public_or_own ON personas FOR SELECT USING (
    tenant_id IS NULL
    OR tenant_id = current_tenant_id() AND (is_public OR current_user_id() IS NULL OR owner_id = current_user_id())
);
CREATE POLICY own_rows_change ON personas
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR owner_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR owner_id = current_user_id()));
CREATE POLICY operator_keeps_system_rows ON personas
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());

ALTER TABLE focus_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE focus_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY system_or_own ON focus_modes FOR SELECT USING (tenant_id IS NULL OR tenant_id = current_tenant_id());
CREATE POLICY own_rows_change ON focus_modes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY operator_keeps_system_rows ON focus_modes
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());

ALTER TABLE domain_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE domain_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON domain_modes FOR SELECT USING (true);
CREATE POLICY operator_writes ON domain_modes USING (is_operator()) WITH CHECK (is_operator());

ALTER TABLE tenant_domain_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_domain_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_domain_modes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE, DELETE ON personas, focus_modes, domain_modes, tenant_domain_modes TO stoa_runtime;

-- migrate:down
DROP TABLE tenant_domain_modes, domain_modes, focus_modes, personas;
