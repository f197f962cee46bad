-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A persona gives the model a voice. Rows without a tenant are the system's own and open to everybody; the others belong
-- to a user of a tenant.
CREATE TABLE personas (
    id text PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id),
    owner_id uuid REFERENCES users (id),
    name text NOT NULL,
    display_name text,
    system_prompt text NOT NULL,
    avatar_url text,
    voice_id text,
    traits text[] NOT NULL DEFAULT '{}',
    domains text[] NOT NULL DEFAULT '{}',
    style jsonb NOT NULL DEFAULT '{}',
    is_public boolean NOT NULL DEFAULT false,
    usage_count bigint NOT NULL DEFAULT 0, -- never written: persona_usage and persona_days hold the counts
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    language text NOT NULL DEFAULT 'en', -- ISO 639-1
    search_config text NOT NULL DEFAULT 'english', -- PostgreSQL's text search for that language
    version integer NOT NULL DEFAULT 1,
    CHECK ((tenant_id IS NULL) = (owner_id IS NULL))
);
CREATE INDEX personas_by_owner ON personas (tenant_id, owner_id);
ALTER TABLE personas ENABLE ROW LEVEL SECURITY;
ALTER TABLE personas FORCE ROW LEVEL SECURITY;
CREATE POLICY system_public_or_own ON personas FOR SELECT USING (
    tenant_id IS NULL
    OR tenant_id = current_tenant_id() AND (is_public OR current_user_id() IS NULL OR owner_id = current_user_id())
);
CREATE POLICY own_rows_change ON personas
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR owner_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR owner_id = current_user_id()));
CREATE POLICY operator_keeps_system_rows ON personas
    USING (tenant_id IS NULL AND is_operator()) WITH CHECK (tenant_id IS NULL AND is_operator());
GRANT SELECT, INSERT, UPDATE, DELETE ON personas TO stoa_runtime;

-- Returns the words of a text as they are searched for. Chinese and Japanese have no spaces, so each character counts as
-- a word. Korean words carry particles, and PostgreSQL brings no stemming for them: 물은 and 물이 would have nothing in
-- common, so each word counts once more without its last syllable.
CREATE FUNCTION searched_words(config text, words text) RETURNS tsvector
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_tsvector(
        config::regconfig,
        regexp_replace(
            regexp_replace(words, '([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])', ' \1 ', 'g'),
            '([\uac00-\ud7a3]+)([\uac00-\ud7a3])', ' \1\2 \1 ', 'g'
        )
    );

-- A persona's knowledge: documents, cut into passages that fit into a prompt. Both are seen where their persona is.
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
ALTER TABLE persona_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_documents FORCE ROW LEVEL SECURITY;
-- A subquery that gives a value is asked row by row, through the primary key, however many personas there are. EXISTS
-- would let the planner read all personas of the installation for one search.
CREATE POLICY seen_with_the_persona ON persona_documents FOR SELECT
    USING ((SELECT p.id FROM personas p WHERE p.id = persona_documents.persona_id) IS NOT NULL);
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
GRANT SELECT, INSERT, UPDATE, DELETE ON persona_documents TO stoa_runtime;

-- There is no GIN index: row-level security checks a row before any operator that is not leakproof, and @@ is not, so the
-- index would never be used. A persona has a thousand passages at most; the persona's index finds them, and each is
-- matched by itself.
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
ALTER TABLE persona_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY seen_with_the_persona ON persona_passages FOR SELECT
    USING ((SELECT p.id FROM personas p WHERE p.id = persona_passages.persona_id) IS NOT NULL);
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
GRANT SELECT, INSERT, UPDATE, DELETE ON persona_passages TO stoa_runtime;

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
ALTER TABLE persona_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON persona_usage
    USING (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()))
    WITH CHECK (tenant_id = current_tenant_id() AND (current_user_id() IS NULL OR user_id = current_user_id()));
GRANT SELECT, INSERT, UPDATE, DELETE ON persona_usage TO stoa_runtime;

-- The archive of persona_usage, once a day is over for good: numbers of members and messages, and no longer the members.
CREATE TABLE persona_days (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    persona_id text NOT NULL,
    day date NOT NULL,
    members integer NOT NULL,
    messages bigint NOT NULL,
    PRIMARY KEY (tenant_id, persona_id, day)
);
ALTER TABLE persona_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE persona_days FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON persona_days
    USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON persona_days TO stoa_runtime;

-- migrate:down
DROP TABLE persona_days, persona_usage, persona_passages, persona_documents, personas;
DROP FUNCTION searched_words(text, text);
