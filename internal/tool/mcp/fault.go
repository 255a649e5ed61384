package mcp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// fault is what an error of an exchange comes to.
type fault struct {
	err error
	// sent says that the server may have carried the request out.
	sent bool
	// lost says that the session is of no more use.
	lost bool
	// again says that the exchange may be repeated on a new session.
	again bool
}

// unopened is the error of a session that could not be opened.
type unopened struct {
	err     error
	trouble *trouble
}

func (u *unopened) Error() string { return u.err.Error() }
func (u *unopened) Unwrap() error { return u.err }

// explain turns the error of a session that could not be opened into one for
// the client.
func explain(ctx context.Context, label string, err error) *model.Error {
	var u *unopened
	t := &trouble{}
	if errors.As(err, &u) {
		t = u.trouble
	}
	e := describe(ctx, label, err, t)
	if e.Kind == model.Invalid && protocolFault(err) != nil { // the server refused to open a session
		e.Kind = model.UpstreamGarbage
	}
	return e
}

// protocolFault finds the error that the server itself answered; nil for none.
// The SDK marks faults of the connection with errors of the same type.
func protocolFault(err error) *jsonrpc.Error {
	switch e := err.(type) {
	case *jsonrpc.Error:
		if (e.Code > -32003 || e.Code < -32005) || (e.Message != "client is closing" && e.Message != "server is closing" && e.Message != "rejected by transport") {
			return e
		}
	case interface{ Unwrap() error }:
		return protocolFault(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if found := protocolFault(inner); found != nil {
				return found
			}
		}
	}
	return nil
}

// judge says what the error of an exchange on a session means.
func judge(ctx context.Context, label string, err error, s *session, sent bool) fault {
	f := fault{err: describe(ctx, label, err, s.trouble), sent: sent && !tool.IsNotSent(err)}
	var r *refusal
	switch {
	case protocolFault(err) != nil: // the session is well
	case errors.As(err, &r):
		f.sent = f.sent && r.executed()
		f.lost, f.again = r.gone, r.gone
	case ctx.Err() != nil:
		f.lost = s.over()
	default:
		f.lost = true
		f.again = !f.sent && errors.Is(err, sdk.ErrConnectionClosed)
	}
	return f
}

// describe says what went wrong in words for the client.
func describe(ctx context.Context, label string, err error, t *trouble) *model.Error {
	var own *model.Error
	var refused *refusal
	var network *url.Error
	protocol := protocolFault(err)
	switch {
	case errors.As(err, &own):
		return about(label, own)
	case protocol != nil:
		return ofProtocol(label, protocol)
	case errors.As(err, &refused):
		return ofStatus(label, refused)
	case ctx.Err() != nil:
		return about(label, model.AsError(ctx.Err()))
	case errors.Is(err, context.DeadlineExceeded):
		return &model.Error{Kind: model.Timeout, Op: "mcp", Subject: label, Message: "The MCP server did not answer in time.", Err: err}
	case errors.As(err, &network):
		return about(label, egress.AsError(err))
	}
	return broken(label, err, t)
}

// broken describes a connection that ended without an answer.
func broken(label string, err error, t *trouble) *model.Error {
	cause := t.cause()
	var own *model.Error
	switch {
	case errors.As(cause, &own):
		return about(label, own)
	case cause != nil && t.local:
		if !errors.Is(err, cause) {
			err = errors.Join(err, cause)
		}
		return &model.Error{Kind: model.UpstreamDown, Op: "mcp", Subject: label, Message: "The tool server ended or could not be started.",
			Hint: "The operator finds why in the log.", Err: err}
	case cause != nil:
		return about(label, egress.AsError(cause))
	}
	return &model.Error{Kind: model.UpstreamGarbage, Op: "mcp", Subject: label,
		Message: "The MCP server's answer could not be understood, or broke off.", Err: err}
}

// about is e with the server for its subject.
func about(label string, e *model.Error) *model.Error {
	out := *e
	out.Subject = label
	if out.Op == "" {
		out.Op = "mcp"
	}
	return &out
}

// ofStatus describes a refusal of HTTP.
func ofStatus(label string, r *refusal) *model.Error {
	e := &model.Error{Kind: model.UpstreamDown, Op: "mcp", Subject: label, UpstreamStatus: r.status, RetryAfter: r.retry,
		Message: "The MCP server failed.", Hint: "Try again.", Err: r}
	switch {
	case r.status == http.StatusUnauthorized:
		e.Kind, e.Message, e.Hint = model.UpstreamDenied, "The MCP server asks for a credential, or does not accept the one it got.",
			"Put a valid credential for this server into a vault of the session."
	case r.status == http.StatusForbidden:
		e.Kind, e.Message, e.Hint = model.UpstreamDenied, "The MCP server does not permit this to the credential it got.", ""
	case r.status == http.StatusTooManyRequests:
		e.Kind, e.Message = model.RateLimited, "The MCP server is asked too often."
	case r.words != "":
		e.Kind, e.Message = model.Invalid, "The MCP server answered: "+brief(r.words)
	case r.gone:
		e.Message = "The MCP server forgot the session."
	case r.status < 500:
		e.Kind, e.Message, e.Hint = model.UpstreamGarbage, "There is no MCP server at this address.", "Check the address and its path."
	}
	return e
}

// ofProtocol describes an error that the server answered in the protocol's terms.
func ofProtocol(label string, p *jsonrpc.Error) *model.Error {
	e := &model.Error{Kind: model.UpstreamGarbage, Op: "mcp", Subject: label, Message: "The MCP server answered: " + brief(p.Message), Err: p}
	switch p.Code {
	case jsonrpc.CodeInvalidParams, jsonrpc.CodeInvalidRequest, jsonrpc.CodeParseError:
		e.Kind = model.Invalid
	case jsonrpc.CodeMethodNotFound:
		e.Kind, e.Message = model.Unsupported, "The MCP server offers no tools."
	}
	return e
}

// brief bounds a server's words and keeps them to one line.
func brief(s string) string {
	const limit = 500
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "?")
	}
	s = s[:limit]
	for !utf8.ValidString(s) && len(s) > limit-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "?") + " …"
}
