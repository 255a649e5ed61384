package sessiontest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/craton-ai/craton/internal/session"
)

func facts(status string, metadata ...string) *session.Facts {
	f := &session.Facts{Status: status}
	for i := 0; i < len(metadata); i += 2 {
		if f.Metadata == nil {
			f.Metadata = make(map[string]string)
		}
		f.Metadata[metadata[i]] = metadata[i+1]
	}
	return f
}

func sortedText(text string) string {
	parts := strings.Split(text, "")
	slices.Sort(parts)
	return strings.Join(parts, "")
}

func listings(r runtime) {
	ctx := r.Context()
	names := make(map[string]string)
	start := func(name, kind string, f *session.Facts) session.Session {
		head := r.begin("t1")
		head.Kind = kind
		head = r.apply(head, session.Change{Drafts: []session.Draft{say(name)}, Facts: f})
		names[head.ID] = name
		return head
	}
	a := start("a", "agent", facts("idle", "team", "red", `odd "key".$`, "é"))
	start("b", "agent", facts("running", "team", "blue"))
	start("c", "agent", nil)
	start("d", "other", facts("idle", "team", "red"))
	a = r.apply(a, session.Change{Drafts: []session.Draft{say("x")}, Facts: facts("running", "team", "red", `odd "key".$`, "é")})
	_, err := r.journal.Apply(ctx, a, session.Change{
		Drafts: []session.Draft{labelled("l", "x"), labelled("l", "x")}, Facts: facts("lost")})
	r.want(err, session.ErrLabelTaken)
	r.append(r.begin("t2"), say("another tenant's"))
	moved, err := r.store.Moved(ctx, map[string]uint64{a.ID: a.Seq, "ses_unknown": 1})
	if r.must(err); len(moved) != 0 {
		r.Errorf("moved are %v", moved)
	}
	moved, err = r.store.Moved(ctx, map[string]uint64{a.ID: a.Seq - 1})
	if r.must(err); !slices.Equal(moved, []session.Ref{{Session: a.ID, Seq: a.Seq}}) {
		r.Errorf("moved are %v", moved)
	}
	list := func(q session.Query) string {
		r.Helper()
		q.Tenant = "t1"
		page, err := r.store.Sessions(ctx, q)
		r.must(err)
		out := ""
		for _, e := range page {
			if e.Key != nil || e.UpdatedAt != Now {
				r.Errorf("entry is %+v", e)
			}
			out += names[e.ID]
		}
		return out
	}
	for want, q := range map[string]session.Query{
		"abcd": {}, "abc": {Kind: "agent"}, "ab": {Status: "running"}, "ad": {Metadata: map[string]string{"team": "red"}},
		"a": {Metadata: map[string]string{"team": "red", `odd "key".$`: "é"}}, "": {Kind: "agent", Status: "idle"},
	} {
		if got := sortedText(list(q)); got != want {
			r.Errorf("%+v lists %q, want %q", q, got, want)
		}
	}
	for _, oldest := range []bool{true, false} {
		paged, after := "", ""
		for range 4 {
			page, err := r.store.Sessions(ctx, session.Query{Tenant: "t1", Oldest: oldest, After: after, Limit: 1})
			r.must(err)
			after = page[0].ID
			paged += names[after]
		}
		if whole := list(session.Query{Oldest: oldest}); paged != whole {
			r.Errorf("pages of one make %q, a page of all %q", paged, whole)
		}
	}
	_, err = r.store.Sessions(ctx, session.Query{Tenant: "t2", After: a.ID})
	r.want(err, session.ErrNotFound)
	r.describes(a)
	fork, err := r.journal.At(ctx, "t1", session.Ref{Session: a.ID, Seq: 1})
	r.must(err)
	names[r.append(fork, say("f")).ID] = "f"
	if got := list(session.Query{Parent: a.ID}); got != "f" {
		r.Errorf("forks of a are %q", got)
	}
}

// describes looks at the first session of listings.
func (r runtime) describes(a session.Session) {
	r.Helper()
	ctx := r.Context()
	e, err := r.store.Describe(ctx, "t1", a.ID)
	r.must(err)
	if e.Status != "running" || e.Metadata[`odd "key".$`] != "é" || e.Seq != 2 || e.Version != 1 || e.Head != a.Head || e.Key != nil {
		r.Errorf("a is described as %+v", e)
	}
	_, err = r.store.Describe(ctx, "t2", a.ID)
	r.want(err, session.ErrNotFound)
}

func tombstones(r runtime) {
	ctx := r.Context()
	kept := r.append(r.begin("t1"), say("a"))
	head := r.apply(r.begin("t1"), session.Change{
		Drafts: []session.Draft{say("secret")}, Facts: facts("idle", "name", "secret"), Wake: &session.AtOnce})
	lease := r.claim("n1", head)
	for range 2 {
		r.must(r.journal.Erase(ctx, "t1", head.ID, 1, 0))
	}
	_, err := r.journal.Append(ctx, lease.Head, say("late"))
	r.want(err, session.ErrErased)
	if held, err := r.store.Renew(ctx, node("").TTL, lease); err != nil || len(held) != 0 {
		r.Errorf("a deleted session's lease was renewed: %v, %v", held, err)
	}
	page, err := r.store.Sessions(ctx, session.Query{Tenant: "t1"})
	r.must(err)
	if len(page) != 1 || page[0].ID != kept.ID {
		r.Errorf("after deleting one of two there are %+v", page)
	}
	for _, after := range []string{"", head.ID, kept.ID} {
		if _, err := r.store.Sessions(ctx, session.Query{Tenant: "t1", After: after, Erased: true}); err != nil {
			r.Errorf("after %s: %v", after, err)
		}
	}
	e, err := r.store.Describe(ctx, "t1", head.ID)
	r.must(err)
	if !e.Erased || e.Status != "" || e.Metadata != nil || e.Node != "" || e.Epoch != lease.Head.Epoch+1 || e.Head != head.Head {
		r.Errorf("the tombstone says %+v", e)
	}
	r.want(r.store.Requeue(ctx, "t1", head.ID), session.ErrErased)
	if got := r.due("n2"); got != "" {
		r.Errorf("a deleted session was due: %s", got)
	}
}

func submissions(r runtime) {
	ctx := r.Context()
	head := r.append(r.begin("t1"), say("a"))
	s := session.Submission{Key: "k1", Body: []byte("body"), Change: session.Change{
		Drafts: []session.Draft{say("b"), say("c")}, Wake: &session.AtOnce}}
	first, err := r.journal.Submit(ctx, head, s)
	r.must(err)
	if want := (session.Receipt{Session: head.ID, First: 3, Last: 4}); first != want {
		r.Errorf("receipt is %+v, want %+v", first, want)
	}
	for _, from := range []session.Session{head, r.begin("t1")} {
		again, err := r.journal.Submit(ctx, from, s)
		r.must(err)
		if !again.Repeated || again.Session != head.ID || again.First != 3 || again.Last != 4 {
			r.Errorf("the repeated receipt is %+v", again)
		}
	}
	other := s
	other.Body = []byte("another body")
	_, err = r.journal.Submit(ctx, head, other)
	r.want(err, session.ErrKeyReused)
	elsewhere, err := r.journal.Submit(ctx, r.begin("t2"), other)
	r.must(err)
	if elsewhere.Repeated {
		r.Error("a key reached another tenant")
	}
	s.Key, s.Change.Drafts = "k2", []session.Draft{labelled("own label", "d")}
	_, err = r.journal.Submit(ctx, head, s)
	r.must(err)
	s.Key = "k3"
	_, err = r.journal.Submit(ctx, head, s)
	r.want(err, session.ErrLabelTaken)
	s.Key = strings.Repeat("k", session.MaxKey+1)
	_, err = r.journal.Submit(ctx, head, s)
	r.want(err, session.ErrInvalid)
	_, err = r.journal.Submit(ctx, session.Session{Tenant: "t2", ID: head.ID, Seq: 1, Key: head.Key}, session.Submission{Change: s.Change})
	r.want(err, session.ErrNotFound)
}

func crowdedSubmissions(r runtime) {
	const clients, repeats, inputs = 4, 3, 4
	head := r.append(r.begin("t1"), say("."))
	lease := r.claim("n1", head)
	receipts := make([]session.Receipt, clients*repeats*inputs)
	var wg sync.WaitGroup
	for i := range receipts {
		key := fmt.Sprint(i % (clients * inputs))
		wg.Go(func() {
			var err error
			receipts[i], err = r.journal.Submit(r.Context(), head, session.Submission{
				Key: key, Body: []byte(key), Change: session.Change{Drafts: []session.Draft{say("i")}, Wake: &session.AtOnce}})
			if err != nil {
				r.Error(err)
			}
		})
	}
	own := lease.Head
	for written := 0; written < 5; {
		next, err := r.journal.Append(r.Context(), own, say("o"))
		if errors.Is(err, session.ErrFenced) || err != nil && !errors.Is(err, session.ErrStale) {
			r.Fatal(err)
		}
		if err == nil {
			own = next
			written++
			continue
		}
		own, err = r.store.Head(r.Context(), "t1", head.ID)
		r.must(err)
	}
	wg.Wait()
	for i, receipt := range receipts {
		if first := receipts[i%(clients*inputs)]; receipt.First != first.First || receipt.Last != first.Last {
			r.Errorf("one key has the receipts %+v and %+v", first, receipt)
		}
	}
	final, err := r.store.Head(r.Context(), "t1", head.ID)
	r.must(err)
	past := r.history(final)
	if strings.Count(past, "i") != clients*inputs || strings.Count(past, "o") != 5 {
		r.Errorf("the journal holds %q", past)
	}
}
