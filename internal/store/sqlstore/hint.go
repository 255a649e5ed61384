package sqlstore

import "github.com/craton-ai/craton/internal/session"

var _ session.Hinter = (*DB)(nil)

// Hints implements [session.Hinter].
func (db *DB) Hints() <-chan struct{} { return db.hints }

// Hint says that work may have become due.
func (db *DB) Hint() {
	select {
	case db.hints <- struct{}{}:
	default:
	}
}

// hinted says so if err is nil, and to those who asked to be told.
func (db *DB) hinted(err error) error {
	if err == nil {
		db.Hint()
		if db.told != nil {
			db.told()
		}
	}
	return err
}

// Hinted is called by a store that appends in its own way, after a batch with a
// timer was appended.
func (db *DB) Hinted() { _ = db.hinted(nil) }

// Tell makes the store call told after each of its own hints; it must not wait.
// Call it before the store is used.
func (db *DB) Tell(told func()) { db.told = told }
