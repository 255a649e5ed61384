package openai

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// template recognises a chunk that differs from the one before it in nothing
// but the text it adds (and OpenAI's padding), as nearly all chunks of a
// stream do. Such a chunk need not be parsed: around the text it is, byte for
// byte, JSON whose meaning is known.
type template struct {
	// prefix ends with the quote that opens the text; suffix starts after the
	// one that closes it. With padding, suffix ends at its opening quote and
	// tail starts at its closing one.
	prefix, suffix, tail []byte
	padded               bool
	// delta is the event to emit, but for its text.
	delta model.Event
	call  *callDecoder // the call whose arguments grow, or nil
	// fruitless counts templates learnt in a row that matched nothing.
	fruitless int
}

// maxFruitless is after how many useless templates a stream is parsed plainly.
const maxFruitless = 8

// textPath is a place of the text in a chunk.
type textPath struct {
	kind partKind
	path string
	// member is the last name of path as it stands in JSON.
	member []byte
}

// textPaths are the places of the text, by what the delta extends.
var textPaths = [...]textPath{
	{kindText, "choices.0.delta.content", []byte(`"content"`)},
	{kindReasoning, "choices.0.delta.reasoning_content", []byte(`"reasoning_content"`)},
	{kindReasoning, "choices.0.delta.reasoning", []byte(`"reasoning"`)},
	{kindTool, "choices.0.delta.tool_calls.0.function.arguments", []byte(`"arguments"`)},
	{kindCustom, "choices.0.delta.tool_calls.0.custom.input", []byte(`"input"`)},
}

var (
	nameChoices     = []byte(`"choices"`)
	nameDelta       = []byte(`"delta"`)
	nameObfuscation = []byte(`"obfuscation"`)
)

// match returns the text of a chunk that fits.
func (t *template) match(data []byte) (string, bool) {
	raw, ok := t.matchRaw(data)
	if !ok {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; plain(inner) {
		return string(inner), true
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return string(text), err == nil
}

// matchRaw returns the text as it stands in data, quotes included.
func (t *template) matchRaw(data []byte) ([]byte, bool) {
	if len(t.prefix) == 0 || !bytes.HasPrefix(data, t.prefix) {
		return nil, false
	}
	start := len(t.prefix)
	end := stringEnd(data[start:])
	if end < 0 || !t.ends(data[start+end+1:]) {
		return nil, false
	}
	t.fruitless = 0
	return data[start-1 : start+end+1], true
}

func (t *template) ends(rest []byte) bool {
	if !t.padded {
		return bytes.Equal(rest, t.suffix)
	}
	if !bytes.HasPrefix(rest, t.suffix) {
		return false
	}
	rest = rest[len(t.suffix):]
	i := bytes.IndexByte(rest, '"')
	return i >= 0 && plain(rest[:i]) && bytes.Equal(rest[i:], t.tail)
}

// plain reports whether the inside of a JSON string stands for itself.
func plain(raw []byte) bool {
	for _, c := range raw {
		if c < ' ' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(raw)
}

func (t *template) forget() { t.prefix = t.prefix[:0] }

// learn makes data the pattern, if ev is all that came of it.
func (t *template) learn(data []byte, kind partKind, ev model.Event, call *callDecoder) {
	if t.fruitless >= maxFruitless || ev.Kind != model.EventDelta || len(ev.Logprobs) > 0 || ev.Citation != nil || ev.Data != nil {
		return
	}
	for i := range textPaths {
		if p := &textPaths[i]; p.kind == kind && t.learnAt(data, p, gjson.GetBytes(data, p.path), ev.Text) {
			t.delta, t.call = ev, call
			t.delta.Text = ""
			return
		}
	}
}

// learnAt makes data the pattern if text is what stands at p.
func (t *template) learnAt(data []byte, p *textPath, at gjson.Result, text string) bool {
	if at.Type != gjson.String || at.Str != text || at.Index == 0 || !once(data, p.member) || !once(data, nameChoices) || !once(data, nameDelta) {
		return false
	}
	end := at.Index + len(at.Raw)
	if bytes.IndexByte(data[:at.Index], '\\') >= 0 || bytes.IndexByte(data[end:], '\\') >= 0 {
		return false // an escaped name could be the same as one of these
	}
	t.fruitless++
	t.prefix = append(t.prefix[:0], data[:at.Index+1]...)
	t.setEnd(data, end)
	return true
}

func (t *template) setEnd(data []byte, end int) {
	pad := gjson.GetBytes(data, "obfuscation")
	t.padded = pad.Type == gjson.String && pad.Index > end && once(data, nameObfuscation)
	if !t.padded {
		t.suffix = append(t.suffix[:0], data[end:]...)
		return
	}
	t.suffix = append(t.suffix[:0], data[end:pad.Index+1]...)
	t.tail = append(t.tail[:0], data[pad.Index+len(pad.Raw)-1:]...)
}

// once reports whether a member of this name occurs once at most, so that a
// parser that takes the last of a kind and one that takes the first agree.
func once(data, member []byte) bool { return bytes.Count(data, member) <= 1 }
