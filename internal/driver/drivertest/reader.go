package drivertest

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/session"
)

// Transcript is what one reader was told, over as many connections as it took.
// It is not safe for concurrent use.
type Transcript struct {
	// Last is where to go on; empty before the first.
	Last string

	journal []line
	deltas  map[uint64][]line
	at      map[uint64]uint64 // by intent: the last event told before its last delta
	seen    map[string]bool
	trail   []string // the ids told last
	place   atomic.Value
}

// line is one thing told.
type line struct {
	id   session.EventID
	text string
}

// Add takes what was told next, and returns what is wrong with it.
func (t *Transcript) Add(told driver.Told) error { return t.AddLine(told.ID, Describe(told.Signal)) }

// AddLine is [Transcript.Add] for something told whose description is known.
func (t *Transcript) AddLine(told, text string) error {
	if t.deltas == nil {
		t.deltas, t.at, t.seen = map[uint64][]line{}, map[uint64]uint64{}, map[string]bool{}
	}
	t.Last = told
	t.place.Store(told)
	first, _, _ := strings.Cut(told, "~")
	id, err := session.ParseEventID(first)
	if err != nil {
		return err
	}
	t.trail = append(t.trail[max(0, len(t.trail)-8):], told)
	if t.seen[first] {
		return fmt.Errorf("%s is told twice, the last were %v", first, t.trail)
	}
	t.seen[first] = true
	one := line{id, text}
	if id.Attempt == 0 {
		if n := len(t.journal); n > 0 && t.journal[n-1].id.Compare(id) >= 0 {
			return fmt.Errorf("%s is told after %s", id, t.journal[n-1].id)
		}
		t.journal = append(t.journal, one)
		return nil
	}
	before := t.deltas[id.Seq]
	if want := uint32(len(before)) + 1; id.N != want {
		return fmt.Errorf("delta %s is told where the %d. was due", id, want)
	}
	t.deltas[id.Seq] = append(before, one)
	if n := len(t.journal); n > 0 {
		t.at[id.Seq] = t.journal[n-1].id.Seq
	}
	return nil
}

// Describe writes what a reader is told of a signal.
func Describe(s agent.Signal) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s thread=%s turn=%s text=%q content=%d", s.Kind, s.Thread, s.Turn, s.Text, s.Content)
	if s.Item != nil {
		fmt.Fprintf(&b, " item=%s/%s/%s/%d", s.Item.ID, s.Item.Type, s.Item.Status, s.Item.Index)
	}
	return b.String()
}

// Agree compares a reader that was interrupted with one that was not: the
// journal's part must be the same, and of each answer the same deltas, before
// the event that ends it. An answer whose owner was killed may have been heard
// further by who was connected to it.
func (t *Transcript) Agree(whole *Transcript, r *Record) error {
	for i := range max(len(t.journal), len(whole.journal)) {
		switch {
		case i >= len(t.journal):
			return fmt.Errorf("after %d it was not told %v", i, whole.journal[i])
		case i >= len(whole.journal):
			return fmt.Errorf("it alone was told %v", t.journal[i])
		case t.journal[i] != whole.journal[i]:
			return fmt.Errorf("it was told %v, the other %v", t.journal[i], whole.journal[i])
		}
	}
	for intent, lines := range whole.deltas {
		mine := t.deltas[intent]
		if len(mine) < len(lines) {
			return fmt.Errorf("of intent %d it was told %d deltas of %d", intent, len(mine), len(lines))
		}
		for i, one := range lines {
			if mine[i] != one {
				return fmt.Errorf("it was told %v, the other %v", mine[i], one)
			}
		}
	}
	for intent := range t.deltas {
		if end := r.Outcomes[intent]; end == 0 || t.at[intent] >= end {
			return fmt.Errorf("deltas of intent %d are told after event %d, and it ended with event %d", intent, t.at[intent], end)
		}
		if more := len(t.deltas[intent]) - len(whole.deltas[intent]); more > 0 && !r.Cut[intent] {
			return fmt.Errorf("of intent %d it alone was told %d deltas", intent, more)
		}
	}
	return nil
}

// At is where the reader is; it may be asked while things are told.
func (t *Transcript) At() string {
	at, _ := t.place.Load().(string)
	return at
}

// Len is how many things were told.
func (t *Transcript) Len() int { return len(t.seen) }
