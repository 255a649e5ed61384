package driver

import (
	"context"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// Quote says what a call of a model may cost before it is made.
type Quote struct {
	// MaxOutput is the most tokens an answer may have; 0 if unknown.
	MaxOutput int64
	// Worst prices the most that so much may cost, Cost what it most likely
	// does, in nano-USD; known is false without a price.
	Worst, Cost func(model.Usage) (nanoUSD int64, known bool)
}

// purse is what a session with a spend limit may still spend. Each call of a
// model holds the most it may cost from before it is made until its outcome is
// on record, so that calls under way at once cannot pass the limit together.
// It is safe for concurrent use.
type purse struct {
	mu    sync.Mutex
	limit *int64
	spent int64
	// held is by intent; waiting are the intents that hold nothing.
	held    map[uint64]int64
	waiting int
	changed chan struct{} // is closed when one of the above changes
}

// settle takes what the session has spent, and gives back what calls held whose
// outcome is on record.
func (p *purse) settle(s *agent.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := s.Settings.SpendLimit
	if limit == nil && p.limit == nil {
		return
	}
	if p.held == nil {
		p.held = map[uint64]int64{}
	}
	running := map[uint64]bool{}
	p.waiting = 0
	for _, run := range s.Runs {
		if run.Kind == agent.RunModel || run.Kind == agent.RunCompact {
			running[run.Seq] = true
			if _, holds := p.held[run.Seq]; !holds {
				p.waiting++
			}
		}
	}
	for seq := range p.held {
		if !running[seq] {
			delete(p.held, seq)
		}
	}
	p.limit, p.spent = limit, s.Spent.Cost
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// The least tokens an answer is allowed while others may still give back what
// they hold, and at all; and the most where nobody says how long one may be.
const (
	fairAnswer      = 1024
	leastAnswer     = 16
	unboundedAnswer = 16_384
)

// share is what one call may have of what is left: all that it may need, or its
// part of it. ok is false if it is to wait for what others hold.
func (p *purse) share(seq uint64, need need) (most int64, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.limit == nil {
		return need.output, true, nil
	}
	if _, again := p.held[seq]; again {
		delete(p.held, seq) // of a call that was begun early, and in vain
		p.waiting++
	}
	free := *p.limit - p.spent
	for _, held := range p.held {
		free -= held
	}
	most = need.affords(free / int64(max(p.waiting, 1)))
	if most < min(need.output, fairAnswer) {
		if len(p.held) > 0 {
			return 0, false, nil
		}
		if most = need.affords(free); most < min(need.output, leastAnswer) {
			return 0, false, errNoMoney
		}
	}
	p.held[seq] = need.price(most)
	p.waiting--
	return most, true, nil
}

// errNoMoney ends a turn whose next call the session's limit does not pay for.
var errNoMoney = &model.Error{Kind: model.BudgetExceeded, Op: "driver.purse", Code: agent.BudgetExceeded,
	Message: "What is left of the session's spend limit does not pay for another answer.", Hint: "Raise the limit, or begin a new session."}

// next is closed at the next change.
func (p *purse) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// need is what a call may use: input tokens and at most so much output, at the
// prices of a quote.
type need struct {
	input, output int64
	worst         func(model.Usage) (int64, bool)
}

func (n need) price(output int64) int64 {
	nano, _ := n.worst(model.Usage{Input: n.input, Output: output})
	return nano
}

// affords is how long an answer may be for so much money; 0 if there is none.
func (n need) affords(nano int64) int64 {
	if n.price(n.output) <= nano {
		return n.output
	}
	// Prices may come in steps: the greatest that fits is looked for.
	low, high := int64(0), n.output
	for low < high {
		middle := (low + high + 1) / 2
		if n.price(middle) <= nano {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// allow holds what a call may cost against the session's limit, and bounds the
// answer to it. It waits while the rest is held by calls under way. capped says
// that the answer may have fewer tokens than it might have had.
func (a *actor) allow(ctx context.Context, who Asker, run agent.Run, req *model.Request) (bounded *model.Request, capped bool, err error) {
	if a.purse.free() || a.d.config.Quote == nil {
		return req, false, nil
	}
	quote, err := a.d.config.Quote(ctx, who, req.Model)
	if err != nil {
		return nil, false, err
	}
	n := need{input: run.Input, output: quote.MaxOutput, worst: quote.Worst}
	if n.output <= 0 {
		n.output = unboundedAnswer
	}
	asked := n.output
	if req.MaxTokens != nil && *req.MaxTokens > 0 {
		n.output = int64(*req.MaxTokens)
		asked = n.output
	}
	if _, known := quote.Worst(model.Usage{Output: 1}); !known {
		return req, false, nil // what it cost is found out then, and no other is made
	}
	for {
		changed := a.purse.next()
		most, ok, err := a.purse.share(run.Seq, n)
		if err != nil {
			return nil, false, err
		}
		if ok {
			same, tokens := *req, int(most)
			same.MaxTokens = &tokens
			return &same, most < asked, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// free reports whether there is no limit.
func (p *purse) free() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit == nil
}

// pricing bounds how long a price is looked up for a call that has ended.
const pricing = 2 * time.Second

// guess prices what a call used that never said so; -1 where no price is known.
// If the price cannot be looked up now, it costs what tokens of the past did.
func (a *actor) guess(ctx context.Context, who Asker, name string, used model.Usage, past agent.Spending) int64 {
	if used.Total() == 0 {
		return 0
	}
	if a.d.config.Quote == nil {
		return -1
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pricing)
	defer cancel()
	quote, err := a.d.config.Quote(ctx, who, name)
	if err != nil {
		a.log.Warn("no price was found for a call that was cut short", "model", name, "err", err)
		return past.Rate(used)
	}
	if nano, known := quote.Cost(used); known {
		return nano
	}
	return -1
}
