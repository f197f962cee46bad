-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A focus mode is a prompt for a kind of work. A tenant's row replaces the system's row (no tenant) with the same id.
CREATE TABLE focus_modes (
    id text NOT NULL,
    tenant_id uuid REFERENCES tenants (id),
    name text NOT NULL,
    icon text NOT NULL,
    system_prompt text NOT NULL,
    default_model_id text, -- no reference, because `auto` is no row of models; the workflow checks what is saved
    temperature numeric(3, 2) CHECK (temperature BETWEEN 0 AND 2),
    display_order integer NOT NULL DEFAULT 100,
    updated_at timestamptz NOT NULL DEFAULT now(),
    max_output_tokens integer,
    enabled boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (tenant_id, id)
);
ALTER TABLE focus_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE focus_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY system_or_own ON focus_modes FOR SELECT USING (tenant_id IS NULL OR tenant_id = current_tenant_id());
CREATE POLICY own_rows_change ON focus_modes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
CREATE POLICY operator_keeps_system_rows ON focus_modes
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON focus_modes TO stoa_runtime;

-- A domain mode is a prompt for a field, such as medicine or law. All rows are the system's.
CREATE TABLE domain_modes (
    id text PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    system_prompt text NOT NULL,
    temperature numeric(3, 2) NOT NULL CHECK (temperature BETWEEN 0 AND 2),
    display_order integer NOT NULL DEFAULT 100,
    updated_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE domain_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE domain_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone_reads ON domain_modes FOR SELECT USING (true);
CREATE POLICY operator_writes ON domain_modes USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON domain_modes TO stoa_runtime;

-- A tenant's settings for a domain mode. A null column means "as the system's row says".
CREATE TABLE tenant_domain_modes (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    mode_id text NOT NULL REFERENCES domain_modes (id),
    enabled boolean,
    default_model text, -- a model id, `auto`, or null for none
    temperature numeric(3, 2) CHECK (temperature BETWEEN 0 AND 2),
    system_prompt text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, mode_id)
);
ALTER TABLE tenant_domain_modes ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_domain_modes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_domain_modes
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_domain_modes TO stoa_runtime;

-- migrate:down
DROP TABLE tenant_domain_modes, domain_modes, focus_modes;
