package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"
)

// chance draws from a seed by name, so that what is drawn does not depend on
// who asks first.
type chance struct {
	seed uint64

	mu    sync.Mutex
	times map[string]int
}

func newChance(seed uint64) *chance { return &chance{seed: seed, times: map[string]int{}} }

// draw returns the random numbers of the next time that this name is asked for.
func (c *chance) draw(name string) *rand.Rand {
	c.mu.Lock()
	c.times[name]++
	n := c.times[name]
	c.mu.Unlock()
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%d", name, n)
	return rand.New(rand.NewPCG(c.seed, h.Sum64()))
}

// asker is the context's key for who calls: what is drawn for one caller does
// not depend on the others.
type asker struct{}

func as(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, asker{}, name)
}

// asks names who calls; empty for the drivers themselves.
func asks(ctx context.Context) string {
	name, _ := ctx.Value(asker{}).(string)
	return name
}

// between draws a duration, to the nanosecond so that two never meet.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// oneIn is true once in n.
func oneIn(r *rand.Rand, n int) bool { return n > 0 && r.IntN(n) == 0 }

// bytes are the random bytes of one node.
type bytes struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (b *bytes) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range p {
		p[i] = byte(b.r.Uint32())
	}
	return len(p), nil
}
