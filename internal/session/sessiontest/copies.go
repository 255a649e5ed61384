package sessiontest

import (
	"errors"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/session"
)

func (r runtime) snapshot(head session.Session, fold string, seq uint64) {
	r.Helper()
	r.must(r.store.SaveSnapshot(r.Context(), session.Snapshot{
		Tenant: head.Tenant, Session: head.ID, Fold: fold, Seq: seq, Body: []byte(fold + head.ID),
	}))
}

// newest is the event of the newest snapshot, 0 for none.
func (r runtime) newest(head session.Session, fold string, seq uint64) uint64 {
	r.Helper()
	s, err := r.store.LoadSnapshot(r.Context(), head.Tenant, head.ID, fold, seq)
	if err != nil {
		r.want(err, session.ErrNotFound)
		return 0
	}
	if string(s.Body) != fold+head.ID || s.Session != head.ID || s.Fold != fold {
		r.Errorf("snapshot is %+v", s)
	}
	return s.Seq
}

func snapshots(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"), say("b"), say("c"), say("d"))
	other := r.append(r.begin("t1"), say("a"))
	if got := r.newest(head, "f/1", 4); got != 0 {
		r.Errorf("before any there is one of event %d", got)
	}
	r.snapshot(head, "f/1", 1)
	r.snapshot(head, "f/2", 1)
	r.snapshot(other, "f/1", 1)
	for _, seq := range []uint64{3, 2, 3} {
		r.snapshot(head, "f/1", seq)
	}
	for seq, want := range map[uint64]uint64{4: 3, 3: 3, 2: 2, 1: 0} {
		if got := r.newest(head, "f/1", seq); got != want {
			r.Errorf("up to event %d the newest is of event %d, want %d", seq, got, want)
		}
	}
	if r.newest(head, "f/2", 4) != 1 || r.newest(other, "f/1", 4) != 1 {
		r.Error("pruning one fold touched another")
	}
	foreign := head
	foreign.Tenant = "t2"
	if r.newest(foreign, "f/1", 4) != 0 {
		r.Error("another tenant's snapshot was found")
	}
	good := session.Snapshot{Tenant: "t1", Session: head.ID, Fold: "f", Seq: 1}
	for name, c := range map[string]struct {
		change func(*session.Snapshot)
		want   error
	}{
		"of the future":   {func(s *session.Snapshot) { s.Seq = 5 }, session.ErrInvalid},
		"of nothing":      {func(s *session.Snapshot) { s.Seq = 0 }, session.ErrInvalid},
		"without fold":    {func(s *session.Snapshot) { s.Fold = "" }, session.ErrInvalid},
		"of nobody":       {func(s *session.Snapshot) { s.Session = "ses_none" }, session.ErrNotFound},
		"of other tenant": {func(s *session.Snapshot) { s.Tenant = "t2" }, session.ErrNotFound},
	} {
		bad := good
		c.change(&bad)
		if err := r.store.SaveSnapshot(ctx, bad); err == nil {
			r.Errorf("a snapshot %s was saved", name)
		} else {
			r.want(err, c.want)
		}
	}
}

func erasedCopies(r runtime) {
	ctx := r.Context()
	trunk := r.append(r.begin("t1"), labelled("1", "a"), labelled("2", "b"), say("c"))
	early, err := r.journal.Continue(ctx, "t1", "1")
	r.must(err)
	early = r.append(early, say("d"))
	fork, err := r.journal.Continue(ctx, "t1", "2")
	r.must(err)
	fork = r.append(fork, labelled("e", "e"), say("f"))
	twig, err := r.journal.Continue(ctx, "t1", "e")
	r.must(err)
	twig = r.append(twig, say("g"))
	for _, head := range []session.Session{trunk, early, fork, twig} {
		r.snapshot(head, "f", 1)
		r.stream(head, "x")
	}
	r.snapshot(trunk, "f", 3)
	r.must(r.journal.Erase(ctx, "t1", trunk.ID, 2, 2))
	if got := r.newest(trunk, "f", 9); got != 1 {
		r.Errorf("after erasing event 2 the newest snapshot is of event %d", got)
	}
	if r.newest(early, "f", 9) != 1 {
		r.Error("a fork from before what was erased lost its snapshot")
	}
	if r.newest(fork, "f", 9) != 0 || r.newest(twig, "f", 9) != 0 {
		r.Error("a fork kept a snapshot of what was erased")
	}
	r.must(r.journal.Erase(ctx, "t1", early.ID, 1, 0))
	if r.newest(early, "f", 9) != 0 || r.read(early, session.EventID{}, 0) != "" {
		r.Error("an erased session kept copies")
	}
	r.want(r.store.SaveSnapshot(ctx, session.Snapshot{Tenant: "t1", Session: early.ID, Fold: "f", Seq: 1}), session.ErrErased)
	r.want(r.store.AppendDeltas(ctx, batchOf(early, 9, "x")), session.ErrErased)
	r.must(r.journal.Erase(ctx, "t1", trunk.ID, 1, 0))
	for _, heir := range []session.Session{fork, twig} {
		r.want(r.store.SaveSnapshot(ctx, session.Snapshot{Tenant: "t1", Session: heir.ID, Fold: "f", Seq: 1, Body: []byte("secret")}), session.ErrErased)
	}
}

// batchOf holds one delta for each text, of event 1, attempt 1, from n.
func batchOf(head session.Session, n uint32, texts ...string) session.Deltas {
	d := session.Deltas{Tenant: head.Tenant, Session: head.ID, Epoch: head.Epoch, TTL: time.Minute}
	for i, text := range texts {
		d.Deltas = append(d.Deltas, session.Delta{
			ID: session.EventID{Seq: 1, Attempt: 1, N: n + uint32(i)}, Data: []byte(text),
		})
	}
	return d
}

func (r runtime) stream(head session.Session, texts ...string) {
	r.Helper()
	r.must(r.store.AppendDeltas(r.Context(), batchOf(head, 1, texts...)))
}

// read returns what comes after an id, each delta with its number.
func (r runtime) read(head session.Session, after session.EventID, limit int) (out string) {
	r.Helper()
	all, err := r.store.ReadDeltas(r.Context(), head.Tenant, head.ID, after, limit)
	r.must(err)
	for _, d := range all {
		out += d.ID.String() + string(d.Data) + " "
	}
	return out
}

func deltas(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	r.stream(head, "a", "", "c")
	r.must(r.store.AppendDeltas(ctx, batchOf(head, 4, "d", "e")))
	next := batchOf(head, 6, "f", "g", "h", "i")
	next.Deltas[1].ID = session.EventID{Seq: 1, Attempt: 2, N: 1}
	next.Deltas[2].ID = session.EventID{Seq: 1, Attempt: 2, N: 2}
	next.Deltas[3].ID = session.EventID{Seq: 5, Attempt: 1, N: 1}
	r.must(r.store.AppendDeltas(ctx, next))
	all := strings.Fields("1-1-1a 1-1-2 1-1-3c 1-1-4d 1-1-5e 1-1-6f 1-2-1g 1-2-2h 5-1-1i")
	ids := []session.EventID{{}, {Seq: 1, Attempt: 1, N: 1}, {Seq: 1, Attempt: 1, N: 2}, {Seq: 1, Attempt: 1, N: 3},
		{Seq: 1, Attempt: 1, N: 4}, {Seq: 1, Attempt: 1, N: 5}, {Seq: 1, Attempt: 1, N: 6}, {Seq: 1, Attempt: 2, N: 1},
		{Seq: 1, Attempt: 2, N: 2}, {Seq: 5, Attempt: 1, N: 1}}
	for i, after := range ids {
		for limit := range 10 {
			want := all[i:]
			if limit > 0 && limit < len(want) {
				want = want[:limit]
			}
			if got := strings.TrimSpace(r.read(head, after, limit)); got != strings.Join(want, " ") {
				r.Errorf("after %s limit %d:\n got %s\nwant %s", after, limit, got, strings.Join(want, " "))
			}
		}
	}
	_, err := r.store.ReadDeltas(ctx, "t2", head.ID, session.EventID{}, 0)
	r.want(err, session.ErrNotFound)
}

func badDeltas(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	old := r.claim("n1", head)
	r.stream(old.Head, "a", "b")
	r.want(r.store.AppendDeltas(ctx, batchOf(old.Head, 2, "again")), session.ErrInvalid)
	r.advance(11 * time.Second)
	owner := r.claim("n2", head)
	r.want(r.store.AppendDeltas(ctx, batchOf(old.Head, 3, "late")), session.ErrFenced)
	for name, change := range map[string]func(*session.Deltas){
		"none":      func(d *session.Deltas) { d.Deltas = nil },
		"a gap":     func(d *session.Deltas) { d.Deltas[1].ID.N++ },
		"backwards": func(d *session.Deltas) { d.Deltas[1].ID.Attempt = 0 },
		"no number": func(d *session.Deltas) { d.Deltas[0].ID.N = 0 },
		"no time":   func(d *session.Deltas) { d.TTL = 0 },
	} {
		bad := batchOf(owner.Head, 3, "x", "y")
		change(&bad)
		if err := r.store.AppendDeltas(ctx, bad); err == nil {
			r.Errorf("deltas with %s were taken", name)
		} else {
			r.want(err, session.ErrInvalid)
		}
	}
	foreign := owner.Head
	foreign.Tenant = "t2"
	r.want(r.store.AppendDeltas(ctx, batchOf(foreign, 3, "x")), session.ErrNotFound)
	if got := r.read(head, session.EventID{}, 0); got != "1-1-1a 1-1-2b " {
		r.Errorf("the buffer holds %s", got)
	}
}

// parallelDeltas are those of two events, as of an agent and its subagent.
func parallelDeltas(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"), say("b"))
	second := func(n uint32, text string) session.Deltas {
		d := batchOf(head, n, text)
		d.Deltas[0].ID.Seq = 2
		return d
	}
	r.must(r.store.AppendDeltas(ctx, second(1, "x")))
	r.stream(head, "a", "b")
	r.must(r.store.AppendDeltas(ctx, second(2, "y")))
	r.must(r.store.AppendDeltas(ctx, batchOf(head, 3, "c")))
	r.want(r.store.AppendDeltas(ctx, batchOf(head, 3, "again")), session.ErrInvalid)
	r.want(r.store.AppendDeltas(ctx, second(2, "again")), session.ErrInvalid)
	if got := r.read(head, session.EventID{}, 0); got != "1-1-1a 1-1-2b 1-1-3c 2-1-1x 2-1-2y " {
		r.Errorf("the buffer holds %s", got)
	}
}

// outcomes are appends with deltas: together or not at all.
func outcomes(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"), say("b"))
	old := r.claim("n1", head)
	r.stream(old.Head, "a", "b")
	end := func(n uint32, texts ...string) session.Change {
		return session.Change{Drafts: []session.Draft{say("outcome")}, Deltas: batchOf(head, n, texts...).Deltas, TTL: time.Minute}
	}
	next := r.apply(old.Head, end(3, "c", "d"))
	if got := r.read(head, session.EventID{}, 0); got != "1-1-1a 1-1-2b 1-1-3c 1-1-4d " {
		r.Errorf("with its outcome the stream is %s", got)
	}
	for name, bad := range map[string]struct {
		head   session.Session
		change session.Change
		want   error
	}{
		"used before":     {next, end(4, "again"), session.ErrInvalid},
		"stale":           {old.Head, end(5, "late"), session.ErrStale},
		"without a time":  {next, session.Change{Drafts: end(5).Drafts, Deltas: end(5, "e").Deltas}, session.ErrInvalid},
		"without numbers": {next, end(0, "e"), session.ErrInvalid},
	} {
		if _, err := r.journal.Apply(ctx, bad.head, bad.change); !errors.Is(err, bad.want) {
			r.Errorf("an outcome with deltas that are %s: %v", name, err)
		}
	}
	r.advance(11 * time.Second)
	owner := r.claim("n2", head)
	_, err := r.journal.Apply(ctx, next, end(5, "late"))
	r.want(err, session.ErrFenced)
	if e, err := r.store.Describe(ctx, "t1", head.ID); err != nil || e.Seq != 3 {
		r.Errorf("refused appends left %+v, %v", e, err)
	}
	// The ends of two streams, one of which was begun anew.
	both := end(5, "e", "f", "x", "y")
	both.Deltas[1].ID = session.EventID{Seq: 1, Attempt: 2, N: 1}
	both.Deltas[2].ID = session.EventID{Seq: 2, Attempt: 1, N: 1}
	both.Deltas[3].ID = session.EventID{Seq: 2, Attempt: 1, N: 2}
	r.apply(owner.Head, both)
	if got := r.read(head, session.EventID{Seq: 1, Attempt: 1, N: 3}, 0); got != "1-1-4d 1-1-5e 1-2-1f 2-1-1x 2-1-2y " {
		r.Errorf("with both outcomes the streams are %s", got)
	}
	fresh := r.begin("t1")
	r.apply(fresh, end(1, "at", "once"))
	if got := r.read(fresh, session.EventID{}, 0); got != "1-1-1at 1-1-2once " {
		r.Errorf("a session that begins with an outcome streams %s", got)
	}
}

func expiry(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	r.stream(head, "a")
	other := r.append(r.begin("t1"), say("b"))
	r.stream(other, "a")
	r.advance(40 * time.Second)
	r.must(r.store.AppendDeltas(ctx, batchOf(head, 2, "b")))
	r.advance(40 * time.Second)
	gone, err := r.store.Expire(ctx)
	r.must(err)
	if gone != 1 || r.read(head, session.EventID{}, 0) != "1-1-1a 1-1-2b " || r.read(other, session.EventID{}, 0) != "" {
		r.Errorf("the streams of %d events were removed, or not what had expired", gone)
	}
	r.advance(40 * time.Second)
	if gone, err = r.store.Expire(ctx); err != nil || gone != 1 || r.read(head, session.EventID{}, 0) != "" {
		r.Errorf("the streams of %d events were removed, %v", gone, err)
	}
}

// expiryOfMany removes what expired however much it is.
func expiryOfMany(r runtime) {
	const events = 2100
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	all := session.Deltas{Tenant: head.Tenant, Session: head.ID, Epoch: head.Epoch, TTL: time.Minute}
	for seq := range uint64(events) {
		all.Deltas = append(all.Deltas, session.Delta{ID: session.EventID{Seq: seq + 1, Attempt: 1, N: 1}, Data: []byte("x")})
	}
	r.must(r.store.AppendDeltas(ctx, all))
	r.advance(61 * time.Second)
	for _, want := range []int{events, 0} {
		if gone, err := r.store.Expire(ctx); err != nil || gone != want {
			r.Errorf("of %d expired streams %d were removed, %v", want, gone, err)
		}
	}
}
