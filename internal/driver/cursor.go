package driver

import (
	"maps"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/session"
)

// Cursor is how far a reader has come: how much of the journal it was told, and
// how much of each answer under way. Its text is the id of the event told last,
// followed by the others after "~".
type Cursor struct {
	// Journal is the event told last; its N counts what was told of it, or is
	// [Wholly].
	Journal session.EventID
	// Said is the last delta told of each intent under way.
	Said map[uint64]uint32
}

// Wholly says of an event that all of it was told.
const Wholly = 1<<31 - 1

// ParseCursor reads what [Cursor.ID] wrote. Anything else is
// [session.ErrInvalid].
func ParseCursor(text string) (Cursor, error) {
	c, wholly := Cursor{Said: map[uint64]uint32{}}, false
	for i, one := range strings.Split(text, "~") {
		id, err := session.ParseEventID(one)
		if err != nil {
			return Cursor{}, err
		}
		if id.Attempt == 0 {
			c.Journal = id
			continue
		}
		c.Said[id.Seq] = id.N
		wholly = wholly || i == 0 // deltas are told between events
	}
	if wholly {
		c.Journal.N = Wholly
	}
	if c.Journal.Seq == 0 {
		return Cursor{}, session.Fault(session.ErrInvalid, text, "%q is not the id of a stream's event.", text)
	}
	return c, nil
}

// ID names what was told last: a delta of the intent, or with 0 something of
// the journal.
func (c Cursor) ID(intent uint64) string {
	var room [96]byte
	b, journal := room[:0], c.Journal
	if intent != 0 {
		b = append(session.EventID{Seq: intent, Attempt: 1, N: c.Said[intent]}.Append(b), '~')
		journal.N = 0 // whatever it was, all of it was told
	}
	b = journal.Append(b)
	if _, said := c.Said[intent]; len(c.Said) == 0 || len(c.Said) == 1 && said {
		return string(b)
	}
	for _, seq := range slices.Sorted(maps.Keys(c.Said)) {
		if seq != intent {
			b = session.EventID{Seq: seq, Attempt: 1, N: c.Said[seq]}.Append(append(b, '~'))
		}
	}
	return string(b)
}
