package model

import (
	"errors"
	"fmt"
	"io"
)

// Collect reads s to its end, closes it and returns the whole answer. On an
// error it returns what was received so far together with the error, so that
// what was consumed can still be metered.
func Collect(s Stream) (*Response, error) {
	defer s.Close()
	var c Collector
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			return c.Response(), nil
		}
		if err == nil {
			err = c.Add(ev)
		}
		if err != nil {
			return c.Response(), err
		}
	}
}

// Collector assembles events into a Response. The zero value is ready. It is
// not safe for concurrent use.
type Collector struct {
	resp  Response
	open  map[[2]int]Part
	order map[[2]int]int
}

// Add applies one event. It refuses an event that breaks the order Event's
// kinds promise, with an *Error of kind UpstreamGarbage.
func (c *Collector) Add(ev Event) error {
	switch ev.Kind {
	case EventStart:
		c.resp.ID, c.resp.Model, c.resp.Created = ev.ID, ev.Model, ev.Created
	case EventPartStart:
		return c.start(ev)
	case EventDelta:
		return c.delta(ev)
	case EventPartStop:
		delete(c.open, [2]int{ev.Choice, ev.Index})
	case EventStop:
		ch := c.choice(ev.Choice)
		ch.Stop, ch.StopSequence = ev.Stop, ev.StopSequence
	case EventUsage:
		if ev.Usage != nil {
			c.resp.Usage = *ev.Usage
		}
	case EventOpaque:
		if ev.Opaque != nil && c.resp.Extra == nil {
			c.resp.Extra = ev.Opaque
		}
	}
	return nil
}

// Response returns what was collected so far. The Collector must not be used afterwards.
func (c *Collector) Response() *Response {
	for i := range c.resp.Choices {
		c.resp.Choices[i].Message.Role = RoleAssistant
	}
	return &c.resp
}

func (c *Collector) choice(i int) *Choice {
	for len(c.resp.Choices) <= i {
		c.resp.Choices = append(c.resp.Choices, Choice{})
	}
	return &c.resp.Choices[i]
}

func (c *Collector) start(ev Event) error {
	key := [2]int{ev.Choice, ev.Index}
	if _, dup := c.order[key]; dup || ev.Choice < 0 || ev.Part == nil {
		return garbage("part %d of choice %d was opened twice or without content", ev.Index, ev.Choice)
	}
	p := clonePart(ev.Part)
	ch := c.choice(ev.Choice)
	ch.Message.Parts = append(ch.Message.Parts, p)
	if c.open == nil {
		c.open, c.order = map[[2]int]Part{}, map[[2]int]int{}
	}
	c.open[key], c.order[key] = p, len(ch.Message.Parts)-1
	return nil
}

func (c *Collector) delta(ev Event) error {
	p, ok := c.open[[2]int{ev.Choice, ev.Index}]
	if !ok {
		return garbage("part %d of choice %d was extended before it was opened", ev.Index, ev.Choice)
	}
	if len(ev.Logprobs) > 0 {
		ch := c.choice(ev.Choice)
		ch.Logprobs = append(ch.Logprobs, ev.Logprobs...)
	}
	switch p := p.(type) {
	case *Text:
		p.Text += ev.Text
		if ev.Citation != nil {
			p.Citations = append(p.Citations, *ev.Citation)
		}
	case *Refusal:
		p.Text += ev.Text
	case *Reasoning:
		p.Text += ev.Text
		p.Signature += ev.Signature
		p.Redacted = append(p.Redacted, ev.Data...)
	case *ToolCall:
		p.Arguments += ev.Text
	case *Audio:
		p.Transcript += ev.Text
		p.Source.Data = append(p.Source.Data, ev.Data...)
	default:
		return garbage("part %d of choice %d cannot be extended", ev.Index, ev.Choice)
	}
	return nil
}

// clonePart copies the parts that deltas extend, so that a Stream's own parts stay as they are.
func clonePart(p Part) Part {
	switch p := p.(type) {
	case *Text:
		q := *p
		q.Citations = append([]Citation(nil), p.Citations...)
		return &q
	case *Refusal:
		q := *p
		return &q
	case *Reasoning:
		q := *p
		q.Redacted = append([]byte(nil), p.Redacted...)
		return &q
	case *ToolCall:
		q := *p
		return &q
	case *Audio:
		q := *p
		q.Source.Data = append([]byte(nil), p.Source.Data...)
		return &q
	}
	return p
}

func garbage(format string, args ...any) *Error {
	return &Error{
		Kind: UpstreamGarbage, Op: "model.Collect", Err: fmt.Errorf(format, args...),
		Message: "The upstream's answer could not be understood.", Hint: "Try again or choose another upstream.",
	}
}
