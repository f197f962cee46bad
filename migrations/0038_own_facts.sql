-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What an admin decided otherwise than the feeds, when approving a change or taking one back: from then on what the feeds
-- say of it waits, whatever the policy, until a change of it is approved. In the overlay by the names of its columns.
ALTER TABLE tenant_models ADD COLUMN own_facts text[] NOT NULL DEFAULT '{}';
ALTER TABLE tenant_base_prices ADD COLUMN is_own boolean NOT NULL DEFAULT false;

-- migrate:down
ALTER TABLE tenant_base_prices DROP COLUMN is_own;
ALTER TABLE tenant_models DROP COLUMN own_facts;
