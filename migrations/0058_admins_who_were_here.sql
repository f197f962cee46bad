-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Who is an admin stands in tokens only. Of whom the last request was an admin's, and when: whom to write to where a tenant
-- named nobody.
ALTER TABLE users ADD COLUMN admin_at timestamptz;

-- migrate:down
ALTER TABLE users DROP COLUMN admin_at;
