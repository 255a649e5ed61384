-- What sessions are listed by, so that a filter finds its page without reading
-- every session: session_facts' metadata, one row a pair, kept by triggers. Keys
-- and values are cut to what an index takes; the query compares the whole.

CREATE TABLE session_tags (
  tenant     {{TEXT}} NOT NULL,
  key        {{TEXT}} NOT NULL,
  value      {{TEXT}} NOT NULL,
  created_at BIGINT   NOT NULL,
  session    {{TEXT}} NOT NULL,
  PRIMARY KEY (tenant, key, value, created_at, session)
) WITHOUT ROWID;

INSERT OR IGNORE INTO session_tags SELECT f.tenant, substr(j.key, 1, 128), substr(CAST(j.value AS TEXT), 1, 512), s.created_at, f.session
  FROM session_facts f JOIN sessions s ON s.id = f.session, json_each(f.metadata) j;

CREATE TRIGGER session_tagged AFTER INSERT ON session_facts WHEN NEW.metadata <> '{}' BEGIN
  INSERT OR IGNORE INTO session_tags SELECT NEW.tenant, substr(j.key, 1, 128), substr(CAST(j.value AS TEXT), 1, 512), s.created_at, NEW.session
    FROM sessions s, json_each(NEW.metadata) j WHERE s.id = NEW.session; END;

CREATE TRIGGER session_untagged AFTER DELETE ON session_facts WHEN OLD.metadata <> '{}' BEGIN
  DELETE FROM session_tags WHERE (tenant, key, value, created_at, session) IN
    (SELECT OLD.tenant, substr(j.key, 1, 128), substr(CAST(j.value AS TEXT), 1, 512), s.created_at, OLD.session
    FROM sessions s, json_each(OLD.metadata) j WHERE s.id = OLD.session); END;

CREATE TRIGGER session_retagged AFTER UPDATE OF metadata ON session_facts WHEN OLD.metadata <> NEW.metadata BEGIN
  DELETE FROM session_tags WHERE (tenant, key, value, created_at, session) IN
    (SELECT OLD.tenant, substr(j.key, 1, 128), substr(CAST(j.value AS TEXT), 1, 512), s.created_at, OLD.session
    FROM sessions s, json_each(OLD.metadata) j WHERE s.id = OLD.session); INSERT OR IGNORE INTO session_tags
    SELECT NEW.tenant, substr(j.key, 1, 128), substr(CAST(j.value AS TEXT), 1, 512), s.created_at, NEW.session
    FROM sessions s, json_each(NEW.metadata) j WHERE s.id = NEW.session; END;

CREATE INDEX sessions_by_kind ON sessions (tenant, kind, created_at, id);
CREATE INDEX session_facts_astir ON session_facts (tenant, status) WHERE status NOT IN ('', 'idle');
