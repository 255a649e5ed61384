package model

import (
	"io"
	"sync/atomic"
)

// Replay returns a Stream of the given answer, one part per start, delta and
// stop: Collect(Replay(r)) equals r.
func Replay(r *Response) Stream { return Events(ExplodeResponse(r)...) }

// ExplodeResponse lists the events whose collection is r.
func ExplodeResponse(r *Response) []Event {
	most := 3
	for i := range r.Choices {
		most += 1 + 3*len(r.Choices[i].Message.Parts)
	}
	events := append(make([]Event, 0, most), Event{Kind: EventStart, ID: r.ID, Model: r.Model, Created: r.Created})
	for i, ch := range r.Choices {
		for j, p := range ch.Message.Parts {
			events = explodePart(events, i, j, p)
		}
		if n := len(ch.Logprobs); n > 0 {
			attachLogprobs(events, i, ch.Logprobs)
		}
		events = append(events, Event{Kind: EventStop, Choice: i, Stop: ch.Stop, StopSequence: ch.StopSequence})
	}
	if r.Extra != nil {
		events = append(events, Event{Kind: EventOpaque, Opaque: r.Extra})
	}
	usage := r.Usage
	return append(events, Event{Kind: EventUsage, Usage: &usage})
}

func explodePart(events []Event, choice, index int, p Part) []Event {
	start := Event{Kind: EventPartStart, Choice: choice, Index: index, Part: p}
	stop := Event{Kind: EventPartStop, Choice: choice, Index: index}
	delta := Event{Kind: EventDelta, Choice: choice, Index: index}
	switch p := p.(type) {
	case *Text:
		head := *p
		head.Text = ""
		start.Part = &head
		delta.Text = p.Text
	case *Refusal:
		start.Part = &Refusal{ItemID: p.ItemID}
		delta.Text = p.Text
	case *Reasoning:
		head := *p
		head.Text, head.Signature, head.Redacted = "", "", nil
		start.Part = &head
		delta.Text, delta.Signature, delta.Data = p.Text, p.Signature, p.Redacted
	case *ToolCall:
		head := *p
		head.Arguments = ""
		start.Part = &head
		delta.Text = p.Arguments
	case *Audio:
		head := *p
		head.Transcript, head.Source.Data = "", nil
		start.Part = &head
		delta.Text, delta.Data = p.Transcript, p.Source.Data
	default:
		return append(events, start, stop)
	}
	return append(events, start, delta, stop)
}

// attachLogprobs hangs a choice's log probabilities on its first text delta.
func attachLogprobs(events []Event, choice int, lp []TokenLogprob) {
	for i := range events {
		if events[i].Kind == EventDelta && events[i].Choice == choice {
			events[i].Logprobs = lp
			return
		}
	}
}

// Events returns a Stream of the given events, for tests and for answers known in full.
func Events(events ...Event) Stream { return &sliceStream{events: events} }

type sliceStream struct {
	events []Event
	next   int
	closed atomic.Bool
}

func (s *sliceStream) Next() (Event, error) {
	if s.closed.Load() || s.next >= len(s.events) {
		return Event{}, io.EOF
	}
	s.next++
	return s.events[s.next-1], nil
}

func (s *sliceStream) Close() error {
	s.closed.Store(true)
	return nil
}
