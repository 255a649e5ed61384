package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/mem"
)

// counted counts appends to a buffer.
type counted struct {
	session.Buffer
	mu      sync.Mutex
	appends int
}

func (c *counted) AppendDeltas(ctx context.Context, d session.Deltas) error {
	c.mu.Lock()
	c.appends++
	c.mu.Unlock()
	return c.Buffer.AppendDeltas(ctx, d)
}

func streamed(t *testing.T) (*mem.Store, *session.Journal, session.Session) {
	t.Helper()
	store := mem.New()
	journal := sessiontest.NewJournal(t, store)
	head, err := journal.Begin("t1", "test")
	if err == nil {
		head, err = journal.Append(t.Context(), head, session.Draft{Type: "intent", Version: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return store, journal, head
}

func read(t *testing.T, store *mem.Store, head session.Session) (out string) {
	t.Helper()
	all, err := store.ReadDeltas(t.Context(), "t1", head.ID, session.EventID{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		if d.ID != (session.EventID{Seq: 1, Attempt: 2, N: uint32(i + 1)}) {
			t.Errorf("delta %d has the id %s", i, d.ID)
		}
		out += string(d.Data)
	}
	return out
}

func TestStreamsReachTheBufferInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, _, head := streamed(t)
		buffer := &counted{Buffer: store}
		s := session.NewStream(t.Context(), buffer, head, 1, 2, time.Minute)
		want := ""
		for i := range 100 {
			if _, err := s.Add([]byte(fmt.Sprint(i, " "))); err != nil {
				t.Fatal(err)
			}
			want += fmt.Sprint(i, " ")
			if i%10 == 9 {
				time.Sleep(session.FlushWithin) // of the test's own clock
				synctest.Wait()
				if got := read(t, store, head); got != want {
					t.Fatalf("%s after delta %d the buffer holds %q", session.FlushWithin, i, got)
				}
			}
		}
		if buffer.appends > 20 {
			t.Errorf("100 deltas took %d writes", buffer.appends)
		}
		if _, err := s.Add([]byte("end")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if got := read(t, store, head); got != want+"end" {
			t.Errorf("after closing the buffer holds %q", got)
		}
	})
}

func TestLargeStreamsAreWrittenAtOnce(t *testing.T) {
	t.Parallel()
	store, _, head := streamed(t)
	s := session.NewStream(t.Context(), store, head, 1, 2, time.Minute)
	large := []byte(strings.Repeat("x", 1<<20))
	if _, err := s.Add(large); err != nil {
		t.Fatal(err)
	}
	if got := read(t, store, head); len(got) != len(large) {
		t.Errorf("the buffer holds %d bytes of %d", len(got), len(large))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestStreamsStopWithTheirOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, journal, head := streamed(t)
		s := session.NewStream(t.Context(), store, head, 1, 2, time.Minute)
		if _, err := journal.TakeOver(t.Context(), head, session.Draft{Type: "taken", Version: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add([]byte("late")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(session.FlushWithin)
		synctest.Wait()
		if _, err := s.Add([]byte("later")); !errors.Is(err, session.ErrFenced) {
			t.Errorf("adding after a takeover: %v", err)
		}
		if err := s.Close(); !errors.Is(err, session.ErrFenced) {
			t.Errorf("closing after a takeover: %v", err)
		}
		if got := read(t, store, head); got != "" {
			t.Errorf("the buffer holds %q", got)
		}
	})
}

// flaky is a buffer whose appends fail at first, before or after their effect.
type flaky struct {
	session.Buffer
	before, after int
}

func (f *flaky) AppendDeltas(ctx context.Context, d session.Deltas) error {
	if f.before--; f.before >= 0 {
		return errors.New("the store is away")
	}
	err := f.Buffer.AppendDeltas(ctx, d)
	if f.after--; f.after >= 0 {
		return errors.New("the store went away")
	}
	return err
}

// TestStreamsOutliveAnOutage: what readers were told reaches the buffer once,
// when the store is back.
func TestStreamsOutliveAnOutage(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*flaky{"before": {before: 3}, "after": {after: 1}, "both": {before: 2, after: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, _, head := streamed(t)
				f.Buffer = store
				s := session.NewStream(t.Context(), f, head, 1, 2, time.Minute)
				want := ""
				for i := range 20 {
					if _, err := s.Add([]byte(fmt.Sprint(i, " "))); err != nil {
						t.Fatal(err)
					}
					want += fmt.Sprint(i, " ")
					time.Sleep(10 * time.Millisecond)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if got := read(t, store, head); got != want {
					t.Errorf("the buffer holds %q", got)
				}
			})
		})
	}
}

// TestRestIsForTheOutcome: what is not in the buffer yet is handed back once.
func TestRestIsForTheOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, journal, head := streamed(t)
		buffer := &counted{Buffer: store}
		s := session.NewStream(t.Context(), buffer, head, 1, 2, time.Minute)
		add := func(texts ...string) {
			for _, text := range texts {
				if _, err := s.Add([]byte(text)); err != nil {
					t.Error(err)
				}
			}
		}
		add("a", "b")
		time.Sleep(session.FlushWithin)
		add("c", "d")
		rest, err := s.Rest()
		if err != nil || len(rest) != 2 || buffer.appends != 1 || read(t, store, head) != "ab" {
			t.Fatalf("the rest is %v, %v after %d writes of %q", rest, err, buffer.appends, read(t, store, head))
		}
		time.Sleep(session.FlushWithin)
		if _, err := journal.Apply(t.Context(), head, session.Change{
			Drafts: []session.Draft{{Type: "outcome", Version: 1}}, Deltas: rest, TTL: time.Minute,
		}); err != nil {
			t.Error(err)
		}
		if rest, err := s.Rest(); err != nil || len(rest) != 0 || buffer.appends != 1 || s.Close() != nil {
			t.Errorf("the rest of nothing is %v, %v", rest, err)
		}
		if got := read(t, store, head); got != "abcd" {
			t.Errorf("with the outcome the buffer holds %q", got)
		}
		late := session.NewStream(t.Context(), store, head, 1, 3, time.Minute)
		stored, err := store.Head(t.Context(), "t1", head.ID)
		if err == nil {
			_, err = journal.TakeOver(t.Context(), stored, session.Draft{Type: "taken", Version: 1})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.Add([]byte("e")); err != nil {
			t.Error(err)
		}
		time.Sleep(session.FlushWithin)
		if rest, err := late.Rest(); !errors.Is(err, session.ErrFenced) || rest != nil {
			t.Errorf("the rest of a fenced owner is %v, %v", rest, err)
		}
	})
}
