-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What tokens cost that are not plain input or output (stoa/domain/pricing/rates.py), USD per 1M as decimal strings:
-- {"cached_input": "0.3", "tiers": [{"above_input_tokens": 200000, "input": "2.5"}]}. {}: all cost as input or output do.
ALTER TABLE models ADD COLUMN base_rates jsonb NOT NULL DEFAULT '{}'; -- what the provider asks

ALTER TABLE price_book
    ADD COLUMN base_rates jsonb NOT NULL DEFAULT '{}', -- what the provider takes
    ADD COLUMN rates jsonb NOT NULL DEFAULT '{}'; -- what a member pays

ALTER TABLE price_changes
    ADD COLUMN previous_rates jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN new_rates jsonb NOT NULL DEFAULT '{}';

-- The parts of input_tokens and output_tokens that have rates of their own. No token is in two of them.
ALTER TABLE usage
    ADD COLUMN cached_input_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN cache_write_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN input_audio_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN output_audio_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN input_image_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN output_image_tokens integer NOT NULL DEFAULT 0;

-- migrate:down
ALTER TABLE usage
    DROP COLUMN cached_input_tokens, DROP COLUMN cache_write_tokens, DROP COLUMN input_audio_tokens,
    DROP COLUMN output_audio_tokens, DROP COLUMN input_image_tokens, DROP COLUMN output_image_tokens;
ALTER TABLE price_changes DROP COLUMN previous_rates, DROP COLUMN new_rates;
ALTER TABLE price_book DROP COLUMN base_rates, DROP COLUMN rates;
ALTER TABLE models DROP COLUMN base_rates;
