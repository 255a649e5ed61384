package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"testing"

	"github.com/craton-ai/craton/internal/session"
)

func roundTrip(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.begin("t1")
	_, err := f.store.Head(ctx, "t1", head.ID)
	f.want(err, session.ErrNotFound)

	head = f.append(head, say("\x00\xff binary"), session.Draft{Type: "empty", Version: 7}, say(large('x')))
	head = f.append(head, labelled("läbel", "last"))
	stored, err := f.store.Head(ctx, "t1", head.ID)
	f.must(err)
	if !reflect.DeepEqual(stored, head) {
		f.Errorf("head:\n got %+v\nwant %+v", stored, head)
	}
	events, err := f.store.Read(ctx, "t1", head.ID, 0, 100)
	f.must(err)
	if len(events) != 4 {
		f.Fatalf("read %d events, want 4", len(events))
	}
	f.must(session.Verify(session.Hash{}, head.Key, events))
	last := session.Event{
		Tenant: "t1", Session: head.ID, Seq: 4, Type: "said", Version: 1, At: Now, Label: "läbel",
		Payload: []byte("last"), Digest: events[3].Digest, Hash: head.Head,
	}
	if !reflect.DeepEqual(events[3], last) {
		f.Errorf("event:\n got %+v\nwant %+v", events[3], last)
	}
	if events[1].Version != 7 || events[1].Payload != nil || events[2].Address == "" || string(events[2].Payload) != large('x') {
		f.Errorf("events: %+v", events[1:3])
	}
	events[3].Payload[0] = 'X'
	if again, _ := f.store.Read(ctx, "t1", head.ID, 3, 1); string(again[0].Payload) != "last" {
		f.Error("writing into an answer changed the store")
	}
}

func fencing(_ *testing.T, f fixture) {
	ctx := f.Context()
	first := f.append(f.begin("t1"), say("a"))
	second := f.append(first, say("b"))

	_, err := f.journal.Append(ctx, first, say("late"))
	f.want(err, session.ErrStale)
	ahead := second
	ahead.Seq++
	_, err = f.journal.Append(ctx, ahead, say("gap"))
	f.want(err, session.ErrStale)
	other := second
	other.Head[0]++
	_, err = f.journal.Append(ctx, other, say("other past"))
	f.want(err, session.ErrStale)
	unborn := second
	unborn.Seq, unborn.Head = 0, session.Hash{}
	_, err = f.journal.Append(ctx, unborn, say("again from the start"))
	f.want(err, session.ErrStale)
	_, err = f.journal.Append(ctx, session.Session{Tenant: "t1", ID: "ses_none", Seq: 1}, say("nowhere"))
	f.want(err, session.ErrNotFound)

	owner, err := f.journal.TakeOver(ctx, second, say("mine"))
	f.must(err)
	if owner.Epoch != 1 {
		f.Errorf("epoch after a takeover is %d", owner.Epoch)
	}
	fenced := owner
	fenced.Epoch = 0
	_, err = f.journal.Append(ctx, fenced, say("from the dead"))
	f.want(err, session.ErrStale)
	owner = f.append(owner, say("still mine"))
	if got := f.history(owner); got != "abminestill mine" {
		f.Errorf("history is %q", got)
	}
}

func atomicity(_ *testing.T, f fixture) {
	ctx := f.Context()
	head := f.append(f.begin("t1"), labelled("taken", "a"))
	_, err := f.journal.Append(ctx, head, say(large('y')), labelled("free", "b"), labelled("taken", "c"))
	f.want(err, session.ErrLabelTaken)
	_, err = f.journal.Append(ctx, head, labelled("free", "b"), labelled("free", "c"))
	f.want(err, session.ErrLabelTaken)
	stored, err := f.store.Head(ctx, "t1", head.ID)
	f.must(err)
	if !reflect.DeepEqual(stored, head) {
		f.Errorf("a refused append changed the head to %+v", stored)
	}
	_, err = f.store.Find(ctx, "t1", "free")
	f.want(err, session.ErrNotFound)
	fresh := f.begin("t1")
	_, err = f.journal.Append(ctx, fresh, labelled("taken", "c"))
	f.want(err, session.ErrLabelTaken)
	_, err = f.store.Head(ctx, "t1", fresh.ID)
	f.want(err, session.ErrNotFound)
	f.append(head, labelled("free", "b"))
}

// race lets writers append to one session, each from the head it last saw.
func race(_ *testing.T, f fixture) {
	const writers, rounds = 8, 5
	start := f.append(f.begin("t1"), say("0"))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			head := start
			for r := 0; r < rounds; {
				next, err := f.journal.Append(f.Context(), head, say(fmt.Sprintf("<%d.%d>", w, r)))
				switch {
				case err == nil:
					head = next
					r++
				case errors.Is(err, session.ErrStale):
					if head, err = f.store.Head(f.Context(), "t1", start.ID); err != nil {
						f.Error(err)
						return
					}
				default:
					f.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	events, err := f.store.Read(f.Context(), "t1", start.ID, 0, 1000)
	f.must(err)
	f.must(session.Verify(session.Hash{}, start.Key, events))
	seen := map[string]bool{}
	for _, e := range events {
		seen[string(e.Payload)] = true
	}
	if len(events) != 1+writers*rounds || len(seen) != len(events) {
		f.Errorf("%d acknowledged appends left %d events, %d different", 1+writers*rounds, len(events), len(seen))
	}
}

// crowd lets good and bad appends to many sessions meet in one group commit.
func crowd(_ *testing.T, f fixture) {
	const sessions, rounds = 24, 4
	f.append(f.begin("t1"), labelled("taken", ""))
	var wg sync.WaitGroup
	var refused atomic.Int64
	for range sessions {
		head := f.begin("t1")
		wg.Go(func() {
			for r := range rounds {
				next, err := f.journal.Append(f.Context(), head, say(fmt.Sprint(r)), say(large('z')))
				if err != nil {
					f.Error(err)
					return
				}
				if _, err := f.journal.Append(f.Context(), next, say("lost"), labelled("taken", "")); errors.Is(err, session.ErrLabelTaken) {
					refused.Add(1)
				}
				head = next
			}
			if got, _ := f.store.Head(f.Context(), "t1", head.ID); got.Head != head.Head || got.Seq != 2*rounds {
				f.Errorf("head is %+v, want %+v", got, head)
			}
		})
	}
	wg.Wait()
	if refused.Load() != sessions*rounds {
		f.Errorf("%d bad appends were refused, want %d", refused.Load(), sessions*rounds)
	}
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	if _, err := f.journal.Append(ctx, f.begin("t1"), say("too late")); !errors.Is(err, context.Canceled) {
		f.Errorf("append under a cancelled context: %v", err)
	}
}

func badBatches(_ *testing.T, f fixture) {
	head := f.append(f.begin("t1"), say("a"))
	e := session.Event{Tenant: "t1", Session: head.ID, Seq: 2, Type: "said", Version: 1, At: Now, Payload: []byte("b")}
	e.Digest = session.Digest(head.Key, "", e.Payload)
	e.Hash = session.Link(head.Head, e)
	for name, change := range map[string]func(*session.Batch){
		"no events":     func(b *session.Batch) { b.Events = nil },
		"a wrong hash":  func(b *session.Batch) { b.Events[0].Hash[0]++ },
		"a wrong place": func(b *session.Batch) { b.Events[0].Seq = 3 },
		"no type":       func(b *session.Batch) { b.Events[0].Type = "" },
		"no version":    func(b *session.Batch) { b.Events[0].Version = 0 },
		"other tenant":  func(b *session.Batch) { b.Events[0].Tenant = "t2" },
		"a bad label":   func(b *session.Batch) { b.Events[0].Label = "a\x00" },
		"erased":        func(b *session.Batch) { b.Events[0].Erased = true },
		"an old epoch":  func(b *session.Batch) { b.Session.Epoch, b.Raise = 3, 3 },
	} {
		batch := session.Batch{Session: head, Events: []session.Event{e}}
		change(&batch)
		if err := f.store.Append(f.Context(), batch); !errors.Is(err, session.ErrInvalid) {
			f.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	f.must(f.store.Append(f.Context(), session.Batch{Session: head, Events: []session.Event{e}}))
}
