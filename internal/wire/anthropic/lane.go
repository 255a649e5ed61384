package anthropic

import (
	"bytes"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/craton-ai/craton/internal/wire/sse"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// Head is what routing needs to know of a request body.
type Head struct {
	Model     string
	Stream    bool
	MaxTokens int
	// Images counts the pictures in the messages of a body so long that it
	// matters, and ImageBytes what of the body they take.
	Images, ImageBytes int
	// ServiceTier is as in model.Request.
	ServiceTier string
}

// deciding are the members by which a request is routed and bounded.
var deciding = []string{"model", "stream", "max_tokens", "messages", "system", "service_tier"}

// unknownTwin refuses a member that some upstreams would take for one of deciding.
func unknownTwin(name string) error {
	if most := 100; len(name) > most {
		name = strings.ToValidUTF8(name[:most], "")
	}
	return model.Errorf(model.Invalid, strings.Clone(name), "%s: Extra inputs are not permitted", name).
		WithHint("The names of members are written in lower case.")
}

// Peek reads model, stream, max_tokens and service_tier off a request body without decoding
// the rest. It refuses, with an *model.Error of kind Invalid, what is not JSON
// or names no model, and a body that names one of them twice, even in
// another case: an upstream might read the other.
func Peek(body []byte) (Head, error) {
	var h Head
	if !jsontext.Value(body).IsValid() {
		_, err := raw.Parse(body, &style)
		if err == nil {
			err = model.Errorf(model.Invalid, "", "The request body is not valid JSON.")
		}
		return h, err
	}
	var twin string
	gjson.ParseBytes(body).ForEach(func(key, val gjson.Result) bool {
		switch key.Str {
		case "model":
			h.Model = val.Str
		case "stream":
			h.Stream = val.Type == gjson.True
		case "max_tokens":
			h.MaxTokens = int(val.Int())
		case "service_tier":
			h.ServiceTier = tierFromWire(val.Str)
		case "messages":
			if len(val.Raw) > longMessages && strings.Contains(val.Raw, `"image"`) {
				val.ForEach(func(_, message gjson.Result) bool {
					h.weigh(message.Get("content"))
					return true
				})
			}
		default:
			if raw.Twin(key.Str, deciding) != "" {
				twin = key.Str
			}
		}
		return twin == ""
	})
	if twin != "" {
		return h, unknownTwin(twin)
	}
	if h.Model == "" {
		v, err := raw.Parse(body, &style)
		if err == nil {
			err = v.Missing("model")
		}
		return h, err
	}
	return h, nil
}

// longMessages is what no picture worth counting apart fits into: as text it is
// bounded well enough.
const longMessages = 4 << 10

// weigh counts the pictures among content blocks, and within tools' results.
func (h *Head) weigh(content gjson.Result) {
	if !content.IsArray() {
		return
	}
	content.ForEach(func(_, block gjson.Result) bool {
		switch block.Get("type").Str {
		case "image":
			h.Images++
			if source := block.Get("source"); source.Get("type").Str == "base64" {
				h.ImageBytes += len(source.Get("data").Raw)
			}
		case "tool_result":
			h.weigh(block.Get("content"))
		}
		return true
	})
}

// PeekModel reads the model alone off a body that may be anything, for a first
// look at who may serve it. Peek decides.
func PeekModel(body []byte) string { return gjson.GetBytes(body, "model").Str }

// RewriteModel returns body with its model replaced, all other bytes as they
// were; body itself is not modified. body must have passed Peek.
func RewriteModel(body []byte, name string) ([]byte, error) {
	var out []byte
	root := gjson.ParseBytes(body)
	root.ForEach(func(key, val gjson.Result) bool {
		if key.Str != "model" || val.Type != gjson.String {
			return true
		}
		out = make([]byte, 0, len(body)+len(name)+2)
		out = append(out, body[:val.Index]...)
		out, _ = jsontext.AppendQuote(out, name)
		out = append(out, body[val.Index+len(val.Raw):]...)
		return false
	})
	if out == nil {
		return nil, model.Errorf(model.Invalid, "model", "model: Field required")
	}
	return out, nil
}

// UsageScanner reads usage off a passing stream; bytes may be split anywhere.
// The zero value is ready. It is not safe for concurrent use.
type UsageScanner struct {
	parser sse.Parser
	usage  model.Usage
	seen   bool
	final  bool
	broken bool
	failed *model.Error
	ended  bool
}

// Write scans p. It never fails: a stream it cannot follow has no usage.
func (s *UsageScanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.broken {
		rest, ev, ok, err := s.parser.Next(p)
		p = rest
		if err != nil {
			s.broken = true
		}
		if ok {
			s.event(ev)
		}
	}
	return n, nil
}

var usageMark = []byte(`"usage"`)

func (s *UsageScanner) event(ev sse.Event) {
	name := ev.Name
	if name == "" {
		name = gjson.GetBytes(ev.Data, "type").Str
	}
	switch name {
	case "message_start", "message_delta":
	case "message_stop":
		s.ended = true
		return
	case "error":
		s.failed = DecodeError(0, nil, ev.Data)
		return
	default:
		return
	}
	if !bytes.Contains(ev.Data, usageMark) {
		return
	}
	v, err := raw.ParseLenient(ev.Data, nil)
	if err != nil {
		return
	}
	u := v.Get("usage")
	if !u.Exists() {
		u = v.Get("message").Get("usage")
	}
	if u.IsObject() {
		s.seen, s.final = true, name == "message_delta"
		addUsage(&s.usage, u)
	}
}

// Usage returns what was seen so far and whether anything was.
func (s *UsageScanner) Usage() (model.Usage, bool) { return s.usage, s.seen }

// Final reports whether the usage seen is that of the whole answer: what
// message_start tells is only the input, and a first guess at the output.
func (s *UsageScanner) Final() bool { return s.final }

// Ended reports whether the answer came to its end, and the error event it
// carried, if any.
func (s *UsageScanner) Ended() (bool, *model.Error) { return s.ended, s.failed }

// ResponseUsage reads the usage of a whole non-streamed answer.
func ResponseUsage(body []byte) (model.Usage, bool) {
	var u model.Usage
	v, err := raw.ParseLenient(body, nil)
	if err != nil || !v.Get("usage").IsObject() {
		return u, false
	}
	addUsage(&u, v.Get("usage"))
	return u, true
}
