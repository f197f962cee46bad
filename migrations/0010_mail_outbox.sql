-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Mail that is to be sent, written in the transaction of what it tells of: either both are there or neither. The mailer
-- function sends it. What a mail says is forgotten as soon as it is sent or given up.
CREATE TABLE mail_outbox (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made; also the mail's Message-ID
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    recipient text NOT NULL CHECK (length(recipient) BETWEEN 3 AND 320),
    subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    body text, -- null as soon as the mail is sent or given up
    dedupe_key text NOT NULL, -- what the mail is about: the same is told once
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
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
-- The mailer takes what is due from all tenants at once, in one statement a batch.
CREATE POLICY operator_sends ON mail_outbox USING (is_operator()) WITH CHECK (is_operator());

GRANT SELECT, INSERT, UPDATE, DELETE ON mail_outbox TO stoa_runtime;

-- migrate:down
DROP TABLE mail_outbox;
