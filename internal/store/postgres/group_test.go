package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

// envCrashAddress makes the test binary drive sessions of the database it names
// until it is killed.
const envCrashAddress = "CRATON_CRASH_POSTGRES"

func TestMain(m *testing.M) {
	if address := os.Getenv(envCrashAddress); address != "" {
		store, err := Open(context.Background(), address)
		if err == nil {
			err = sessiontest.CrashChild(context.Background(), store, os.Getenv(sessiontest.CrashEnv), os.Stdout)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // it should have been killed
	}
	os.Exit(postgrestest.Main(m))
}

// TestCrashOfNodes kills a node that claims, submits, streams and appends.
func TestCrashOfNodes(t *testing.T) {
	t.Parallel()
	kills, err := strconv.Atoi(os.Getenv("CRATON_CRASH_KILLS"))
	if err != nil {
		kills = 5
	}
	address := postgrestest.Database(t)
	sessiontest.RunCrash(t, kills, []string{envCrashAddress + "=" + address}, func(t *testing.T) (sessiontest.Runtime, func() error) {
		store, err := Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		return store, store.Close
	})
}

// grouped is a store that appends by group only.
type grouped struct {
	*Store
	refused *bool
}

func (g grouped) Append(ctx context.Context, b session.Batch) error {
	done, err := g.appends.append(ctx, b)
	*g.refused = !done
	return err
}

// TestGroupAppends makes sure that what can be committed in groups is: the
// statements that all databases share would hide it if not.
func TestGroupAppends(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store, err := Open(ctx, postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	refused := false
	journal := sessiontest.NewJournal(t, grouped{store, &refused})
	apply := func(head session.Session, want bool, change session.Change) session.Session {
		t.Helper()
		next, err := journal.Apply(ctx, head, change)
		if err != nil || refused == want {
			t.Errorf("appended: %v, %v; want %v", !refused, err, want)
		}
		return next
	}
	head, err := journal.Begin("t1", "test")
	if err != nil {
		t.Fatal(err)
	}
	event := func(label, text string) session.Change {
		return session.Change{Drafts: []session.Draft{{Type: "said", Version: 1, Label: label, Payload: []byte(text)}}}
	}
	first := apply(head, true, event("l", "created"))
	apply(head, false, event("", "created again"))
	second := apply(first, true, event("", strings.Repeat("large", 100)))
	apply(first, false, event("", "stale"))
	apply(second, false, event("l", "a label that is taken"))
	full := event("", "")
	full.Wake, full.Progress, full.Facts = &session.AtOnce, true, &session.Facts{Metadata: map[string]string{"k": `"v"`}}
	third := apply(second, true, full)
	e, err := store.Describe(ctx, "t1", head.ID)
	if err != nil || e.Head != third.Head || e.Seq != 3 || e.Wake != session.AtOnce || e.Metadata["k"] != `"v"` {
		t.Errorf("the session is %+v, %v", e, err)
	}
	orphan := head
	orphan.ID, orphan.Head = "ses_orphan", session.Hash{1}
	apply(orphan, false, event("", "without a parent"))
	said := func(n uint32, text string) session.Change {
		change := event("", "outcome")
		change.Deltas = []session.Delta{{ID: session.EventID{Seq: 1, Attempt: 1, N: n}, Data: []byte(text)}}
		change.TTL = time.Minute
		return change
	}
	fourth := apply(third, true, said(1, "a"))
	apply(fourth, false, said(1, "again"))
	for n, want := range map[uint32]bool{1: false, 2: true} {
		change := said(n, "b")
		done, err := store.deltas.append(ctx, session.Batch{Session: fourth, Deltas: change.Deltas, TTL: change.TTL})
		if err != nil || done != want {
			t.Errorf("delta %d was added: %v, %v", n, done, err)
		}
	}
	fourth.Epoch++
	stale := said(3, "late")
	if done, err := store.deltas.append(ctx, session.Batch{Session: fourth, Deltas: stale.Deltas, TTL: stale.TTL}); err != nil || done {
		t.Errorf("a delta of another epoch was added: %v, %v", done, err)
	}
	if all, err := store.ReadDeltas(ctx, "t1", head.ID, session.EventID{}, 0); err != nil || len(all) != 2 {
		t.Errorf("there are %d deltas, %v", len(all), err)
	}
}

// TestCloseAnswersEveryone closes the store under its writers.
func TestCloseAnswersEveryone(t *testing.T) {
	t.Parallel()
	store, err := Open(t.Context(), postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	journal := sessiontest.NewJournal(t, store)
	var wg, started sync.WaitGroup
	for range 8 {
		head, err := journal.Begin("t1", "test")
		if err != nil {
			t.Fatal(err)
		}
		started.Add(1)
		wg.Go(func() {
			for first := true; ; first = false {
				next, err := journal.Append(context.Background(), head, session.Draft{Type: "said", Version: 1})
				if first {
					started.Done()
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err == nil {
					head = next
				} else if !strings.Contains(err.Error(), "closed pool") {
					t.Error(err)
					return
				}
			}
		})
	}
	started.Wait()
	for range 2 {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}
