package gateway

import (
	"github.com/craton-ai/craton/internal/guard/limit"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
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
	// Strict refuses a request that loses even a hint on its way to the upstream.
	Strict bool
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
