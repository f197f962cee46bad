-- migrate:up
SET LOCAL lock_timeout = '5s';

-- EXISTS lets the planner read all personas of the installation once for a search. A subquery that gives a value is asked
-- row by row, through the primary key, however many personas there are.
ALTER POLICY seen_with_the_persona ON persona_documents
    USING ((SELECT p.id FROM personas p WHERE p.id = persona_documents.persona_id) IS NOT NULL);
ALTER POLICY seen_with_the_persona ON persona_passages
    USING ((SELECT p.id FROM personas p WHERE p.id = persona_passages.persona_id) IS NOT NULL);

-- migrate:down
ALTER POLICY seen_with_the_persona ON persona_passages
    USING (EXISTS (SELECT FROM personas p WHERE p.id = persona_passages.persona_id));
ALTER POLICY seen_with_the_persona ON persona_documents
    USING (EXISTS (SELECT FROM personas p WHERE p.id = persona_documents.persona_id));
