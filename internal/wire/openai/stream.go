package openai

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// wireChunk is one chat.completion.chunk.
type wireChunk struct {
	ID          looseText         `json:"id"`
	Object      looseText         `json:"object"`
	Created     looseInt          `json:"created"`
	Model       looseText         `json:"model"`
	Choices     []wireChunkChoice `json:"choices"`
	Usage       *wireUsage        `json:"usage"`
	ServiceTier looseText         `json:"service_tier"`
	Error       jsontext.Value    `json:"error"`
	Message     jsontext.Value    `json:"message"`
	// Obfuscation is padding against traffic analysis, without meaning.
	Obfuscation skipped        `json:"obfuscation"`
	Extra       jsontext.Value `json:",embed"`
}

type wireChunkChoice struct {
	Index    int           `json:"index"`
	Delta    wireDelta     `json:"delta"`
	Finish   looseText     `json:"finish_reason"`
	Logprobs *wireLogprobs `json:"logprobs"`
	// StopReason and MatchedStop are how vLLM and SGLang tell the stop sequence.
	StopReason  jsontext.Value `json:"stop_reason"`
	MatchedStop jsontext.Value `json:"matched_stop"`
}

type wireDelta struct {
	Content      wireContent       `json:"content"`
	Refusal      looseText         `json:"refusal"`
	Reasoning    looseText         `json:"reasoning"`
	ReasoningC   looseText         `json:"reasoning_content"`
	ToolCalls    []wireToolCall    `json:"tool_calls"`
	FunctionCall *wireFunctionCall `json:"function_call"`
	Audio        *wireAudio        `json:"audio"`
	Annotations  []wireAnnotation  `json:"annotations"`
}

// skipped is a member that is read over.
type skipped struct{}

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (*skipped) UnmarshalJSONFrom(d *jsontext.Decoder) error { return d.SkipValue() }

var done = []byte("[DONE]")

var errTruncated = errors.New("the stream ended before the answer was finished")

// DecodeEvents reads an upstream's stream of chunks. The Stream synthesises
// the starts and stops of parts the dialect does not mark, reports usage once
// at the end (Absent when the upstream told none, and before an error where
// it told some), and accepts a missing end mark after a finish reason. Its
// errors are *model.Error: what the upstream said for an error in the stream,
// UpstreamGarbage for what cannot be understood or ended early, UpstreamDown
// for a lost connection, Canceled after Close. Close closes r.
func DecodeEvents(r io.ReadCloser) model.Stream {
	return &eventStream{src: r, events: sse.NewReader(r, sse.Limits{})}
}

type eventStream struct {
	src     io.ReadCloser
	events  *sse.Reader
	closed  atomic.Bool
	chunk   wireChunk
	pattern template

	queue   []model.Event
	head    int
	err     error
	started bool
	id      string
	choices []*choiceDecoder
	usage   model.Usage
	told    bool // usage was told
	extra   jsontext.Value
	early   *model.Opaque // unknown members from before the start
}

// Next implements model.Stream.
func (s *eventStream) Next() (model.Event, error) {
	for {
		if s.head < len(s.queue) {
			ev := s.queue[s.head]
			s.queue[s.head] = model.Event{}
			s.head++
			return ev, nil
		}
		s.queue, s.head = s.queue[:0], 0
		if s.err != nil {
			return model.Event{}, s.err
		}
		s.err = s.step()
	}
}

// Close implements model.Stream.
func (s *eventStream) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.src.Close()
}

// step reads one event of the wire into the queue. io.EOF ends the stream well.
func (s *eventStream) step() error {
	ev, err := s.events.Next()
	if err != nil {
		return s.ended(err)
	}
	return s.take(ev)
}

// ended decides what the end of the bytes means.
func (s *eventStream) ended(err error) error {
	if !errors.Is(err, io.EOF) {
		return s.broken(err)
	}
	if ev, ok := s.events.Rest(); ok && !bytes.HasPrefix(ev.Data, done) {
		// The last empty line is missing; an event cut in two is no JSON.
		if err := s.take(ev); err != nil {
			return err
		}
	} else if ok {
		return s.finish()
	}
	if !s.started || len(s.choices) == 0 {
		return s.fail(garbled(errTruncated))
	}
	for _, c := range s.choices {
		if !c.stopped {
			return s.fail(garbled(errTruncated))
		}
	}
	return s.finish()
}

// broken names the cause of a failed read.
func (s *eventStream) broken(err error) error {
	var known *model.Error
	switch {
	case s.closed.Load():
		return &model.Error{Kind: model.Canceled, Op: "wire/openai.Next", Message: "The request was cancelled.", Err: err}
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return s.fail(model.AsError(err))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return s.fail(garbled(errors.Join(errTruncated, err)))
	}
	return s.fail(&model.Error{
		Kind: model.UpstreamDown, Op: "wire/openai.Next", Err: err,
		Message: "The connection to the upstream was lost.", Hint: "Try again or choose another upstream.",
	})
}

// fail ends the stream with err, after the usage told so far.
func (s *eventStream) fail(err *model.Error) error {
	if s.told {
		if !s.started { // an upstream that told of its usage and of nothing else
			s.started = true
			s.emit(model.Event{Kind: model.EventStart})
		}
		s.emit(model.Event{Kind: model.EventUsage, Usage: &s.usage})
	}
	return err
}

func (s *eventStream) emit(ev model.Event) { s.queue = append(s.queue, ev) }

// finish closes what is open and reports usage.
func (s *eventStream) finish() error {
	if !s.started {
		return s.fail(garbled(errTruncated))
	}
	if len(s.choices) == 0 {
		s.choice(0)
	}
	for _, c := range s.choices {
		if c.seen {
			c.stop(s, "", "")
		}
	}
	if !s.told {
		s.usage.Absent = true
	}
	s.emit(model.Event{Kind: model.EventUsage, Usage: &s.usage})
	return io.EOF
}

func (s *eventStream) take(ev sse.Event) error {
	if bytes.HasPrefix(ev.Data, done) {
		return s.finish()
	}
	if len(bytes.TrimSpace(ev.Data)) == 0 {
		return nil
	}
	if text, ok := s.pattern.match(ev.Data); ok {
		s.repeat(text)
		return nil
	}
	s.pattern.forget()
	if err := checkDepth(ev.Data); err != nil {
		return s.fail(garbled(err))
	}
	s.chunk.reset()
	if err := unmarshalLenient(ev.Data, &s.chunk); err != nil {
		return s.fail(garbled(err))
	}
	if s.chunk.isError(ev.Name) {
		return s.fail(DecodeError(0, nil, ev.Data))
	}
	s.begin()
	for i := range s.chunk.Choices {
		if err := s.apply(&s.chunk.Choices[i]); err != nil {
			return s.fail(err)
		}
	}
	s.account()
	if len(s.queue) == 1 {
		s.learn(ev.Data)
	}
	return nil
}

// repeat emits the delta of a chunk that is like the last one but for its text.
func (s *eventStream) repeat(text string) {
	if text == "" {
		return
	}
	if call := s.pattern.call; call != nil {
		call.arguments = append(call.arguments, text...)
	}
	ev := s.pattern.delta
	ev.Text = text
	s.emit(ev)
}

// learn remembers a chunk that did nothing but extend an open part.
func (s *eventStream) learn(data []byte) {
	ev := s.queue[0]
	if ev.Kind != model.EventDelta {
		return
	}
	c := s.choices[ev.Choice]
	if c.open == ev.Index {
		s.pattern.learn(data, c.kind, ev, nil)
		return
	}
	for i := range c.calls {
		if call := &c.calls[i]; call.part == ev.Index && call.started {
			kind := kindTool
			if call.custom {
				kind = kindCustom
			}
			s.pattern.learn(data, kind, ev, call)
		}
	}
}

func (c *wireChunk) reset() {
	choices := c.Choices[:0]
	clear(choices[:cap(choices)])
	*c = wireChunk{Choices: choices}
}

// isError tells the shapes of an error amid a stream: OpenAI's envelope,
// vLLM's flat object, or an event named error.
func (c *wireChunk) isError(name string) bool {
	if k := c.Error.Kind(); len(c.Error) > 0 && k != 'n' {
		return true
	}
	return c.Object == "error" || name == "error" && len(c.Choices) == 0 && len(c.Message) > 0
}

// begin emits the start once the upstream has said who it is: some send a
// chunk without id or choices before (Azure's prompt filter results).
func (s *eventStream) begin() {
	c := &s.chunk
	if !s.started && (c.ID != "" || len(c.Choices) > 0) {
		s.started, s.id = true, string(c.ID)
		s.emit(model.Event{Kind: model.EventStart, ID: s.id, Model: string(c.Model), Created: int64(c.Created)})
	}
	if len(c.Extra) > 0 && !bytes.Equal(c.Extra, s.extra) {
		s.extra = append(s.extra[:0], c.Extra...)
		s.unknown(meaningful(c.Extra))
	}
	if s.started && s.early != nil {
		early := s.early
		s.early = nil
		s.unknown(early)
	}
}

func (s *eventStream) unknown(o *model.Opaque) {
	switch {
	case o == nil:
	case s.started:
		s.emit(model.Event{Kind: model.EventOpaque, Opaque: o})
	default:
		s.early = o
	}
}

// meaningful keeps the unknown members that hold something.
func meaningful(raw jsontext.Value) *model.Opaque {
	b := builder{b: []byte("{")}
	eachMember(raw, func(_ string, key, value []byte) bool {
		if v := string(value); v != "null" && v != "[]" && v != "{}" && v != `""` {
			b.comma()
			b.b = append(append(append(b.b, key...), ':'), value...)
		}
		return true
	})
	if len(b.b) == 1 {
		return nil
	}
	b.close('}')
	return &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: b.b}
}

func (s *eventStream) account() {
	if tier := s.chunk.ServiceTier; tier != "" {
		s.usage.ServiceTier = string(tier)
	}
	if s.chunk.Usage != nil {
		tier := s.usage.ServiceTier
		s.usage, s.told = s.chunk.Usage.hub(), true
		s.usage.ServiceTier = tier
	}
}

// choice returns the state of choice i, which is within maxN.
func (s *eventStream) choice(i int) *choiceDecoder {
	for len(s.choices) <= i {
		s.choices = append(s.choices, &choiceDecoder{number: len(s.choices), open: -1})
	}
	s.choices[i].seen = true
	return s.choices[i]
}
