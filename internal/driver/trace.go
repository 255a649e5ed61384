package driver

import (
	"context"
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

// Traces folds a session's past into the traces of its root turns that have
// ended, or of one that goes on as far as it has come. It costs as much as the
// session is long.
func (s *Sessions) Traces(ctx context.Context, tenant, id string) ([]Trace, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	events, err := s.driver.config.Journal.History(ctx, head)
	if err != nil {
		return nil, hide(err, id)
	}
	t := &tracer{state: agent.NewState(), open: map[uint64]*Span{}, turns: map[string]*Span{}}
	for _, e := range events {
		read, err := s.driver.codec.Read(e)
		if err != nil {
			return nil, hide(err, id)
		}
		if err := t.add(read); err != nil {
			return nil, err
		}
	}
	return t.traces(), nil
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
	if err := t.state.Apply(e); err != nil {
		return err
	}
	if b, ok := e.Body.(*agent.TurnStarted); ok {
		t.turn(e, b.Thread)
	}
	return nil
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
	if parent := t.turns[turn]; parent != nil {
		span.Parent = parent.Seq
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
