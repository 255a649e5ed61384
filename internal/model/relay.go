package model

import (
	"io"
	"net/http"
)

// Exchange is a request of a dialect, to be passed through untouched but for
// the model name, which the caller has already rewritten in Body.
type Exchange struct {
	Dialect Dialect
	// Operation is "chat", "responses", "messages", "converse", "invoke", "embeddings" or "count_tokens".
	Operation string
	// Model is the upstream's own name of the model.
	Model  string
	Stream bool
	// Header holds the client's headers the dialect says to forward (such as
	// anthropic-beta); never its credentials.
	Header http.Header
	Body   []byte
	// Hops is as Request.Hops.
	Hops []string
}

// Relayed is an upstream's answer to an Exchange, of any status. The caller
// closes Body. Header holds only what may be shown to clients.
type Relayed struct {
	Status int
	Header http.Header
	Body   io.ReadCloser
	// Refused is what an answer of any status but 2xx means, as the slow lane
	// would say it; nil where the provider did not look. Body still holds all of it.
	Refused *Error
	// Calls is how many upstream calls the answer took, where a guard made
	// more than one; 0 otherwise.
	Calls int
}
