-- Leases, timers, snapshots, stream buffers and what sessions are listed by.
-- due_at is derived from the other columns (session.Entry.DueAt) and indexed;
-- whoever changes one of them writes it too.

ALTER TABLE sessions ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN wake_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN node {{TEXT}} NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN due_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN takeovers BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN quarantine {{TEXT}} NOT NULL DEFAULT '';

UPDATE sessions SET
  version = COALESCE((SELECT MAX(e.version) FROM events e WHERE e.session = sessions.id), 0),
  updated_at = COALESCE((SELECT MAX(e.at) FROM events e WHERE e.session = sessions.id), created_at);

CREATE INDEX sessions_due ON sessions (due_at) WHERE due_at > 0;
CREATE INDEX sessions_by_time ON sessions (tenant, created_at, id);
CREATE INDEX sessions_by_parent ON sessions (parent_session) WHERE parent_session <> '';

-- Beside the heads, which every append rewrites.
CREATE TABLE session_facts (
  session  {{TEXT}} NOT NULL PRIMARY KEY,
  tenant   {{TEXT}} NOT NULL,
  status   {{TEXT}} NOT NULL,
  metadata {{JSON}} NOT NULL
);

CREATE TABLE snapshots (
  session {{TEXT}}  NOT NULL,
  fold    {{TEXT}}  NOT NULL,
  seq     BIGINT    NOT NULL,
  tenant  {{TEXT}}  NOT NULL,
  body    {{BYTES}} NOT NULL,
  PRIMARY KEY (session, fold, seq)
);

-- A row holds the deltas first..last of one attempt, each preceded by its
-- length as an unsigned varint.
CREATE TABLE deltas (
  session    {{TEXT}}  NOT NULL,
  seq        BIGINT    NOT NULL,
  attempt    BIGINT    NOT NULL,
  first      BIGINT    NOT NULL,
  last       BIGINT    NOT NULL,
  tenant     {{TEXT}}  NOT NULL,
  expires_at BIGINT    NOT NULL,
  body       {{BYTES}} NOT NULL,
  PRIMARY KEY (session, seq, attempt, first)
);

CREATE INDEX deltas_by_expiry ON deltas (expires_at);

-- What live nodes can read, for each kind of session.
CREATE TABLE nodes (
  id         {{TEXT}} NOT NULL,
  kind       {{TEXT}} NOT NULL,
  reads      BIGINT   NOT NULL,
  live_until BIGINT   NOT NULL,
  PRIMARY KEY (id, kind)
);
