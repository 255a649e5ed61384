package sessiontest

import (
	"maps"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// in is a time by the database's clock, which tests do not read: far from the
// edges that matter.
func (r runtime) in(d time.Duration) *time.Time {
	r.Helper()
	probe := r.append(r.begin("clock"), say("tick"))
	lease := r.claim("clock", probe)
	r.must(r.store.Release(r.Context(), lease, ""))
	at := lease.Until.Add(d - node("").TTL)
	return &at
}

func timers(r runtime) {
	ctx := r.Context()
	one := []session.Draft{say("x")}
	head := r.apply(r.begin("t1"), session.Change{Drafts: one, Wake: r.in(time.Minute)})
	if got := r.due("n1"); got != "" {
		r.Errorf("before its time %q was due", got)
	}
	_, err := r.journal.Apply(ctx, session.Session{Tenant: "t1", ID: head.ID, Seq: 7, Key: head.Key},
		session.Change{Drafts: one, Wake: &session.AtOnce})
	r.want(err, session.ErrStale)
	if got := r.due("n1"); got != "" {
		r.Errorf("a refused append set the timer of %q", got)
	}
	r.advance(61 * time.Second)
	if got := r.due("n1"); got != head.ID+" " {
		r.Fatalf("at its time %q was due", got)
	}
	if got := r.due("n2"); got != "" {
		r.Errorf("while it was held %q was due", got)
	}
	lease := r.claim("n1", head)
	if lease.Wake.IsZero() {
		r.Error("the lease does not say which timer it was")
	}
	owned := r.apply(lease.Head, session.Change{Drafts: one, Wake: &time.Time{}})
	owned = r.apply(owned, session.Change{Drafts: one})
	r.must(r.store.Release(ctx, lease, ""))
	if got := r.due("n1"); got != "" {
		r.Errorf("after its timer was cleared %q was due", got)
	}
	// Input while it is held: due as soon as it is given up.
	lease = r.claim("n1", head)
	_, err = r.journal.Submit(ctx, owned, session.Submission{Change: session.Change{Drafts: one, Wake: &session.AtOnce}})
	r.must(err)
	if got := r.due("n2"); got != "" {
		r.Errorf("while it was held %q was due", got)
	}
	_, err = r.journal.Apply(ctx, lease.Head, session.Change{Drafts: one, Wake: &time.Time{}})
	r.want(err, session.ErrStale)
	r.must(r.store.Release(ctx, lease, ""))
	if got := r.due("n2"); got != head.ID+" " {
		r.Errorf("after the release %q was due", got)
	}
	// An owner that died.
	r.advance(11 * time.Second)
	if got := r.due("n3"); got != head.ID+" " {
		r.Errorf("after its owner died %q was due", got)
	}
}

func dueOnce(r runtime) {
	const sessions, nodes = 24, 6
	order := ""
	for i := range sessions {
		wake := time.UnixMicro(int64(i + 1))
		order += r.apply(r.begin("t1"), session.Change{Drafts: []session.Draft{say("x")}, Wake: &wake}).ID + " "
	}
	granted := make([]map[string]int, nodes)
	var wg sync.WaitGroup
	for n := range nodes {
		granted[n] = make(map[string]int)
		wg.Go(func() {
			for range sessions {
				leases, err := r.store.Due(r.Context(), node(string(rune('a'+n))), 3)
				if err != nil {
					r.Error(err)
				}
				for _, l := range leases {
					granted[n][l.Head.ID]++
				}
			}
		})
	}
	wg.Wait()
	all := make(map[string]int)
	for _, some := range granted {
		for id, n := range maps.All(some) {
			all[id] += n
		}
	}
	for id, n := range all {
		if n != 1 {
			r.Errorf("session %s was granted %d times", id, n)
		}
	}
	if len(all) != sessions {
		r.Errorf("%d of %d sessions were granted", len(all), sessions)
	}
	r.advance(11 * time.Second)
	for _, id := range []string{"b", "c"} {
		leases, err := r.store.Due(r.Context(), node(id), 5)
		r.must(err)
		if len(leases) != 5 {
			r.Errorf("of %d due sessions 5 were asked for and %d granted", sessions, len(leases))
		}
	}
}

func versions(r runtime) {
	ctx := r.Context()
	old := r.apply(r.begin("t1"), session.Change{Drafts: []session.Draft{say("x")}, Wake: &session.AtOnce})
	later := r.apply(r.begin("t1"), session.Change{
		Drafts: []session.Draft{{Type: "new", Version: 4}, say("x")}, Wake: &session.AtOnce})
	later = r.append(later, say("old form"))
	three := session.Node{ID: "n3", TTL: time.Minute, Reads: map[string]int{"test": 3}}
	leases, err := r.store.Due(ctx, three, 0)
	r.must(err)
	if len(leases) != 1 || leases[0].Head.ID != old.ID {
		r.Errorf("a node that reads version 3 got %+v", leases)
	}
	_, err = r.store.Claim(ctx, three, "t1", later.ID)
	r.want(err, session.ErrNewer)
	_, err = r.store.Claim(ctx, session.Node{ID: "n4", TTL: time.Minute, Reads: map[string]int{"else": 9}}, "t1", later.ID)
	r.want(err, session.ErrNewer)
	if got := r.due("n5"); got != later.ID+" " {
		r.Errorf("a node that reads version 9 got %q", got)
	}
}

func advertisements(r runtime) {
	ctx := r.Context()
	say := func(id string, reads map[string]int) map[string]int {
		all, err := r.store.Advertise(ctx, session.Node{ID: id, TTL: 10 * time.Second, Reads: reads})
		r.must(err)
		return all
	}
	say("old", map[string]int{"test": 2, "else": 1})
	if all := say("new", map[string]int{"test": 3}); all["test"] != 2 || len(all) != 1 {
		r.Errorf("beside an older node one may write %v", all)
	}
	r.advance(6 * time.Second)
	say("new", map[string]int{"test": 3})
	r.advance(6 * time.Second)
	if all := say("third", map[string]int{"test": 4}); all["test"] != 3 {
		r.Errorf("after the older node is gone one may write %v", all)
	}
	swept, err := r.store.Sweep(ctx, 10)
	r.must(err)
	if swept.Nodes != 2 {
		r.Errorf("swept %+v, want the older node's two kinds", swept)
	}
}
