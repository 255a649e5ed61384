package budget

import (
	"context"
	"errors"
	"time"

	"github.com/craton-ai/craton/internal/usage"
)

// storeTimeout bounds one background call of the store.
const storeTimeout = 5 * time.Second

// work sends settlements, renews low slices and gives idle ones back, until ctx ends.
func (b *Book) work(ctx context.Context) {
	defer close(b.closed)
	tick := time.NewTicker(b.cfg.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
			b.renewLow(ctx)
		case <-tick.C:
			b.giveBack()
			if err := b.send(ctx); err != nil && ctx.Err() == nil {
				b.cfg.Log.Warn("budget settlements could not be stored and will be sent again", "err", err)
			}
		}
	}
}

// renewLow leases another slice for pools that run low, so that no request has to wait for it.
func (b *Book) renewLow(ctx context.Context) {
	b.mu.Lock()
	low := b.low
	b.low = nil
	b.mu.Unlock()
	for _, p := range low {
		if err := p.enter(ctx); err != nil {
			return
		}
		if p.isDead() { // given back in the meantime: nobody would settle what it leases
			p.leave()
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		_, err := b.lease(ctx, p, 1, b.cfg.Now())
		cancel()
		p.leave()
		p.renewed()
		if err != nil {
			b.cfg.Log.Warn("a budget slice could not be renewed", "tenant", p.scope.Tenant, "key", p.scope.KeyID, "err", err)
		}
	}
}

// giveBack settles and forgets what nobody uses.
func (b *Book) giveBack() {
	now := b.cfg.Now()
	before := now.Add(-b.cfg.IdleReturn)
	b.pools.Range(func(key, v any) bool {
		p := v.(*pool)
		done, dead := p.idle(before, now)
		b.later(done, p, false)
		if dead {
			b.pools.CompareAndDelete(key, p)
		}
		return true
	})
}

// send stores the settlements that are due; what fails stays due.
func (b *Book) send(ctx context.Context) error {
	b.mu.Lock()
	due := b.due
	b.due = nil
	b.mu.Unlock()
	for i, s := range due {
		if err := b.settleOne(ctx, s); err != nil {
			b.mu.Lock()
			b.due = append(due[i:], b.due...)
			b.mu.Unlock()
			return err
		}
	}
	return nil
}

func (b *Book) settleOne(ctx context.Context, s usage.Settlement) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return b.cfg.Store.Settle(ctx, s)
}

// Close stops the background work and settles every slice; call it when no
// request is in flight any more. An error says how far it came: slices that
// could not be settled count as spent.
func (b *Book) Close(ctx context.Context) error {
	b.stop()
	<-b.closed
	b.pools.Range(func(key, v any) bool {
		b.later(v.(*pool).drain(), v.(*pool), false)
		b.pools.Delete(key)
		return true
	})
	if err := b.send(ctx); err != nil {
		return errors.Join(errors.New("budget: slices were not settled and count as spent"), err)
	}
	return nil
}
