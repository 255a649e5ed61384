package contract

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// Problem is one way in which an answer is not what the contract promises its
// clients.
type Problem struct {
	Path string // as in Violation; "" is the answer as a whole
	Text string
}

// String returns path and text.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Text
	}
	return p.Path + ": " + p.Text
}

// Check compares a whole answer that is not a stream with the operation's
// model: status, bound headers, required members, types, enum values, unions,
// bounds, and no member that the model lacks. It is meant for tests; every
// problem it finds breaks or misleads some SDK.
func (op *Operation) Check(status int, h http.Header, body []byte) []Problem {
	c := &check{}
	if status != op.Status {
		c.addf("", "status %d, want %d", status, op.Status)
	}
	c.headers(h)
	if op.Output == nil {
		return c.problems
	}
	c.boundHeaders(op.Output, h)
	p := op.Output.payload()
	switch {
	case p == nil && len(op.Output.body) == 0, p == nil && len(body) == 0 && !op.Output.required():
	case p == nil:
		c.document(op.Output, body)
	case p.Shape.EventStream:
		c.addf("", "%s answers with a stream; check its events", op.Name)
	case p.Shape.Kind == Structure:
		c.document(p.Shape, body)
	case p.Required && len(body) == 0:
		c.addf(p.Name, "the body is empty")
	}
	return c.problems
}

// required reports whether a body member of s is required.
func (s *Shape) required() bool {
	return slices.ContainsFunc(s.Members, func(m *Member) bool { return m.Required && m.Location == Body })
}

// CheckEvent compares one event or exception of the operation's output stream
// with its model. name is what the frame carries as :event-type or
// :exception-type.
func (op *Operation) CheckEvent(name string, payload []byte) []Problem {
	c := &check{}
	s := op.OutputStream()
	if s == nil {
		c.addf("", "%s has no output stream", op.Name)
		return c.problems
	}
	m, ok := s.Member(name)
	if !ok {
		c.addf("", "the stream has no member %q", name)
		return c.problems
	}
	c.exception = m.Shape.Exception
	c.document(m.Shape, payload)
	return c.problems
}

// CheckError compares an error answer with the exceptions of the operation and
// those of the front door: code in header and body, status, members.
func (op *Operation) CheckError(status int, h http.Header, body []byte) []Problem {
	c := &check{exception: true}
	c.headers(h)
	code := h.Get("X-Amzn-Errortype")
	inBody := gjson.GetBytes(body, "__type").String()
	if code == "" || code != inBody {
		c.addf("", "the header says %q, the body %q", code, inBody)
	}
	if !gjson.GetBytes(body, "message").Exists() && !gjson.GetBytes(body, "Message").Exists() {
		c.addf("", "the error has no message")
	}
	want := frontDoor(code)
	i := slices.IndexFunc(op.Errors, func(s *Shape) bool { return s.Name == code })
	if i >= 0 {
		want = op.Errors[i].Status
		c.document(op.Errors[i], body)
	} else if want == http.StatusInternalServerError {
		c.addf("", "%s has no error %q", op.Name, code)
	}
	if status != want {
		c.addf("", "status %d, want %d for %s", status, want, code)
	}
	return c.problems
}

// check collects problems; nothing ends it but JSON that is none.
type check struct {
	problems  []Problem
	exception bool // __type and Message are allowed beside the model's members
}

func (c *check) addf(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{path, fmt.Sprintf(format, args...)})
}

func (c *check) violation(v Violation) { c.addf(v.Path, "%s", v.Phrase) }
func (c *check) lax() bool             { return false }
func (c *check) badUnion(path string, _ *Shape, n int) {
	c.addf(path, "the union has %d members, want 1", n)
}

func (c *check) mistyped(path string, s *Shape, kind jsontext.Kind) error {
	c.addf(path, "%v is not %s", kind, s.Kind.article())
	return nil
}

func (c *check) malformed(path string, s *Shape, text string) error {
	c.addf(path, "%.64q is not %s", text, s.Kind.article())
	return nil
}

func (c *check) unknown(path string) error {
	if c.exception && (path == "__type" || path == "Message") {
		return nil
	}
	c.addf(path, "the model has no such member")
	return nil
}

// headers checks what every answer carries.
func (c *check) headers(h http.Header) {
	if h.Get("X-Amzn-Requestid") == "" {
		c.addf("", "no x-amzn-RequestId header")
	}
	if t := h.Get("Content-Type"); t == "" {
		c.addf("", "no Content-Type header")
	}
}

func (c *check) boundHeaders(s *Shape, h http.Header) {
	for _, m := range s.Members {
		if m.Location != Header {
			continue
		}
		text := strings.Join(h.Values(m.Wire), ",")
		switch {
		case text == "" && m.Required:
			c.addf(m.Name, "the header %s is missing", m.Wire)
		case text == "":
		case !m.wellFormed(m.Shape, text):
			c.addf(m.Name, "%q is not %s", text, m.Shape.Kind.article())
		default:
			for _, phrase := range m.Shape.broken(text) {
				c.addf(m.Name, "%s", phrase)
			}
		}
	}
}

func (c *check) document(s *Shape, body []byte) {
	if err := walk(body, s, c); err != nil {
		at := ""
		var syntax *jsontext.SyntacticError
		if errors.As(err, &syntax) {
			at = " at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
		}
		c.addf("", "the body is not JSON%s: %v", at, err)
	}
}
