package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/usage"
	"github.com/go-json-experiment/json"
)

const microsPerDay = int64(24 * time.Hour / time.Microsecond)

// usageRows is how many records one statement inserts: most of a statement's
// cost does not grow with its rows. The rest of a batch goes row by row, so
// that there are two statements to prepare and no more.
const usageRows = 32

const usageColumns = `INSERT INTO usage_records (tenant, at, id, key_id, model, upstream, dialect,
	request_id, tags, input, cached_read, cache_write_5m, cache_write_1h, output, reasoning, audio_input,
	audio_output, cost, latency_ms, ttft_ms, status, estimated, attempts) VALUES `

const usageValues = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

// usageInsert is the statement for n records.
func usageInsert(n int) string {
	if n == 1 {
		return usageOne
	}
	return usageMany
}

const usageOne = usageColumns + usageValues + " ON CONFLICT DO NOTHING"

var usageMany = usageColumns + strings.Repeat(usageValues+", ", usageRows-1) + usageValues + " ON CONFLICT DO NOTHING"

// AppendBatch implements [usage.Store].
func (db *DB) AppendBatch(ctx context.Context, records []usage.Record) error {
	if len(records) == 0 {
		return nil
	}
	clean := make([]usage.Record, len(records))
	for i, r := range records {
		var err error
		if clean[i], err = r.Clean(); err != nil {
			return err
		}
	}
	err := db.engine.Write(ctx, appending, func(tx Tx) error {
		var w usageWriter
		for rest := clean; len(rest) > 0; {
			n := usageRows
			if len(rest) < n {
				n = 1
			}
			args, err := w.args(rest[:n])
			if err != nil {
				return err
			}
			if _, err := tx.Exec(usageInsert(n), args...); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	return failed("append usage", err)
}

// usageWriter makes the arguments of statements, in one place after another's.
type usageWriter struct {
	list []any
	// tags and text are of the record before: most records of a batch have the same.
	tags map[string]string
	text string
}

func (w *usageWriter) args(records []usage.Record) ([]any, error) {
	w.list = w.list[:0]
	for i := range records {
		r := &records[i]
		if w.text == "" || !maps.Equal(w.tags, r.Tags) {
			text := []byte("{}")
			if len(r.Tags) > 0 {
				var err error
				if text, err = json.Marshal(r.Tags, json.Deterministic(true)); err != nil {
					return nil, fmt.Errorf("tags of record %s: %w", r.ID, err)
				}
			}
			w.tags, w.text = r.Tags, string(text)
		}
		t := &r.Tokens
		w.list = append(w.list, r.Tenant, micros(r.At), r.ID, r.KeyID, r.Model, r.Upstream, r.Dialect, r.RequestID, w.text,
			t.Input, t.CachedRead, t.CacheWrite5m, t.CacheWrite1h, t.Output, t.Reasoning, t.AudioInput, t.AudioOutput,
			r.CostNanoUSD, r.LatencyMs, r.TTFTMs, int64(r.Status), flag(r.Estimated), int64(r.Attempts))
	}
	return w.list, nil
}

// filter builds the condition of a usage query.
func (db *DB) filter(f usage.Filter) where {
	var w where
	w.and("tenant = ?", f.Tenant)
	w.equal("key_id", f.KeyID)
	w.equal("model", f.Model)
	if f.Tag != "" {
		w.and(db.engine.Dialect().Member("tags")+" = ?", f.Tag, f.TagValue)
	}
	if !f.From.IsZero() {
		w.and("at >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		w.and("at < ?", micros(f.To))
	}
	return w
}

// Records implements [usage.Store].
func (db *DB) Records(ctx context.Context, f usage.Filter, before string, limit int) ([]usage.Record, error) {
	var page []usage.Record
	err := db.engine.Read(ctx, of(f.Tenant), func(tx Tx) error {
		w := db.filter(f)
		if before != "" {
			var at int64
			// SQLite finds it by walking back in time: a page is seldom far from the newest.
			found, err := one(tx, `SELECT at FROM usage_records WHERE tenant = ? AND id = ? ORDER BY at DESC LIMIT 1`, []any{f.Tenant, before}, &at)
			if err != nil {
				return err
			}
			if found {
				w.and("(at < ? OR at = ? AND id < ?)", at, at, before)
			}
		}
		w.args = append(w.args, pageSize(limit))
		var err error
		page, err = collect(tx, func(row scanner) (usage.Record, error) {
			return scanRecord(row, f.Tenant)
		}, `SELECT id, at, key_id, model, upstream, dialect, request_id, CAST(tags AS TEXT), input, cached_read,
				cache_write_5m, cache_write_1h, output, reasoning, audio_input, audio_output, cost, latency_ms,
				ttft_ms, status, estimated, attempts
			FROM usage_records`+w.sql+` ORDER BY at DESC, id DESC LIMIT ?`, w.args...)
		return err
	})
	return page, failed("read usage", err)
}

func scanRecord(row scanner, tenant string) (usage.Record, error) {
	r := usage.Record{Tenant: tenant}
	t := &r.Tokens
	var at, estimated int64
	var tags string
	if err := row.Scan(&r.ID, &at, &r.KeyID, &r.Model, &r.Upstream, &r.Dialect, &r.RequestID, &tags,
		&t.Input, &t.CachedRead, &t.CacheWrite5m, &t.CacheWrite1h, &t.Output, &t.Reasoning, &t.AudioInput,
		&t.AudioOutput, &r.CostNanoUSD, &r.LatencyMs, &r.TTFTMs, &r.Status, &estimated, &r.Attempts); err != nil {
		return r, err
	}
	r.At, r.Estimated = timeOf(at), estimated != 0
	if tags == "{}" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(tags), &r.Tags); err != nil {
		return r, fmt.Errorf("tags of record %s: %w", r.ID, err)
	}
	return r, nil
}

// Sum implements [usage.Store].
func (db *DB) Sum(ctx context.Context, q usage.Aggregate) ([]usage.Row, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	columns, group := "", ""
	var args []any
	for i, d := range q.By {
		column := map[usage.Dimension]string{
			usage.ByKey: "key_id", usage.ByModel: "model", usage.ByUpstream: "upstream", usage.ByDialect: "dialect",
			usage.ByDay: "CAST(at / " + strconv.FormatInt(microsPerDay, 10) + " AS TEXT)",
		}[d]
		if tag, ok := d.Tag(); ok {
			column = "COALESCE(" + db.engine.Dialect().Member("tags") + ", '')"
			args = append(args, tag)
		}
		columns += column + ", "
		// By position: a parameter in GROUP BY would be another expression.
		group += map[bool]string{true: " GROUP BY ", false: ", "}[i == 0] + strconv.Itoa(i+1)
	}
	w := db.filter(q.Filter)
	args = append(args, w.args...)
	var rows []usage.Row
	err := db.engine.Read(ctx, of(q.Filter.Tenant), func(tx Tx) (err error) {
		rows, err = collect(tx, func(row scanner) (usage.Row, error) { return scanSum(row, q.By) },
			`SELECT `+columns+sumColumns+` FROM usage_records`+w.sql+group, args...)
		return err
	})
	rows = slices.DeleteFunc(rows, func(r usage.Row) bool { return r.Requests == 0 })
	slices.SortFunc(rows, func(a, b usage.Row) int { return slices.Compare(a.Group, b.Group) })
	return rows, failed("sum usage", err)
}

// sumColumns casts because PostgreSQL sums BIGINT to NUMERIC.
const sumColumns = `COUNT(*),
	CAST(COALESCE(SUM(CASE WHEN status >= 400 THEN 1 ELSE 0 END), 0) AS BIGINT),
	CAST(COALESCE(SUM(estimated), 0) AS BIGINT), CAST(COALESCE(SUM(input), 0) AS BIGINT),
	CAST(COALESCE(SUM(cached_read), 0) AS BIGINT), CAST(COALESCE(SUM(cache_write_5m), 0) AS BIGINT),
	CAST(COALESCE(SUM(cache_write_1h), 0) AS BIGINT), CAST(COALESCE(SUM(output), 0) AS BIGINT),
	CAST(COALESCE(SUM(reasoning), 0) AS BIGINT), CAST(COALESCE(SUM(audio_input), 0) AS BIGINT),
	CAST(COALESCE(SUM(audio_output), 0) AS BIGINT), CAST(COALESCE(SUM(cost), 0) AS BIGINT),
	CAST(COALESCE(SUM(latency_ms), 0) AS BIGINT)`

func scanSum(row scanner, by []usage.Dimension) (usage.Row, error) {
	r := usage.Row{Group: make([]string, len(by))}
	var dest []any
	for i := range r.Group {
		dest = append(dest, &r.Group[i])
	}
	t := &r.Tokens
	dest = append(dest, &r.Requests, &r.Errors, &r.Estimated, &t.Input, &t.CachedRead, &t.CacheWrite5m,
		&t.CacheWrite1h, &t.Output, &t.Reasoning, &t.AudioInput, &t.AudioOutput, &r.CostNanoUSD, &r.LatencyMs)
	if err := row.Scan(dest...); err != nil {
		return r, err
	}
	for i, d := range by {
		if d != usage.ByDay {
			continue
		}
		day, err := strconv.ParseInt(r.Group[i], 10, 64)
		if err != nil {
			return r, fmt.Errorf("day of usage: %w", err)
		}
		r.Group[i] = string(usage.Day(time.UnixMicro(day * microsPerDay)))
	}
	return r, nil
}
