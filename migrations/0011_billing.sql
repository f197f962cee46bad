-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A bundle is several models sold as one.
CREATE TABLE bundles (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '',
    price_cents integer NOT NULL CHECK (price_cents > 0), -- in the smallest unit of the tenant's currency
    enabled boolean NOT NULL DEFAULT true,
    display_order integer NOT NULL DEFAULT 100,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1 -- several admins edit a bundle; an edit of an older version is refused
);
CREATE INDEX bundles_by_tenant ON bundles (tenant_id, display_order);
ALTER TABLE bundles ENABLE ROW LEVEL SECURITY;
ALTER TABLE bundles FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON bundles
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON bundles TO stoa_runtime;

CREATE TABLE bundle_models (
    tenant_id uuid NOT NULL,
    bundle_id uuid NOT NULL REFERENCES bundles (id) ON DELETE CASCADE,
    model_id text NOT NULL REFERENCES models (id),
    PRIMARY KEY (bundle_id, model_id)
);
ALTER TABLE bundle_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE bundle_models FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON bundle_models
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, DELETE ON bundle_models TO stoa_runtime;

-- One row for each attempt to buy, made before Stripe is asked. The row fixes what is sold and for how much, so that a
-- later change of the price or of a bundle touches no purchase. The columns from `completed_at` to `disputes` are facts
-- that Stripe told, each as the earliest instant it is known for. Facts are only ever joined, so events may come in any
-- order and any number of times. `status` and `entitled` follow from them (stoa/domain/billing/purchase_state.py).
CREATE TABLE purchases (
    id uuid PRIMARY KEY, -- version 7: sorts by the time it was made; Stripe's idempotency key is made from it
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    user_id uuid NOT NULL REFERENCES users (id),
    product_type text NOT NULL CHECK (product_type IN ('model', 'bundle')),
    product_id text NOT NULL, -- a model's id or a bundle's
    product_name text NOT NULL, -- its name at the time
    model_ids text[] NOT NULL CHECK (cardinality(model_ids) > 0), -- the models it unlocks
    amount_cents integer NOT NULL CHECK (amount_cents > 0),
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    source text NOT NULL, -- where in the product it began, for the funnel
    stripe_price_id text, -- the price at Stripe that was made for it beforehand, where there is one
    session_id text UNIQUE, -- Stripe Checkout's
    session_url text,
    session_expires_at timestamptz,
    payment_intent_id text,
    receipt_url text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'processing', 'paid', 'failed', 'expired', 'refunded', 'disputed', 'mismatched'
    )),
    entitled boolean NOT NULL DEFAULT false,
    completed_at timestamptz, -- checkout was finished; the money may still be on its way
    paid_at timestamptz,
    paid_cents integer, -- the event's own amount and currency
    paid_currency text,
    failed_at timestamptz, -- a delayed payment did not come
    expired_at timestamptz,
    mismatched_at timestamptz, -- Stripe told of another amount or currency than ours
    refunded_cents integer NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
    disputes jsonb NOT NULL DEFAULT '{}', -- dispute id -> open, won or lost
    asked_at timestamptz, -- the reconciliation last asked Stripe about it at this time
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (NOT entitled OR status = 'paid')
);
-- A second click finds the first one's purchase instead of making another. A purchase that left this state never comes
-- back to it, so no event can run into this index.
CREATE UNIQUE INDEX purchases_one_open ON purchases (user_id, product_type, product_id) WHERE status = 'pending';
CREATE INDEX purchases_newest ON purchases (user_id, id DESC);
CREATE INDEX purchases_by_tenant ON purchases (tenant_id, created_at);
CREATE INDEX purchases_to_ask_about ON purchases (tenant_id, created_at) WHERE status IN ('pending', 'processing');
ALTER TABLE purchases ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchases FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON purchases
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE ON purchases TO stoa_runtime;

-- An operator's command (dev/stripe_setup.py) makes these prices at Stripe for a tenant's products. Without a row for the
-- exact amount, Checkout is given the amount itself, so nothing depends on these.
CREATE TABLE stripe_prices (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    product_type text NOT NULL CHECK (product_type IN ('model', 'bundle')),
    product_id text NOT NULL,
    amount_cents integer NOT NULL CHECK (amount_cents > 0),
    currency text NOT NULL,
    account_mark text NOT NULL, -- tells one Stripe key's things from another's: the start of its hash
    price_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, product_type, product_id, amount_cents, currency, account_mark)
);
ALTER TABLE stripe_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_prices FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON stripe_prices
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE ON stripe_prices TO stoa_runtime;

-- Every event that Stripe sent with a good signature, once. An event belongs to no tenant until it is understood, so
-- only the operator's scope opens this table.
CREATE TABLE webhook_inbox (
    event_id text PRIMARY KEY, -- Stripe's own
    kind text NOT NULL,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'received' CHECK (status IN ('received', 'applied', 'ignored', 'failed', 'dead')),
    outcome text, -- the reason it was ignored, or its effect
    tenant_id uuid, -- the tenant of the purchase it was about
    purchase_id uuid,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL, -- of a row that is neither applied, ignored nor dead
    last_error text,
    received_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz
);
CREATE INDEX webhook_inbox_to_retry ON webhook_inbox (next_attempt_at) WHERE status IN ('received', 'failed');
CREATE INDEX webhook_inbox_settled ON webhook_inbox (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX webhook_inbox_by_purchase ON webhook_inbox (purchase_id) WHERE purchase_id IS NOT NULL;
ALTER TABLE webhook_inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY operator_only ON webhook_inbox USING (is_operator()) WITH CHECK (is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_inbox TO stoa_runtime;

-- migrate:down
DROP TABLE webhook_inbox, stripe_prices, purchases, bundle_models, bundles;
