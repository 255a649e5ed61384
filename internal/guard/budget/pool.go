package budget

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/craton-ai/craton/internal/usage"
)

// refusedFor is how long a spent budget is refused without asking the store again.
const refusedFor = time.Second

// lease is a slice of a budget.
type lease struct {
	id      string
	granted int64
}

// pool is what this replica holds of one budget in one period.
type pool struct {
	scope  usage.Scope
	period usage.Period
	ends   time.Time
	limit  atomic.Int64

	// turn is held by whoever leases: a channel, as waiting for it obeys contexts.
	turn chan struct{}

	mu     sync.Mutex
	leases []lease
	// granted is the sum of leases; spent and reserved are charged against it.
	granted, spent, reserved int64
	// left is what the store said remains for others after the last lease.
	left int64
	// refused is an amount the store did not grant at refusedAt.
	refused   int64
	refusedAt time.Time
	used      time.Time
	// asked says that a renewal is under way in the background.
	asked bool
	// dead says that the pool was dropped: a reservation must go to a new one.
	dead bool
}

func newPool(key poolKey, ends time.Time) *pool {
	return &pool{scope: key.scope, period: key.period, ends: ends, turn: make(chan struct{}, 1)}
}

func (p *pool) enter(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) leave() { <-p.turn }

// take reserves amount if it fits.
func (p *pool) take(amount int64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = now
	if p.dead || p.granted-p.spent-p.reserved < amount {
		return false
	}
	p.reserved += amount
	return true
}

// lacks is how much more must be leased for amount to fit, at least 1.
func (p *pool) lacks(amount int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(amount-(p.granted-p.spent-p.reserved), 1)
}

// slice is how much to lease beyond need: a share of the budget, and near its
// end a share of what is left, so that no replica takes the rest for itself.
func (p *pool) slice(limit, share int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	slice := limit / share
	if p.left > 0 {
		slice = min(slice, p.left/4)
	}
	return max(slice, 1)
}

func (p *pool) add(id string, g usage.Grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = g.Remaining
	if g.Granted <= 0 {
		return
	}
	p.leases = append(p.leases, lease{id, g.Granted})
	p.granted += g.Granted
	p.refused = 0
}

func (p *pool) refuse(amount int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused, p.refusedAt = max(amount, 1), now
}

// spentOut reports whether the store refused as much or less a moment ago.
func (p *pool) spentOut(amount int64, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused > 0 && max(amount, 1) >= p.refused && now.Sub(p.refusedAt) < refusedFor
}

// settle replaces a reservation by what was spent. It returns leases that are
// used up, and whether the slice at hand runs low for the first time.
func (p *pool) settle(reserved, spent int64) (done []usage.Settlement, low bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reserved -= reserved
	p.spent += spent
	if reserved > spent {
		p.refused = 0 // what was not needed may serve the next
	}
	done = p.trim(false)
	free := p.granted - p.spent - p.reserved
	if !p.asked && spent > 0 && p.left > 0 && free < p.granted/4 {
		p.asked, low = true, true
	}
	return done, low
}

// trim takes out the leases that are spent, oldest first. The last one stays
// while requests are in flight, as what they cost needs a lease to be charged
// to; all says that there will be no more and everything is settled.
func (p *pool) trim(all bool) []usage.Settlement {
	var done []usage.Settlement
	for len(p.leases) > 0 {
		l, last := p.leases[0], len(p.leases) == 1
		if !all && (p.spent < l.granted || last && p.reserved > 0) {
			break
		}
		spent := min(p.spent, l.granted)
		if last {
			spent = p.spent
		}
		p.spent -= spent
		p.granted -= l.granted
		p.leases = p.leases[1:]
		done = append(done, usage.Settlement{Scope: p.scope, LeaseID: l.id, Spent: spent})
	}
	return done
}

// idle settles everything when nothing is in flight and the pool was not used
// since before, or its period has passed. The pool is then dead: it is dropped.
func (p *pool) idle(before, now time.Time) (done []usage.Settlement, dead bool) {
	select {
	case p.turn <- struct{}{}:
		defer p.leave()
	default:
		return nil, false // someone is leasing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reserved > 0 || now.Before(p.ends) && p.used.After(before) {
		return nil, false
	}
	p.dead = true
	return p.trim(true), true
}

func (p *pool) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// drain settles everything, at the end.
func (p *pool) drain() []usage.Settlement {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trim(true)
}

func (p *pool) renewed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = false
}

func (p *pool) exposure() Exposure {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Exposure{Scope: p.scope, Period: p.period, Leased: p.granted, Spent: p.spent, Reserved: p.reserved}
}

// dollars renders nano-USD for people.
func dollars(nano int64) string {
	if nano%1e7 == 0 {
		return fmt.Sprintf("%d.%02d USD", nano/1e9, nano%1e9/1e7)
	}
	return fmt.Sprintf("%d.%09d USD", nano/1e9, nano%1e9)
}
