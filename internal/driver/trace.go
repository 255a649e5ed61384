package driver

import (
	"context"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// Trace is a root turn with what was done in it, by it and by its subagents.
type Trace struct {
	Turn  string
	Spans []Span
}

// SpanKind says what a span is about.
type SpanKind string

// The kinds of span.
const (
	SpanTurn  SpanKind = "turn"
	SpanModel SpanKind = "model"
	SpanTool  SpanKind = "tool"
)

// Span is a stretch of time: from an intent to its outcome.
type Span struct {
	Kind SpanKind
	// Seq is the event that began it; Parent the one that began what it is part
	// of, 0 for a root turn.
	Seq, Parent uint64
	// Name is the agent's, the model's or the tool's; Server the tool's server.
	Name, Server string
	Thread       string
	Start, End   time.Time
	Usage        model.Usage
	Attempt      int
	// Error says why it failed; empty if it did not.
	Error string
}

// Traces returns a page of the traces of root turns, the last as far as it has
// come, and whether more follow it. It costs what happened in these turns. A
// page after a turn that is not listed is an error of kind NotFound.
func (h *History) Traces(ctx context.Context, page Page) (traces []Trace, more bool, err error) {
	turns, more, err := h.Turns(ctx, "", page)
	if err != nil || len(turns) == 0 {
		return nil, more, err
	}
	first, last := &turns[0], &turns[len(turns)-1]
	if !page.Oldest {
		first, last = last, first
	}
	from, _ := h.past.place(first.ID)
	to := h.past.total
	if last.until > 0 {
		to = last.until - 1
	}
	t := &tracer{open: map[uint64]*Span{}, turns: map[string]*Span{}}
	if err := t.trace(ctx, h.past, from, to); err != nil {
		return nil, false, hide(err, h.State.Session)
	}
	traces = t.traces()
	if !page.Oldest {
		slices.Reverse(traces)
	}
	return traces, more, nil
}

// trace folds what happened from one place to another, and what became of it
// after that.
func (t *tracer) trace(ctx context.Context, p *past, from, to uint64) error {
	state, at, err := p.outline(ctx, from-1, 0)
	if err != nil {
		return err
	}
	t.state = state
	return p.fold(ctx, at, p.total, func(place uint64, e agent.Event) (bool, error) {
		switch {
		case place < from:
			return false, state.Apply(e)
		case place > to:
			t.outcome(e)
			if err := state.Apply(e); err != nil {
				return false, err
			}
		default:
			if err := t.add(e); err != nil {
				return false, err
			}
		}
		return place >= to && !t.waiting(), nil
	})
}

// waiting reports whether a span may still end.
func (t *tracer) waiting() bool {
	for seq := range t.open {
		if t.state.Run(seq) != nil {
			return true
		}
	}
	for _, thread := range t.state.Threads {
		if !thread.Turn.Over() && t.turns[thread.Turn.ID] != nil {
			return true
		}
	}
	return false
}

// tracer turns events into spans.
type tracer struct {
	state *agent.State
	all   []*Span
	open  map[uint64]*Span // by intent
	turns map[string]*Span // by turn
	root  []string         // root turns, in order
	of    []string         // the root turn of each span
}

func (t *tracer) add(e agent.Event) error {
	switch b := e.Body.(type) {
	case *agent.ToolCalled:
		if thread, call := t.state.Call(b.Call); call != nil {
			t.begin(e, &Span{Kind: SpanTool, Name: call.Tool, Server: call.Server, Thread: thread.ID, Attempt: b.Attempt}, thread.Turn.ID)
		}
	case *agent.ModelCalled:
		t.begin(e, &Span{Kind: SpanModel, Thread: b.Thread}, b.Turn)
	default:
		t.outcome(e)
	}
	if err := t.state.Apply(e); err != nil {
		return err
	}
	if b, ok := e.Body.(*agent.TurnStarted); ok {
		t.turn(e, b.Thread)
	}
	return nil
}

// outcome ends the span that an event is the end of.
func (t *tracer) outcome(e agent.Event) {
	switch b := e.Body.(type) {
	case *agent.ModelAnswered:
		t.end(e, b.Call, func(s *Span) { s.Name, s.Usage = b.Model, b.Usage })
	case *agent.ModelFailed:
		t.end(e, b.Call, func(s *Span) { s.Error, s.Usage = b.Message, b.Usage })
	case *agent.ModelInterrupted:
		t.end(e, b.Call, func(s *Span) { s.Error, s.Usage = "interrupted: "+b.Reason, b.Usage })
	case *agent.ToolReturned:
		t.end(e, b.Intent, func(s *Span) {
			if b.Failed {
				s.Error = "the call failed"
			}
		})
	case *agent.ToolUnknown:
		t.end(e, b.Intent, func(s *Span) { s.Error = "the outcome is unknown: " + b.Reason })
	case *agent.ToolAgain:
		t.end(e, b.Intent, func(s *Span) { s.Error = "interrupted" })
	case *agent.TurnEnded:
		if span := t.turns[b.Turn]; span != nil {
			span.End, span.Error = e.At, b.Message
		}
	}
}

// turn begins a turn's span: a subagent's is part of the root turn under way.
func (t *tracer) turn(e agent.Event, thread string) {
	at := t.state.Thread(thread)
	span := &Span{Kind: SpanTurn, Seq: e.Seq, Name: at.Turn.Definition.ID, Thread: thread, Start: e.At}
	if thread == "" {
		t.root = append(t.root, at.Turn.ID)
	} else if root := t.turns[t.current()]; root != nil {
		span.Parent = root.Seq
	}
	t.turns[at.Turn.ID] = span
	t.all, t.of = append(t.all, span), append(t.of, t.current())
}

// current is the root turn that began last.
func (t *tracer) current() string {
	if len(t.root) == 0 {
		return ""
	}
	return t.root[len(t.root)-1]
}

func (t *tracer) begin(e agent.Event, span *Span, turn string) {
	span.Seq, span.Start = e.Seq, e.At
	if _, parent, _, ok := agent.Origin(turn); ok {
		span.Parent = parent // which may have begun before what is traced
	}
	t.open[e.Seq] = span
	t.all, t.of = append(t.all, span), append(t.of, t.current())
}

func (t *tracer) end(e agent.Event, intent uint64, done func(*Span)) {
	if span := t.open[intent]; span != nil {
		span.End = e.At
		done(span)
		delete(t.open, intent)
	}
}

func (t *tracer) traces() []Trace {
	var traces []Trace
	for _, turn := range t.root {
		trace := Trace{Turn: turn}
		for i, span := range t.all {
			if t.of[i] == turn {
				trace.Spans = append(trace.Spans, *span)
			}
		}
		traces = append(traces, trace)
	}
	return traces
}
