package postgres

import (
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/store/sqlstore"
)

// deltaWords are what a statement says of deltas; empty for none. They follow
// (condition) if the last of their event's in the buffer comes before them.
type deltaWords struct{ table, condition, insertion string }

// appendDeltas are the words for deltas that go with events, which are the
// parameters from $30 on. Clock is the query for the time.
func appendDeltas(clock string) deltaWords {
	return deltaWords{
		table: `, d AS MATERIALIZED (
	SELECT * FROM unnest($30::text[], $31::text[], $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[], $36::bigint[],
		$37::bigint[], $38::bytea[]) AS d (session, tenant, epoch, seq, attempt, first, last, ttl, body)
)`,
		condition: ` AND NOT EXISTS (SELECT 1 FROM d WHERE d.session = h.id AND NOT ` + follows + `)`,
		insertion: `, said AS (` + insertDeltas(clock) + ` JOIN done ON done.id = d.session)`,
	}
}

const follows = `COALESCE((SELECT l.attempt < d.attempt OR l.attempt = d.attempt AND l.last < d.first FROM deltas l
	WHERE l.session = d.session AND l.seq = d.seq ORDER BY l.attempt DESC, l.first DESC LIMIT 1), TRUE)`

func insertDeltas(clock string) string {
	return `INSERT INTO deltas (session, seq, attempt, first, last, tenant, expires_at, body)
	SELECT d.session, d.seq, d.attempt, d.first, d.last, d.tenant, (` + clock + `) + d.ttl, d.body FROM d`
}

// deltaGroup adds the deltas of a group of sessions, in one statement: of those
// that are in the epoch that their writers know, and stay in it until the end of
// the transaction. Their ids are the answer.
func deltaGroup(clock string) string {
	return `
WITH d AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
		$8::bigint[], $9::bytea[]) AS d (session, tenant, epoch, seq, attempt, first, last, ttl, body)
), held AS MATERIALIZED (
	SELECT s.id FROM sessions s JOIN (SELECT DISTINCT session, tenant, epoch FROM d) w
		ON s.id = w.session AND s.tenant = w.tenant AND s.epoch = w.epoch
	WHERE s.erased_at = 0 AND NOT EXISTS (SELECT 1 FROM d WHERE d.session = s.id AND NOT ` + follows + `)
	ORDER BY s.id FOR NO KEY UPDATE OF s
), said AS (` + insertDeltas(clock) + ` JOIN held ON held.id = d.session)
SELECT id FROM held`
}

// deltaColumns are arrays of one element for each row of the buffer.
type deltaColumns struct {
	session, tenant                         []string
	epoch, seq, attempt, first, last, micro []int64
	body                                    [][]byte
}

func (c *deltaColumns) add(b session.Batch) {
	said := b.Said()
	for part := range said.Attempts() {
		first, last := part[0].ID, part[len(part)-1].ID
		c.session, c.tenant = append(c.session, said.Session), append(c.tenant, said.Tenant)
		c.epoch, c.seq = append(c.epoch, int64(said.Epoch)), append(c.seq, int64(first.Seq))
		c.attempt, c.first = append(c.attempt, int64(first.Attempt)), append(c.first, int64(first.N))
		c.last, c.micro = append(c.last, int64(last.N)), append(c.micro, said.TTL.Microseconds())
		c.body = append(c.body, sqlstore.EncodeDeltas(part))
	}
}

// args are the columns in the order of the statements' parameters.
func (c *deltaColumns) args() []any {
	return []any{c.session, c.tenant, c.epoch, c.seq, c.attempt, c.first, c.last, c.micro, c.body}
}
