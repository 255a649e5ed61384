package responses

import (
	"bytes"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// RewriteModel returns body with its model replaced; body is not modified.
func RewriteModel(body []byte, name string) ([]byte, error) { return openai.RewriteModel(body, name) }

// UsageScanner reads usage off a passing stream; bytes may be split anywhere.
// The zero value is ready. It is not safe for concurrent use.
type UsageScanner struct {
	parser sse.Parser
	usage  model.Usage
	seen   bool
	broken bool
	ended  bool
	failed *model.Error
}

// Write scans p. It never fails: a stream it cannot follow has no usage.
func (s *UsageScanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.broken {
		rest, ev, ok, err := s.parser.Next(p)
		p, s.broken = rest, err != nil
		if ok && s.wanted(ev) {
			s.event(ev.Data)
		}
	}
	return n, nil
}

var completedMark = []byte(`"response.`)

// wanted tells the few events that matter from the many deltas by the event's name, where it has one.
func (s *UsageScanner) wanted(ev sse.Event) bool {
	switch ev.Name {
	case "response.completed", "response.incomplete", "response.failed", "error":
		return true
	case "":
		return bytes.Contains(ev.Data, completedMark) && bytes.Contains(ev.Data, []byte(`"usage"`))
	}
	return false
}

func (s *UsageScanner) event(data []byte) {
	v, err := raw.ParseLenient(data, nil)
	if err != nil {
		return
	}
	r := v.Get("response")
	switch v.Get("type").Text() {
	case "response.completed", "response.incomplete":
		s.ended = true
	case "response.failed":
		s.ended, s.failed = true, failed(r)
	case "error":
		s.failed = failed(v)
	default:
		return
	}
	if u := r.Get("usage"); u.IsObject() {
		s.seen = readUsage(u, &s.usage)
	}
}

// Usage returns what was seen so far and whether anything was.
func (s *UsageScanner) Usage() (model.Usage, bool) { return s.usage, s.seen }

// Ended reports whether the answer came to its end, and the error it carried, if any.
func (s *UsageScanner) Ended() (bool, *model.Error) { return s.ended, s.failed }

// ResponseUsage reads the usage of a whole response object.
func ResponseUsage(body []byte) (model.Usage, bool) {
	var u model.Usage
	v, err := raw.ParseLenient(body, nil)
	if err != nil {
		return u, false
	}
	return u, readUsage(v.Get("usage"), &u)
}

// EncodeInputTokens writes the answer of POST /v1/responses/input_tokens.
func EncodeInputTokens(tokens int64) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("object", "response.input_tokens")
	b.Num("input_tokens", tokens)
	b.Close('}')
	return b.Bytes
}

// Head is what routing needs to know of a create request.
type Head struct {
	Model              string
	Stream, Background bool
	// Stateful says that the response is to be kept or continues a kept one,
	// so that the server must understand it; store defaults to true.
	Stateful  bool
	MaxTokens int
	User      string
}

// Peek reads a Head off a request body without decoding the rest. It refuses,
// with an *model.Error of kind Invalid, what is not JSON, repeats a member or
// names no model.
func Peek(body []byte) (Head, error) {
	root, err := raw.Parse(body, &style)
	if err != nil {
		return Head{}, err
	}
	h := Head{Stateful: true}
	linked := false
	err = root.Members(func(key string, v raw.Value) error {
		switch key {
		case "model":
			return v.String(&h.Model)
		case "stream":
			return v.Bool(&h.Stream)
		case "background":
			return v.Bool(&h.Background)
		case "store":
			return v.Bool(&h.Stateful)
		case "max_output_tokens":
			return v.Int(&h.MaxTokens)
		case "user":
			return v.String(&h.User)
		case "previous_response_id", "conversation", "prompt":
			linked = linked || v.Given()
		}
		return nil
	})
	if err == nil && h.Model == "" {
		err = root.Missing("model")
	}
	h.Stateful = h.Stateful || linked
	return h, err
}

// EncodeCompaction writes the answer of POST /v1/responses/compact; output is
// a JSON array of items, of which the compaction item is one.
func EncodeCompaction(id string, created int64, output []byte, usage model.Usage) []byte {
	var b raw.Builder
	b.Open('{')
	b.Str("id", id)
	b.Str("object", "response.compaction")
	b.Num("created_at", created)
	b.Val("output", output)
	b.Key("usage")
	writeUsage(&b, &usage)
	b.Close('}')
	return b.Bytes
}
