package sqlite_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/session/sessiontest"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

// envCrashChild makes the test binary append to the directory it names until
// it is killed; envCrashID tells one child's sessions from another's.
const (
	envCrashChild = "CRATON_CRASH_CHILD"
	envCrashID    = "CRATON_CRASH_ID"
	envCrashKills = "CRATON_CRASH_KILLS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envCrashChild); dir != "" {
		child := crashChild
		if os.Getenv(sessiontest.CrashEnv) != "" {
			child = crashNode
		}
		err := child(dir, cmp.Or(os.Getenv(sessiontest.CrashEnv), os.Getenv(envCrashID)))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) // it should have been killed
	}
	os.Exit(m.Run())
}

// crashNode drives sessions.
func crashNode(dir, id string) error {
	store, err := sqlite.Open(context.Background(), dir)
	if err != nil {
		return err
	}
	return sessiontest.CrashChild(context.Background(), store, id, os.Stdout)
}

// TestCrashOfNodes kills a node that claims, submits, streams and appends.
func TestCrashOfNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sessiontest.RunCrash(t, kills(), []string{envCrashChild + "=" + dir}, func(t *testing.T) (sessiontest.Runtime, func() error) {
		store, err := sqlite.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return store, store.Close
	})
}

// kills is how often to kill.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv(envCrashKills)); err == nil {
		return n
	}
	return 12
}

// crashChild appends from several sessions and prints each acknowledgement.
func crashChild(dir, id string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	var out sync.Mutex
	for w := range 6 {
		go func() {
			head := session.Session{
				Tenant: "t1", ID: fmt.Sprintf("ses_%s_%d", id, w), Kind: "crash",
				Key: []byte(strings.Repeat("k", session.KeySize)), CreatedAt: sessiontest.Now,
			}
			for {
				batch := crashBatch(head, w)
				if err := store.Append(ctx, batch); err != nil {
					failed <- err
					return
				}
				last := batch.Events[len(batch.Events)-1]
				head.Seq, head.Head = last.Seq, last.Hash
				out.Lock()
				fmt.Printf("%s %d %s %s\n", head.ID, last.Seq, last.Hash, last.Label)
				out.Unlock()
			}
		}()
	}
	return <-failed
}

// crashBatch is an append of one to three events, the last labelled, some with
// a large payload.
func crashBatch(head session.Session, w int) session.Batch {
	b := session.Batch{Session: head}
	prev := head.Head
	for i := range 1 + (head.Seq+uint64(w))%3 {
		e := session.Event{
			Tenant: "t1", Session: head.ID, Seq: head.Seq + 1 + i, Type: "step", Version: 1, At: sessiontest.Now,
		}
		e.Payload = []byte(strings.Repeat(fmt.Sprint(e.Seq, " "), 40))
		if e.Seq%5 == 0 {
			e.Payload = []byte(strings.Repeat(fmt.Sprint(e.Seq%10, " "), 4000))
			e.Address = fmt.Sprint("large", e.Seq%10)
		}
		if i == (head.Seq+uint64(w))%3 {
			e.Label = fmt.Sprintf("%s/%d", head.ID, e.Seq)
		}
		e.Digest = session.Digest(head.Key, e.Label, e.Payload)
		e.Hash = session.Link(prev, e)
		prev = e.Hash
		b.Events = append(b.Events, e)
	}
	return b
}

// TestCrash kills a writing process at random moments: whatever it
// acknowledged must be there afterwards, whole and in its chain.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := kills()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	total := 0
	for kill := range kills {
		acknowledged := runUntilKilled(t, dir, strconv.Itoa(kill), random.IntN(120))
		total += len(acknowledged)
		verify(t, dir, acknowledged)
	}
	t.Logf("%d kills, %d acknowledged appends, none lost", kills, total)
}

// runUntilKilled starts a child, kills it after it acknowledged some appends,
// and returns the lines it printed.
func runUntilKilled(t *testing.T, dir, id string, lines int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), envCrashChild+"="+dir, envCrashID+"="+id)
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(stdout)
	var acknowledged []string
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, line)
		if len(acknowledged) == lines+1 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed, which is an error
	if len(acknowledged) <= lines {
		t.Fatalf("the child ended by itself: %s", stderr.String())
	}
	return acknowledged
}

func verify(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	journals := map[string][]session.Event{}
	for _, line := range acknowledged {
		var id, hash, label string
		var seq uint64
		if n, err := fmt.Sscan(line, &id, &seq, &hash, &label); n != 4 {
			t.Fatalf("line %q: %v", line, err)
		}
		if journals[id] == nil {
			journals[id] = readAll(t, store, id)
		}
		events := journals[id]
		if uint64(len(events)) < seq || events[seq-1].Hash.String() != hash {
			t.Fatalf("event %d of %s was acknowledged with hash %s and is not there: %d events", seq, id, hash, len(events))
		}
		if ref, err := store.Find(t.Context(), "t1", label); err != nil || ref != (session.Ref{Session: id, Seq: seq}) {
			t.Fatalf("label %s: %+v, %v", label, ref, err)
		}
	}
	for id, events := range journals {
		head, err := store.Head(t.Context(), "t1", id)
		if err != nil || head.Seq != uint64(len(events)) {
			t.Fatalf("head of %s: %+v, %v; %d events", id, head, err, len(events))
		}
		if err := session.Verify(session.Hash{}, head.Key, events); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t *testing.T, store session.Store, id string) (all []session.Event) {
	t.Helper()
	for {
		page, err := store.Read(t.Context(), "t1", id, uint64(len(all)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) < session.MaxEvents {
			return all
		}
	}
}
