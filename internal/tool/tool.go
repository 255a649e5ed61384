package tool

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// Class says what may be done with a call whose outcome is not known.
type Class string

// The classes, safest first.
const (
	// Read changes nothing: it is called again.
	Read Class = "read"
	// Idempotent changes the same thing in the same way however often it is
	// called: it is called again.
	Idempotent Class = "idempotent"
	// Keyed takes effect once for each [Call.Key]: it is called again with the
	// same key.
	Keyed Class = "keyed"
	// Unsafe may take effect twice when called twice: it is never called again
	// without a decision.
	Unsafe Class = "unsafe"
)

// Repeatable reports whether a call with an unknown outcome may be made again.
func (c Class) Repeatable() bool { return c == Read || c == Idempotent || c == Keyed }

// Approval says which calls of a tool wait for a person's yes.
type Approval string

// The rules. Always holds whatever a session's definition says; the others
// where it says nothing.
const (
	ApproveAlways Approval = "always"
	// ApproveUnsafe lets only tools of class [Unsafe] wait: the operator trusts
	// what the server says of its tools.
	ApproveUnsafe Approval = "unsafe"
	ApproveNever  Approval = "never"
)

// Own begins the addresses of the tools that this server itself provides, whose
// classes are its own word.
const Own = "craton:builtin"

// Spec describes one tool as the model and the runtime see it.
type Spec struct {
	// Name is what the model calls it by: unique within its source.
	Name string `json:"name"`
	// Description is for the model.
	Description string `json:"description,omitzero"`
	// Parameters is the JSON Schema of the arguments, an object schema; nil
	// means an object without properties.
	Parameters jsontext.Value `json:"parameters,omitzero"`
	// Class says what a crash in mid-call leads to; empty means [Unsafe].
	Class Class `json:"class,omitzero"`
	// Approval is the operator's word on which calls wait for a person; empty
	// for none. The tool's own server has no say in it.
	Approval Approval `json:"approval,omitzero"`
	// Annotations are what an MCP server said of the tool, as it said it; nil
	// for none.
	Annotations jsontext.Value `json:"annotations,omitzero"`
	// Timeout bounds one call; 0 means [DefaultTimeout].
	Timeout time.Duration `json:"timeout,omitzero"`
}

// DefaultTimeout bounds a call whose tool names no bound.
const DefaultTimeout = 60 * time.Second

// Call is one use of a tool.
type Call struct {
	// Name is the tool's, as listed.
	Name string
	// Key is the same each time the same call is made: what a [Keyed] tool
	// tells repetitions by.
	Key string
	// Arguments is the JSON object the model wrote.
	Arguments jsontext.Value
	// Meta is passed on to the tool's server beside the arguments, as a JSON
	// object; nil for none.
	Meta jsontext.Value
	// Tenant and Session say on whose behalf.
	Tenant, Session string
}

// Result is what a call came to. A tool that ran and failed has a Result with
// Error set; a call that could not be made, or whose outcome is unknown, is a
// Go error of [Source.Call].
type Result struct {
	// Content is what the model is told: texts, images, structured values.
	Content []model.Part
	// Structured is the result as JSON, where the tool gives one; nil else.
	Structured jsontext.Value
	// Error marks a failure; Content says what failed.
	Error bool
}

// Source is a set of tools that come from one place: the built-in ones, or one
// MCP server reached with one credential. It is safe for concurrent use.
type Source interface {
	// List returns the tools, in a stable order. Errors are *model.Error: the
	// server is down, refused the credential, or answered nonsense.
	List(ctx context.Context) ([]Spec, error)
	// Call makes one call and waits for its result. An error of kind
	// [model.Invalid] or [model.NotFound], or one marked with [NotSent], means
	// that the tool did not run; after any other error it may have.
	Call(ctx context.Context, call Call) (Result, error)
	// Close ends connections and child processes.
	Close() error
}

// Server names where a source is and how to reach it: what a definition says
// of an MCP server. It holds no secret.
type Server struct {
	// Label is the name within the definition, unique there.
	Label string `json:"label"`
	// URL is the server's address: https:, http: where egress allows it, or
	// "craton:NAME" for a source of this server's own, "craton:builtin" or one
	// that the operator configured by name.
	URL string `json:"url,omitzero"`
	// Headers are sent with each request; none of them is secret.
	Headers map[string]string `json:"headers,omitzero"`
	// Credential names a vault credential to present; empty for none, or for
	// the one in Vaults that matches URL.
	Credential string `json:"credential,omitzero"`
	// Vaults are the vaults to look in, in order.
	Vaults []string `json:"vaults,omitzero"`
}

// Opener opens the source a server names, for one tenant. It is safe for
// concurrent use; it may share connections between sources of equal servers,
// tenants and credentials, and the caller closes what it opened.
type Opener interface {
	Open(ctx context.Context, tenant string, server Server) (Source, error)
}
