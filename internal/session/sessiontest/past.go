package sessiontest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/session"
)

func labels(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.append(f.begin("t1"), say("a"), labelled("resp_1", "b"))
	ref, err := f.journal.Find(ctx, "t1", "resp_1")
	f.must(err)
	if ref != (session.Ref{Session: head.ID, Seq: 2}) {
		f.Errorf("found %+v", ref)
	}
	e, err := f.journal.Event(ctx, "t1", "resp_1")
	f.must(err)
	if string(e.Payload) != "b" || e.Label != "resp_1" {
		f.Errorf("event is %+v", e)
	}
	_, err = f.journal.Append(ctx, f.begin("t1"), labelled("resp_1", "twice"))
	f.want(err, session.ErrLabelTaken)
	_, err = f.store.Find(ctx, "t1", "resp_2")
	f.want(err, session.ErrNotFound)
	f.append(f.begin("t2"), labelled("resp_1", "another tenant's"))
}

func forks(_ *testing.T, f fixture) {
	ctx := f.Context()
	trunk := f.append(f.begin("t1"), labelled("1", "a"), labelled("2", "b"), labelled("3", "c"))
	branch, err := f.journal.Continue(ctx, "t1", "2")
	f.must(err)
	if branch.ID == trunk.ID || branch.Parent != (session.Ref{Session: trunk.ID, Seq: 2}) {
		f.Fatalf("continuing from event 2 of 3 gave %+v", branch)
	}
	if got := f.history(branch); got != "ab" {
		f.Errorf("history before the first append: %q", got)
	}
	branch = f.append(branch, labelled("4", "d"), labelled("5", "e"))
	twig, err := f.journal.Continue(ctx, "t1", "4")
	f.must(err)
	twig = f.append(twig, say("f"))
	trunk = f.append(trunk, say("g"))
	for head, want := range map[*session.Session]string{&trunk: "abcg", &branch: "abde", &twig: "abdf"} {
		if got := f.history(*head); got != want {
			f.Errorf("history of %s: %q, want %q", head.ID, got, want)
		}
	}
	lost := f.begin("t1")
	lost.Parent = session.Ref{Session: "ses_none", Seq: 1}
	_, err = f.journal.Append(ctx, lost, say("orphan"))
	f.want(err, session.ErrNotFound)
	lost.Parent = session.Ref{Session: trunk.ID, Seq: 99}
	_, err = f.journal.Append(ctx, lost, say("orphan"))
	f.want(err, session.ErrNotFound)
	_, err = f.journal.At(ctx, "t1", session.Ref{Session: trunk.ID, Seq: 99})
	f.want(err, session.ErrNotFound)
}

func continuations(_ *testing.T, f fixture) {
	ctx := f.Context()
	f.append(f.begin("t1"), labelled("resp_0", "0"))
	const callers = 6
	heads := make([]session.Session, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			head, err := f.journal.Continue(ctx, "t1", "resp_0")
			if err == nil {
				heads[i], err = f.journal.AppendOrFork(ctx, head, labelled(fmt.Sprint("resp_a", i), fmt.Sprint(i)))
			}
			if err != nil {
				f.Error(err)
			}
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for i, head := range heads {
		ids[head.ID] = true
		if got := f.history(head); got != fmt.Sprint("0", i) {
			f.Errorf("history of continuation %d: %q", i, got)
		}
	}
	if len(ids) != callers {
		f.Errorf("%d continuations of one point share %d sessions", callers, len(ids))
	}
	head, err := f.journal.Continue(ctx, "t1", "resp_a0")
	f.must(err)
	if head.ID != heads[0].ID {
		f.Error("continuing from the head of a session forked it")
	}
}

func payloads(_ *testing.T, f fixture) {
	ctx := f.Context()
	a := f.append(f.begin("t1"), say(large('x')), say(large('x')))
	b := f.append(f.begin("t1"), say(large('x')))
	events, err := f.store.Read(ctx, "t1", a.ID, 0, 2)
	f.must(err)
	if events[0].Address == "" || events[0].Address != events[1].Address {
		f.Errorf("equal payloads lie at %q and %q", events[0].Address, events[1].Address)
	}
	f.must(f.journal.Erase(ctx, "t1", a.ID, 1, 0))
	if got := f.history(b); got != large('x') {
		f.Errorf("erasing one session changed another's shared payload to %d bytes", len(got))
	}
	f.must(f.journal.Erase(ctx, "t1", b.ID, 1, 1))
	if got := f.history(b); got != "" {
		f.Error("the payload outlived its last event")
	}
	c := f.append(f.begin("t1"), say(large('x')))
	if got := f.history(c); got != large('x') {
		f.Error("a payload cannot come back after it was erased")
	}
}

// payloadRace appends and erases one payload from many sessions: an erasure
// that finds it unused must not take it from an append at the same moment.
func payloadRace(_ *testing.T, f fixture) {
	var wg sync.WaitGroup
	for w := range 8 {
		heads := []session.Session{f.begin("t1"), f.begin("t1"), f.begin("t1")}
		wg.Go(func() {
			for _, head := range heads {
				head, err := f.journal.Append(f.Context(), head, say(large('x')))
				if err != nil {
					f.Error(err)
					return
				}
				events, err := f.store.Read(f.Context(), "t1", head.ID, 0, 1)
				if err != nil || len(events) != 1 || string(events[0].Payload) != large('x') {
					f.Errorf("writer %d read %d events (%v), or not the payload it appended", w, len(events), err)
				}
				if err := f.journal.Erase(f.Context(), "t1", head.ID, 1, 0); err != nil {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func erasure(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.append(f.begin("t1"), say("a"), labelled("b", "b"), say("c"))
	f.must(f.journal.Erase(ctx, "t1", head.ID, 2, 2))
	f.must(f.journal.Erase(ctx, "t1", head.ID, 2, 2))
	events, err := f.store.Read(ctx, "t1", head.ID, 0, 10)
	f.must(err)
	f.must(session.Verify(session.Hash{}, head.Key, events))
	if e := events[1]; !e.Erased || e.Payload != nil || e.Label != "" || e.Digest == (session.Hash{}) {
		f.Errorf("an erased event is %+v", e)
	}
	if events[0].Erased || events[2].Erased {
		f.Error("more was erased than asked for")
	}
	_, err = f.store.Find(ctx, "t1", "b")
	f.want(err, session.ErrNotFound)
	if got := f.history(f.append(head, say("d"))); got != "acd" {
		f.Errorf("history is %q", got)
	}
	f.want(f.journal.Erase(ctx, "t1", "ses_none", 1, 0), session.ErrNotFound)
	f.want(f.journal.Erase(ctx, "t2", head.ID, 1, 0), session.ErrNotFound)
	events[0].Payload[0]++
	f.want(session.Verify(session.Hash{}, head.Key, events), session.ErrCorrupt)
}

func erasedSession(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.append(f.begin("t1"), labelled("a", "a"), say(large('x')))
	fork, err := f.journal.Continue(ctx, "t1", "a")
	f.must(err)
	f.must(f.journal.Erase(ctx, "t1", head.ID, 1, 0))
	_, err = f.journal.Append(ctx, head, say("more"))
	f.want(err, session.ErrErased)
	_, err = f.journal.Append(ctx, fork, say("from it"))
	f.want(err, session.ErrErased)
	_, err = f.journal.At(ctx, "t1", session.Ref{Session: head.ID, Seq: 1})
	f.want(err, session.ErrErased)
	_, err = f.journal.Continue(ctx, "t1", "a")
	f.want(err, session.ErrNotFound)
	stored, err := f.store.Head(ctx, "t1", head.ID)
	f.must(err)
	if stored.Key != nil || stored.Head != head.Head {
		f.Errorf("an erased session's head is %+v", stored)
	}
	if got := f.history(stored); got != "" {
		f.Errorf("an erased session tells %q", got)
	}
}

func pages(_ *testing.T, f fixture) {
	ctx := f.Context()
	var drafts []session.Draft
	for i := range 25 {
		drafts = append(drafts, say(fmt.Sprintf("%02d ", i)))
	}
	head := f.append(f.begin("t1"), drafts...)
	for _, c := range []struct {
		after       uint64
		limit, want int
	}{{0, 10, 10}, {20, 10, 5}, {25, 10, 0}, {0, 0, 25}, {0, 5000, 25}} {
		events, err := f.store.Read(ctx, "t1", head.ID, c.after, c.limit)
		f.must(err)
		if len(events) != c.want || (c.want > 0 && events[0].Seq != c.after+1) {
			f.Errorf("after %d limit %d: %d events", c.after, c.limit, len(events))
		}
	}
	_, err := f.store.Read(ctx, "t1", "ses_none", 0, 1)
	f.want(err, session.ErrNotFound)
}

func isolation(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.append(f.begin("t1"), labelled("a", "a"))
	_, err := f.store.Head(ctx, "t2", head.ID)
	f.want(err, session.ErrNotFound)
	_, err = f.store.Read(ctx, "t2", head.ID, 0, 1)
	f.want(err, session.ErrNotFound)
	_, err = f.journal.Continue(ctx, "t2", "a")
	f.want(err, session.ErrNotFound)
	foreign := head
	foreign.Tenant = "t2"
	_, err = f.journal.Append(ctx, foreign, say("b"))
	f.want(err, session.ErrNotFound)
	_, err = f.journal.Fork(foreign)
	f.must(err)
	fork, _ := f.journal.Fork(foreign)
	_, err = f.journal.Append(ctx, fork, say("b"))
	f.want(err, session.ErrNotFound)
	taken := f.begin("t2")
	taken.ID = head.ID
	_, err = f.journal.Append(ctx, taken, say("b"))
	f.want(err, session.ErrStale)
	if got := f.history(head); got != "a" {
		f.Errorf("history is %q", got)
	}
}
