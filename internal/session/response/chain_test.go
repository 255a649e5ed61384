package response_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/response"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// bench is a response store and the journal below it.
type bench struct {
	*response.Store
	journal *session.Journal
}

// everywhere runs a check over every store.
func everywhere(t *testing.T, check func(t *testing.T, b bench)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) (session.Store, error){
		"remembering": func(*testing.T) (session.Store, error) { return mem.New(), nil },
		"mem":         func(*testing.T) (session.Store, error) { return mem.New(), nil },
		"sqlite":      func(t *testing.T) (session.Store, error) { return sqlite.Open(t.Context(), t.TempDir()) },
		"postgres":    func(t *testing.T) (session.Store, error) { return postgres.Open(t.Context(), postgrestest.Database(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := store.(interface{ Close() error }); ok {
				t.Cleanup(func() { c.Close() })
			}
			j, err := session.New(session.Config{Store: store, Now: time.Now, Random: rand.Reader,
				ContentKey: func(context.Context, string) ([]byte, error) { return make([]byte, 32), nil }})
			if err != nil {
				t.Fatal(err)
			}
			if name == "remembering" {
				check(t, bench{response.Remembering(j, 8<<10), j})
				return
			}
			check(t, bench{response.New(j), j})
		})
	}
}

// say stores a response of one item that continues another.
func (b bench) say(t *testing.T, tenant, id, previous string) {
	t.Helper()
	past, err := b.Past(t.Context(), tenant, previous)
	if err != nil {
		t.Fatal(err)
	}
	b.save(t, past, id)
}

func (b bench) save(t *testing.T, past *response.Past, id string) {
	t.Helper()
	err := b.Save(t.Context(), past, response.Record{ID: id, Input: []jsontext.Value{jsontext.Value(fmt.Sprintf(`"%s in"`, id))},
		Response: jsontext.Value(fmt.Sprintf(`{"id":"%s","output":["%s out"]}`, id, id))})
	if err != nil {
		t.Fatal(err)
	}
}

// items are what came before a response that would continue an id.
func (b bench) items(t *testing.T, tenant, id string) string {
	t.Helper()
	past, err := b.Past(t.Context(), tenant, id)
	if err != nil {
		return string(model.AsError(err).Code)
	}
	var list []string
	for _, item := range past.Items {
		list = append(list, strings.Trim(string(item), `"`))
	}
	return strings.Join(list, ", ")
}

func TestChains(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		b.say(t, "t", "a", "")
		b.say(t, "t", "b", "a")
		b.say(t, "t", "c", "b")
		b.say(t, "t", "b2", "a") // continues what was continued
		b.say(t, "t", "c2", "b2")
		b.say(t, "t", "other", "")
		for id, want := range map[string]string{"": "", "a": "a in, a out", "b": "a in, a out, b in, b out", "c": "a in, a out, b in, b out, c in, c out",
			"c2": "a in, a out, b2 in, b2 out, c2 in, c2 out", "other": "other in, other out", "none": "previous_response_not_found", "zero\x00": "previous_response_not_found"} {
			if got := b.items(t, "t", id); got != want {
				t.Errorf("before what continues %q: %s\nwant %s", id, got, want)
			}
		}
		rec, err := b.Get(t.Context(), "t", "b2")
		if err != nil || string(rec.Response) != `{"id":"b2","output":["b2 out"]}` || len(rec.Input) != 1 {
			t.Errorf("stored as %+v, %v", rec, err)
		}
		if got := b.items(t, "u", "a"); got != "previous_response_not_found" {
			t.Errorf("another tenant continues %s", got)
		}
		for id, err := range map[string]error{"foreign": second(b.Get(t.Context(), "u", "a")), "unknown": second(b.Get(t.Context(), "t", "none")), "deleting": b.Delete(t.Context(), "u", "a")} {
			if model.AsError(err).Kind != model.NotFound {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// TestContinuedAtOnce continues one response from two requests that both read
// the chain before either wrote: both are kept, as two branches.
func TestContinuedAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		b.say(t, "t", "a", "")
		left, err := b.Past(t.Context(), "t", "a")
		if err != nil {
			t.Fatal(err)
		}
		right, err := b.Past(t.Context(), "t", "a")
		if err != nil {
			t.Fatal(err)
		}
		b.save(t, left, "left")
		b.save(t, right, "right")
		for _, id := range []string{"left", "right"} {
			if got, want := b.items(t, "t", id), fmt.Sprintf("a in, a out, %s in, %s out", id, id); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
	})
}

// TestDeleted takes a response out of the middle of a chain: its content is
// gone for everybody, what came before it is not.
func TestDeleted(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		b.say(t, "t", "a", "")
		b.say(t, "t", "b", "a")
		b.say(t, "t", "c", "b")
		if err := b.Delete(t.Context(), "t", "b"); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"a": "a in, a out", "b": "previous_response_not_found", "c": "previous_response_not_found"} {
			if got := b.items(t, "t", id); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
		for id, want := range map[string]string{"b": "'b' not found", "c": "'c' cannot be continued: a response that it continues was deleted"} {
			if _, err := b.Past(t.Context(), "t", id); err == nil || !strings.Contains(model.AsError(err).Message, want) {
				t.Errorf("continuing %s: %v, want %s", id, err, want)
			}
		}
		if _, err := b.Get(t.Context(), "t", "b"); model.AsError(err).Kind != model.NotFound {
			t.Errorf("a deleted response: %v", err)
		}
		if _, err := b.Get(t.Context(), "t", "c"); err != nil {
			t.Errorf("what continued it: %v", err)
		}
		if err := b.Delete(t.Context(), "t", "b"); model.AsError(err).Kind != model.NotFound {
			t.Errorf("deleting twice: %v", err)
		}
	})
}

// TestNewerVersions refuses what a newer server wrote, and what does not decode.
func TestNewerVersions(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		for label, draft := range map[string]session.Draft{
			"newer":   {Type: response.EventType, Version: response.EventVersion + 1, Payload: []byte(`{}`)},
			"corrupt": {Type: response.EventType, Version: response.EventVersion, Payload: []byte(`{"id":`)},
			"another": {Type: "something.else", Version: 1, Payload: []byte(`{}`)},
		} {
			head, err := b.journal.Begin("t", response.Kind)
			if err != nil {
				t.Fatal(err)
			}
			draft.Label = label
			if _, err := b.journal.Append(t.Context(), head, draft); err != nil {
				t.Fatal(err)
			}
		}
		for label, want := range map[string]model.Kind{"newer": model.Conflict, "corrupt": model.Internal, "another": model.NotFound} {
			if _, err := b.Get(t.Context(), "t", label); err == nil || model.AsError(err).Kind != want {
				t.Errorf("%s: %v", label, err)
			}
		}
	})
}

// reads counts what is read of a store.
type reads struct {
	*mem.Store
	n atomic.Int32
}

func (r *reads) Read(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	r.n.Add(1)
	return r.Store.Read(ctx, tenant, id, after, limit)
}

// TestRemembered: a chain that was stored a moment ago is continued without
// reading it, until something of it is erased or it had to make room.
func TestRemembered(t *testing.T) {
	t.Parallel()
	store := &reads{Store: mem.New()}
	j, err := session.New(session.Config{Store: store, Now: time.Now, Random: rand.Reader,
		ContentKey: func(context.Context, string) ([]byte, error) { return make([]byte, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	b := bench{response.Remembering(j, 4<<10), j}
	past := func(id string) (int, error) {
		p, err := b.Past(t.Context(), "t1", id)
		if err != nil {
			return 0, err
		}
		return len(p.Items), nil
	}
	previous := ""
	for i := range 5 {
		id := fmt.Sprintf("resp_%d", i)
		b.say(t, "t1", id, previous)
		previous = id
	}
	want, err := past("resp_4")
	if n := store.n.Load(); err != nil || want == 0 || n != 0 {
		t.Errorf("continuing the last of a chain read the store %d times: %d items, %v", n, want, err)
	}
	if again, err := response.New(j).Past(t.Context(), "t1", "resp_4"); err != nil || len(again.Items) != want {
		t.Errorf("remembered are %d items, stored %+v, %v", want, again, err)
	}
	if _, err := b.Past(t.Context(), "t2", "resp_4"); err == nil {
		t.Error("another tenant continues the chain")
	}
	for i := range 100 {
		b.say(t, "t1", fmt.Sprintf("other_%d", i), "")
	}
	store.n.Store(0)
	if _, err := past("resp_4"); err != nil || store.n.Load() == 0 {
		t.Errorf("a chain that had to make room was not read: %v", err)
	}
	b.say(t, "t1", "resp_5", "resp_4")
	if err := b.Delete(t.Context(), "t1", "resp_2"); err != nil {
		t.Fatal(err)
	}
	if n, err := past("resp_5"); err == nil {
		t.Errorf("a chain with a deleted response is continued: %d items", n)
	}
}

// TestKnown: what a turn says it knows of a chain is there for the next one
// where chains are remembered, and only until a turn says nothing.
func TestKnown(t *testing.T) {
	everywhere(t, func(t *testing.T, b bench) {
		b.say(t, "t", "a", "")
		past, err := b.Past(t.Context(), "t", "a")
		if err != nil {
			t.Fatal(err)
		}
		past.Know([]model.Message{model.UserText("hello")})
		b.save(t, past, "b")
		known := func(id string) string {
			past, err := b.Past(t.Context(), "t", id)
			if err != nil {
				t.Fatal(err)
			}
			messages, items := past.Known()
			return fmt.Sprintf("%d messages for %d of %d items", len(messages), items, len(past.Items))
		}
		want := "0 messages for 0 of 4 items"
		if strings.HasSuffix(t.Name(), "/remembering") {
			want = "1 messages for 2 of 4 items"
		}
		if got := known("b"); got != want {
			t.Errorf("after a turn that knew: %s, want %s", got, want)
		}
		b.say(t, "t", "c", "b")
		if got, want := known("c"), "0 messages for 0 of 6 items"; got != want {
			t.Errorf("after a turn that did not: %s, want %s", got, want)
		}
	})
}
