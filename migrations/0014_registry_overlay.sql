-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What a tenant has accepted of a provider's news about a model (context size, retirement): as in the other columns of
-- the overlay, null means "as the registry says".
ALTER TABLE tenant_models
    ADD COLUMN context_window integer,
    ADD COLUMN max_output_tokens integer,
    ADD COLUMN deprecated_at timestamptz,
    ADD COLUMN successor_id text,
    ADD CONSTRAINT tenant_models_context_window CHECK (context_window > 0) NOT VALID,
    ADD CONSTRAINT tenant_models_max_output_tokens CHECK (max_output_tokens >= 0) NOT VALID,
    ADD CONSTRAINT tenant_models_successor FOREIGN KEY (successor_id) REFERENCES models (id) NOT VALID;

-- migrate:down
ALTER TABLE tenant_models
    DROP COLUMN context_window, DROP COLUMN max_output_tokens, DROP COLUMN deprecated_at, DROP COLUMN successor_id;
