package bedrock

import (
	"encoding/base64"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json/jsontext"
)

// Encoder writes a ConverseStream answer as event-stream frames. Blocks never
// interleave on the wire, because clients track one at a time: what belongs to
// a block that is not yet its turn is held back. messageStop and metadata are
// written by Finish. An Encoder is not safe for concurrent use.
type Encoder struct {
	opts Options
	// open is the hub index of the block under way, valid while busy.
	open int
	busy bool
	// begun says that the open block has frames already; kind is its part.
	begun bool
	kind  model.Part
	// next is the open or next contentBlockIndex.
	next int64
	args []byte
	// held are events of blocks that wait for the open one.
	held      []model.Event
	end       ending
	usage     model.Usage
	malformed bool
	done      bool
}

// NewEncoder returns an Encoder of one answer.
func NewEncoder(opts Options) *Encoder { return &Encoder{opts: opts} }

// Append writes the frames of ev. Events of a second choice, and content
// Converse cannot stream, are an *model.Error of kind Unsupported.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) {
	switch ev.Kind {
	case model.EventStart:
		dst, start := frame.Open(dst, frame.Event, "messageStart")
		return frame.Close(append(dst, `{"role":"assistant"}`...), start), nil
	case model.EventPartStart, model.EventDelta, model.EventPartStop:
		if ev.Choice != 0 {
			return dst, model.Errorf(model.Unsupported, "n", "ConverseStream carries one answer only.")
		}
		if e.busy && ev.Index != e.open {
			ev.Data = append([]byte(nil), ev.Data...)
			e.held = append(e.held, ev)
			return dst, nil
		}
		return e.release(e.part(dst, ev))
	case model.EventStop:
		if ev.Choice == 0 {
			e.end.stop, e.end.sequence = ev.Stop, ev.StopSequence
		}
	case model.EventUsage:
		if ev.Usage != nil {
			e.usage = *ev.Usage
		}
	case model.EventOpaque:
		if own(ev.Opaque) {
			e.end.extra = ev.Opaque
		}
	}
	return dst, nil
}

// release writes what was held back for as long as no block is under way.
func (e *Encoder) release(dst []byte, err error) ([]byte, error) {
	for err == nil && !e.busy && len(e.held) > 0 {
		turn := e.held[0].Index
		rest := e.held[:0:0]
		for _, ev := range e.held {
			if err != nil || ev.Index != turn {
				rest = append(rest, ev)
				continue
			}
			dst, err = e.part(dst, ev)
		}
		e.held = rest
	}
	return dst, err
}

// part writes the frames of a block's event.
func (e *Encoder) part(dst []byte, ev model.Event) ([]byte, error) {
	switch ev.Kind {
	case model.EventPartStart:
		e.open, e.busy, e.begun, e.kind, e.args = ev.Index, true, false, ev.Part, e.args[:0]
		return e.startPart(dst, ev.Part)
	case model.EventDelta:
		return e.delta(dst, &ev)
	}
	if _, ok := e.kind.(*model.ToolCall); ok && len(e.args) > 0 && !object.Is(e.args) {
		e.malformed = true
	}
	e.busy = false
	if !e.begun {
		return dst, nil // an empty block: nothing was said
	}
	dst, start := frame.Open(dst, frame.Event, "contentBlockStop")
	dst = e.index(dst)
	e.next++
	return frame.Close(append(dst, '}'), start), nil
}

// index appends the beginning of every block event.
func (e *Encoder) index(dst []byte) []byte {
	return appendInt(append(dst, `{"contentBlockIndex":`...), e.next)
}

// startPart opens a block. Only tool use, tool results and images have a
// contentBlockStart; other blocks begin with their first delta.
func (e *Encoder) startPart(dst []byte, p model.Part) ([]byte, error) {
	switch p := p.(type) {
	case *model.Text:
		if p.Text != "" {
			dst = e.textDelta(dst, p.Text)
		}
		return e.citations(dst, p.Citations)
	case *model.Refusal:
		if p.Text != "" {
			dst = e.textDelta(dst, p.Text)
		}
		return dst, nil
	case *model.Reasoning:
		return e.reasoning(dst, p.Text, p.Signature, p.Redacted), nil
	case *model.ToolCall:
		dst = e.startFrame(dst, func(dst []byte) []byte { return appendToolStart(dst, p) })
		if p.Arguments != "" {
			dst = e.toolDelta(dst, p.Arguments)
		}
		return dst, nil
	case *model.ToolResult:
		return e.toolResult(dst, p)
	case *model.Image:
		return e.image(dst, p)
	case *model.Audio:
		return dst, model.Errorf(model.Unsupported, "content", "ConverseStream cannot carry spoken answers.")
	}
	return dst, model.Errorf(model.Unsupported, "content", "ConverseStream cannot carry %s content.", partName(p))
}

func (e *Encoder) delta(dst []byte, ev *model.Event) ([]byte, error) {
	switch e.kind.(type) {
	case *model.Reasoning:
		return e.reasoning(dst, ev.Text, ev.Signature, ev.Data), nil
	case *model.ToolCall:
		return e.toolDelta(dst, ev.Text), nil
	}
	if ev.Text != "" {
		dst = e.textDelta(dst, ev.Text)
	}
	if ev.Citation != nil {
		return e.citations(dst, []model.Citation{*ev.Citation})
	}
	return dst, nil
}

// openDelta begins a contentBlockDelta up to the delta's value.
func (e *Encoder) openDelta(dst []byte) ([]byte, int) {
	e.begun = true
	dst, start := frame.Open(dst, frame.Event, "contentBlockDelta")
	return append(e.index(dst), `,"delta":`...), start
}

func (e *Encoder) textDelta(dst []byte, text string) []byte {
	dst, start := e.openDelta(dst)
	dst = object.AppendQuote(append(dst, `{"text":`...), text)
	return frame.Close(append(dst, "}}"...), start)
}

func (e *Encoder) toolDelta(dst []byte, fragment string) []byte {
	e.args = append(e.args, fragment...)
	dst, start := e.openDelta(dst)
	dst = object.AppendQuote(append(dst, `{"toolUse":{"input":`...), fragment)
	return frame.Close(append(dst, "}}}"...), start)
}

// reasoning writes text, signature and encrypted thinking as one delta each.
func (e *Encoder) reasoning(dst []byte, text, signature string, redacted []byte) []byte {
	if text != "" {
		dst = e.reasoningDelta(dst, "text", text)
	}
	if signature != "" {
		dst = e.reasoningDelta(dst, "signature", signature)
	}
	if len(redacted) > 0 {
		var start int
		dst, start = e.openDelta(dst)
		dst = append(dst, `{"reasoningContent":{"redactedContent":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, redacted)
		dst = frame.Close(append(dst, `"}}}`...), start)
	}
	return dst
}

func (e *Encoder) reasoningDelta(dst []byte, name, value string) []byte {
	dst, start := e.openDelta(dst)
	dst = append(dst, `{"reasoningContent":{"`...)
	dst = append(append(dst, name...), `":`...)
	dst = object.AppendQuote(dst, value)
	return frame.Close(append(dst, "}}}"...), start)
}

func (e *Encoder) citations(dst []byte, list []model.Citation) ([]byte, error) {
	for i := range list {
		raw, err := citationJSON(&list[i])
		if err != nil {
			return dst, err
		}
		var start int
		dst, start = e.openDelta(dst)
		dst = append(append(dst, `{"citation":`...), raw...)
		dst = frame.Close(append(dst, "}}"...), start)
	}
	return dst, nil
}

// Losses names what the answer's frames could not tell.
func (e *Encoder) Losses() []model.Loss { return stopLosses(e.end.stop) }

// AppendError writes an error after the first byte as the exception frame of
// its kind. Nothing follows it: a closed connection alone looks like success.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte {
	if e.done {
		return dst
	}
	e.done = true
	return AppendException(dst, err, false)
}

// AppendException writes an exception frame; invoke says that the operation is
// InvokeModelWithResponseStream rather than ConverseStream.
func AppendException(dst []byte, err *model.Error, invoke bool) []byte {
	name := StreamException(err, invoke)
	dst, start := frame.Open(dst, frame.Exception, name)
	dst = object.AppendQuote(append(dst, `{"message":`...), publicText(err))
	if name == streamModel && err.UpstreamStatus >= 100 && err.UpstreamStatus <= 500 {
		dst = appendInt(append(dst, `,"originalStatusCode":`...), int64(err.UpstreamStatus))
	}
	return frame.Close(append(dst, '}'), start)
}

// Finish writes messageStop and metadata, once, unless AppendError ended the
// answer.
func (e *Encoder) Finish(dst []byte) []byte {
	if e.done {
		return dst
	}
	e.done = true
	if e.malformed {
		e.end.stop = model.StopMalformedToolUse
	}
	e.end.usage = &e.usage
	var s responseShape
	e.end.fill(&s, &e.opts)
	dst, start := frame.Open(dst, frame.Event, "messageStop")
	dst = object.AppendQuote(append(dst, `{"stopReason":`...), s.StopReason)
	dst = appendMember(dst, "additionalModelResponseFields", s.Fields)
	dst = frame.Close(append(dst, '}'), start)

	dst, start = frame.Open(dst, frame.Event, "metadata")
	dst = append(append(dst, `{"usage":`...), s.Usage...)
	dst = appendInt(append(dst, `,"metrics":{"latencyMs":`...), e.opts.latencyMs())
	dst = append(dst, '}')
	dst = appendMember(dst, "trace", s.Trace)
	if s.Perf != nil {
		dst = object.AppendQuote(append(dst, `,"performanceConfig":{"latency":`...), s.Perf.Latency)
		dst = append(dst, '}')
	}
	if s.Tier != nil {
		dst = object.AppendQuote(append(dst, `,"serviceTier":{"type":`...), s.Tier.Type)
		dst = append(dst, '}')
	}
	for _, m := range object.Members(s.Extra) {
		dst = appendMember(dst, m.Name, m.Value)
	}
	return frame.Close(append(dst, '}'), start)
}

func appendMember(dst []byte, name string, v jsontext.Value) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = append(object.AppendQuote(append(dst, ','), name), ':')
	return append(dst, v...)
}
