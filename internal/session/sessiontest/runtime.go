package sessiontest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// Runtime is everything a store of sessions implements.
type Runtime interface {
	session.Store
	session.Leaser
	session.Snapshots
	session.Buffer
	session.Index
}

// RuntimeOpener returns an empty store that is closed with the test, and a
// function that moves its database's clock forward.
type RuntimeOpener func(t *testing.T) (store Runtime, advance func(time.Duration))

// RunRuntime tests the contracts that stand beside session.Store.
func RunRuntime(t *testing.T, open RuntimeOpener) {
	cases := []struct {
		name string
		test func(runtime)
	}{
		{"a claim fences the owner before", claims},
		{"takeovers without progress are counted and the fifth quarantines", takeovers},
		{"a release is no takeover", releases},
		{"renewing keeps a lease that nobody claimed", renewals},
		{"timers are set with their append", timers},
		{"due work is granted once, oldest first", dueOnce},
		{"a node claims only what it can read", versions},
		{"writers raise versions after every live node", advertisements},
		{"snapshots are found and pruned", snapshots},
		{"erasing destroys snapshots and streams", erasedCopies},
		{"deltas resume at any point", deltas},
		{"deltas of a stale owner or out of order are refused", badDeltas},
		{"events are streamed at the same time", parallelDeltas},
		{"an outcome takes the end of its stream along", outcomes},
		{"an event's deltas expire together", expiry},
		{"whatever expired is removed", expiryOfMany},
		{"sessions are listed", listings},
		{"a deleted session leaves a tombstone", tombstones},
		{"a submission happens once", submissions},
		{"submissions and an owner do not lose anything", crowdedSubmissions},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, advance := open(t)
			c.test(runtime{fixture{T: t, store: store, journal: NewJournal(t, store)}, store, advance})
		})
	}
}

// Clock is a clock that tests move. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at [Now].
func NewClock() *Clock { return &Clock{now: Now} }

// Now tells the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// runtime is one case's store.
type runtime struct {
	fixture
	store   Runtime
	advance func(time.Duration)
}

// node returns one that reads the kind of fixture.begin up to version 9.
func node(id string) session.Node {
	return session.Node{ID: id, TTL: 10 * time.Second, Reads: map[string]int{"other": 1, "test": 9}}
}

func (r runtime) claim(id string, head session.Session) session.Lease {
	r.Helper()
	lease, err := r.store.Claim(r.Context(), node(id), head.Tenant, head.ID)
	r.must(err)
	return lease
}

func (r runtime) apply(head session.Session, change session.Change) session.Session {
	r.Helper()
	next, err := r.journal.Apply(r.Context(), head, change)
	r.must(err)
	return next
}

// due claims all that is due and returns the sessions' ids in order.
func (r runtime) due(id string) (ids string) {
	r.Helper()
	leases, err := r.store.Due(r.Context(), node(id), 0)
	r.must(err)
	for _, l := range leases {
		if l.Node != id || l.Head.Epoch == 0 || len(l.Head.Key) != session.KeySize {
			r.Errorf("a lease of %s is %+v", id, l)
		}
		ids += l.Head.ID + " "
	}
	return ids
}

func claims(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	first := r.claim("n1", head)
	if first.Head.Epoch != 1 || first.Head.Seq != 1 || first.Head.Head != head.Head || string(first.Head.Key) != string(head.Key) {
		r.Errorf("the lease is %+v", first)
	}
	_, err := r.journal.Append(ctx, head, say("from before"))
	r.want(err, session.ErrFenced)
	r.want(err, session.ErrStale)
	mine := r.append(first.Head, say("b"))
	_, err = r.store.Claim(ctx, node("n2"), "t1", head.ID)
	r.want(err, session.ErrLeased)
	again := r.claim("n1", head)
	if again.Head.Epoch != 2 || again.Takeovers != 0 {
		r.Errorf("claiming what one holds gave %+v", again)
	}
	_, err = r.journal.Append(ctx, mine, say("late"))
	r.want(err, session.ErrFenced)
	r.advance(11 * time.Second)
	second := r.claim("n2", head)
	_, err = r.journal.Append(ctx, again.Head, say("late"))
	r.want(err, session.ErrFenced)
	if got := r.history(r.append(second.Head, say("c"))); got != "abc" {
		r.Errorf("history is %q", got)
	}
	_, err = r.store.Claim(ctx, node("n2"), "t2", head.ID)
	r.want(err, session.ErrNotFound)
	_, err = r.store.Claim(ctx, session.Node{ID: "n1", TTL: time.Second}, "t1", head.ID)
	r.want(err, session.ErrInvalid)
	r.must(r.journal.Erase(ctx, "t1", head.ID, 1, 0))
	_, err = r.store.Claim(ctx, node("n2"), "t1", head.ID)
	r.want(err, session.ErrErased)
	r.want(r.store.Release(ctx, second, ""), session.ErrErased)
}

func takeovers(r runtime) {
	ctx := r.Context()
	head := r.apply(r.begin("t1"), session.Change{Drafts: []session.Draft{say("a")}, Wake: &session.AtOnce})
	for i := range session.MaxTakeovers {
		lease := r.claim(fmt.Sprint("n", i), head)
		if lease.Takeovers != i {
			r.Fatalf("after %d lost owners the lease says %d", i, lease.Takeovers)
		}
		r.append(lease.Head, say("intent"))
		if i == 2 {
			lease = r.claim(lease.Node, head)
			r.apply(lease.Head, session.Change{Drafts: []session.Draft{say("outcome")}, Progress: true})
			r.must(r.store.Release(ctx, lease, ""))
			break
		}
		r.advance(11 * time.Second)
	}
	for i := range session.MaxTakeovers {
		lease := r.claim(fmt.Sprint("m", i), head)
		if lease.Takeovers != i {
			r.Fatalf("after progress and %d lost owners the lease says %d", i, lease.Takeovers)
		}
		r.advance(11 * time.Second)
	}
	if got := r.due("last"); got != "" {
		r.Errorf("the fifth takeover got %q", got)
	}
	_, err := r.store.Claim(ctx, node("n9"), "t1", head.ID)
	r.want(err, session.ErrQuarantined)
	e, err := r.store.Describe(ctx, "t1", head.ID)
	r.must(err)
	if e.Quarantine == "" || e.Node != "" {
		r.Errorf("the quarantined session is %+v", e)
	}
	r.apply(session.Session{Tenant: e.Tenant, ID: e.ID, Epoch: e.Epoch, Seq: e.Seq, Head: e.Head, Key: head.Key},
		session.Change{Drafts: []session.Draft{say("input")}, Wake: &session.AtOnce})
	if got := r.due("n9"); got != "" {
		r.Errorf("a quarantined session was due: %q", got)
	}
	r.must(r.store.Requeue(ctx, "t1", head.ID))
	if got := r.due("n9"); got != head.ID+" " {
		r.Errorf("after lifting the quarantine %q was due", got)
	}
	r.want(r.store.Requeue(ctx, "t2", head.ID), session.ErrNotFound)
	aside := r.claim("n9", head)
	r.must(r.store.Release(ctx, aside, "It makes no sense."))
	_, err = r.store.Claim(ctx, node("n9"), "t1", head.ID)
	r.want(err, session.ErrQuarantined)
	quarantined, err := r.store.Sessions(ctx, session.Query{Tenant: "t1", Quarantined: true})
	r.must(err)
	if len(quarantined) != 1 || quarantined[0].Quarantine != "It makes no sense." {
		r.Errorf("quarantined are %+v", quarantined)
	}
}

func releases(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	for i := range 2 * session.MaxTakeovers {
		lease := r.claim(fmt.Sprint("n", i), head)
		if lease.Takeovers != 0 {
			r.Fatalf("release %d counted as a takeover", i)
		}
		r.must(r.store.Release(ctx, lease, ""))
		r.want(r.store.Release(ctx, lease, ""), session.ErrFenced)
	}
	if got := r.due("n1"); got != "" {
		r.Errorf("without a timer %q was due", got)
	}
}

func renewals(r runtime) {
	ctx := r.Context()
	a, b := r.append(r.begin("t1"), say("a")), r.append(r.begin("t2"), say("b"))
	leases := []session.Lease{r.claim("n1", a), r.claim("n1", b)}
	r.advance(11 * time.Second)
	r.claim("n2", b)
	held, err := r.store.Renew(ctx, 20*time.Second, leases...)
	r.must(err)
	if len(held) != 1 || held[0].Head.ID != a.ID || held[0].Until.Sub(leases[0].Until) != 21*time.Second {
		r.Errorf("held are %+v", held)
	}
	r.advance(19 * time.Second)
	_, err = r.store.Claim(ctx, node("n2"), "t1", a.ID)
	r.want(err, session.ErrLeased)
	r.append(held[0].Head, say("still mine"))
	if none, err := r.store.Renew(ctx, time.Second); err != nil || none != nil {
		r.Errorf("renewing nothing: %v, %v", none, err)
	}
}
