package session_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/craton-ai/craton/internal/session"
	"pgregory.net/rapid"
)

func TestFormsReadOlderVersions(t *testing.T) {
	t.Parallel()
	add := func(text string) session.Upcast {
		return func(p []byte) ([]byte, error) { return append(bytes.Clone(p), text...), nil }
	}
	forms, err := session.NewForms(
		session.Form{Type: "a", Version: 5, Up: map[int]session.Upcast{1: add("1"), 3: add("3"), 4: add("4")}},
		session.Form{Type: "b", Version: 2, Up: map[int]session.Upcast{
			1: func([]byte) ([]byte, error) { return nil, errors.New("nonsense") }}},
	)
	if err != nil || forms.Newest() != 5 {
		t.Fatal(forms, err)
	}
	for version, want := range map[int]string{1: "x134", 2: "x34", 3: "x34", 4: "x4", 5: "x"} {
		e, err := forms.Read(session.Event{Type: "a", Version: version, Payload: []byte("x")})
		if err != nil || string(e.Payload) != want || e.Version != 5 {
			t.Errorf("version %d reads as %q of version %d, %v; want %q", version, e.Payload, e.Version, err, want)
		}
	}
	for _, c := range []struct {
		event session.Event
		want  error
	}{
		{session.Event{Type: "a", Version: 6}, session.ErrNewer},
		{session.Event{Type: "c", Version: 1}, session.ErrNewer},
		{session.Event{Type: "b", Version: 1}, session.ErrCorrupt},
		{session.Event{Type: "b", Version: 1, Erased: true}, nil},
	} {
		if _, err := forms.Read(c.event); !errors.Is(err, c.want) {
			t.Errorf("%+v: got %v, want %v", c.event, err, c.want)
		}
	}
}

func TestBadFormsAreRefused(t *testing.T) {
	t.Parallel()
	step := func(p []byte) ([]byte, error) { return p, nil }
	for name, forms := range map[string][]session.Form{
		"twice":      {{Type: "a", Version: 1}, {Type: "a", Version: 2}},
		"no type":    {{Version: 1}},
		"no version": {{Type: "a"}},
		"beyond":     {{Type: "a", Version: 2, Up: map[int]session.Upcast{2: step}}},
		"before":     {{Type: "a", Version: 2, Up: map[int]session.Upcast{0: step}}},
	} {
		if _, err := session.NewForms(forms...); !errors.Is(err, session.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := session.EventID{
			Seq:     rapid.Uint64Max(1<<63-1).Draw(t, "seq"),
			Attempt: rapid.Uint32Max(1<<31-1).Draw(t, "attempt"),
			N:       rapid.Uint32Max(1<<31-1).Draw(t, "n"),
		}
		if back, err := session.ParseEventID(id.String()); err != nil || back != id {
			t.Fatalf("%s reads as %+v, %v", id, back, err)
		}
	})
	for _, text := range []string{"", "1", "1-2", "1-2-3-4", "01-2-3", "-1-2-3", "+1-2-3", "1-2-", "1-2-2147483648", "a-b-c"} {
		if id, err := session.ParseEventID(text); !errors.Is(err, session.ErrInvalid) {
			t.Errorf("%q reads as %+v, %v", text, id, err)
		}
	}
}
