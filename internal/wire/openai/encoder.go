package openai

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// EncoderOptions is what an answer shows that is not in its events.
type EncoderOptions struct {
	// ID is the completion's id; empty takes the upstream's.
	ID string
	// Model is the name to show; empty takes the upstream's.
	Model string
	// Created is the time in Unix seconds; 0 takes the upstream's.
	Created int64
	// IncludeUsage ends a stream with a chunk that holds the usage.
	IncludeUsage bool
	// LegacyFunctions answers tool calls as function_call.
	LegacyFunctions bool
	// Reasoning names the member thinking is shown in; empty means
	// "reasoning_content", which most clients that show thinking read.
	Reasoning string
}

func (o *EncoderOptions) fill(id, name string, created int64) {
	if o.ID == "" {
		o.ID = id
	}
	if o.Model == "" {
		o.Model = name
	}
	if o.Created == 0 {
		o.Created = created
	}
	if o.Reasoning == "" {
		o.Reasoning = "reasoning_content"
	}
}

// Encoder writes a stream of events as Chat Completions chunks
// (text/event-stream). It is not safe for concurrent use.
type Encoder struct {
	opts    EncoderOptions
	prefix  []byte // a chunk up to its choices, made once
	suffix  string // what closes a chunk
	choices []choiceState
	open    []openPart
	usage   *model.Usage
	extra   []byte // members for the next chunk
	losses  []model.Loss
}

// choiceState is what was said of one choice.
type choiceState struct {
	roleSent, stopped, called bool
	tools                     int
}

// openPart is a part that deltas may extend.
type openPart struct {
	choice, index int
	kind          partKind
	tool          int
}

type partKind uint8

const (
	kindIgnored partKind = iota
	kindText
	kindRefusal
	kindReasoning
	kindTool
	kindCustom
	kindAudio
)

// NewEncoder returns an Encoder for one answer.
func NewEncoder(opts EncoderOptions) *Encoder {
	e := &Encoder{opts: opts, suffix: "]}\n\n"}
	if opts.IncludeUsage { // the contract: every other chunk then says that it has none
		e.suffix = "],\"usage\":null}\n\n"
	}
	return e
}

// Append appends ev's chunks to dst: none, one or two events of the stream. It
// allocates nothing for a delta but what dst needs. An error is an *model.Error
// of kind UpstreamGarbage for an event out of order.
func (e *Encoder) Append(dst []byte, ev model.Event) ([]byte, error) {
	switch ev.Kind {
	case model.EventStart:
		e.start(ev)
	case model.EventPartStart:
		return e.partStart(dst, ev), nil
	case model.EventDelta:
		p := e.find(ev.Choice, ev.Index)
		if p == nil {
			return dst, disorder("part %d of choice %d was extended while not open", ev.Index, ev.Choice)
		}
		return e.delta(dst, p, ev), nil
	case model.EventPartStop:
		e.closePart(ev.Choice, ev.Index)
	case model.EventStop:
		return e.stop(dst, ev), nil
	case model.EventUsage:
		if ev.Usage != nil {
			u := *ev.Usage
			e.usage = &u
		}
	case model.EventPing:
		return sse.AppendComment(dst, "ping"), nil
	case model.EventOpaque:
		e.opaque(ev.Opaque)
	}
	return dst, nil
}

// AppendError appends an error that came after the first byte, as the contract
// frames it: an event whose data is the error body. Finish may follow.
func (e *Encoder) AppendError(dst []byte, err *model.Error) []byte {
	_, body := EncodeError(err)
	return sse.AppendData(dst, body)
}

// Finish appends the usage chunk, where asked for and known, and the end mark.
func (e *Encoder) Finish(dst []byte) []byte {
	if e.opts.IncludeUsage && e.usage != nil && !e.usage.Absent {
		dst = append(dst, e.head()...)
		w := builder{b: append(dst, `],"usage":`...)}
		appendUsage(&w, e.usage)
		dst = append(e.members(w.b), "}\n\n"...)
	} else if e.extra != nil {
		dst = append(append(dst, e.head()...), ']')
		dst = append(e.members(dst), "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// Losses names what was in the events and not in the chunks. All are of
// LossMinor or were refused earlier; each kind is named once.
func (e *Encoder) Losses() []model.Loss { return e.losses }
