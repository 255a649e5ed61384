package model

import (
	"errors"
	"fmt"
	"io"
	"strings"
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

// MaxChoices bounds the number of answers a Collector accepts in one response:
// the most any dialect lets a client ask for (OpenAI's n).
const MaxChoices = 128

// Collector assembles events into a Response. The zero value is ready. It is
// not safe for concurrent use. Its cost is linear in the size of the answer,
// however small the deltas are.
type Collector struct {
	resp  Response
	parts map[[2]int]*growing
}

// growing is a part under construction. Text gathers in builders and reaches
// the part once, when it closes: appending to a string copies it every time.
type growing struct {
	part            Part
	closed          bool
	text, signature strings.Builder
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
		if g := c.parts[[2]int{ev.Choice, ev.Index}]; g != nil {
			g.close()
		}
	case EventStop:
		if ev.Choice < 0 || ev.Choice >= MaxChoices {
			return garbage("choice %d is outside 0..%d", ev.Choice, MaxChoices-1)
		}
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
	for _, g := range c.parts {
		g.close()
	}
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
	if ev.Choice < 0 || ev.Choice >= MaxChoices {
		return garbage("choice %d is outside 0..%d", ev.Choice, MaxChoices-1)
	}
	if c.parts[key] != nil || ev.Part == nil {
		return garbage("part %d of choice %d was opened twice or without content", ev.Index, ev.Choice)
	}
	p := clonePart(ev.Part)
	ch := c.choice(ev.Choice)
	ch.Message.Parts = append(ch.Message.Parts, p)
	if c.parts == nil {
		c.parts = map[[2]int]*growing{}
	}
	c.parts[key] = &growing{part: p}
	return nil
}

func (c *Collector) delta(ev Event) error {
	g := c.parts[[2]int{ev.Choice, ev.Index}]
	if g == nil || g.closed {
		return garbage("part %d of choice %d was extended while it was not open", ev.Index, ev.Choice)
	}
	if len(ev.Logprobs) > 0 {
		ch := c.choice(ev.Choice)
		ch.Logprobs = append(ch.Logprobs, ev.Logprobs...)
	}
	switch p := g.part.(type) {
	case *Text:
		if ev.Citation != nil {
			p.Citations = append(p.Citations, *ev.Citation)
		}
	case *Refusal, *ToolCall:
	case *Reasoning:
		g.signature.WriteString(ev.Signature)
		p.Redacted = append(p.Redacted, ev.Data...)
	case *Audio:
		p.Source.Data = append(p.Source.Data, ev.Data...)
	default:
		return garbage("part %d of choice %d cannot be extended", ev.Index, ev.Choice)
	}
	g.text.WriteString(ev.Text)
	return nil
}

// close moves the gathered text into the part; a second call does nothing.
func (g *growing) close() {
	if g.closed {
		return
	}
	g.closed = true
	switch p := g.part.(type) {
	case *Text:
		p.Text += g.text.String()
	case *Refusal:
		p.Text += g.text.String()
	case *Reasoning:
		p.Text += g.text.String()
		p.Signature += g.signature.String()
	case *ToolCall:
		p.Arguments += g.text.String()
	case *Audio:
		p.Transcript += g.text.String()
	}
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
