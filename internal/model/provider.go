package model

import "context"

// Stream is an answer under way. Next blocks until the next Event, returns
// io.EOF after the last one, and any other error ends the stream: it is an
// *Error where the cause is known. Close releases the upstream at once, may be
// called at any time and more than once, and makes a blocked Next return.
// Next is not safe for concurrent use; Close may run beside it.
type Stream interface {
	Next() (Event, error)
	Close() error
}

// Lossy is a Stream that knows what its request's encoder could not express:
// the LossMinor ones, since a LossMajor refuses the request. Ask with LossesOf.
type Lossy interface{ Losses() []Loss }

// LossesOf is what a stream's upstream could not be told; nil when nothing was
// lost or the stream does not tell. A Stream around another one has a method
// Unwrap() Stream to be looked through.
func LossesOf(s Stream) []Loss {
	for s != nil {
		if l, ok := s.(Lossy); ok {
			return l.Losses()
		}
		inner, ok := s.(interface{ Unwrap() Stream })
		if !ok {
			return nil
		}
		s = inner.Unwrap()
	}
	return nil
}

// Provider answers requests with a model. Generate returns an error when the
// upstream refused before the first event: then nothing was consumed and the
// caller may try elsewhere; errors are *Error. Cancelling ctx ends the stream.
// A Provider does not modify the Request and is safe for concurrent use.
type Provider interface {
	Generate(ctx context.Context, req *Request) (Stream, error)
}

// Embedder is a Provider that also makes embeddings.
type Embedder interface {
	Embed(ctx context.Context, req *EmbedRequest) (*EmbedResponse, error)
}

// TokenCounter is a Provider that can count a request's input tokens exactly,
// with the model's own tokenizer. It never guesses: an unknown model answers
// an *Error of kind Unsupported.
type TokenCounter interface {
	CountTokens(ctx context.Context, req *Request) (int64, error)
}

// Lister is a Provider that can say which models it serves. The cards carry
// what the upstream tells; the catalogue completes them.
type Lister interface {
	Models(ctx context.Context) ([]Card, error)
}

// Relay is a Provider that can pass a request of its own dialect through
// untouched: the fast lane. See Exchange.
type Relay interface {
	Relay(ctx context.Context, call *Exchange) (*Relayed, error)
}

// Unwrapper is implemented by Providers around Providers.
type Unwrapper interface{ Unwrap() Provider }

// As finds optional behaviour: p itself when it has it, else what p wraps. A
// wrapper that must see the optional calls implements them; one that does not
// care leaves them to what it wraps.
func As[T any](p Provider) (T, bool) {
	for p != nil {
		if t, ok := p.(T); ok {
			return t, true
		}
		u, ok := p.(Unwrapper)
		if !ok {
			break
		}
		p = u.Unwrap()
	}
	var zero T
	return zero, false
}

// EmbedRequest asks for vectors.
type EmbedRequest struct {
	Model string
	// Input holds the texts, one vector each; Tokens holds pre-tokenised inputs instead.
	Input  []string
	Tokens [][]int
	// Images holds pictures to embed instead of text, where the model can.
	Images []Source
	// Dimensions shortens vectors; 0 means the model's own size.
	Dimensions int
	// Purpose is "document", "query", "classification", "clustering" or empty.
	Purpose string
	// Normalize asks for unit vectors; nil means the model's default.
	Normalize *bool
	// Truncate is "none", "start", "end" or empty for the vendor's default.
	Truncate string
	User     string
	Extra    *Opaque
}

// EmbedResponse holds one vector for each input, in order.
type EmbedResponse struct {
	Model   string
	Vectors [][]float32
	Usage   Usage
	// Losses are the hints the upstream could not be told; see Lossy.
	Losses []Loss
	// Calls is as Relayed.Calls.
	Calls int
}
