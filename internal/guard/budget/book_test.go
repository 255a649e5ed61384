package budget

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/usage"
)

// counting counts store calls and can be out of reach.
type counting struct {
	Store
	leases, settles atomic.Int64
	down            atomic.Bool
}

var errStore = errors.New("store is down")

func (c *counting) Lease(ctx context.Context, r usage.LeaseRequest) (usage.Grant, error) {
	c.leases.Add(1)
	if c.down.Load() {
		return usage.Grant{}, errStore
	}
	return c.Store.Lease(ctx, r)
}

func (c *counting) Settle(ctx context.Context, s usage.Settlement) error {
	c.settles.Add(1)
	if c.down.Load() {
		return errStore
	}
	return c.Store.Settle(ctx, s)
}

var ids atomic.Int64

func newBook(store Store) *Book {
	return New(Config{Store: store, Now: time.Now, NewID: func() string { return fmt.Sprint("lease", ids.Add(1)) }})
}

func closeBook(t *testing.T, b *Book) {
	t.Helper()
	if err := b.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// committed is what the store holds as spent or leased in the period.
func committed(t *testing.T, s Store, scope usage.Scope, period usage.Period) int64 {
	t.Helper()
	g, err := s.Lease(t.Context(), usage.LeaseRequest{
		ID: fmt.Sprint("probe", ids.Add(1)), Scope: scope, Period: period, Limit: 0, Want: 1, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return g.Committed
}

const usd = int64(1e9)

var keyScope = usage.KeyScope("t", "k")

func TestReserveAndSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: mem.New()}
		b := newBook(store)
		limits := []Limit{{keyScope, Daily, usd}, {keyScope, Monthly, 3 * usd}, {usage.TenantScope("t"), Daily, 5 * usd}, {usage.TenantScope("t"), Monthly, 0}}
		for range 1000 {
			r, err := b.Reserve(t.Context(), limits, 10_000)
			if err != nil {
				t.Fatal(err)
			}
			r.Settle(1000)
		}
		if n := store.leases.Load(); n != 3 {
			t.Errorf("%d leases for 1000 requests, want one for each budget", n)
		}
		for _, e := range b.Exposure() {
			if e.Spent != 1e6 || e.Reserved != 0 || e.Leased < e.Spent {
				t.Errorf("exposure %+v", e)
			}
		}
		closeBook(t, b)
		now := time.Now()
		for period, scope := range map[usage.Period]usage.Scope{usage.Day(now): keyScope, usage.Month(now): keyScope} {
			if got := committed(t, store, scope, period); got != 1e6 {
				t.Errorf("%s: %d is charged, want what was spent", period, got)
			}
		}
	})
}

func TestExceeded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: mem.New()}
		b := newBook(store)
		defer closeBook(t, b)
		limits := []Limit{{usage.TenantScope("t"), Monthly, 9 * usd}, {keyScope, Daily, usd}}
		r, err := b.Reserve(t.Context(), limits, 9*usd/10)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Reserve(t.Context(), limits, usd/5)
		e := model.AsError(err)
		midnight := time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour))
		if e.Kind != model.BudgetExceeded || e.RetryAfter != midnight || !strings.Contains(e.Message, "daily budget of 1.00 USD") {
			t.Fatalf("%+v", e)
		}
		asked := store.leases.Load()
		for range 100 {
			if _, err := b.Reserve(t.Context(), limits, usd/5); err == nil {
				t.Fatal("granted")
			}
		}
		if n := store.leases.Load() - asked; n != 0 {
			t.Errorf("a spent budget asked the store %d more times", n)
		}
		for _, x := range b.Exposure() {
			if x.Scope.KeyID == "" && x.Reserved != 9*usd/10 {
				t.Errorf("the refused requests stay reserved in the tenant's budget: %+v", x)
			}
		}
		r.Settle(usd / 10)
		if _, err := b.Reserve(t.Context(), limits, usd/5); err != nil {
			t.Errorf("what was not needed cannot be used: %v", err)
		}
		free, err := b.Reserve(t.Context(), []Limit{{keyScope, Daily, 1}}, 0)
		if err != nil {
			t.Errorf("a free request was refused: %v", err)
		}
		free.Settle(0)
	})
}

func TestANewDayRenews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBook(mem.New())
		defer closeBook(t, b)
		limits := []Limit{{keyScope, Daily, usd}}
		r, err := b.Reserve(t.Context(), limits, usd)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(24 * time.Hour)
		again, err := b.Reserve(t.Context(), limits, usd)
		if err != nil {
			t.Fatalf("the next day: %v", err)
		}
		r.Settle(usd)
		again.Settle(usd)
		<-time.After(24 * time.Hour)
		if n := len(b.Exposure()); n != 0 {
			t.Errorf("%d budgets of past days are remembered", n)
		}
	})
}

func TestIdleSlicesAreGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		one, two := newBook(store), newBook(store)
		limits := []Limit{{keyScope, Daily, usd}}
		r, err := one.Reserve(t.Context(), limits, usd*6/10)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := two.Reserve(t.Context(), limits, usd*6/10); err == nil {
			t.Fatal("two replicas reserved 120 %")
		}
		r.Settle(usd / 10)
		<-time.After(DefaultIdleReturn + 2*DefaultTick)
		if r, err = two.Reserve(t.Context(), limits, usd*6/10); err != nil {
			t.Errorf("what the first replica gave back cannot be used: %v", err)
		}
		r.Settle(0)
		closeBook(t, one)
		closeBook(t, two)
		if got := committed(t, store, keyScope, usage.Day(time.Now())); got != usd/10 {
			t.Errorf("%d is charged", got)
		}
	})
}

// TestASliceGivenBackIsNotRenewed: a pool that was dropped leases nothing, as
// nobody would ever settle it.
func TestASliceGivenBackIsNotRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		b := newBook(store)
		r, err := b.Reserve(t.Context(), []Limit{{keyScope, Daily, usd}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		p := r.pools[0]
		r.Settle(0)
		<-time.After(DefaultIdleReturn + 2*DefaultTick)
		if !p.isDead() {
			t.Fatal("the idle slice was not given back")
		}
		b.later(nil, p, true)
		synctest.Wait()
		closeBook(t, b)
		if got := committed(t, store, keyScope, usage.Day(time.Now())); got != 0 {
			t.Errorf("%d is charged", got)
		}
	})
}

// TestReplicasShareOneBudget: eight replicas spend from one budget until all
// are refused. What is spent never passes the budget, and what is left unspent
// is no more than the slices that lie with replicas.
func TestReplicasShareOneBudget(t *testing.T) {
	t.Parallel()
	for _, scope := range []usage.Scope{keyScope, usage.TenantScope("t")} {
		store := mem.New()
		const replicas, budget = 8, usd
		limits := []Limit{{scope, Daily, budget}}
		var spent atomic.Int64
		var books []*Book
		var wg sync.WaitGroup
		for i := range replicas {
			b := newBook(store)
			books = append(books, b)
			random := rand.New(rand.NewPCG(uint64(i), 7))
			wg.Go(func() {
				for {
					worst := 1 + random.Int64N(budget/500)
					r, err := b.Reserve(t.Context(), limits, worst)
					if err != nil {
						if model.AsError(err).Kind != model.BudgetExceeded {
							t.Error(err)
						}
						return
					}
					actual := random.Int64N(worst + 1)
					spent.Add(actual)
					r.Settle(actual)
				}
			})
		}
		wg.Wait()
		if got := spent.Load(); got > budget {
			t.Errorf("%d nano-USD were spent of a budget of %d", got, budget)
		} else if left := budget - got; left > replicas*(budget/DefaultSliceShare+budget/500) {
			t.Errorf("%d nano-USD were left stranded, more than a slice for each replica", left)
		}
		for _, b := range books {
			closeBook(t, b)
		}
		if got := committed(t, store, scope, usage.Day(time.Now())); got != spent.Load() {
			t.Errorf("the store holds %d as spent, %d were", got, spent.Load())
		}
	}
}

// TestOvershootIsChargedAndBounded: requests that cost more than their
// reservation are charged in full, and the budget refuses afterwards.
func TestOvershootIsChargedAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		b := newBook(store)
		limits := []Limit{{keyScope, Daily, usd}}
		var held []Reservation
		for range 10 {
			r, err := b.Reserve(t.Context(), limits, usd/10)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, r)
		}
		for i := range held {
			held[i].Settle(usd / 5)
		}
		if _, err := b.Reserve(t.Context(), limits, 1); model.AsError(err).Kind != model.BudgetExceeded {
			t.Errorf("after an overshoot: %v", err)
		}
		closeBook(t, b)
		if got := committed(t, store, keyScope, usage.Day(time.Now())); got != 2*usd {
			t.Errorf("%d is charged, want all that was spent", got)
		}
	})
}

func TestStoreOutOfReach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: mem.New()}
		b := newBook(store)
		limits := []Limit{{keyScope, Daily, usd}}
		r, err := b.Reserve(t.Context(), limits, 1000)
		if err != nil {
			t.Fatal(err)
		}
		store.down.Store(true)
		within, err := b.Reserve(t.Context(), limits, 1000)
		if err != nil {
			t.Errorf("the slice at hand does not serve: %v", err)
		}
		_, err = b.Reserve(t.Context(), limits, usd/2)
		if e := model.AsError(err); e.Kind != model.Overloaded || !errors.Is(err, errStore) || strings.Contains(e.Public(), "store is down") {
			t.Errorf("beyond the slice: %+v", e)
		}
		r.Settle(1000)
		within.Settle(500)
		<-time.After(time.Hour)
		if store.settles.Load() == 0 {
			t.Fatal("no settlement was tried")
		}
		if err := b.Close(context.Background()); err == nil {
			t.Error("unsettled slices are not told")
		}
		other := newBook(store)
		store.down.Store(false)
		closeBook(t, other)
	})
}

func BenchmarkReserveSettle(b *testing.B) {
	book := newBook(mem.New())
	defer book.Close(context.Background())
	tenant := usage.TenantScope("t")
	limits := []Limit{{keyScope, Daily, 1e15}, {keyScope, Monthly, 1e16}, {tenant, Daily, 1e15}, {tenant, Monthly, 1e16}}
	b.ReportAllocs()
	for b.Loop() {
		r, err := book.Reserve(context.Background(), limits, 1000)
		if err != nil {
			b.Fatal(err)
		}
		r.Settle(1)
	}
}
