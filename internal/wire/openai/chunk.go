package openai

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/craton-ai/craton/internal/model"
)

func (e *Encoder) start(ev model.Event) {
	e.opts.fill(ev.ID, ev.Model, ev.Created)
	e.prefix = nil
}

// head returns a chunk up to and with the bracket that opens its choices.
func (e *Encoder) head() []byte {
	if e.prefix == nil {
		e.opts.fill("", "", 0)
		w := builder{b: []byte(`data: {`)}
		w.member("id", e.opts.ID)
		w.member("object", "chat.completion.chunk")
		w.key("created")
		w.int(e.opts.Created)
		w.member("model", e.opts.Model)
		w.key("choices")
		w.open('[')
		e.prefix = w.b
	}
	return e.prefix
}

// begin appends a chunk up to and with the brace that opens its delta.
func (e *Encoder) begin(dst []byte, choice int) []byte {
	dst = append(append(dst, e.head()...), `{"index":`...)
	dst = strconv.AppendInt(dst, int64(choice), 10)
	dst = append(dst, `,"delta":{`...)
	if c := e.choice(choice); !c.roleSent {
		c.roleSent = true
		dst = append(dst, `"role":"assistant"`...)
	}
	return dst
}

// end closes what begin opened.
func (e *Encoder) end(dst []byte, logprobs []model.TokenLogprob, refusal bool, finish string) []byte {
	dst = append(dst, '}')
	dst = append(dst, `,"logprobs":`...)
	w := builder{b: dst}
	appendLogprobs(&w, logprobs, refusal)
	dst = append(w.b, `,"finish_reason":`...)
	if finish == "" {
		dst = append(dst, "null}"...)
	} else {
		dst = append(append(append(dst, '"'), finish...), `"}`...)
	}
	if e.extra == nil {
		return append(dst, e.suffix...)
	}
	dst = append(dst, e.suffix[:len(e.suffix)-len("}\n\n")]...)
	return append(e.members(dst), "}\n\n"...)
}

// members appends the members waiting for the next chunk.
func (e *Encoder) members(dst []byte) []byte {
	w := builder{b: dst}
	w.object(e.extra, func(name string) bool { return chunkMembers[name] })
	e.extra = nil
	return w.b
}

// chunkMembers are the members the Encoder writes itself.
var chunkMembers = map[string]bool{"id": true, "object": true, "created": true, "model": true, "choices": true, "usage": true}

func (e *Encoder) opaque(o *model.Opaque) {
	if o == nil {
		return
	}
	if o.Dialect != model.DialectOpenAIChat {
		e.lose("events", "an event that only the dialect "+string(o.Dialect)+" knows")
		return
	}
	e.extra = compact(o.Raw)
}

func (e *Encoder) lose(path, what string) {
	for _, l := range e.losses {
		if l.What == what {
			return
		}
	}
	e.losses = append(e.losses, model.Loss{Path: path, What: what, Severity: model.LossMinor})
}

func (e *Encoder) choice(i int) *choiceState {
	for len(e.choices) <= i {
		e.choices = append(e.choices, choiceState{})
	}
	return &e.choices[i]
}

func (e *Encoder) find(choice, index int) *openPart {
	for i := len(e.open) - 1; i >= 0; i-- {
		if p := &e.open[i]; p.choice == choice && p.index == index {
			return p
		}
	}
	return nil
}

func (e *Encoder) closePart(choice, index int) {
	for i := range e.open {
		if p := e.open[i]; p.choice == choice && p.index == index {
			e.open = append(e.open[:i], e.open[i+1:]...)
			return
		}
	}
}

// partStart appends what a part's start says: the role, once for each choice,
// and whatever the part holds already.
func (e *Encoder) partStart(dst []byte, ev model.Event) []byte {
	open := openPart{choice: ev.Choice, index: ev.Index}
	switch p := ev.Part.(type) {
	case *model.Text:
		open.kind = kindText
		dst = e.textStart(dst, ev.Choice, p)
	case *model.Refusal:
		open.kind = kindRefusal
		dst = e.first(dst, ev.Choice, `"content":null,"refusal":""`)
		dst = e.more(dst, &open, p.Text)
	case *model.Reasoning:
		open.kind = kindReasoning
		dst = e.first(dst, ev.Choice, `"content":null`)
		dst = e.more(dst, &open, p.Text)
		e.proofs(p.Signature != "" || len(p.Redacted) > 0)
	case *model.ToolCall:
		if p.Server {
			e.lose("tool_calls", "a call of a tool the upstream ran itself")
			break
		}
		dst = e.toolStart(dst, &open, p)
	case *model.Audio:
		open.kind = kindAudio
		dst = e.audioStart(dst, ev.Choice, p)
	default:
		e.lose("content", partName(ev.Part)+" in an answer")
	}
	e.open = append(e.open, open)
	return dst
}

func (e *Encoder) textStart(dst []byte, choice int, p *model.Text) []byte {
	if c := e.choice(choice); !c.roleSent {
		dst = append(e.begin(dst, choice), `,"content":`...)
		dst = e.end(append(dst, `"","refusal":null`...), nil, false, "")
	}
	if p.Text != "" {
		dst = append(e.begin(dst, choice), `"content":`...)
		dst = e.end(appendString(dst, p.Text), nil, false, "")
	}
	for i := range p.Citations {
		dst = e.annotation(dst, choice, &p.Citations[i])
	}
	return dst
}

// first appends the chunk with the role, unless the choice had it.
func (e *Encoder) first(dst []byte, choice int, members string) []byte {
	if e.choice(choice).roleSent {
		return dst
	}
	dst = append(e.begin(dst, choice), ',')
	return e.end(append(dst, members...), nil, false, "")
}

// more appends text of an open part, if there is any.
func (e *Encoder) more(dst []byte, p *openPart, text string) []byte {
	if text == "" {
		return dst
	}
	return e.delta(dst, p, model.Event{Choice: p.choice, Index: p.index, Text: text})
}

func (e *Encoder) proofs(any bool) {
	if any {
		e.lose("reasoning", "the signature or encrypted form of thinking")
	}
}

func (e *Encoder) toolStart(dst []byte, open *openPart, p *model.ToolCall) []byte {
	dst = e.first(dst, open.choice, `"content":null`)
	c := e.choice(open.choice)
	c.called = true
	open.kind, open.tool = kindTool, c.tools
	c.tools++
	w := builder{b: e.begin(dst, open.choice)}
	switch {
	case e.opts.LegacyFunctions:
		w.key("function_call")
		w.open('{')
		w.member("name", p.Name)
		w.member("arguments", p.Arguments)
		w.close('}')
	default:
		w.key("tool_calls")
		w.open('[')
		w.open('{')
		w.key("index")
		w.int(int64(open.tool))
		w.member("id", p.ID)
		kind, arguments := "function", "arguments"
		if p.Custom {
			open.kind = kindCustom
			kind, arguments = "custom", "input"
		}
		w.member("type", kind)
		w.key(kind)
		w.open('{')
		w.member("name", p.Name)
		w.member(arguments, p.Arguments)
		w.b = append(w.b, "}}]"...)
	}
	return e.end(w.b, nil, false, "")
}

func (e *Encoder) audioStart(dst []byte, choice int, p *model.Audio) []byte {
	dst = e.first(dst, choice, `"content":null`)
	w := builder{b: e.begin(dst, choice)}
	w.key("audio")
	w.open('{')
	w.member("id", p.ID)
	w.optional("transcript", p.Transcript)
	if len(p.Source.Data) > 0 {
		w.member("data", base64.StdEncoding.EncodeToString(p.Source.Data))
	}
	if p.ExpiresAt != 0 {
		w.key("expires_at")
		w.int(p.ExpiresAt)
	}
	w.close('}')
	return e.end(w.b, nil, false, "")
}

// delta appends the chunk that extends p.
func (e *Encoder) delta(dst []byte, p *openPart, ev model.Event) []byte {
	switch p.kind {
	case kindText:
		if ev.Citation != nil {
			return e.annotation(dst, p.choice, ev.Citation)
		}
		dst = append(e.begin(dst, p.choice), `"content":`...)
		return e.end(appendString(dst, ev.Text), ev.Logprobs, false, "")
	case kindRefusal:
		dst = append(e.begin(dst, p.choice), `"refusal":`...)
		return e.end(appendString(dst, ev.Text), ev.Logprobs, true, "")
	case kindReasoning:
		e.proofs(ev.Signature != "" || len(ev.Data) > 0)
		if ev.Text == "" {
			return dst
		}
		dst = append(append(append(e.begin(dst, p.choice), '"'), e.opts.Reasoning...), `":`...)
		return e.end(appendString(dst, ev.Text), ev.Logprobs, false, "")
	case kindTool, kindCustom:
		return e.toolDelta(dst, p, ev)
	case kindAudio:
		return e.audioDelta(dst, p, ev)
	}
	return dst
}

func (e *Encoder) toolDelta(dst []byte, p *openPart, ev model.Event) []byte {
	dst = e.begin(dst, p.choice)
	if e.opts.LegacyFunctions {
		dst = appendString(append(dst, `"function_call":{"arguments":`...), ev.Text)
		return e.end(append(dst, '}'), ev.Logprobs, false, "")
	}
	dst = strconv.AppendInt(append(dst, `"tool_calls":[{"index":`...), int64(p.tool), 10)
	if p.kind == kindCustom {
		dst = append(dst, `,"custom":{"input":`...)
	} else {
		dst = append(dst, `,"function":{"arguments":`...)
	}
	dst = append(appendString(dst, ev.Text), "}}]"...)
	return e.end(dst, ev.Logprobs, false, "")
}

func (e *Encoder) audioDelta(dst []byte, p *openPart, ev model.Event) []byte {
	w := builder{b: append(e.begin(dst, p.choice), `"audio":{`...)}
	w.optional("transcript", ev.Text)
	if len(ev.Data) > 0 {
		w.key("data")
		w.b = append(w.b, '"')
		w.b = append(base64.StdEncoding.AppendEncode(w.b, ev.Data), '"')
	}
	w.close('}')
	return e.end(w.b, ev.Logprobs, false, "")
}

func (e *Encoder) annotation(dst []byte, choice int, c *model.Citation) []byte {
	if c.Source == "" {
		e.lose("citations", "a citation without an address")
		return dst
	}
	w := builder{b: e.begin(dst, choice)}
	w.key("annotations")
	w.open('[')
	appendAnnotation(&w, c)
	w.close(']')
	return e.end(w.b, nil, false, "")
}

// appendAnnotation writes a url_citation; citations of things without an
// address have no form in this dialect.
func appendAnnotation(w *builder, c *model.Citation) {
	w.open('{')
	w.member("type", "url_citation")
	w.key("url_citation")
	w.open('{')
	w.key("start_index")
	w.int(int64(c.TextStart))
	w.key("end_index")
	w.int(int64(c.TextEnd))
	w.member("url", c.Source)
	w.member("title", c.Title)
	w.b = append(w.b, "}}"...)
}

func (e *Encoder) stop(dst []byte, ev model.Event) []byte {
	c := e.choice(ev.Choice)
	if c.stopped {
		return dst
	}
	c.stopped = true
	if !c.roleSent {
		dst = e.first(dst, ev.Choice, `"content":""`)
	}
	return e.end(e.begin(dst, ev.Choice), nil, false, finishReason(ev.Stop, e.opts.LegacyFunctions))
}

func disorder(format string, args ...any) *model.Error {
	return &model.Error{
		Kind: model.UpstreamGarbage, Op: "wire/openai.Encoder", Err: fmt.Errorf(format, args...),
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
