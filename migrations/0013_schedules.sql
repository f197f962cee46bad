-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A prompt that runs by itself. The minute tick looks at `next_run` alone: it is null while the schedule is not active,
-- and the transaction that plans a run moves it on, so that no run, failed or not, stays due.
CREATE TABLE schedules (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    prompt text NOT NULL,
    model_id text NOT NULL, -- a model id, or `auto` for the router
    persona_id text,
    domain_mode text,
    kind text NOT NULL CHECK (kind IN ('once', 'cron', 'interval')),
    cron_expression text,
    run_at timestamptz,
    interval_minutes integer CHECK (interval_minutes >= 5),
    anchor timestamptz NOT NULL, -- an interval is counted from this instant
    time_zone text NOT NULL,
    max_runs integer CHECK (max_runs > 0),
    missed_runs text NOT NULL DEFAULT 'run_once' CHECK (missed_runs IN ('run_once', 'skip')),
    notification_email text,
    output_destination text NOT NULL CHECK (output_destination IN ('email', 'webhook', 'storage')),
    webhook_url text,
    webhook_secret bytea, -- signs deliveries; shown to its owner once
    is_active boolean NOT NULL DEFAULT true,
    inactive_reason text CHECK (inactive_reason IN ('paused', 'completed', 'max_runs', 'failing', 'owner_blocked')),
    next_run timestamptz,
    last_run timestamptz, -- the time at which the newest run was planned
    last_status text, -- of the newest run
    run_count integer NOT NULL DEFAULT 0, -- runs that the clock planned; max_runs limits these
    total_runs integer NOT NULL DEFAULT 0, -- those and the ones started by hand
    failures_in_row integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (num_nonnulls(cron_expression, run_at, interval_minutes) = 1),
    CHECK (is_active = (next_run IS NOT NULL) AND is_active = (inactive_reason IS NULL)),
    CHECK ((output_destination = 'webhook') = (webhook_url IS NOT NULL AND webhook_secret IS NOT NULL))
);
CREATE INDEX schedules_by_user ON schedules (user_id, id);
CREATE INDEX schedules_due ON schedules (tenant_id, next_run) WHERE next_run IS NOT NULL;
ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON schedules
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO stoa_runtime;

-- One run of one schedule, at one planned time, once. The worker that runs it holds it until `lease_until`; after that
-- another worker takes it up. The columns from `started_at` on hold its result and the delivery of its output.
CREATE TABLE schedule_runs (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made; also the chat's idempotency key
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    schedule_id uuid NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    planned_at timestamptz NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('clock', 'owner')),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    lease_until timestamptz, -- null once it has ended
    started_at timestamptz,
    ended_at timestamptz,
    model_id text, -- the model that answered
    conversation_id uuid,
    output text,
    input_tokens integer,
    output_tokens integer,
    charge numeric(18, 9), -- USD
    latency_ms integer,
    error_code text,
    error_message text,
    delivery_status text CHECK (delivery_status IN ('pending', 'delivered', 'failed')), -- null: nothing to deliver
    delivery_attempts integer NOT NULL DEFAULT 0,
    deliver_at timestamptz, -- the next attempt; also its lease; null when no attempt is to come
    delivered_at timestamptz,
    delivery_error text,
    storage_key text,
    UNIQUE (schedule_id, planned_at),
    CHECK ((status IN ('queued', 'running')) = (lease_until IS NOT NULL)),
    CHECK ((delivery_status = 'pending') = (deliver_at IS NOT NULL))
);
CREATE INDEX schedule_runs_newest ON schedule_runs (schedule_id, id DESC);
CREATE INDEX schedule_runs_open ON schedule_runs (tenant_id, lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX schedule_runs_to_deliver ON schedule_runs (tenant_id, deliver_at) WHERE deliver_at IS NOT NULL;
ALTER TABLE schedule_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON schedule_runs
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_runs TO stoa_runtime;

-- migrate:down
DROP TABLE schedule_runs, schedules;
