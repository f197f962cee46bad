-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Who changed what, before and after. Append-only: the runtime role may add and read, and nothing else.
CREATE TABLE audit_log (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL,
    actor_id uuid, -- null: Stoa itself, e.g. a scheduled function
    actor_email text,
    action text NOT NULL, -- what was done, as `noun.verb`: model.enable, price_override.set
    target text NOT NULL, -- what it was done to: a model id, a user id, `config`
    before jsonb,
    after jsonb,
    request_id text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_newest ON audit_log (tenant_id, id DESC);
CREATE INDEX audit_log_by_target ON audit_log (tenant_id, target, id DESC);

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON audit_log
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT ON audit_log TO stoa_runtime;

-- migrate:down
DROP TABLE audit_log;
