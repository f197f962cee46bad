-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A plan that a tenant sells to teams, one a type: its price a month, and the most that a team may then have.
CREATE TABLE team_plans (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    type text NOT NULL CHECK (type IN ('family', 'team', 'enterprise')),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    price_cents integer NOT NULL CHECK (price_cents > 0), -- a month, in the smallest unit of the tenant's currency
    max_members integer NOT NULL CHECK (max_members > 0),
    total_tokens_monthly bigint NOT NULL CHECK (total_tokens_monthly > 0),
    models text[] NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true, -- false: no new team may buy it; teams that have it keep it
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, type)
);
ALTER TABLE team_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_plans FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON team_plans
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON team_plans TO stoa_runtime;

-- Several members who share a plan: models they may all use, and tokens for them. The columns that begin with `stripe_`
-- and `subscription` hold what Stripe tells of the plan's subscription.
CREATE TABLE teams (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    type text NOT NULL CHECK (type IN ('family', 'team', 'enterprise')),
    -- Only an active team gives access. `incomplete`: nobody has paid for it or switched it on yet.
    status text NOT NULL DEFAULT 'incomplete' CHECK (status IN (
        'incomplete', 'active', 'past_due', 'suspended', 'canceled', 'closed'
    )),
    max_members integer NOT NULL CHECK (max_members > 0),
    total_tokens_monthly bigint NOT NULL CHECK (total_tokens_monthly > 0),
    shared_pool boolean NOT NULL DEFAULT true, -- false: each member may use what is allotted to them
    models text[] NOT NULL DEFAULT '{}', -- the premium models that the plan covers
    billing_email text,
    anchor_day smallint CHECK (anchor_day BETWEEN 1 AND 31), -- of the month, on which a period begins
    stripe_customer_id text,
    stripe_subscription_id text UNIQUE,
    subscription jsonb NOT NULL DEFAULT '{}', -- facts that Stripe told
    version integer NOT NULL DEFAULT 1, -- several people edit a team; an edit of an older version is refused
    activated_at timestamptz,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- A team that is paid for gives access until this time and no longer, so a lost webhook gives nothing away for ever.
    -- Null: no end is known (an admin switched it on).
    access_until timestamptz,
    checkout jsonb NOT NULL DEFAULT '{}', -- the newest pay page made for it, and its terms
    plan_terms jsonb NOT NULL DEFAULT '{}', -- the most that was bought; empty: not bought
    stripe_asked_at timestamptz, -- the reconciliation last asked Stripe about it at this time
    CHECK (status <> 'active' OR anchor_day IS NOT NULL)
);
CREATE INDEX teams_by_tenant ON teams (tenant_id, id DESC);
CREATE INDEX teams_paid_until ON teams (tenant_id, access_until) WHERE stripe_subscription_id IS NOT NULL;

-- A person's time in a team. One who left and comes again gets another row; an invitation has no user until the person
-- with that e-mail accepts it.
CREATE TABLE team_members (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    team_id uuid NOT NULL REFERENCES teams (id),
    user_id uuid REFERENCES users (id),
    email text, -- lower case; the person whom the invitation is for
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    status text NOT NULL CHECK (status IN ('invited', 'active', 'removed', 'declined')),
    allotment bigint CHECK (allotment >= 0), -- tokens a period; null: none of their own
    invited_by uuid,
    invitation_expires_at timestamptz,
    created_at timestamptz NOT NULL,
    joined_at timestamptz,
    ended_at timestamptz,
    CHECK (status <> 'active' OR user_id IS NOT NULL),
    CHECK (status <> 'invited' OR (email IS NOT NULL AND invitation_expires_at IS NOT NULL))
);
CREATE UNIQUE INDEX team_members_once ON team_members (team_id, user_id) WHERE status = 'active';
CREATE UNIQUE INDEX team_members_one_owner ON team_members (team_id) WHERE status = 'active' AND role = 'owner';
CREATE UNIQUE INDEX team_members_one_invitation ON team_members (team_id, email) WHERE status = 'invited';
CREATE INDEX team_members_by_user ON team_members (user_id, team_id);
CREATE INDEX team_members_invited ON team_members (tenant_id, email) WHERE status = 'invited';
ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_members FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON team_members
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON team_members TO stoa_runtime;

-- The policy of teams reads team_members, so it stands after both. A transaction that is bound to a user sees the teams
-- of that user, past ones included: a member who is removed while a message is answered still returns unused tokens.
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE teams FORCE ROW LEVEL SECURITY;
CREATE POLICY own_teams ON teams
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR EXISTS (
        SELECT FROM team_members m WHERE m.user_id = current_user_id() AND m.team_id = teams.id
    )))
    WITH CHECK (tenant_id = current_tenant_id() AND current_user_id() IS NULL);
GRANT SELECT, INSERT, UPDATE ON teams TO stoa_runtime;

-- Tokens that a team's members took in one period, reserved ones included. A new period is a new row, so the pool is
-- full again on its day whether or not any scheduled function runs. Every message of the team writes the row.
CREATE TABLE team_periods (
    tenant_id uuid NOT NULL,
    team_id uuid NOT NULL REFERENCES teams (id),
    starts_on date NOT NULL, -- days of the tenant's calendar
    ends_on date NOT NULL, -- the first day that is no longer in it
    tokens_used bigint NOT NULL DEFAULT 0 CHECK (tokens_used >= 0),
    PRIMARY KEY (team_id, starts_on),
    CHECK (ends_on > starts_on)
) WITH (fillfactor = 50); -- room for HOT updates
ALTER TABLE team_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_periods FORCE ROW LEVEL SECURITY;
CREATE POLICY own_teams ON team_periods
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR EXISTS (
        SELECT FROM team_members m WHERE m.user_id = current_user_id() AND m.team_id = team_periods.team_id
    )))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR EXISTS (
        SELECT FROM team_members m WHERE m.user_id = current_user_id() AND m.team_id = team_periods.team_id
    )));
GRANT SELECT, INSERT, UPDATE ON team_periods TO stoa_runtime;

-- The same, for each member of the team.
CREATE TABLE team_member_periods (
    tenant_id uuid NOT NULL,
    team_id uuid NOT NULL REFERENCES teams (id),
    user_id uuid NOT NULL REFERENCES users (id),
    starts_on date NOT NULL,
    tokens_used bigint NOT NULL DEFAULT 0 CHECK (tokens_used >= 0),
    PRIMARY KEY (team_id, starts_on, user_id)
) WITH (fillfactor = 80); -- room for HOT updates
ALTER TABLE team_member_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_member_periods FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON team_member_periods
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON team_member_periods TO stoa_runtime;

-- migrate:down
DROP TABLE team_member_periods, team_periods, teams, team_members, team_plans;
