package openai

import (
	"bytes"
	"slices"
	"strings"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// Peeked is what routing, limits and metering need to know of a request that
// is to pass through untouched.
type Peeked struct {
	Model        string
	Stream       bool
	IncludeUsage bool
	// HasTools says that tools or functions are given and not empty.
	HasTools bool
	// HasFormat says that an answer in JSON is asked for.
	HasFormat bool
	// N is how many answers are wanted, 1 when not given.
	N int
	// MaxTokens bounds each answer; 0 when not given.
	MaxTokens int
	// User, CacheKey and ServiceTier are as in model.Request.
	User, CacheKey, ServiceTier string
	// Store says that the client asked to keep the completion.
	Store bool
	// Media counts the pictures and sounds in the messages, whether given by
	// address or whole, and MediaBytes what of the body those given whole take.
	Media, MediaBytes int
	// modelAt and modelEnd are where the model's name stands in the body.
	modelAt, modelEnd int
}

// Peek reads what Peeked holds and leaves the rest alone. It refuses what
// DecodeRequest refuses among the members it reads, and JSON that is not
// valid, that nests deeper than MaxDepth, or that repeats a member Peek reads,
// even in another case: two servers could understand it differently. It serves
// the embeddings contract too.
func Peek(body []byte) (Peeked, error) {
	p := peeker{Peeked: Peeked{N: 1}, body: body}
	g := glancer{body: body, show: p.member}
	if !g.read() {
		if err := checkJSON(body); err != nil {
			return Peeked{}, err
		}
		return Peeked{}, notJSON(nil)
	}
	switch {
	case p.err != nil:
		return Peeked{}, p.err
	case p.Model == "":
		return Peeked{}, missing("model").(*model.Error).WithHint("Name a model that GET /v1/models lists.")
	}
	p.Media, p.MediaBytes = g.messages.pieces, g.messages.inline
	for _, text := range [...]*string{&p.Model, &p.User, &p.CacheKey, &p.ServiceTier} {
		*text = strings.Clone(*text) // what is kept may outlive the body
	}
	return p.Peeked, nil
}

// view is b as a string without a copy, for reading while b does not change.
// Nothing of it may be kept.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Rename is RewriteModel of the body that was peeked at, without looking for
// the model again.
func (p *Peeked) Rename(body []byte, name string) ([]byte, error) {
	value := appendString(make([]byte, 0, 64), name)
	if bytes.Equal(body[p.modelAt:p.modelEnd], value) {
		return body, nil
	}
	out := make([]byte, 0, len(body)-(p.modelEnd-p.modelAt)+len(value))
	return append(append(append(out, body[:p.modelAt]...), value...), body[p.modelEnd:]...), nil
}

type peeker struct {
	Peeked
	body    []byte
	seen    uint32
	maxBoth bool
	safety  bool
	err     error
}

// peekNames are the members Peek reads; their position is their bit in seen.
var peekNames = [...]string{
	"model", "stream", "stream_options", "tools", "functions", "response_format", "n", "max_tokens",
	"max_completion_tokens", "user", "safety_identifier", "prompt_cache_key", "service_tier", "store", "messages", "input",
}

// checkTwin refuses a name that some upstreams would take for one of peekNames.
func checkTwin(name string) error {
	known := raw.Twin(name, peekNames[:])
	if known == "" {
		return nil
	}
	name = clip(strings.Clone(name), 100)
	return invalid(name, "unknown_parameter", "Unknown parameter: '%s'. Did you mean '%s'?", name, known)
}

// checkTwins does so for the members of an object.
func checkTwins(object []byte) (err error) {
	eachMember(object, func(name string, _, _ []byte) bool {
		err = checkTwin(name)
		return err == nil
	})
	return err
}

// member is shown each member; the first error counts.
func (p *peeker) member(quoted []byte, from, to int) {
	name := nameOf(quoted)
	at := slices.Index(peekNames[:], name)
	if at < 0 && p.err == nil {
		p.err = checkTwin(name)
	}
	if at < 0 || p.err != nil {
		return
	}
	name = peekNames[at]
	if p.seen&(1<<at) != 0 {
		p.err = invalid(name, "invalid_json", "The member '%s' is given twice.", name)
		return
	}
	p.seen |= 1 << at
	v := gjson.Parse(view(p.body[from:to]))
	if v.Type != gjson.Null {
		v.Index = from
		p.take(name, v)
	}
}

// take reads the value of a member.
func (p *peeker) take(name string, v gjson.Result) {
	switch name {
	case "model":
		p.Model = p.text(name, v)
		p.modelAt, p.modelEnd = v.Index, v.Index+len(v.Raw)
	case "stream":
		p.Stream = p.flag(name, v)
	case "store":
		p.Store = p.flag(name, v)
	case "stream_options":
		p.streamOptions(v)
	case "tools", "functions":
		p.HasTools = p.HasTools || v.Get("0").Exists()
	case "response_format":
		kind := v.Get("type").Str
		p.HasFormat = kind == "json_object" || kind == "json_schema"
	case "n":
		p.N = p.count(name, v, maxN)
	case "max_tokens":
		if n := p.count(name, v, 0); !p.maxBoth {
			p.MaxTokens = n
		}
	case "max_completion_tokens":
		p.MaxTokens, p.maxBoth = p.count(name, v, 0), true
	case "user":
		if user := p.text(name, v); !p.safety {
			p.User = user
		}
	case "safety_identifier":
		if id := p.text(name, v); id != "" {
			p.User, p.safety = id, true
		}
	case "prompt_cache_key":
		p.CacheKey = p.text(name, v)
	case "service_tier":
		p.ServiceTier = p.text(name, v)
	}
}

// streamOptions reads whether usage is told at the end of the stream. An upstream
// that heeds another mention of it than is read here would tell none.
func (p *peeker) streamOptions(v gjson.Result) {
	const name = "stream_options.include_usage"
	mentions := 0
	v.ForEach(func(k, _ gjson.Result) bool {
		if strings.EqualFold(k.Str, "include_usage") {
			mentions++
		}
		return true
	})
	if mentions > 1 {
		p.err = invalid(name, "invalid_json", "The member '%s' is given twice.", name)
		return
	}
	p.IncludeUsage = p.flag(name, v.Get("include_usage"))
}

func (p *peeker) text(name string, v gjson.Result) string {
	if v.Type != gjson.String {
		p.wrong(name, "a string", v)
	}
	return v.Str
}

func (p *peeker) flag(name string, v gjson.Result) bool {
	if v.Exists() && v.Type != gjson.Null && !v.IsBool() {
		p.wrong(name, "a boolean", v)
	}
	return v.Bool()
}

func (p *peeker) count(name string, v gjson.Result, limit int) int {
	n := int(v.Int())
	switch {
	case v.Type != gjson.Number || v.Num != float64(n):
		p.wrong(name, "an integer", v)
	case n < 1:
		p.err = belowMin(name, 1, n)
	case limit > 0 && n > limit:
		p.err = aboveMax(name, limit, n)
	}
	return n
}

func (p *peeker) wrong(name, want string, v gjson.Result) {
	p.err = invalid(name, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", name, want, kindName(jsontext.Value(v.Raw).Kind(), []byte(v.Raw)))
}

// RewriteModel returns body with every top-level member named model, however
// its name is escaped, set to model, and with one added where there is none.
// Every other byte stays as it is. body is not modified; it is returned itself
// when nothing changes.
func RewriteModel(body []byte, name string) ([]byte, error) {
	value := appendString(make([]byte, 0, 64), name)
	return setMember(body, "model", func(gjson.Result) ([]byte, error) { return value, nil })
}

// AskUsage returns body with stream_options.include_usage set: so asks a
// gateway whose client did not for usage, and strips it with a UsageFilter.
func AskUsage(body []byte) ([]byte, error) {
	return setMember(body, "stream_options", func(old gjson.Result) ([]byte, error) {
		if !old.IsObject() {
			return []byte(`{"include_usage":true}`), nil
		}
		return sjson.SetBytes([]byte(old.Raw), "include_usage", true)
	})
}

// setMember replaces the value of the top-level members called name. value is
// given the old one, or nothing where the member is missing.
func setMember(body []byte, name string, value func(old gjson.Result) ([]byte, error)) ([]byte, error) {
	root := bytes.IndexByte(body, '{')
	if root < 0 || len(bytes.TrimLeft(body[:root], " \t\r\n")) > 0 {
		return nil, notJSON(nil)
	}
	var out []byte
	var failed error
	kept, members := 0, 0
	gjson.Parse(view(body)).ForEach(func(k, v gjson.Result) bool {
		members++
		if k.Str != name {
			return true
		}
		var fresh []byte
		if fresh, failed = value(v); failed != nil {
			return false
		}
		if out == nil {
			out = make([]byte, 0, len(body)+len(fresh))
		}
		out = append(append(out, body[kept:v.Index]...), fresh...)
		kept = v.Index + len(v.Raw)
		return true
	})
	switch {
	case failed != nil:
		return nil, notJSON(failed)
	case out != nil:
		return append(out, body[kept:]...), nil
	}
	fresh, err := value(gjson.Result{})
	if err != nil {
		return nil, notJSON(err)
	}
	w := builder{b: append(make([]byte, 0, len(body)+len(fresh)+len(name)+4), body[:root+1]...)}
	w.key(name)
	w.raw(fresh)
	if members > 0 {
		w.b = append(w.b, ',')
	}
	return append(w.b, body[root+1:]...), nil
}
