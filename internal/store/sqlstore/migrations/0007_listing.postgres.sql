-- What sessions are listed by, so that a filter finds its page without reading
-- every session: session_facts' metadata, one row a pair, kept by a trigger. Keys
-- and values are cut to what an index takes; the query compares the whole. An
-- index on the JSON itself would not serve: no operator on it may look at rows
-- before row-level security has.

CREATE TABLE session_tags (
  tenant     {{TEXT}} NOT NULL,
  key        {{TEXT}} NOT NULL,
  value      {{TEXT}} NOT NULL,
  created_at BIGINT   NOT NULL,
  session    {{TEXT}} NOT NULL,
  PRIMARY KEY (tenant, key, value, created_at, session)
);

-- Row-level security would hide every row from this, too.
ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE session_facts NO FORCE ROW LEVEL SECURITY;

INSERT INTO session_tags SELECT f.tenant, left(j.key, 128), left(j.value, 512), s.created_at, f.session
  FROM session_facts f JOIN sessions s ON s.id = f.session, jsonb_each_text(f.metadata) j ON CONFLICT DO NOTHING;

ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE session_facts FORCE ROW LEVEL SECURITY;

CREATE FUNCTION craton_tag() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP <> 'INSERT' THEN DELETE FROM session_tags t USING sessions s, jsonb_each_text(OLD.metadata) j WHERE s.id = OLD.session
    AND t.tenant = OLD.tenant AND t.key = left(j.key, 128) AND t.value = left(j.value, 512) AND t.created_at = s.created_at
    AND t.session = OLD.session; END IF; IF TG_OP <> 'DELETE' THEN INSERT INTO session_tags
    SELECT NEW.tenant, left(j.key, 128), left(j.value, 512), s.created_at, NEW.session
    FROM sessions s, jsonb_each_text(NEW.metadata) j WHERE s.id = NEW.session ON CONFLICT DO NOTHING; END IF; RETURN NULL; END $$;

CREATE TRIGGER session_tagged AFTER INSERT ON session_facts FOR EACH ROW WHEN (NEW.metadata <> '{}') EXECUTE FUNCTION craton_tag();
CREATE TRIGGER session_untagged AFTER DELETE ON session_facts FOR EACH ROW WHEN (OLD.metadata <> '{}') EXECUTE FUNCTION craton_tag();
CREATE TRIGGER session_retagged AFTER UPDATE ON session_facts FOR EACH ROW WHEN (OLD.metadata <> NEW.metadata) EXECUTE FUNCTION craton_tag();

GRANT SELECT, INSERT, DELETE ON session_tags TO craton_tenant, craton_append;
ALTER TABLE session_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session_tags USING (craton_sees(tenant));
CREATE POLICY append ON session_tags USING (current_user = 'craton_append');

CREATE INDEX sessions_by_kind ON sessions (tenant, kind, created_at, id);
CREATE INDEX session_facts_astir ON session_facts (tenant, status) WHERE status NOT IN ('', 'idle');
