package sessiontest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// CrashEnv, set to a node's id, makes a test binary call [CrashChild].
const CrashEnv = "CRATON_CRASH_NODE"

// crashSessions is how many sessions the nodes of a crash test drive.
const crashSessions = 5

// CrashChild drives sessions until it is killed, as a server would: it takes
// input, claims what is due, streams, and appends an intent, then an outcome
// with the next timer. Everything that was acknowledged is written to out, one
// line each, afterwards. It returns only what went wrong.
func CrashChild(ctx context.Context, store Runtime, id string, out io.Writer) error {
	journal, err := session.New(session.Config{
		Store: store, Now: func() time.Time { return Now }, Random: &counter{n: int(time.Now().UnixNano())},
		ContentKey: func(context.Context, string) ([]byte, error) { return []byte("key"), nil }, Inline: 64,
	})
	if err != nil {
		return err
	}
	c := &crasher{store: store, journal: journal, id: id, out: out}
	failed := make(chan error)
	for w := range crashSessions {
		go func() { failed <- c.submit(ctx, fmt.Sprint("ses_", w)) }()
	}
	for range 2 {
		go func() { failed <- c.drive(ctx) }()
	}
	return <-failed
}

// crasher is a node that is about to be killed.
type crasher struct {
	store   Runtime
	journal *session.Journal
	id      string
	mu      sync.Mutex // held while writing to out
	out     io.Writer
}

func (c *crasher) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format+"\n", args...)
}

// submit sends inputs, each twice, as a client would that got no answer.
func (c *crasher) submit(ctx context.Context, id string) error {
	for n := 0; ; n++ {
		head, err := c.store.Head(ctx, "t1", id)
		if errors.Is(err, session.ErrNotFound) {
			head = session.Session{Tenant: "t1", ID: id, Kind: "test", Key: []byte(strings.Repeat("k", session.KeySize))}
		} else if err != nil {
			return err
		}
		s := session.Submission{Key: fmt.Sprintf("%s/%s/%d", c.id, id, n), Body: []byte(id), Change: session.Change{
			Drafts: []session.Draft{say("input")}, Wake: &session.AtOnce}}
		for range 2 {
			receipt, err := c.journal.Submit(ctx, head, s)
			if errors.Is(err, session.ErrStale) {
				continue // another node created it, or it is too busy: the input was not taken
			}
			if err != nil {
				return err
			}
			c.say("input %s %s %d", receipt.Session, s.Key, receipt.First)
		}
	}
}

// drive does the work that is due.
func (c *crasher) drive(ctx context.Context) error {
	n := node(c.id)
	n.TTL = 40 * time.Millisecond
	for {
		leases, err := c.store.Due(ctx, n, 2)
		if err != nil {
			return err
		}
		for _, l := range leases {
			c.say("epoch %s %d", l.Head.ID, l.Head.Epoch)
			err := c.turn(ctx, l)
			if err != nil && !errors.Is(err, session.ErrFenced) {
				return err
			}
			if err := c.store.Release(ctx, l, ""); err != nil && !errors.Is(err, session.ErrFenced) {
				return err
			}
		}
	}
}

// append is an owner's: after input that came in between, it reads on.
func (c *crasher) append(ctx context.Context, head session.Session, change session.Change) (session.Session, error) {
	for {
		next, err := c.journal.Apply(ctx, head, change)
		if !errors.Is(err, session.ErrStale) || errors.Is(err, session.ErrFenced) {
			return next, err
		}
		epoch := head.Epoch
		if head, err = c.store.Head(ctx, head.Tenant, head.ID); err != nil {
			return session.Session{}, err
		}
		if head.Epoch != epoch {
			return session.Session{}, session.ErrFenced
		}
	}
}

// turn appends an intent, streams, and appends the outcome.
func (c *crasher) turn(ctx context.Context, l session.Lease) error {
	head, err := c.append(ctx, l.Head, session.Change{Drafts: []session.Draft{say(large('i'))}})
	if err != nil {
		return err
	}
	c.say("event %s %d %s", head.ID, head.Seq, head.Head)
	for i := range uint32(3) {
		d := session.Deltas{Tenant: "t1", Session: head.ID, Epoch: head.Epoch, TTL: time.Hour}
		for k := range uint32(2) {
			d.Deltas = append(d.Deltas, session.Delta{
				ID: session.EventID{Seq: head.Seq, Attempt: 1, N: 2*i + k + 1}, Data: []byte(fmt.Sprint(head.Seq, " ", 2*i+k+1))})
		}
		if err := c.store.AppendDeltas(ctx, d); err != nil {
			return err
		}
		c.say("delta %s %s", head.ID, d.Deltas[1].ID)
	}
	if head, err = c.append(ctx, head, session.Change{
		Drafts: []session.Draft{say("outcome"), say("next intent")}, Progress: true, Wake: &session.AtOnce,
		Facts: &session.Facts{Status: fmt.Sprint("after ", head.Seq)},
	}); err != nil {
		return err
	}
	c.say("event %s %d %s", head.ID, head.Seq, head.Head)
	if err := c.store.SaveSnapshot(ctx, session.Snapshot{Tenant: "t1", Session: head.ID, Fold: "f", Seq: head.Seq}); err != nil {
		return err
	}
	c.say("snapshot %s %d", head.ID, head.Seq)
	return nil
}

// RunCrash starts the test binary as a node (see [CrashEnv]; env is added) and
// kills it at a random moment, many times, and checks after each time that
// whatever any node acknowledged is there, once, in a chain that verifies.
func RunCrash(t *testing.T, kills int, env []string, open func(*testing.T) (store Runtime, closing func() error)) {
	random := rand.New(rand.NewPCG(5, 6))
	var all []string
	for kill := range kills {
		lines := runNode(t, append(env, CrashEnv+"="+fmt.Sprint("n", kill)), 1+random.IntN(150))
		all = append(all, lines...)
		store, closing := open(t)
		verifyCrash(t, store, all)
		if err := closing(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d acknowledgements, none lost", kills, len(all))
}

// runNode runs a child until it has written some lines, and returns all.
func runNode(t *testing.T, env []string, lines int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for in := bufio.NewScanner(stdout); in.Scan(); {
		if all = append(all, in.Text()); len(all) == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed, which is an error
	if len(all) < lines {
		t.Fatalf("the node ended by itself: %s", stderr.String())
	}
	return all
}

// readCrashed reads every session, and checks that it verifies.
func (f fixture) readCrashed(store Runtime) (map[string]session.Session, map[string][]session.Event) {
	f.Helper()
	t := f.T
	journals := make(map[string][]session.Event)
	heads := make(map[string]session.Session)
	for w := range crashSessions {
		id := fmt.Sprint("ses_", w)
		head, err := store.Head(t.Context(), "t1", id)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		f.must(err)
		heads[id] = head
		for uint64(len(journals[id])) < head.Seq {
			page, err := store.Read(t.Context(), "t1", id, uint64(len(journals[id])), 0)
			f.must(err)
			if len(page) == 0 {
				t.Fatalf("%s ends at event %d of %d", id, len(journals[id]), head.Seq)
			}
			journals[id] = append(journals[id], page...)
		}
		f.must(session.Verify(session.Hash{}, head.Key, journals[id]))
		e, err := store.Describe(t.Context(), "t1", id)
		f.must(err)
		if e.Quarantine != "" { // it was its turn whenever a node was killed
			f.must(store.Requeue(t.Context(), "t1", id))
		}
	}
	return heads, journals
}

// verifyCrash looks for every acknowledgement.
func verifyCrash(t *testing.T, store Runtime, lines []string) {
	t.Helper()
	f := fixture{T: t, store: store}
	heads, journals := f.readCrashed(store)
	inputs := make(map[string]uint64)
	for _, line := range lines {
		var kind, id, a, b string
		_, _ = fmt.Sscan(line, &kind, &id, &a, &b) // some have no b
		events := journals[id]
		var seq uint64
		switch kind {
		case "event", "snapshot", "epoch":
			_, _ = fmt.Sscan(a, &seq)
		case "input":
			_, _ = fmt.Sscan(b, &seq)
		}
		ok := false
		switch kind {
		case "event":
			ok = seq <= uint64(len(events)) && events[seq-1].Hash.String() == b
		case "input":
			known, repeated := inputs[a]
			inputs[a] = seq
			ok = seq <= uint64(len(events)) && events[seq-2].Label == "submission/"+a && (!repeated || known == seq)
		case "epoch":
			ok = heads[id].Epoch >= seq
		case "snapshot":
			s, err := store.LoadSnapshot(t.Context(), "t1", id, "f", heads[id].Seq)
			ok = err == nil && s.Seq >= seq
		case "delta":
			last, err := session.ParseEventID(a)
			f.must(err)
			after := last
			after.N = 0
			all, err := store.ReadDeltas(t.Context(), "t1", id, after, int(last.N))
			f.must(err)
			ok = len(all) == int(last.N) && all[len(all)-1].ID == last
		}
		if !ok {
			t.Fatalf("%q was acknowledged, and is not there", line)
		}
	}
}
