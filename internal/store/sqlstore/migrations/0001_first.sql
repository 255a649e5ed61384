-- Every table of the first release. {{TEXT}}, {{BYTES}} and {{JSON}} are the
-- dialect's types; times are microseconds since 1970 and 0 means none; flags
-- are 0 or 1. Statements end with a semicolon at the end of a line.

CREATE TABLE tenants (
  id         {{TEXT}} NOT NULL PRIMARY KEY,
  name       {{TEXT}} NOT NULL UNIQUE,
  account_id {{TEXT}} NOT NULL UNIQUE,
  created_at BIGINT   NOT NULL,
  disabled   BIGINT   NOT NULL,
  root       BIGINT   NOT NULL,
  daily_nano_usd   BIGINT NOT NULL,
  monthly_nano_usd BIGINT NOT NULL,
  version    BIGINT   NOT NULL
);

CREATE UNIQUE INDEX tenants_one_root ON tenants (root) WHERE root = 1;

CREATE TABLE credentials (
  id           {{TEXT}}  NOT NULL PRIMARY KEY,
  tenant       {{TEXT}}  NOT NULL,
  lookup       {{TEXT}}  NOT NULL UNIQUE,
  sealed       {{BYTES}} NOT NULL,
  key_fields   {{BYTES}} NOT NULL,
  last_used_at BIGINT    NOT NULL,
  version      BIGINT    NOT NULL
);

CREATE INDEX credentials_by_tenant ON credentials (tenant, id);

CREATE TABLE documents (
  tenant     {{TEXT}}  NOT NULL,
  kind       {{TEXT}}  NOT NULL,
  id         {{TEXT}}  NOT NULL,
  version    BIGINT    NOT NULL,
  body       {{BYTES}} NOT NULL,
  created_at BIGINT    NOT NULL,
  updated_at BIGINT    NOT NULL,
  PRIMARY KEY (tenant, kind, id)
);

-- The head of each journal. digest_key is empty once the session was erased.
CREATE TABLE sessions (
  id             {{TEXT}}  NOT NULL PRIMARY KEY,
  tenant         {{TEXT}}  NOT NULL,
  kind           {{TEXT}}  NOT NULL,
  parent_session {{TEXT}}  NOT NULL,
  parent_seq     BIGINT    NOT NULL,
  created_at     BIGINT    NOT NULL,
  epoch          BIGINT    NOT NULL,
  seq            BIGINT    NOT NULL,
  head           {{BYTES}} NOT NULL,
  digest_key     {{BYTES}} NOT NULL,
  erased_at      BIGINT    NOT NULL
);

CREATE INDEX sessions_by_tenant ON sessions (tenant, id);

-- A payload lies in the event, or under its address in payloads.
CREATE TABLE events (
  session {{TEXT}}  NOT NULL,
  seq     BIGINT    NOT NULL,
  tenant  {{TEXT}}  NOT NULL,
  type    {{TEXT}}  NOT NULL,
  version BIGINT    NOT NULL,
  at      BIGINT    NOT NULL,
  label   {{TEXT}}  NOT NULL,
  address {{TEXT}}  NOT NULL,
  digest  {{BYTES}} NOT NULL,
  hash    {{BYTES}} NOT NULL,
  erased  BIGINT    NOT NULL,
  payload {{BYTES}} NOT NULL,
  PRIMARY KEY (session, seq)
);

CREATE INDEX events_by_address ON events (tenant, address) WHERE address <> '';

CREATE TABLE labels (
  tenant  {{TEXT}} NOT NULL,
  label   {{TEXT}} NOT NULL,
  session {{TEXT}} NOT NULL,
  seq     BIGINT   NOT NULL,
  PRIMARY KEY (tenant, label)
);

CREATE TABLE payloads (
  tenant  {{TEXT}}  NOT NULL,
  address {{TEXT}}  NOT NULL,
  body    {{BYTES}} NOT NULL,
  PRIMARY KEY (tenant, address)
);

CREATE TABLE usage_records (
  tenant         {{TEXT}} NOT NULL,
  id             {{TEXT}} NOT NULL,
  at             BIGINT   NOT NULL,
  key_id         {{TEXT}} NOT NULL,
  model          {{TEXT}} NOT NULL,
  upstream       {{TEXT}} NOT NULL,
  dialect        {{TEXT}} NOT NULL,
  request_id     {{TEXT}} NOT NULL,
  tags           {{JSON}} NOT NULL,
  input          BIGINT   NOT NULL,
  cached_read    BIGINT   NOT NULL,
  cache_write_5m BIGINT   NOT NULL,
  cache_write_1h BIGINT   NOT NULL,
  output         BIGINT   NOT NULL,
  reasoning      BIGINT   NOT NULL,
  audio_input    BIGINT   NOT NULL,
  audio_output   BIGINT   NOT NULL,
  cost           BIGINT   NOT NULL,
  latency_ms     BIGINT   NOT NULL,
  ttft_ms        BIGINT   NOT NULL,
  status         BIGINT   NOT NULL,
  estimated      BIGINT   NOT NULL,
  attempts       BIGINT   NOT NULL,
  PRIMARY KEY (tenant, id)
);

CREATE INDEX usage_records_by_time ON usage_records (tenant, at, id);

CREATE TABLE budgets (
  tenant    {{TEXT}} NOT NULL,
  key_id    {{TEXT}} NOT NULL,
  period    {{TEXT}} NOT NULL,
  committed BIGINT   NOT NULL,
  PRIMARY KEY (tenant, key_id, period)
);

CREATE TABLE leases (
  tenant  {{TEXT}} NOT NULL,
  id      {{TEXT}} NOT NULL,
  key_id  {{TEXT}} NOT NULL,
  period  {{TEXT}} NOT NULL,
  granted BIGINT   NOT NULL,
  at      BIGINT   NOT NULL,
  PRIMARY KEY (tenant, id)
);
