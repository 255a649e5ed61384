package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/craton-ai/craton/internal/session"
	"github.com/go-json-experiment/json"
)

// entryColumns are of sessions, as s; listings add those of session_facts.
const entryColumns = `s.id, s.tenant, s.kind, s.parent_session, s.parent_seq, s.created_at, s.epoch, s.seq, s.head,
	s.digest_key, s.version, s.updated_at, s.wake_at, s.node, s.lease_until, s.takeovers, s.quarantine, s.erased_at`

func scanEntry(row scanner) (session.Entry, error) { return scanEntryAnd(row) }

// scanEntryAnd reads entryColumns and more.
func scanEntryAnd(row scanner, more ...any) (session.Entry, error) {
	var e session.Entry
	var parentSeq, created, epoch, seq, updated, wake, until, erased int64
	var head []byte
	dest := []any{&e.ID, &e.Tenant, &e.Kind, &e.Parent.Session, &parentSeq, &created, &epoch, &seq, &head,
		&e.Key, &e.Version, &updated, &wake, &e.Node, &until, &e.Takeovers, &e.Quarantine, &erased}
	err := row.Scan(append(dest, more...)...)
	e.Parent.Seq, e.CreatedAt, e.Epoch, e.Seq = uint64(parentSeq), timeOf(created), uint64(epoch), uint64(seq)
	e.UpdatedAt, e.Wake, e.Until, e.Erased = timeOf(updated), timeOf(wake), timeOf(until), erased != 0
	copy(e.Head[:], head)
	e.Key = bytesOf(e.Key)
	return e, err
}

// readEntry reads one session without its facts, locking its row with lock.
func readEntry(tx Tx, lock, tenant, id string) (session.Entry, bool, error) {
	all, err := collect(tx, scanEntry, `SELECT `+entryColumns+` FROM sessions s WHERE s.id = ? AND s.tenant = ?`+lock, id, tenant)
	if err != nil || len(all) == 0 {
		return session.Entry{}, false, err
	}
	return all[0], true, nil
}

// listEntries selects entries from listFrom, by a pair of their metadata from
// tagFrom, or by a status that few have from astirFrom: CROSS JOIN makes SQLite
// begin there, as PostgreSQL finds out by itself.
const (
	listEntries = `SELECT ` + entryColumns + `, COALESCE(f.status, ''), COALESCE(CAST(f.metadata AS TEXT), '{}') FROM `
	listFrom    = `sessions s LEFT JOIN session_facts f ON f.session = s.id`
	tagFrom     = `session_tags t CROSS JOIN ` + listFrom
	astirFrom   = `session_facts f CROSS JOIN sessions s`
)

func scanListed(row scanner) (session.Entry, error) {
	var status, metadata string
	e, err := scanEntryAnd(row, &status, &metadata)
	if err != nil {
		return e, err
	}
	e.Key, e.Status = nil, status
	if metadata != "{}" {
		if err := json.Unmarshal([]byte(metadata), &e.Metadata); err != nil {
			return e, fmt.Errorf("metadata of session %s: %w", e.ID, err)
		}
	}
	return e, nil
}

// writeFacts replaces what a session is listed by.
func writeFacts(tx Tx, tenant, id string, facts *session.Facts) error {
	if facts == nil {
		return nil
	}
	metadata, err := encodeMetadata(facts.Metadata)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO session_facts (session, tenant, status, metadata) VALUES (?, ?, ?, ?)
		ON CONFLICT (session) DO UPDATE SET status = excluded.status, metadata = excluded.metadata`,
		id, tenant, facts.Status, metadata)
	return err
}

func encodeMetadata(metadata map[string]string) (string, error) {
	if len(metadata) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(metadata, json.Deterministic(true))
	return string(text), err
}

// Sessions implements [session.Index].
func (db *DB) Sessions(ctx context.Context, q session.Query) ([]session.Entry, error) {
	var page []session.Entry
	err := db.engine.Read(ctx, of(q.Tenant), func(tx Tx) error {
		w, from := db.selection(q), listFrom
		created, id := "s.created_at", "s.id"
		switch {
		case len(q.Metadata) > 0:
			tag, err := rarest(tx, q)
			if err != nil {
				return err
			}
			from, created, id = tagFrom, "t.created_at", "t.session"
			w.and("s.id = t.session AND t.tenant = ? AND t.key = ? AND t.value = ?", tag...)
		case q.Status != "" && q.Status != "idle":
			from = astirFrom
			w.and("s.id = f.session AND f.tenant = ? AND f.status NOT IN ('', 'idle')", q.Tenant) // as the index says
		}
		order, compare := "DESC", "<"
		if q.Oldest {
			order, compare = "ASC", ">"
		}
		if q.After != "" {
			last, found, err := readEntry(tx, "", q.Tenant, q.After)
			if err != nil {
				return err
			}
			if !found {
				return noSession(q.After)
			}
			w.and("("+created+", "+id+") "+compare+" (?, ?)", micros(last.CreatedAt), q.After)
		}
		var err error
		page, err = collect(tx, scanListed, listEntries+from+w.sql+` ORDER BY `+created+` `+order+`, `+id+` `+order+` LIMIT ?`,
			append(w.args, pageSize(q.Limit))...)
		return err
	})
	return page, failed("list sessions", err)
}

// rarest is the pair of the filter, with the tenant, that fewest sessions have,
// as far as that is quickly counted: its rows lead the search.
func rarest(tx Tx, q session.Query) ([]any, error) {
	const enough = 200
	var best []any
	least := int64(enough + 1)
	for _, key := range slices.Sorted(maps.Keys(q.Metadata)) {
		tag := []any{q.Tenant, cut(key, tagKey), cut(q.Metadata[key], tagValue)}
		if len(q.Metadata) == 1 {
			return tag, nil
		}
		var n int64
		if _, err := one(tx, `SELECT COUNT(*) FROM (SELECT 1 FROM session_tags
			WHERE tenant = ? AND key = ? AND value = ? LIMIT ?) n`, append(slices.Clone(tag), enough), &n); err != nil {
			return nil, err
		}
		// The server's own pairs come first in order, and are common.
		if n < least || n == enough && least == enough {
			best, least = tag, n
		}
	}
	return best, nil
}

// tagKey and tagValue are how many characters of a pair session_tags holds.
const (
	tagKey   = 128
	tagValue = 512
)

// cut shortens text to n characters.
func cut(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}

// selection builds the condition of a listing, all but its cursor.
func (db *DB) selection(q session.Query) where {
	var w where
	w.and("s.tenant = ?", q.Tenant)
	w.equal("s.kind", q.Kind)
	if w.equal("s.parent_session", q.Parent); q.Parent != "" {
		w.and("s.parent_session <> ''") // as the index of forks says
	}
	w.equal("f.status", q.Status)
	for key, value := range q.Metadata {
		w.and(db.engine.Dialect().Member("f.metadata")+" = ?", key, value)
	}
	if q.Quarantined {
		w.and("s.quarantine <> ''")
	}
	if !q.Erased {
		w.and("s.erased_at = 0")
	}
	return w
}

// Describe implements [session.Index].
func (db *DB) Describe(ctx context.Context, tenant, id string) (session.Entry, error) {
	var all []session.Entry
	err := db.engine.Read(ctx, of(tenant), func(tx Tx) (err error) {
		all, err = collect(tx, scanListed, listEntries+listFrom+` WHERE s.id = ? AND s.tenant = ?`, id, tenant)
		return err
	})
	if err == nil && len(all) == 0 {
		err = noSession(id)
	}
	if err != nil {
		return session.Entry{}, failed("describe session", err)
	}
	return all[0], nil
}

// Moved implements [session.Index].
func (db *DB) Moved(ctx context.Context, known map[string]uint64) ([]session.Ref, error) {
	if len(known) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(known)
	if err != nil {
		return nil, failed("find sessions that moved", err)
	}
	var moved []session.Ref
	err = db.engine.Read(ctx, appending, func(tx Tx) (err error) {
		moved, err = collect(tx, func(row scanner) (session.Ref, error) {
			var ref session.Ref
			var seq int64
			err := row.Scan(&ref.Session, &seq)
			ref.Seq = uint64(seq)
			return ref, err
		}, `SELECT s.id, CASE WHEN s.erased_at = 0 THEN s.seq ELSE 0 END FROM `+db.engine.Dialect().Members+` k
			CROSS JOIN sessions s WHERE s.id = k.key AND (s.seq <> CAST(k.value AS BIGINT) OR s.erased_at <> 0)`, string(text))
		return err
	})
	return moved, failed("find sessions that moved", err)
}

// Requeue implements [session.Index].
func (db *DB) Requeue(ctx context.Context, tenant, id string) error {
	err := db.engine.Write(ctx, of(tenant), func(tx Tx) error {
		e, found, err := readEntry(tx, db.engine.Dialect().ForUpdate, tenant, id)
		switch {
		case err != nil:
			return err
		case !found:
			return noSession(id)
		case e.Erased:
			return session.Fault(session.ErrErased, id, "The session was deleted.")
		}
		e.Quarantine, e.Takeovers, e.Wake = "", 0, session.AtOnce
		_, err = tx.Exec(`UPDATE sessions SET quarantine = '', takeovers = 0, wake_at = ?, due_at = ? WHERE id = ? AND tenant = ?`,
			micros(e.Wake), micros(e.DueAt()), id, tenant)
		return err
	})
	return failed("requeue session", db.hinted(err))
}

// EverySession calls visit with the tenant and id of every session, erased ones
// too, ordered by id, until visit fails.
func (db *DB) EverySession(ctx context.Context, visit func(tenant, id string) error) error {
	for last := ""; ; {
		var page [][]any
		err := db.engine.Read(ctx, appending, func(tx Tx) (err error) {
			page, err = collect(tx, scanPair[string], `SELECT id, tenant FROM sessions WHERE id > ? ORDER BY id LIMIT ?`, last, maxPage)
			return err
		})
		if err != nil {
			return failed("list sessions", err)
		}
		for _, row := range page {
			last = row[0].(string)
			if err := visit(row[1].(string), last); err != nil {
				return err
			}
		}
		if len(page) < maxPage {
			return nil
		}
	}
}
