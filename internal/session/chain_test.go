package session_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/mem"
)

// chain appends n events and returns them with their session.
func chain(t *testing.T, n int) (session.Session, []session.Event) {
	t.Helper()
	store := mem.New()
	journal := sessiontest.NewJournal(t, store)
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		head, err = journal.Append(t.Context(), head, session.Draft{
			Type: "step", Version: 1, Label: fmt.Sprint("label", i), Payload: fmt.Append(nil, i),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	events, err := store.Read(t.Context(), "t1", head.ID, 0, 0)
	if err != nil || len(events) != n {
		t.Fatal(len(events), err)
	}
	return head, events
}

// TestVerifyFindsEveryChange changes each field of an event in the middle.
func TestVerifyFindsEveryChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*session.Event){
		"tenant":  func(e *session.Event) { e.Tenant = "t2" },
		"session": func(e *session.Event) { e.Session += "x" },
		"seq":     func(e *session.Event) { e.Seq++ },
		"type":    func(e *session.Event) { e.Type = "leap" },
		"version": func(e *session.Event) { e.Version++ },
		"time":    func(e *session.Event) { e.At = e.At.Add(1000) },
		"label":   func(e *session.Event) { e.Label = "other" },
		"payload": func(e *session.Event) { e.Payload = []byte("other") },
		"digest":  func(e *session.Event) { e.Digest[3]++ },
		"hash":    func(e *session.Event) { e.Hash[3]++ },
		"shift":   func(e *session.Event) { e.Label, e.Payload = e.Label+string(e.Payload), nil },
	} {
		head, events := chain(t, 3)
		if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
			t.Fatal(err)
		}
		change(&events[1])
		if err := session.Verify(session.Hash{}, head.Key, events); !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("a changed %s: %v", name, err)
		}
	}
	head, events := chain(t, 3)
	if err := session.Verify(session.Hash{}, head.Key, append(events[:1:1], events[2])); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("a missing event: %v", err)
	}
	if err := session.Verify(session.Hash{}, head.Key, events[1:]); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("a missing beginning: %v", err)
	}
	if err := session.Verify(events[0].Hash, head.Key, events[1:]); err != nil {
		t.Errorf("a suffix with its predecessor's hash: %v", err)
	}
}

func TestFoldStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	_, events := chain(t, 4)
	stop := errors.New("stop")
	got, err := session.Fold("", events, func(s string, e session.Event) (string, error) {
		if e.Seq == 4 {
			return "lost", stop
		}
		return s + string(e.Payload), nil
	})
	if got != "012" || !errors.Is(err, stop) {
		t.Errorf("folded to %q, %v", got, err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := session.New(session.Config{Store: mem.New()}); err == nil {
		t.Error("a journal without a clock was made")
	}
}
