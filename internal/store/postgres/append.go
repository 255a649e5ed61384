package postgres

import (
	"context"

	"github.com/craton-ai/craton/internal/session"
	"github.com/go-json-experiment/json"
)

// Append implements [session.Store]: by group where that is possible, else
// with the statements that every database shares, which also find out why an
// append is refused.
func (s *Store) Append(ctx context.Context, b session.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if b.Raise == 0 && b.Session.Parent == (session.Ref{}) {
		done, err := s.appends.append(ctx, b)
		if done && b.Wake != nil && !b.Wake.IsZero() {
			s.Hinted()
		}
		if done || err != nil {
			return err
		}
	}
	return s.DB.Append(ctx, b)
}

// AppendDeltas implements [session.Buffer]: by group, else with the statement
// that every database shares, which also finds out why they are refused. They
// are as durable as events: a database server that breaks down may not forget
// what the owner of a stream, who goes on with it, knows to be there.
func (s *Store) AppendDeltas(ctx context.Context, d session.Deltas) error {
	if err := d.Check(); err != nil {
		return err
	}
	done, err := s.deltas.append(ctx, session.Batch{
		Session: session.Session{Tenant: d.Tenant, ID: d.Session, Epoch: d.Epoch}, Deltas: d.Deltas, TTL: d.TTL,
	})
	if done || err != nil {
		return err
	}
	return s.DB.AppendDeltas(ctx, d)
}

// appendGroup is the compare-and-append of a group, in one statement: the
// sessions that are as their writers know them move on (moved) or come into
// being (created); only their events, labels, payloads and facts are written;
// and their ids are the answer. A conflict that the snapshot does not show, as
// of two labels at the same moment, fails the statement and leaves nothing.
// Where there are deltas, their table, condition and insertion are put in.
func appendGroup(deltas deltaWords) string {
	return `
WITH h AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bytea[],
		$8::bigint[], $9::bigint[], $10::boolean[], $11::bigint[], $12::text[], $13::bigint[], $14::bytea[])
	AS h (id, tenant, epoch, seq, head, new_seq, new_head, updated_at, version, progress, wake_at, kind, created_at, key)
), e AS MATERIALIZED (
	SELECT * FROM unnest($15::text[], $16::bigint[], $17::text[], $18::text[], $19::bigint[], $20::bigint[], $21::text[],
		$22::text[], $23::bytea[], $24::bytea[], $25::bytea[])
	AS e (session, seq, tenant, type, version, at, label, address, digest, hash, payload)
)` + deltas.table + `, fresh AS MATERIALIZED (
	SELECT h.* FROM h WHERE NOT EXISTS (SELECT 1 FROM e JOIN labels l ON l.tenant = e.tenant AND l.label = e.label
		WHERE e.session = h.id AND e.label <> '')` + deltas.condition + ` ORDER BY h.id
), moved AS (
	UPDATE sessions s SET seq = h.new_seq, head = h.new_head, updated_at = h.updated_at,
		version = GREATEST(s.version, h.version), takeovers = CASE WHEN h.progress THEN 0 ELSE s.takeovers END,
		wake_at = COALESCE(h.wake_at, s.wake_at),
		due_at = CASE WHEN h.wake_at IS NOT NULL AND s.node = '' AND s.quarantine = '' THEN h.wake_at ELSE s.due_at END
	FROM fresh h WHERE s.id = h.id AND s.tenant = h.tenant AND s.epoch = h.epoch AND s.seq = h.seq AND h.seq > 0
		AND s.head = h.head AND s.erased_at = 0
	RETURNING s.id
), created AS (
	INSERT INTO sessions (id, tenant, kind, parent_session, parent_seq, created_at, epoch, seq, head, digest_key,
		erased_at, version, updated_at, wake_at, due_at)
	SELECT id, tenant, kind, '', 0, created_at, epoch, new_seq, new_head, key, 0, version, updated_at,
		COALESCE(wake_at, 0), COALESCE(wake_at, 0)
	FROM fresh WHERE seq = 0 AND head = '\x0000000000000000000000000000000000000000000000000000000000000000'
	ON CONFLICT DO NOTHING RETURNING id
), done AS (
	SELECT id FROM moved UNION ALL SELECT id FROM created
), p AS (
	INSERT INTO payloads (tenant, address, body)
	SELECT DISTINCT ON (e.tenant, e.address) e.tenant, e.address, e.payload FROM e JOIN done ON done.id = e.session
		WHERE e.address <> '' ORDER BY e.tenant, e.address
	ON CONFLICT (tenant, address) DO UPDATE SET address = excluded.address
), l AS (
	INSERT INTO labels (tenant, label, session, seq)
	SELECT e.tenant, e.label, e.session, e.seq FROM e JOIN done ON done.id = e.session WHERE e.label <> ''
), f AS (
	INSERT INTO session_facts (session, tenant, status, metadata)
	SELECT f.session, f.tenant, f.status, f.metadata::jsonb
	FROM unnest($26::text[], $27::text[], $28::text[], $29::text[]) AS f (session, tenant, status, metadata)
		JOIN done ON done.id = f.session
	ON CONFLICT (session) DO UPDATE SET status = excluded.status, metadata = excluded.metadata
), i AS (
	INSERT INTO events (session, seq, tenant, type, version, at, label, address, digest, hash, erased, payload)
	SELECT e.session, e.seq, e.tenant, e.type, e.version, e.at, e.label, e.address, e.digest, e.hash, 0,
		CASE WHEN e.address = '' THEN e.payload ELSE '' END
	FROM e JOIN done ON done.id = e.session
)` + deltas.insertion + `
SELECT id FROM done`
}

// columns are the parameters of appendGroup: arrays of one element for each
// append, event and change of facts.
type columns struct {
	ids, tenants, kinds                               []string
	epochs, seqs, newSeqs, updated, versions, created []int64
	heads, newHeads, keys                             [][]byte
	progress                                          []bool
	wakes                                             []*int64 // nil leaves the timer

	session, tenant, kind, label, address []string
	seq, version, at                      []int64
	digest, hash, payload                 [][]byte

	factSession, factTenant, status, metadata []string

	deltas deltaColumns
}

func (c *columns) add(b session.Batch) {
	c.deltas.add(b)
	if len(b.Events) == 0 {
		return
	}
	s := b.Session
	last := b.Events[len(b.Events)-1]
	c.ids, c.tenants, c.kinds = append(c.ids, s.ID), append(c.tenants, s.Tenant), append(c.kinds, s.Kind)
	c.epochs, c.seqs = append(c.epochs, int64(s.Epoch)), append(c.seqs, int64(s.Seq))
	c.newSeqs, c.updated = append(c.newSeqs, int64(last.Seq)), append(c.updated, last.At.UnixMicro())
	c.versions, c.created = append(c.versions, int64(b.Version())), append(c.created, s.CreatedAt.UnixMicro())
	c.heads, c.newHeads = append(c.heads, s.Head[:]), append(c.newHeads, last.Hash[:])
	c.keys, c.progress = append(c.keys, s.Key), append(c.progress, b.Progress)
	var wake *int64
	if b.Wake != nil {
		wake = new(int64)
		if !b.Wake.IsZero() {
			*wake = b.Wake.UnixMicro()
		}
	}
	c.wakes = append(c.wakes, wake)
	for _, e := range b.Events {
		c.addEvent(e)
	}
	if b.Facts == nil {
		return
	}
	metadata := []byte("{}")
	if len(b.Facts.Metadata) > 0 {
		// A map of strings that were checked always encodes.
		metadata, _ = json.Marshal(b.Facts.Metadata, json.Deterministic(true))
	}
	c.factSession, c.factTenant = append(c.factSession, s.ID), append(c.factTenant, s.Tenant)
	c.status, c.metadata = append(c.status, b.Facts.Status), append(c.metadata, string(metadata))
}

func (c *columns) addEvent(e session.Event) {
	payload := e.Payload
	if payload == nil {
		payload = []byte{}
	}
	c.session, c.tenant, c.kind = append(c.session, e.Session), append(c.tenant, e.Tenant), append(c.kind, e.Type)
	c.label, c.address = append(c.label, e.Label), append(c.address, e.Address)
	c.seq, c.version = append(c.seq, int64(e.Seq)), append(c.version, int64(e.Version))
	c.at = append(c.at, e.At.UnixMicro())
	c.digest, c.hash, c.payload = append(c.digest, e.Digest[:]), append(c.hash, e.Hash[:]), append(c.payload, payload)
}

// args are the columns in the order of the statement's parameters.
func (c *columns) args() []any {
	return []any{
		c.ids, c.tenants, c.epochs, c.seqs, c.heads, c.newSeqs, c.newHeads, c.updated, c.versions, c.progress, c.wakes,
		c.kinds, c.created, c.keys,
		c.session, c.seq, c.tenant, c.kind, c.version, c.at, c.label, c.address, c.digest, c.hash, c.payload,
		orEmpty(c.factSession), orEmpty(c.factTenant), orEmpty(c.status), orEmpty(c.metadata),
	}
}

// orEmpty makes an empty array of what would be NULL.
func orEmpty(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}
