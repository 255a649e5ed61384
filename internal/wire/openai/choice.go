package openai

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
)

// choiceDecoder turns the deltas of one choice into parts.
type choiceDecoder struct {
	number        int
	seen, stopped bool
	next          int // the index of the next part
	open          int // the open part that is no tool call, or -1
	kind          partKind
	calls         []callDecoder
	carry         string // base64 of sound that does not yet make whole bytes
}

// callDecoder is a tool call under way. It starts when its name is known.
type callDecoder struct {
	wire             int // the upstream's index
	part             int
	id, name         string
	arguments        []byte // what came so far
	custom           bool
	started, stopped bool
}

var errLate = errors.New("the upstream went on after a finish reason")

// apply takes in one choice of a chunk.
func (s *eventStream) apply(w *wireChunkChoice) *model.Error {
	if w.Index < 0 || w.Index >= maxN {
		return garbled(fmt.Errorf("choice %d is out of range", w.Index))
	}
	c := s.choice(w.Index)
	d := &w.Delta
	logprobs := w.Logprobs.hub()
	if err := c.texts(s, d, logprobs); err != nil {
		return err
	}
	for i := range d.ToolCalls {
		if err := c.tool(s, &d.ToolCalls[i]); err != nil {
			return err
		}
	}
	if f := d.FunctionCall; f != nil {
		zero := 0
		if err := c.tool(s, &wireToolCall{Index: &zero, Function: f}); err != nil {
			return err
		}
	}
	if w.Finish != "" {
		c.stop(s, string(w.Finish), stopText(w))
	}
	return nil
}

// stopText is the stop sequence a compatible server tells; "" otherwise.
func stopText(w *wireChunkChoice) string {
	if text, ok := unquote(w.StopReason); ok {
		return text
	}
	text, _ := unquote(w.MatchedStop)
	return text
}

// texts takes in everything of a delta that is not a tool call, in the order
// in which a model says it.
func (c *choiceDecoder) texts(s *eventStream, d *wireDelta, logprobs []model.TokenLogprob) *model.Error {
	thinking := d.ReasoningC
	if thinking == "" {
		thinking = d.Reasoning
	}
	content, err := d.Content.plain(&thinking)
	if err != nil {
		return garbled(err)
	}
	if c.stopped && (thinking != "" || content != "" || d.Refusal != "" || len(d.ToolCalls) > 0) {
		return garbled(errLate)
	}
	if thinking != "" {
		c.extend(s, kindReasoning, string(thinking), nil)
	}
	if content != "" || len(logprobs) > 0 && d.Refusal == "" {
		c.extend(s, kindText, content, logprobs)
		logprobs = nil
	}
	for i := range d.Annotations {
		if citation := d.Annotations[i].hub(); citation != nil && !c.stopped {
			c.switchTo(s, kindText, &model.Text{})
			s.emit(model.Event{Kind: model.EventDelta, Choice: c.number, Index: c.open, Citation: citation})
		}
	}
	if d.Refusal != "" {
		c.extend(s, kindRefusal, string(d.Refusal), logprobs)
	}
	if d.Audio != nil && !c.stopped {
		return c.audio(s, d.Audio)
	}
	return nil
}

// plain joins a delta's content. Mistral sends arrays, whose thinking parts go
// to thinking.
func (w *wireContent) plain(thinking *looseText) (string, error) {
	if w.kind != '[' {
		return w.text, nil
	}
	var text strings.Builder
	for i := range w.parts {
		part, err := w.parts[i].hub("content")
		if err != nil {
			return "", err
		}
		switch p := part.(type) {
		case *model.Text:
			text.WriteString(p.Text)
		case *model.Reasoning:
			*thinking += looseText(p.Text)
		}
	}
	return text.String(), nil
}

// extend adds text to the open part of a kind, opening one if need be.
func (c *choiceDecoder) extend(s *eventStream, kind partKind, text string, logprobs []model.TokenLogprob) {
	if c.stopped {
		return
	}
	if c.open < 0 || c.kind != kind {
		var part model.Part
		switch kind {
		case kindReasoning:
			part = &model.Reasoning{}
		case kindRefusal:
			part = &model.Refusal{}
		default:
			part = &model.Text{}
		}
		c.switchTo(s, kind, part)
	}
	s.emit(model.Event{Kind: model.EventDelta, Choice: c.number, Index: c.open, Text: text, Logprobs: logprobs})
}

// switchTo makes part the open one unless one of its kind is open.
func (c *choiceDecoder) switchTo(s *eventStream, kind partKind, part model.Part) {
	if c.open >= 0 && c.kind == kind {
		return
	}
	c.closeOpen(s)
	c.closeCalls(s)
	c.open, c.kind = c.start(s, part), kind
}

func (c *choiceDecoder) start(s *eventStream, part model.Part) int {
	index := c.next
	c.next++
	s.emit(model.Event{Kind: model.EventPartStart, Choice: c.number, Index: index, Part: part})
	return index
}

func (c *choiceDecoder) closeOpen(s *eventStream) {
	if c.open >= 0 {
		s.emit(model.Event{Kind: model.EventPartStop, Choice: c.number, Index: c.open})
		c.open = -1
	}
}

func (c *choiceDecoder) closeCalls(s *eventStream) {
	for i := range c.calls {
		call := &c.calls[i]
		if call.stopped {
			continue
		}
		c.launch(s, call)
		call.stopped = true
		s.emit(model.Event{Kind: model.EventPartStop, Choice: c.number, Index: call.part})
	}
}

// closeComplete ends the calls whose arguments are whole when the next one
// starts, so that dialects without interleaving need not hold that one back.
func (c *choiceDecoder) closeComplete(s *eventStream, next *callDecoder) {
	for i := range c.calls {
		call := &c.calls[i]
		if call == next || !call.started || call.stopped || call.custom || checkDepth(call.arguments) != nil || !gjson.ValidBytes(call.arguments) {
			continue
		}
		call.stopped = true
		s.emit(model.Event{Kind: model.EventPartStop, Choice: c.number, Index: call.part})
	}
}

// launch starts a call's part and hands out what was held back.
func (c *choiceDecoder) launch(s *eventStream, call *callDecoder) {
	if call.started {
		return
	}
	if call.id == "" {
		call.id = inventID(s.id, c.number, call.wire)
	}
	call.started = true
	call.part = c.start(s, &model.ToolCall{ID: call.id, Name: call.name, Custom: call.custom})
	if len(call.arguments) > 0 {
		s.emit(model.Event{Kind: model.EventDelta, Choice: c.number, Index: call.part, Text: string(call.arguments)})
	}
}

// tool takes in one delta of a tool call.
func (c *choiceDecoder) tool(s *eventStream, w *wireToolCall) *model.Error {
	var name, text string
	switch {
	case w.Custom != nil:
		name, text = w.Custom.Name, string(w.Custom.Input)
	case w.Function != nil:
		name, text = w.Function.Name, string(w.Function.Arguments)
	}
	call := c.call(w, name)
	if call.stopped {
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return garbled(fmt.Errorf("tool call %d went on after it ended", call.wire))
	}
	if call.id == "" {
		call.id = w.ID
	}
	if w.Custom != nil || w.Type == "custom" {
		call.custom = true
	}
	call.arguments = append(call.arguments, text...)
	if !call.started {
		if call.name = name; name != "" {
			c.closeOpen(s)
			c.closeComplete(s, call)
			c.launch(s, call)
		}
		return nil
	}
	if text != "" {
		s.emit(model.Event{Kind: model.EventDelta, Choice: c.number, Index: call.part, Text: text})
	}
	return nil
}

// call finds the call a delta belongs to. Servers that omit the index, or give
// every parallel call index 0, are understood by a new id beside a name.
func (c *choiceDecoder) call(w *wireToolCall, name string) *callDecoder {
	for i := len(c.calls) - 1; i >= 0; i-- {
		call := &c.calls[i]
		if w.Index != nil && call.wire != *w.Index {
			continue
		}
		if w.ID != "" && call.id != "" && w.ID != call.id && name != "" {
			break
		}
		return call
	}
	call := callDecoder{wire: len(c.calls)}
	if w.Index != nil {
		call.wire = *w.Index
	}
	c.calls = append(c.calls, call)
	return &c.calls[len(c.calls)-1]
}

// audio takes in a delta of a spoken answer. Each is base64 of its own, but
// one cut within a group of four is joined with the next.
func (c *choiceDecoder) audio(s *eventStream, w *wireAudio) *model.Error {
	if c.open < 0 || c.kind != kindAudio {
		c.switchTo(s, kindAudio, &model.Audio{ID: w.ID, ExpiresAt: w.ExpiresAt})
	}
	text := c.carry + w.Data
	whole := len(text) - len(text)%4
	c.carry = text[whole:]
	data, err := base64.StdEncoding.DecodeString(text[:whole])
	if err != nil {
		return garbled(fmt.Errorf("sound: %w", err))
	}
	if len(data) == 0 {
		data = nil
	}
	if w.Transcript != "" || data != nil {
		s.emit(model.Event{Kind: model.EventDelta, Choice: c.number, Index: c.open, Text: w.Transcript, Data: data})
	}
	return nil
}

// stop ends the choice. A second finish reason changes nothing.
func (c *choiceDecoder) stop(s *eventStream, finish, sequence string) {
	if c.stopped {
		return
	}
	c.closeOpen(s)
	c.closeCalls(s)
	c.stopped = true
	ev := model.Event{Kind: model.EventStop, Choice: c.number, Stop: stopReason(finish, len(c.calls) > 0)}
	if sequence != "" && ev.Stop == model.StopEnd {
		ev.Stop, ev.StopSequence = model.StopSequence, sequence
	}
	s.emit(ev)
}
