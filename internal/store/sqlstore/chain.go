package sqlstore

import (
	"math"

	"github.com/craton-ai/craton/internal/session"
)

// SQLite writes whole pages, so an index of all events by session and number
// would cost an append three times the pages of the event itself. There each
// event has the id of the one before it in its session and the session that of
// its newest; see migration 8. Whoever wants events of a session asks for a
// span, whoever adds some for the link they hang on.

// link is where the next event of a session goes.
type link struct {
	// newest is the id of the session's last event, 0 before the first; last is
	// the greatest of all, which the next event's follows.
	newest, last int64
}

// link returns nil where events are not linked. A write has the database to
// itself where they are, so that no other takes the ids.
func (db *DB) link(tx Tx, session string) (*link, error) {
	if !db.linked {
		return nil, nil
	}
	var l link
	_, err := one(tx, `SELECT COALESCE((SELECT newest FROM sessions WHERE id = ?), 0), COALESCE((SELECT MAX(id) FROM events), 0)`,
		[]any{session}, &l.newest, &l.last)
	return &l, err
}

// next takes the place of the next event: its id, and that of the one before.
func (l *link) next() (id, previous int64) {
	previous = l.newest
	l.last++
	l.newest = l.last
	return l.newest, previous
}

// span is the events first to last of a session, as parts of statements: with
// goes before SELECT, from are the tables, of which e is that of the events, and
// where begins the condition, which takes args first. They come in no order.
type span struct {
	with, from, where string
	args              []any
}

// walk goes back from the first event in the index that is not before the last
// of the span, or from the session's newest. An event that is lost ends it, and
// one that names a later one, which no event does, too.
const walk = `WITH RECURSIVE walk (id) AS (
	SELECT COALESCE((SELECT id FROM events WHERE session = ? AND seq >= ? AND seq % 8 = 0 ORDER BY seq LIMIT 1),
		(SELECT newest FROM sessions WHERE id = ?))
	UNION ALL SELECT l.previous FROM walk CROSS JOIN events l WHERE l.id = walk.id AND l.seq > ? AND l.previous < l.id) `

func (db *DB) span(id string, first, last int64) span {
	s := span{from: "events e", where: "e.session = ? AND e.seq BETWEEN ? AND ?", args: []any{id, first, last}}
	if db.linked {
		// CROSS JOIN makes SQLite begin with the walk.
		s.with, s.from, s.where = walk, "walk CROSS JOIN events e", "e.id = walk.id AND "+s.where
		s.args = append([]any{id, last, id, first}, s.args...)
	}
	return s
}

// page is a span after an event.
func (db *DB) page(id string, after uint64, limit int) span {
	after = min(after, math.MaxInt64-maxPage)
	return db.span(id, int64(after)+1, int64(after)+int64(limit))
}

// only is the condition on events, as e, that they are in the span.
func (s span) only() string {
	if s.with == "" {
		return s.where
	}
	return "e.id IN (" + s.with + "SELECT e.id FROM " + s.from + " WHERE " + s.where + ")"
}

// eventColumns are those that every database has.
const (
	eventColumns = `session, seq, tenant, type, version, at, label, address, digest, hash, erased, payload`
	addEvent     = `INSERT INTO events (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	addLinked    = `INSERT INTO events (` + eventColumns + `, id, previous) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// add writes an event, whose payload may lie elsewhere, without its label.
func (l *link) add(tx Tx, e session.Event, payload []byte) error {
	args := append(make([]any, 0, 14), e.Session, int64(e.Seq), e.Tenant, e.Type, int64(e.Version), micros(e.At),
		e.Label, e.Address, e.Digest[:], e.Hash[:], int64(0), payload)
	query := addEvent
	if l != nil {
		id, previous := l.next()
		query, args = addLinked, append(args, id, previous)
	}
	_, err := tx.Exec(query, args...)
	return err
}
