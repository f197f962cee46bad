-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Korean words carry particles, and PostgreSQL brings no stemming for them: 물은 and 물이 had nothing in common. Each word
-- counts once more without its last syllable. Passages that were saved before are searched so once their persona's
-- language is set again.
CREATE OR REPLACE FUNCTION searched_words(config text, words text) RETURNS tsvector
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_tsvector(
        config::regconfig,
        regexp_replace(
            regexp_replace(words, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g'),
            '([\uac00-\ud7a3]+)([\uac00-\ud7a3])', ' \1\2 \1 ', 'g'
        )
    );

-- migrate:down
CREATE OR REPLACE FUNCTION searched_words(config text, words text) RETURNS tsvector
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_tsvector(config::regconfig, regexp_replace(words, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g'));
