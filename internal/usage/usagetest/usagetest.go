// Package usagetest is the conformance suite of usage.Store. It is for authors
// of stores; a store that passes keeps every promise of the contract.
//
// It guarantees to run its cases in parallel, each with a store of its own.
//
// Example:
//
//	func TestUsage(t *testing.T) {
//		usagetest.Run(t, func(t *testing.T) usage.Store { return mem.New() })
//	}
package usagetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/usage"
)

// Opener returns an empty store that is closed with the test.
type Opener func(t *testing.T) usage.Store

// Run tests a kind of store.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		test func(*testing.T, usage.Store)
	}{
		{"records come back as written, newest first", roundTrip},
		{"a record sent twice is kept once", idempotence},
		{"records page and filter", paging},
		{"sums group", sums},
		{"odd text does no harm", oddText},
		{"a budget is leased and settled", budget},
		{"leases never pass the limit", race},
		{"bad leases are refused", badLeases},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func record(n int) usage.Record {
	return usage.Record{
		ID: fmt.Sprintf("use_%04d", n), At: noon.Add(time.Duration(n) * time.Minute), Tenant: "t1",
		KeyID: "key_1", Model: "m1", Upstream: "u1", Dialect: "openai-chat", RequestID: "req",
		Tags: map[string]string{"team": "red"},
		Tokens: usage.Tokens{Input: 1, CachedRead: 2, CacheWrite5m: 3, CacheWrite1h: 4,
			Output: 5, Reasoning: 6, AudioInput: 7, AudioOutput: 8},
		CostNanoUSD: 1_000_000_007, LatencyMs: 9, TTFTMs: 10, Status: 200, Estimated: true, Attempts: 2,
	}
}

func add(t *testing.T, s usage.Store, records ...usage.Record) {
	t.Helper()
	if err := s.AppendBatch(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

func records(t *testing.T, s usage.Store, f usage.Filter, before string, limit int) []usage.Record {
	t.Helper()
	if f.Tenant == "" {
		f.Tenant = "t1"
	}
	found, err := s.Records(t.Context(), f, before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func ids(found []usage.Record) (out string) {
	for _, r := range found {
		out += r.ID[len(r.ID)-1:]
	}
	return out
}

func roundTrip(t *testing.T, s usage.Store) {
	add(t, s)
	bare := usage.Record{ID: "bare", Tenant: "t1", At: noon}
	add(t, s, record(1), bare, record(2))
	want := []usage.Record{record(2), record(1), bare}
	if got := records(t, s, usage.Filter{}, "", 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	if got := records(t, s, usage.Filter{Tenant: "t2"}, "", 0); len(got) != 0 {
		t.Errorf("another tenant sees %+v", got)
	}
}

func idempotence(t *testing.T, s usage.Store) {
	add(t, s, record(1))
	changed := record(1)
	changed.CostNanoUSD = 1
	add(t, s, changed, record(2), record(2))
	got := records(t, s, usage.Filter{}, "", 0)
	if ids(got) != "21" || got[1].CostNanoUSD != 1_000_000_007 {
		t.Errorf("after repeated sending: %+v", got)
	}
	bad := record(3)
	bad.Tenant = ""
	if err := s.AppendBatch(t.Context(), []usage.Record{record(4), bad}); !errors.Is(err, usage.ErrInvalid) {
		t.Errorf("a record without a tenant: %v", err)
	}
	if got := records(t, s, usage.Filter{}, "", 0); ids(got) != "21" {
		t.Errorf("a refused batch left %s", ids(got))
	}
}

func paging(t *testing.T, s usage.Store) {
	var all []usage.Record
	for n := range 6 {
		r := record(n)
		r.At = noon.Add(time.Duration(n/2) * time.Hour) // pairs share a time
		if n%3 == 0 {
			r.KeyID, r.Model, r.Tags = "key_2", "m2", map[string]string{"team": "blue"}
		}
		all = append(all, r)
	}
	add(t, s, all...)
	for _, c := range []struct {
		filter usage.Filter
		before string
		limit  int
		want   string
	}{
		{usage.Filter{}, "", 0, "543210"},
		{usage.Filter{}, "", 3, "543"},
		{usage.Filter{}, "use_0003", 2, "21"},
		{usage.Filter{}, "use_0000", 2, ""},
		{usage.Filter{KeyID: "key_2"}, "", 0, "30"},
		{usage.Filter{Model: "m1"}, "use_0004", 0, "21"},
		{usage.Filter{Tag: "team", TagValue: "blue"}, "", 0, "30"},
		{usage.Filter{Tag: "none", TagValue: "blue"}, "", 0, ""},
		{usage.Filter{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)}, "", 0, "32"},
	} {
		if got := ids(records(t, s, c.filter, c.before, c.limit)); got != c.want {
			t.Errorf("%+v before %q limit %d: got %q, want %q", c.filter, c.before, c.limit, got, c.want)
		}
	}
}

func sums(t *testing.T, s usage.Store) {
	a, b, c := record(1), record(2), record(3)
	b.Model, b.Status, b.Estimated, b.Tags = "m2", 429, false, nil
	c.At = noon.Add(24 * time.Hour)
	add(t, s, a, b, c)
	sum := func(f usage.Filter, by ...usage.Dimension) []usage.Row {
		t.Helper()
		f.Tenant = "t1"
		rows, err := s.Sum(t.Context(), usage.Aggregate{Filter: f, By: by})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	one := usage.Row{Requests: 1, Estimated: 1, Tokens: a.Tokens, CostNanoUSD: a.CostNanoUSD, LatencyMs: 9, Group: []string{}}
	all := sum(usage.Filter{})
	if len(all) != 1 || all[0].Requests != 3 || all[0].Errors != 1 || all[0].Estimated != 2 ||
		all[0].Tokens.Total() != 3*36 || all[0].CostNanoUSD != 3_000_000_021 || all[0].LatencyMs != 27 {
		t.Errorf("everything: %+v", all)
	}
	if got := sum(usage.Filter{From: c.At}); !reflect.DeepEqual(got, []usage.Row{one}) {
		t.Errorf("the last record: %+v, want %+v", got, one)
	}
	groups := func(rows []usage.Row) (out []string) {
		for _, r := range rows {
			out = append(out, fmt.Sprintf("%v%d", r.Group, r.Requests))
		}
		return out
	}
	for _, c := range []struct {
		by   []usage.Dimension
		want []string
	}{
		{[]usage.Dimension{usage.ByModel}, []string{"[m1]2", "[m2]1"}},
		{[]usage.Dimension{usage.ByDay, usage.ByModel}, []string{"[2026-03-01 m1]1", "[2026-03-01 m2]1", "[2026-03-02 m1]1"}},
		{[]usage.Dimension{usage.TagDimension("team")}, []string{"[]1", "[red]2"}},
		{[]usage.Dimension{usage.ByKey, usage.ByUpstream, usage.ByDialect}, []string{"[key_1 u1 openai-chat]3"}},
	} {
		if got := groups(sum(usage.Filter{}, c.by...)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("by %v: got %v, want %v", c.by, got, c.want)
		}
	}
	if rows := sum(usage.Filter{Model: "none"}, usage.ByModel); len(rows) != 0 {
		t.Errorf("nothing sums to %+v", rows)
	}
	for _, by := range [][]usage.Dimension{{"colour"}, {"key", "model", "day", "dialect"}} {
		if _, err := s.Sum(t.Context(), usage.Aggregate{Filter: usage.Filter{Tenant: "t1"}, By: by}); !errors.Is(err, usage.ErrInvalid) {
			t.Errorf("by %v: %v", by, err)
		}
	}
}

func oddText(t *testing.T, s usage.Store) {
	r := record(1)
	r.Model = "m\x00\xff"
	r.Tags = map[string]string{`a"b'c`: "x\x00y", "$.team": "\xff", "ü.[0]": "z"}
	add(t, s, r)
	for _, tag := range []string{`a"b'c`, "$.team", "ü.[0]"} {
		rows, err := s.Sum(t.Context(), usage.Aggregate{
			Filter: usage.Filter{Tenant: "t1"}, By: []usage.Dimension{usage.TagDimension(tag)},
		})
		if err != nil || len(rows) != 1 || rows[0].Group[0] == "" {
			t.Errorf("by tag %q: %+v, %v", tag, rows, err)
		}
	}
	if got := records(t, s, usage.Filter{}, "", 0); len(got) != 1 || got[0].Tags["ü.[0]"] != "z" {
		t.Errorf("odd record: %+v", got)
	}
}

func lease(t *testing.T, s usage.Store, id string, limit, want, least int64) usage.Grant {
	t.Helper()
	g, err := s.Lease(t.Context(), usage.LeaseRequest{
		ID: id, Scope: usage.KeyScope("t1", "key_1"), Period: usage.Day(noon),
		Limit: limit, Want: want, Least: least, At: noon,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func settle(t *testing.T, s usage.Store, id string, spent int64) {
	t.Helper()
	err := s.Settle(t.Context(), usage.Settlement{Scope: usage.KeyScope("t1", "key_1"), LeaseID: id, Spent: spent})
	if err != nil {
		t.Fatal(err)
	}
}

func budget(t *testing.T, s usage.Store) {
	check := func(got, want usage.Grant) {
		t.Helper()
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	check(lease(t, s, "a", 100, 40, 0), usage.Grant{Granted: 40, Remaining: 60, Committed: 40})
	check(lease(t, s, "a", 100, 40, 0), usage.Grant{Granted: 40, Remaining: 60, Committed: 40})
	check(lease(t, s, "b", 100, 50, 0), usage.Grant{Granted: 50, Remaining: 10, Committed: 90})
	check(lease(t, s, "c", 100, 50, 20), usage.Grant{Granted: 0, Remaining: 10, Committed: 90})
	check(lease(t, s, "c", 100, 50, 0), usage.Grant{Granted: 10, Remaining: 0, Committed: 100})
	settle(t, s, "a", 15) // gives 25 back
	settle(t, s, "a", 15)
	settle(t, s, "unknown", 1000)
	check(lease(t, s, "d", 100, 100, 0), usage.Grant{Granted: 25, Remaining: 0, Committed: 100})
	settle(t, s, "b", 70) // 20 more than granted
	check(lease(t, s, "e", 100, 1, 0), usage.Grant{Granted: 0, Remaining: 0, Committed: 120})
	check(lease(t, s, "f", 200, 10, 0), usage.Grant{Granted: 10, Remaining: 70, Committed: 130})

	other, err := s.Lease(t.Context(), usage.LeaseRequest{ID: "g", Scope: usage.TenantScope("t1"), Period: usage.Day(noon), Limit: 5, Want: 5, At: noon})
	if err != nil || other.Granted != 5 {
		t.Errorf("another scope: %+v, %v", other, err)
	}
	next, err := s.Lease(t.Context(), usage.LeaseRequest{ID: "h", Scope: usage.KeyScope("t1", "key_1"), Period: usage.Month(noon), Limit: 5, Want: 5, At: noon})
	if err != nil || next.Granted != 5 {
		t.Errorf("another period: %+v, %v", next, err)
	}
	foreign := usage.Settlement{Scope: usage.KeyScope("t2", "key_1"), LeaseID: "h"}
	if err := s.Settle(t.Context(), foreign); err != nil {
		t.Error(err)
	}
	if left, _ := s.Lease(t.Context(), usage.LeaseRequest{ID: "i", Scope: usage.KeyScope("t1", "key_1"), Period: usage.Month(noon), Limit: 5, Want: 5, At: noon}); left.Granted != 0 {
		t.Errorf("another tenant settled a lease: %+v", left)
	}
}

func race(t *testing.T, s usage.Store) {
	const workers, rounds, limit = 8, 10, 100
	var wg sync.WaitGroup
	var mu sync.Mutex
	spent := int64(0)
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				id := fmt.Sprintf("%d-%d", w, r)
				g, err := s.Lease(t.Context(), usage.LeaseRequest{
					ID: id, Scope: usage.TenantScope("t1"), Period: usage.Day(noon), Limit: limit, Want: 7, At: noon,
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				spent += g.Granted / 2
				mu.Unlock()
				if err := s.Settle(t.Context(), usage.Settlement{Scope: usage.TenantScope("t1"), LeaseID: id, Spent: g.Granted / 2}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	g, err := s.Lease(t.Context(), usage.LeaseRequest{
		ID: "last", Scope: usage.TenantScope("t1"), Period: usage.Day(noon), Limit: limit, Want: limit + 1, At: noon,
	})
	if err != nil || spent > limit || g.Granted != limit-spent {
		t.Errorf("spent %d of %d, and then %+v was left (%v)", spent, limit, g, err)
	}
}

func badLeases(t *testing.T, s usage.Store) {
	good := usage.LeaseRequest{ID: "a", Scope: usage.TenantScope("t1"), Period: "2026-03", Limit: 1, Want: 1}
	for _, change := range []func(*usage.LeaseRequest){
		func(r *usage.LeaseRequest) { r.ID = "" },
		func(r *usage.LeaseRequest) { r.Scope.Tenant = "" },
		func(r *usage.LeaseRequest) { r.Period = "" },
		func(r *usage.LeaseRequest) { r.Want = 0 },
		func(r *usage.LeaseRequest) { r.Limit = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := s.Lease(t.Context(), bad); !errors.Is(err, usage.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
