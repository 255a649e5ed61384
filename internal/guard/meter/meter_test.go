package meter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/usage"
)

// shelf is a store that can be slow, or out of reach.
type shelf struct {
	mu      sync.Mutex
	records []usage.Record
	batches int
	down    atomic.Bool
	hang    atomic.Bool
}

func (s *shelf) AppendBatch(ctx context.Context, records []usage.Record) error {
	if s.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.down.Load() {
		return errors.New("store is down")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, records...)
	s.batches++
	return nil
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

func (s *shelf) all() []usage.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

func (s *shelf) writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches
}

var ids atomic.Int64

func config(store Store) Config {
	return Config{
		Store: store, Now: time.Now, NewID: func() string { return fmt.Sprint("r", ids.Add(1)) },
		Cost: func(card *model.Card, u model.Usage) (int64, bool) {
			return u.Total() * card.Price.Input, card.Price.Known
		},
	}
}

var priced = &model.Card{ID: "m", Price: model.Price{Input: 10, Known: true}}

func closeMeter(t *testing.T, m *Meter) {
	t.Helper()
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		var finished []Finished
		cfg := config(store)
		cfg.Finished = func(f *Finished) { finished = append(finished, *f) }
		m := New(cfg)
		begin := time.Now()
		c := m.Begin(Facts{Tenant: "t", KeyID: "k", Model: "asked", Dialect: "d", RequestID: "req", Tags: map[string]string{"team": "x"}})
		c.Serve("first", nil)
		c.Serve("up", priced)
		<-time.After(30 * time.Millisecond)
		c.First()
		<-time.After(time.Second)
		c.First()
		u := model.Usage{Input: 100, AudioInput: 10, CacheRead: 5, CacheWrite5m: 3, CacheWrite1h: 2, Output: 50, Reasoning: 20, AudioOutput: 7}
		if cost := c.End(&u, 2, nil); cost != 1600 {
			t.Errorf("cost %d", cost)
		}
		if c.End(&u, 9, nil) != 0 {
			t.Error("a second End counted")
		}
		closeMeter(t, m)
		got, err := store.Records(t.Context(), usage.Filter{Tenant: "t"}, "", 0)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		want := usage.Record{
			ID: got[0].ID, At: begin.UTC(), Tenant: "t", KeyID: "k", Model: "m", Upstream: "up", Dialect: "d", RequestID: "req",
			Tags:        map[string]string{"team": "x"},
			Tokens:      usage.Tokens{Input: 90, CachedRead: 5, CacheWrite5m: 3, CacheWrite1h: 2, Output: 23, Reasoning: 20, AudioInput: 10, AudioOutput: 7},
			CostNanoUSD: 1600, LatencyMs: 1030, TTFTMs: 30, Status: 200, Attempts: 2,
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
		if len(finished) != 1 || !finished[0].CostKnown || finished[0].Err != nil {
			t.Errorf("told of %+v", finished)
		}
	})
}

func TestFailuresAndUnknownPrices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		m := New(config(store))
		m.Begin(Facts{Tenant: "t", Model: "asked"}).End(nil, 0, model.Errorf(model.RateLimited, "", "slow"))
		c := m.Begin(Facts{Tenant: "t"})
		c.Serve("u", &model.Card{ID: "local"})
		if c.End(&model.Usage{Input: 5}, 1, context.Canceled) != 0 || m.Stats().Unpriced != 1 {
			t.Errorf("stats %+v", m.Stats())
		}
		closeMeter(t, m)
		if r := store.all()[0]; r.Status != 429 || r.Model != "asked" || r.Attempts != 0 {
			t.Errorf("refused: %+v", r)
		}
		if r := store.all()[1]; r.Status != 499 || r.Model != "local" {
			t.Errorf("abandoned: %+v", r)
		}
		for kind := model.Internal; kind <= model.NotReady; kind++ {
			if s := Status(model.Errorf(kind, "", "")); s < 400 || s > 599 {
				t.Errorf("%v is recorded as %d", kind, s)
			}
		}
	})
}

// TestACrashLosesAtMostOneInterval: whatever is older than an interval is stored.
func TestACrashLosesAtMostOneInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		m := New(config(store))
		for i := range 50 {
			m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
			<-time.After(100 * time.Millisecond)
			synctest.Wait()
			if lost := i + 1 - store.len(); lost > 11 {
				t.Fatalf("a crash now would lose %d records, more than those of one interval", lost)
			}
		}
		if n := store.writes(); n > 6 {
			t.Errorf("%d writes in 5 s", n)
		}
		closeMeter(t, m)
		if store.len() != 50 {
			t.Errorf("%d of 50 records are stored after a clean stop", store.len())
		}
	})
}

func TestFullBatchesDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		cfg := config(store)
		cfg.Batch = 10
		m := New(cfg)
		for range 10 {
			m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
		}
		synctest.Wait()
		if store.len() != 10 {
			t.Errorf("%d records are stored", store.len())
		}
		closeMeter(t, m)
	})
}

func TestNothingIsLostWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.down.Store(true)
		cfg := config(store)
		cfg.Batch = 7
		var told atomic.Int64
		cfg.Finished = func(*Finished) { told.Add(1) }
		m := New(cfg)
		for range 100 {
			m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
			<-time.After(100 * time.Millisecond)
		}
		if s := m.Stats(); s.Waiting != 100 || s.Shed != 0 || s.FailedWrites == 0 || s.FailedWrites > 12 {
			t.Errorf("stats %+v", s)
		}
		if told.Load() == 0 {
			t.Error("metrics stand still with the store")
		}
		store.down.Store(false)
		<-time.After(3 * time.Second)
		seen := map[string]bool{}
		for _, r := range store.all() {
			seen[r.ID] = true
		}
		if len(seen) != 100 || store.len() != 100 || told.Load() != 100 {
			t.Errorf("%d records, %d distinct, %d told", store.len(), len(seen), told.Load())
		}
		closeMeter(t, m)
	})
}

func TestSheddingIsCountedAndLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.hang.Store(true)
		var log strings.Builder
		cfg := config(store)
		cfg.Most, cfg.Batch, cfg.Log = 20, 5, slog.New(slog.NewTextHandler(&log, nil))
		m := New(cfg)
		begin := time.Now()
		for range 50 {
			c := m.Begin(Facts{Tenant: "t"})
			c.Serve("u", priced)
			if c.End(&model.Usage{Input: 1}, 1, nil) != 10 {
				t.Fatal("a shed record has no cost for its budget")
			}
		}
		if time.Since(begin) != 0 {
			t.Error("a request waited for the store")
		}
		if s := m.Stats(); s.Waiting != 20 || s.Shed != 30 || s.ShedNanoUSD != 300 {
			t.Errorf("stats %+v", s)
		}
		<-time.After(time.Minute)
		if n := strings.Count(log.String(), "usage records were shed"); n != 1 {
			t.Errorf("shedding was logged %d times:\n%s", n, log.String())
		}
		store.hang.Store(false)
		closeMeter(t, m)
		if store.len() != 20 {
			t.Errorf("%d records are stored", store.len())
		}
	})
}

func TestFlush(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		m := New(config(store))
		m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
		if err := m.Flush(t.Context()); err != nil || store.len() != 1 {
			t.Errorf("%v, %d stored", err, store.len())
		}
		store.down.Store(true)
		m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
		if err := m.Flush(t.Context()); model.AsError(err).Kind != model.Overloaded {
			t.Errorf("got %v", err)
		}
		store.down.Store(false)
		closeMeter(t, m)
		if err := m.Flush(t.Context()); err != nil || store.len() != 2 {
			t.Errorf("after the end: %v, %d stored", err, store.len())
		}
	})
}

func TestCloseTellsWhatItLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shelf{}
		store.down.Store(true)
		m := New(config(store))
		m.Begin(Facts{Tenant: "t"}).End(nil, 1, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := m.Close(ctx); err == nil || !strings.Contains(err.Error(), "1 usage records") {
			t.Errorf("got %v", err)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	m := New(config(&shelf{down: atomic.Bool{}}))
	defer m.Close(context.Background())
	m.cfg.Most = 1 << 30
	b.ReportAllocs()
	for b.Loop() {
		c := m.Begin(Facts{Tenant: "t", KeyID: "k", Model: "m", Dialect: "d"})
		c.Serve("u", priced)
		c.First()
		c.End(&model.Usage{Input: 100, Output: 50}, 1, nil)
	}
}
