package server

import "github.com/craton-ai/craton/internal/engine/llama"

// slot is one sequence of the context, and the request that runs in it. What it
// holds stays after the request, for a later one with the same beginning.
type slot struct {
	id      int
	held    []llama.Token // tokens whose state the context keeps, by position
	job     *job          // nil when idle
	sampler sampler
	queued  int  // tokens of held+prompt added to the batch being built
	output  int  // index of the slot's output in the batch; -1 for none
	started bool // the prompt is read: the slot generates
	next    llama.Token
	made    int // tokens generated
	cached  int // prompt tokens that were held already
	last    uint64
}

// commonPrefix is the number of leading tokens two sequences share.
func commonPrefix(a, b []llama.Token) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// choice says where a prompt will run and what it can reuse.
type choice struct {
	target *slot
	source *slot // holds the prefix; may be the target
	prefix int   // tokens to reuse
	wait   bool  // another slot is reading the same prefix right now
}

// worthWaiting is the number of shared tokens from which it pays to let another
// request read a common prefix first rather than to read it twice.
const worthWaiting = 32

// choose picks the idle slot for a prompt. A slot whose state the prompt continues
// is used itself, as is one of which it keeps most when no slot is empty;
// otherwise the longest prefix held anywhere is shared with the idle slot that
// was used longest ago, so that other conversations keep theirs. Partial tells whether the model can reuse a part of a state.
func choose(slots []*slot, prompt []llama.Token, partial bool) choice {
	var c choice
	var oldest *slot
	coming := 0
	for _, s := range slots {
		if s.job == nil && (oldest == nil || emptier(s, oldest)) {
			oldest = s
		}
		n := min(commonPrefix(s.held, prompt), len(prompt)-1)
		if !partial && n < len(s.held) {
			n = 0
		}
		if n > c.prefix || n == c.prefix && n > 0 && c.source.job != nil && s.job == nil {
			c.source, c.prefix = s, n
		}
		if s.job != nil && !s.started {
			coming = max(coming, commonPrefix(s.job.prompt, prompt))
		}
	}
	if oldest == nil {
		return c
	}
	c.target = oldest
	if s := c.source; s != nil && s.job == nil {
		whole, most := c.prefix == len(s.held), 2*c.prefix >= len(s.held)
		if whole || most && len(oldest.held) > 0 {
			c.target = s
		}
	}
	c.wait = partial && coming >= c.prefix+worthWaiting
	return c
}

func emptier(a, b *slot) bool {
	if (len(a.held) == 0) != (len(b.held) == 0) {
		return len(a.held) == 0
	}
	return a.last < b.last
}
