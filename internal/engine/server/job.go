package server

import (
	"context"
	"sync"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// Why a generation ended.
const (
	finishStop   = "stop"
	finishLength = "length"
)

// job is one generation: a prompt to continue.
type job struct {
	ctx      context.Context
	prompt   []llama.Token
	limit    int // tokens to generate at most, at least 1
	sampling llama.SamplerParams
	trigger  *trigger
	logprobs int // alternatives to report per token; negative for no logprobs
	out      *mailbox
}

// step is one generated token.
type step struct {
	token    llama.Token
	logprobs *tokenLogprobs
}

// outcome is how a job ended.
type outcome struct {
	finish string // finishStop or finishLength
	err    error
	cached int // prompt tokens taken from a kept state
}

// mailbox carries steps from the scheduler to the request's goroutine. The
// scheduler never waits for a slow client; what piles up is bounded by the
// job's limit. Several mailboxes may share a signal, whose reader polls them all.
type mailbox struct {
	mu     sync.Mutex
	steps  []step
	done   *outcome
	signal chan struct{} // holds one element when there may be something new
}

func (m *mailbox) put(s step) {
	m.mu.Lock()
	m.steps = append(m.steps, s)
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) finish(o outcome) {
	m.mu.Lock()
	if m.done == nil {
		m.done = &o
	}
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) wake() {
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// poll appends the steps there are to buffer, and answers the outcome once all
// steps before it were taken.
func (m *mailbox) poll(buffer []step) ([]step, *outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	buffer = append(buffer, m.steps...)
	m.steps = m.steps[:0]
	return buffer, m.done
}
