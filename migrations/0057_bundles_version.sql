-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Two admins edit a bundle: a stale edit is told by this number, as with all else that they edit.
ALTER TABLE bundles ADD COLUMN version integer NOT NULL DEFAULT 1;

-- migrate:down
ALTER TABLE bundles DROP COLUMN version;
