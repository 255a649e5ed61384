-- An index of all events by (session, seq) was three quarters of the pages that
-- a commit for many sessions wrote, since the end of each session lies on a page
-- of its own. Instead a session knows its newest event, an event the one before
-- it in its session, and an index has every eighth, to begin from. The compared
-- move of the head keeps (session, seq) unique. PostgreSQL, which logs changes
-- and not pages, keeps its index. The link comes before what may be long.

CREATE TABLE linked_events (
  id       INTEGER   NOT NULL PRIMARY KEY,
  session  {{TEXT}}  NOT NULL,
  seq      BIGINT    NOT NULL,
  previous INTEGER   NOT NULL,
  tenant   {{TEXT}}  NOT NULL,
  type     {{TEXT}}  NOT NULL,
  version  BIGINT    NOT NULL,
  at       BIGINT    NOT NULL,
  label    {{TEXT}}  NOT NULL,
  address  {{TEXT}}  NOT NULL,
  digest   {{BYTES}} NOT NULL,
  hash     {{BYTES}} NOT NULL,
  erased   BIGINT    NOT NULL,
  payload  {{BYTES}} NOT NULL
);

INSERT INTO linked_events SELECT rowid, session, seq,
  COALESCE((SELECT p.rowid FROM events p WHERE p.session = e.session AND p.seq = e.seq - 1), 0),
  tenant, type, version, at, label, address, digest, hash, erased, payload FROM events e ORDER BY rowid;

ALTER TABLE sessions ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;

UPDATE sessions SET newest =
  COALESCE((SELECT e.rowid FROM events e WHERE e.session = sessions.id AND e.seq = sessions.seq), 0);

DROP TABLE events;

ALTER TABLE linked_events RENAME TO events;

CREATE UNIQUE INDEX events_eighth ON events (session, seq) WHERE seq % 8 = 0;
CREATE INDEX events_by_address ON events (tenant, address) WHERE address <> '';
