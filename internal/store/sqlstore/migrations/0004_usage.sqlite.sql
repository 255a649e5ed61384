-- One tree instead of three: records come in the order of time, and every
-- tree a row goes into costs as much as the row. PostgreSQL keeps its indexes.

CREATE TABLE usage_by_time (
  tenant         {{TEXT}} NOT NULL,
  at             BIGINT   NOT NULL,
  id             {{TEXT}} NOT NULL,
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
  PRIMARY KEY (tenant, at, id)
) WITHOUT ROWID;

INSERT INTO usage_by_time SELECT tenant, at, id, key_id, model, upstream, dialect, request_id, tags, input, cached_read,
  cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, cost, latency_ms, ttft_ms, status,
  estimated, attempts FROM usage_records ORDER BY tenant, at, id;

DROP TABLE usage_records;

ALTER TABLE usage_by_time RENAME TO usage_records;
