-- migrate:up
SET LOCAL lock_timeout = '5s';

-- `usage_count` is kept for functions of the version before; nothing ever wrote it. Counts come from the tables below.
ALTER TABLE personas
    ADD COLUMN language text NOT NULL DEFAULT 'en', -- ISO 639-1
    ADD COLUMN search_config text NOT NULL DEFAULT 'english', -- PostgreSQL's text search for that language
    ADD COLUMN version integer NOT NULL DEFAULT 1;

-- What a member tells of themselves to every persona they talk to.
ALTER TABLE users ADD COLUMN about_me text;

-- The words of a text as they are searched for. Chinese and Japanese have no spaces, so each character counts as a word.
CREATE FUNCTION searched_words(config text, words text) RETURNS tsvector
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_tsvector(config::regconfig, regexp_replace(words, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g'));

-- What a persona knows: documents, cut into passages that fit into a prompt. Both are seen where their persona is.
CREATE TABLE persona_documents (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id), -- null: the system's
    persona_id text NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    title text NOT NULL,
    source text, -- where it comes from, for people
    bytes integer NOT NULL, -- of the text as it was sent, in UTF-8
    passages integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX persona_documents_by_persona ON persona_documents (persona_id, created_at, id);

-- No GIN index: row-level security checks a row before any operator that is not leakproof, and @@ is not, so the index
-- would never be used. A persona has a thousand passages at most; they are found by the persona and matched one by one.
CREATE TABLE persona_passages (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id),
    persona_id text NOT NULL REFERENCES personas (id) ON DELETE CASCADE,
    document_id uuid NOT NULL REFERENCES persona_documents (id) ON DELETE CASCADE,
    position integer NOT NULL, -- in the document, from 1
    heading text NOT NULL DEFAULT '',
    content text NOT NULL,
    tokens integer NOT NULL, -- estimated
    search tsvector NOT NULL, -- heading and content, by the persona's search_config
    UNIQUE (document_id, position)
);
CREATE INDEX persona_passages_by_persona ON persona_passages (persona_id);

-- Messages that a persona answered, a row a member and day, so that members never wait for one another's counter.
CREATE TABLE persona_usage (
    tenant_id uuid NOT NULL,
    persona_id text NOT NULL,
    day date NOT NULL, -- of the tenant's calendar, as in the ledger
    user_id uuid NOT NULL REFERENCES users (id),
    messages integer NOT NULL CHECK (messages > 0),
    PRIMARY KEY (tenant_id, persona_id, day, user_id)
) WITH (fillfactor = 80); -- room for HOT updates
CREATE INDEX persona_usage_by_day ON persona_usage (tenant_id, day);

-- The same once a day is over for good: how many members and messages, and no longer who.
CREATE TABLE persona_days (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    persona_id text NOT NULL,
    day date NOT NULL,
    members integer NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, persona_id, day)
);

-- A mode's default model may be `auto`, which is no row of models; the workflow checks what is saved.
ALTER TABLE focus_modes
    -- squawk-ignore ban-drop-constraint
    DROP CONSTRAINT focus_modes_default_model_id_fkey,
    ADD COLUMN max_output_tokens integer,
    ADD COLUMN enabled boolean NOT NULL DEFAULT true,
    ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE tenant_domain_modes ADD COLUMN version integer NOT NULL DEFAULT 1;

ALTER TABLE persona_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_with_the_persona ON persona_documents FOR SELECT
    USING (EXISTS (SELECT FROM personas p WHERE p.id = persona_documents.persona_id));
CREATE POLICY added_by_the_owner ON persona_documents FOR INSERT WITH CHECK (
    tenant_id = current_tenant_id() AND EXISTS (
        SELECT FROM personas p
        WHERE p.id = persona_documents.persona_id AND p.tenant_id = current_tenant_id()
            AND (current_user_id() IS NULL OR p.owner_id = current_user_id())
    )
);
CREATE POLICY deleted_by_the_owner ON persona_documents FOR DELETE USING (
    tenant_id = current_tenant_id() AND EXISTS (
        SELECT FROM personas p
        WHERE p.id = persona_documents.persona_id AND p.tenant_id = current_tenant_id()
            AND (current_user_id() IS NULL OR p.owner_id = current_user_id())
    )
);
CREATE POLICY operator_keeps_system_rows ON persona_documents
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());

ALTER TABLE persona_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_with_the_persona ON persona_passages FOR SELECT
    USING (EXISTS (SELECT FROM personas p WHERE p.id = persona_passages.persona_id));
CREATE POLICY added_by_the_owner ON persona_passages FOR INSERT WITH CHECK (
    tenant_id = current_tenant_id() AND EXISTS (
        SELECT FROM personas p
        WHERE p.id = persona_passages.persona_id AND p.tenant_id = current_tenant_id()
            AND (current_user_id() IS NULL OR p.owner_id = current_user_id())
    )
);
CREATE POLICY indexed_by_the_owner ON persona_passages FOR UPDATE USING (
    tenant_id = current_tenant_id() AND EXISTS (
        SELECT FROM personas p
        WHERE p.id = persona_passages.persona_id AND p.tenant_id = current_tenant_id()
            AND (current_user_id() IS NULL OR p.owner_id = current_user_id())
    )
);
CREATE POLICY deleted_by_the_owner ON persona_passages FOR DELETE USING (
    tenant_id = current_tenant_id() AND EXISTS (
        SELECT FROM personas p
        WHERE p.id = persona_passages.persona_id AND p.tenant_id = current_tenant_id()
            AND (current_user_id() IS NULL OR p.owner_id = current_user_id())
    )
);
CREATE POLICY operator_keeps_system_rows ON persona_passages
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());

ALTER TABLE persona_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON persona_usage
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));

ALTER TABLE persona_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_days FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON persona_days
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());

GRANT SELECT, INSERT, UPDATE, DELETE ON persona_documents, persona_passages, persona_usage, persona_days
    TO stoa_runtime;

-- migrate:down
ALTER TABLE tenant_domain_modes DROP COLUMN version;
UPDATE focus_modes SET default_model_id = NULL WHERE default_model_id = 'auto';
ALTER TABLE focus_modes
    DROP COLUMN version,
    DROP COLUMN enabled,
    DROP COLUMN max_output_tokens,
    ADD CONSTRAINT focus_modes_default_model_id_fkey FOREIGN KEY (default_model_id) REFERENCES models (id);
DROP TABLE persona_days, persona_usage, persona_passages, persona_documents;
DROP FUNCTION searched_words;
ALTER TABLE users DROP COLUMN about_me;
ALTER TABLE personas DROP COLUMN version, DROP COLUMN search_config, DROP COLUMN language;
