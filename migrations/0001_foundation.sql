-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A digest of the statements of each migration that was applied, so that a database made by other files is noticed
-- (stoa/workflows/operations/migrate.py). Null where dbmate applied the migration: dbmate writes the version alone.
ALTER TABLE schema_migrations ADD COLUMN digest text;

-- Every function runs as this role. It owns nothing, so row-level security binds it. Roles belong to the whole server,
-- so another database on the server may have made the role already. The deployment lets it log in.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stoa_runtime') THEN
        CREATE ROLE stoa_runtime NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- two databases were migrated at the same moment, and the other one made the role
END
$$;
-- A statement that waits longer than this for another request's lock is better refused than queued.
ALTER ROLE stoa_runtime SET statement_timeout = '10s';
ALTER ROLE stoa_runtime SET lock_timeout = '5s';
ALTER ROLE stoa_runtime SET idle_in_transaction_session_timeout = '30s';
-- Our statements are prepared once and are the same for everyone, so planning them anew each time buys nothing.
ALTER ROLE stoa_runtime SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE stoa_runtime SET jit = off;
GRANT USAGE ON SCHEMA public TO stoa_runtime;

-- These three functions say which rows the current transaction may see. The application sets their values for one
-- transaction at a time (stoa/database/pool.py). A value that is not set is null, and a comparison with null shows no row.
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

-- A tenant is a customer of the installation.
CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    currency text NOT NULL DEFAULT 'usd' CHECK (currency ~ '^[a-z]{3}$'),
    force_system_default boolean NOT NULL DEFAULT false, -- sends everyone to the system default while trouble lasts
    created_at timestamptz NOT NULL DEFAULT now(),
    purchases_paused boolean NOT NULL DEFAULT false, -- new purchases are refused; those already begun are fulfilled
    version integer NOT NULL DEFAULT 1 -- several admins edit the settings; an edit of an older version is refused
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants USING (id = current_tenant_id()) WITH CHECK (id = current_tenant_id());
-- Scheduled work lists the tenants in the operator's scope; it then enters each tenant's scope in turn.
CREATE POLICY operator_lists_tenants ON tenants FOR SELECT USING (is_operator());
GRANT SELECT, INSERT, UPDATE ON tenants TO stoa_runtime;

-- A user is a member of one tenant, made by the member's first request.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    subject text NOT NULL, -- the token issuer's name for the member
    email text,
    display_name text,
    language text NOT NULL DEFAULT 'en',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_active_at timestamptz,
    about_me text, -- the member tells this to every persona they talk to
    -- The time of the last request, where an admin's token made it. Only tokens say who is an admin, so this column tells
    -- whom to write to where a tenant named nobody.
    admin_at timestamptz,
    UNIQUE (tenant_id, subject)
);
CREATE INDEX users_by_email ON users (tenant_id, lower(email));
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON users
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON users TO stoa_runtime;

-- migrate:down
DROP TABLE users, tenants;
DROP FUNCTION refuse(text), is_operator(), current_user_id(), current_tenant_id();
REVOKE USAGE ON SCHEMA public FROM stoa_runtime;
ALTER TABLE schema_migrations DROP COLUMN digest;
