package route

import (
	"slices"
)

// order arranges pool and chain: unable ones out, then by priority, then by
// weight, then the preferred tier and the full set of wishes first, and open
// breakers last.
func (s *Snapshot) order(name string, e *entry, f Facts, c Conditions) ([]Candidate, error) {
	all := make([]target, 0, len(e.pool)+len(e.chain))
	var missing Needs
	keep := func(list []target) {
		for i := range list {
			if lacks := f.Needs & decisive &^ list[i].has; lacks != 0 {
				missing |= lacks
				continue
			}
			all = append(all, list[i])
		}
	}
	keep(e.pool)
	pool := len(all)
	keep(e.chain)
	if len(all) == 0 {
		if missing == 0 {
			return nil, s.notFound(name)
		}
		return nil, s.lacking(name, missing)
	}
	draw(all[:pool], c.Random)
	prefer(all[:pool], f)
	return finish(all, c.Open), nil
}

// draw orders a pool, sorted by priority, by lot within equal priorities: each
// place goes to a member with the probability of its weight among those left.
func draw(pool []target, random func(int) int) {
	for start := 0; start < len(pool); {
		end := start + 1
		for end < len(pool) && pool[end].priority == pool[start].priority {
			end++
		}
		for i := start; i < end-1; i++ {
			pick := i + pickOne(pool[i:end], random)
			pool[i], pool[pick] = pool[pick], pool[i]
		}
		start = end
	}
}

func pickOne(group []target, random func(int) int) int {
	total, heaviest := 0, 0
	for i := range group {
		w := group[i].share()
		total += w
		if w > group[heaviest].share() {
			heaviest = i
		}
	}
	if random == nil || total == 0 {
		return heaviest
	}
	lot := random(total)
	for i := range group {
		if lot -= group[i].share(); lot < 0 {
			return i
		}
	}
	return heaviest
}

func (t *target) share() int {
	switch {
	case t.weight == 0:
		return 1
	case t.weight < 0:
		return 0
	}
	return t.weight
}

// prefer brings members that sell the wanted tier, then those that can do
// everything wished for, to the front of their priority.
func prefer(pool []target, f Facts) {
	if len(pool) < 2 {
		return
	}
	tier := f.ServiceTier
	if tier == "auto" || tier == "default" {
		tier = ""
	}
	score := func(t *target) int {
		n := 0
		if tier != "" && slices.Contains(t.tiers, tier) {
			n += 2
		}
		if f.Needs&^t.has == 0 {
			n++
		}
		return n
	}
	slices.SortStableFunc(pool, func(a, b target) int {
		if a.priority != b.priority {
			return a.priority - b.priority
		}
		return score(&b) - score(&a)
	})
}

// openReason is appended for upstreams whose breaker refuses calls.
const openReason = "last, because its circuit breaker is open"

// finish turns targets into the answer, those with an open breaker last.
func finish(all []target, open func(string) bool) []Candidate {
	list := make([]Candidate, 0, len(all))
	var last []Candidate
	for i := range all {
		c := all[i].Candidate
		if open != nil && open(c.Upstream) {
			c.Reasons = append(slices.Clip(slices.Clone(c.Reasons)), openReason)
			last = append(last, c)
			continue
		}
		list = append(list, c)
	}
	return append(list, last...)
}

// Way is how a request travels.
type Way uint8

// The ways of a request.
const (
	// Slow decodes to the hub and encodes again.
	Slow Way = iota
	// Fast passes the body through with the model's name rewritten.
	Fast
)

// String names the way.
func (w Way) String() string {
	if w == Fast {
		return "fast"
	}
	return "slow"
}

// Lane chooses the way for a candidate and says why: fast where the upstream
// natively speaks the request's dialect, its provider can relay, and nothing
// on the way needs the body. It is the only place where lanes are chosen.
func Lane(f Facts, c *Candidate) (Way, string) {
	switch {
	case f.BodyNeededBy != "":
		return Slow, "the body is needed by " + f.BodyNeededBy
	case !c.Relay:
		return Slow, "the upstream cannot relay"
	case !slices.Contains(c.Dialects, f.Dialect):
		return Slow, "the upstream speaks another dialect"
	}
	return Fast, "the upstream speaks the same dialect and nothing needs the body"
}
