-- migrate:up
SET LOCAL lock_timeout = '5s';

-- The role every function runs as. It owns nothing, so row-level security binds it. Roles belong to the whole server,
-- so another database on it may have made this one already. The deployment gives it a login of its own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stoa_runtime') THEN
        CREATE ROLE stoa_runtime NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- two databases were migrated at the same moment; the role is there, which is all we want
END
$$;
-- A statement that waits longer than this for what another request holds is better refused than queued.
ALTER ROLE stoa_runtime SET statement_timeout = '10s';
ALTER ROLE stoa_runtime SET lock_timeout = '5s';
ALTER ROLE stoa_runtime SET idle_in_transaction_session_timeout = '30s';
-- Our statements are prepared once and are the same for everyone, so planning them anew each time buys nothing.
ALTER ROLE stoa_runtime SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE stoa_runtime SET jit = off;
GRANT USAGE ON SCHEMA public TO stoa_runtime;

-- Whose rows the current transaction may see. The application sets these for one transaction at a time (stoa/database/pool.py);
-- where nothing is set they are null, and a comparison with null shows no row.
CREATE FUNCTION current_tenant_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('stoa.tenant_id', true), '')::uuid;

CREATE FUNCTION current_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('stoa.user_id', true), '')::uuid;

CREATE FUNCTION is_operator() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(current_setting('stoa.scope', true), '') = 'operator';

-- Raises from inside a statement, so that a rule which fails undoes the whole statement: no counter moves without its
-- ledger line. The reason reaches the application as the message of SQLSTATE ST001.
CREATE FUNCTION refuse(reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = reason, ERRCODE = 'ST001';
END
$$;

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    currency text NOT NULL DEFAULT 'usd' CHECK (currency ~ '^[a-z]{3}$'),
    -- The switch that sends everyone to the system default while trouble lasts.
    force_system_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    subject text NOT NULL,
    email text,
    display_name text,
    language text NOT NULL DEFAULT 'en',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_active_at timestamptz,
    UNIQUE (tenant_id, subject)
);
CREATE INDEX users_by_email ON users (tenant_id, lower(email));

-- How a tenant turns a provider's price into its own. A tenant without a row uses the defaults of these columns.
CREATE TABLE pricing_configs (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id),
    external_default_markup numeric(8, 6) NOT NULL DEFAULT 0.4 CHECK (external_default_markup BETWEEN 0 AND 10),
    self_hosted_default_markup numeric(8, 6) NOT NULL DEFAULT 0.75 CHECK (self_hosted_default_markup BETWEEN 0 AND 10),
    minimum_charge numeric(18, 9) NOT NULL DEFAULT 0.001 CHECK (minimum_charge >= 0),
    price_increase_grace_hours integer NOT NULL DEFAULT 24 CHECK (price_increase_grace_hours >= 0),
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants USING (id = current_tenant_id()) WITH CHECK (id = current_tenant_id());
-- Scheduled work must know which tenants there are; it then enters each one's scope in turn.
CREATE POLICY operator_lists_tenants ON tenants FOR SELECT USING (is_operator());

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON users USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

ALTER TABLE pricing_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE pricing_configs FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON pricing_configs
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE ON tenants, users, pricing_configs TO stoa_runtime;

-- migrate:down
DROP TABLE pricing_configs, users, tenants;
DROP FUNCTION refuse(text), is_operator(), current_user_id(), current_tenant_id();
