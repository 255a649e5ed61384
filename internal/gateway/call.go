package gateway

import (
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/route"
)

// Call says on whose behalf and by which contract a request came.
type Call struct {
	Principal identity.Principal
	Key       identity.Key
	Dialect   model.Dialect
	// Operation is "chat", "responses", "messages", "converse", "invoke",
	// "embeddings" or "count_tokens".
	Operation string
	RequestID string
	// Tags are kept with the usage record.
	Tags map[string]string
	// Limits is what the caller's rate limits had left when it was admitted;
	// filled in by the gateway, zero where there are none.
	Limits limit.State
	// Span is the call's trace; nil when it is not traced. The gateway ends it.
	Span *observe.Span
	// Strict refuses a request that loses even a hint on its way to the upstream.
	Strict bool
	// Lasting says that the request holds a conversation that this server keeps,
	// whose client cannot mend what was said before: what cannot be fetched or
	// read of that is told in words instead of being refused.
	Lasting bool
	// admitted is the ticket of a fast lane that gave way to the slow one.
	admitted *ticket
	// spent is the candidate on which that fast lane used up its retries.
	spent *spent
	// held is the ticket the call was admitted with.
	held *ticket
}

// spent is a candidate that was asked as often as its guards allow.
type spent struct {
	upstream, model string
	err             error
}

// on tells whether it is this candidate.
func (s *spent) on(c *route.Candidate) bool {
	return s != nil && s.upstream == c.Upstream && s.model == c.Model
}

// Abandon ends a call whose handler broke down: what it holds is given back.
func (c *Call) Abandon(err error) {
	if c.held != nil {
		c.held.close(nil, max(c.held.attempts, 1), err)
	}
}

// Drop ends the call if a fast lane left it open and the slow lane never took
// it up. err is why.
func (c *Call) Drop(err error) {
	if t := c.admitted; t != nil {
		c.admitted = nil
		t.close(nil, t.attempts, err)
	}
}

// Answer is a stream with who gives it.
type Answer struct {
	// Stream meters itself: it must be read to its end or closed.
	Stream model.Stream
	// Upstream and Model name who answers; Card describes the model.
	Upstream, Model string
	Card            *model.Card
	// Losses are the hints the upstream could not be told.
	Losses []model.Loss
}
