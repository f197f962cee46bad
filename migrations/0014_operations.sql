-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A transaction that is bound to a user has no business with mail to colleagues or with the admins' log. Both tables are
-- used in the whole tenant's scope.

-- Changes that admins and Stoa itself made, each with its state before and after. The table is append-only: the runtime
-- role may add and read.
CREATE TABLE audit_log (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL,
    actor_id uuid, -- null: Stoa itself, e.g. a scheduled function
    actor_email text,
    action text NOT NULL, -- `noun.verb`: model.enable, price_override.set
    target text NOT NULL, -- the thing it was done to: a model id, a user id, `config`
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
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
GRANT SELECT, INSERT ON audit_log TO stoa_runtime;

-- Mail that is to be sent, written in the transaction of the event it tells of: either both are there or neither. The
-- mailer function sends it. The text of a mail is deleted as soon as the mail is sent or given up.
CREATE TABLE mail_outbox (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made; also the mail's Message-ID
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 320),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body text, -- null as soon as the mail is sent or given up
    dedupe_key text NOT NULL, -- names the mail's subject matter, so that the same is told once
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    UNIQUE (tenant_id, dedupe_key),
    CHECK ((status = 'queued') = (settled_at IS NULL))
);
CREATE INDEX mail_outbox_due ON mail_outbox (next_attempt_at) WHERE status = 'queued';
CREATE INDEX mail_outbox_settled ON mail_outbox (settled_at) WHERE settled_at IS NOT NULL;
ALTER TABLE mail_outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON mail_outbox
    USING (tenant_id = current_tenant_id() AND current_user_id() IS NULL)
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
-- The mailer takes due mail of all tenants at once, in one statement a batch.
CREATE POLICY operator_sends ON mail_outbox USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_outbox TO stoa_runtime;

-- migrate:down
DROP TABLE mail_outbox, audit_log;
