package meter

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/usage"
)

// storeTimeout bounds one write of the store.
const storeTimeout = 10 * time.Second

// write owns the way from the buffer to the store, until Close.
func (m *Meter) write() {
	defer close(m.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-m.quit:
			cancel() // a write under way must not delay the stop; its records stay
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(m.cfg.Interval)
	defer tick.Stop()
	var shed int64
	for {
		failing := false
		select {
		case <-m.quit:
			return
		case <-tick.C:
			failing = !m.flush(ctx)
			shed = m.complain(shed)
		case <-m.wake:
			failing = !m.flush(ctx)
		case tried := <-m.flushes:
			tried <- m.flush(ctx)
		}
		if failing {
			// A store in trouble is not asked again before the next tick.
			select {
			case <-m.quit:
				return
			case <-tick.C:
			case tried := <-m.flushes:
				tried <- m.flush(ctx)
			}
		}
	}
}

// complain logs what was shed since the last time.
func (m *Meter) complain(before int64) int64 {
	s := m.Stats()
	if s.Shed > before {
		m.cfg.Log.Error("usage records were shed: the store does not keep up",
			"shed", s.Shed-before, "shed_total", s.Shed, "shed_nano_usd_total", s.ShedNanoUSD, "waiting", s.Waiting)
	}
	return s.Shed
}

// flush stores what waits, in batches; false when the store refused one. It
// is called by one goroutine at a time.
func (m *Meter) flush(ctx context.Context) bool {
	defer func() { m.batch = m.batch[:0] }()
	for {
		m.mu.Lock()
		taken := m.queue.take()
		m.mu.Unlock()
		if len(taken) == 0 {
			return true
		}
		m.batch = m.batch[:0]
		for i := range taken {
			if !taken[i].told && m.cfg.Finished != nil {
				// Before it is stored: metrics matter most when the store does not work.
				m.cfg.Finished(&taken[i])
			}
			taken[i].told = true
			m.batch = append(m.batch, taken[i].Record)
		}
		if err := m.store(ctx, m.batch); err != nil {
			m.mu.Lock()
			m.queue.putBack(taken)
			m.stats.FailedWrites++
			waiting := m.queue.waiting
			m.mu.Unlock()
			m.cfg.Log.Warn("usage records could not be stored and will be sent again", "waiting", waiting, "err", err)
			return false
		}
		m.mu.Lock()
		m.queue.stored(taken)
		m.mu.Unlock()
		clear(m.batch)
	}
}

func (m *Meter) store(ctx context.Context, batch []usage.Record) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return m.cfg.Store.AppendBatch(ctx, batch)
}
