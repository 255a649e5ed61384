package drivertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// CheckListings compares every list of a session with what folding all of its
// events comes to: in one order as a whole and in the other in short pages, which
// of them is which being the journal's length's to say.
func CheckListings(ctx context.Context, s *driver.Sessions, tenant, id string, events []session.Event) error {
	want, err := foldListings(events)
	if err != nil {
		return err
	}
	var wrong []error
	turns := map[string][]string{}
	for _, t := range want.turns {
		turns[t.Thread] = append(turns[t.Thread], t.ID)
	}
	oldest := len(events)%2 == 0
	for _, page := range []driver.Page{{Oldest: oldest, Limit: 1000}, {Oldest: !oldest, Limit: 1 + len(events)%5}} {
		c := &listings{ctx: ctx, s: s, tenant: tenant, id: id, want: want, page: page}
		for _, t := range want.state.Threads {
			wrong = append(wrong, c.items(driver.ItemQuery{Thread: t.ID}), c.turns(t.ID))
			for _, turn := range turns[t.ID] {
				wrong = append(wrong, c.items(driver.ItemQuery{Thread: t.ID, Turn: turn}), c.turn(t.ID, turn))
			}
		}
		wrong = append(wrong, c.traces())
	}
	return errors.Join(wrong...)
}

// listings compares the lists of one session.
type listings struct {
	ctx        context.Context // of the check
	s          *driver.Sessions
	tenant, id string
	want       *folded
	page       driver.Page
}

// compare reads a list page by page and compares it.
func compare[T any](c *listings, what string, want []T, id func(T) string, same func(a, b T) bool,
	read func(*driver.History, driver.Page) ([]T, bool, error)) error {
	want = slices.Clone(want)
	if !c.page.Oldest {
		slices.Reverse(want)
	}
	page := c.page
	for at := 0; ; {
		h, err := c.s.History(c.ctx, c.tenant, c.id)
		if err != nil {
			return err
		}
		got, more, err := read(h, page)
		what := fmt.Sprintf("%s, %+v", what, page)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n := min(page.Limit, len(want)-at); len(got) != n || more != (at+n < len(want)) {
			return fmt.Errorf("%s: %d entries, more %v; want %d of %d", what, len(got), more, n, len(want)-at)
		}
		for i := range got {
			if !same(got[i], want[at+i]) {
				return fmt.Errorf("%s: entry %d is\n%+v\nnot\n%+v", what, at+i, got[i], want[at+i])
			}
		}
		if !more {
			return nil
		}
		at += len(got)
		page.After = id(got[len(got)-1])
	}
}

func (c *listings) items(q driver.ItemQuery) error {
	q.Wanted = func(i *agent.Item) bool { return i.Type != agent.ItemInternalCall }
	var want []*agent.Item
	for _, i := range c.want.items {
		if q.Wanted(i) && (q.Turn != "" && i.Turn == q.Turn || q.Turn == "" && i.Thread == q.Thread) {
			want = append(want, i)
		}
	}
	return compare(c, fmt.Sprintf("items of %q %q", q.Thread, q.Turn), want, func(i *agent.Item) string { return i.ID }, sameItem,
		func(h *driver.History, page driver.Page) ([]*agent.Item, bool, error) {
			q.Page = page
			return h.Items(c.ctx, q)
		})
}

// sameItem compares what is shown of items.
func sameItem(a, b *agent.Item) bool {
	x, y := *a, *b
	x.Call, y.Call = shownCall(a.Call), shownCall(b.Call)
	return reflect.DeepEqual(x, y)
}

func shownCall(c *agent.Call) *agent.Call {
	if c == nil {
		return nil
	}
	return &agent.Call{ID: c.ID, Item: c.Item, Name: c.Name, Arguments: c.Arguments, Kind: c.Kind, Server: c.Server, Tool: c.Tool, Index: c.Index}
}

func (c *listings) turns(thread string) error {
	var want []driver.TurnRecord
	for _, t := range c.want.turns {
		if t.Thread == thread {
			want = append(want, t)
		}
	}
	return compare(c, fmt.Sprintf("turns of %q", thread), want, func(t driver.TurnRecord) string { return t.ID }, sameTurn,
		func(h *driver.History, page driver.Page) ([]driver.TurnRecord, bool, error) {
			return h.Turns(c.ctx, thread, page)
		})
}

// sameTurn compares what is shown of turns.
func sameTurn(a, b driver.TurnRecord) bool {
	return a.ID == b.ID && a.Thread == b.Thread && a.Definition.ID == b.Definition.ID && a.Status == b.Status && a.Spent == b.Spent &&
		a.StartedAt.Equal(b.StartedAt) && a.EndedAt.Equal(b.EndedAt) && a.Code == b.Code && a.Message == b.Message
}

func (c *listings) turn(thread, id string) error {
	h, err := c.s.History(c.ctx, c.tenant, c.id)
	if err != nil {
		return err
	}
	got, err := h.Turn(c.ctx, thread, id)
	if err != nil {
		return err
	}
	for _, t := range c.want.turns {
		if t.ID == id && !sameTurn(*got, t) {
			return fmt.Errorf("turn %s is\n%+v\nnot\n%+v", id, *got, t)
		}
	}
	if _, err := h.Turn(c.ctx, thread, id+"0"); model.AsError(err) == nil || model.AsError(err).Kind != model.NotFound {
		return fmt.Errorf("turn %s0: %w", id, err)
	}
	return nil
}

func (c *listings) traces() error {
	return compare(c, "traces", c.want.traces, func(t driver.Trace) string { return t.Turn },
		func(a, b driver.Trace) bool { return reflect.DeepEqual(a, b) },
		func(h *driver.History, page driver.Page) ([]driver.Trace, bool, error) { return h.Traces(c.ctx, page) })
}

// folded is what all of a session's events tell.
type folded struct {
	state  *agent.State
	items  []*agent.Item
	turns  []driver.TurnRecord
	traces []driver.Trace
	index  map[string]int // of items
}

// foldListings folds everything, from the first event on.
func foldListings(events []session.Event) (*folded, error) {
	codec, err := agent.NewCodec()
	if err != nil {
		return nil, err
	}
	f := &folded{state: agent.NewState(), index: map[string]int{}}
	p := agent.NewProjector(f.state)
	spans := &spans{of: f, open: map[uint64]int{}, turns: map[string]int{}}
	for _, e := range events {
		read, err := codec.Read(e)
		if err != nil {
			return nil, err
		}
		switch b := read.Body.(type) {
		case *agent.ModelFailed:
			p.Blind(b.Call)
		case *agent.ModelInterrupted:
			p.Blind(b.Call)
		case *agent.TurnStarted:
			f.settle(b.Thread)
		}
		spans.before(read)
		told, err := p.Next(read)
		if err != nil {
			return nil, err
		}
		spans.after(read)
		for _, signal := range told {
			f.add(signal)
		}
	}
	for _, t := range f.state.Threads {
		f.settle(t.ID)
	}
	return f, nil
}

// settle takes an agent's last turn as it is.
func (f *folded) settle(thread string) {
	for i := range f.turns {
		if t := f.state.Thread(thread); t != nil && t.Turn != nil && f.turns[i].ID == t.Turn.ID {
			f.turns[i].Turn = *t.Turn
		}
	}
}

func (f *folded) add(signal agent.Signal) {
	switch signal.Kind {
	case agent.SignalTurnCreated:
		f.turns = append(f.turns, driver.TurnRecord{Thread: signal.Thread, Turn: *signal.At})
	case agent.SignalItemAdded, agent.SignalItemDone:
		at, known := f.index[signal.Item.ID]
		if !known {
			at = len(f.items)
			f.index[signal.Item.ID], f.items = at, append(f.items, nil)
		}
		f.items[at] = signal.Item
	}
}

// spans turns events into traces.
type spans struct {
	of *folded
	// open and turns say which span is that of an intent and of a turn; the
	// trace it is in is in trace.
	open  map[uint64]int
	turns map[string]int
	all   []driver.Span
	trace []int
}

func (s *spans) begin(e agent.Event, span driver.Span) {
	span.Seq, span.Start = e.Seq, e.At
	s.all, s.trace = append(s.all, span), append(s.trace, len(s.of.traces)-1)
	s.show(len(s.all) - 1)
}

// show writes a span anew into its trace.
func (s *spans) show(n int) {
	t := &s.of.traces[s.trace[n]]
	at := 0
	for i := range n {
		if s.trace[i] == s.trace[n] {
			at++
		}
	}
	t.Spans = append(t.Spans[:at:at], append([]driver.Span{s.all[n]}, t.Spans[min(at+1, len(t.Spans)):]...)...)
}

func (s *spans) end(intent uint64, change func(*driver.Span)) {
	if n, ok := s.open[intent]; ok {
		change(&s.all[n])
		delete(s.open, intent)
		s.show(n)
	}
}

func (s *spans) before(e agent.Event) {
	over := func(text string, usage model.Usage) func(*driver.Span) {
		return func(span *driver.Span) { span.End, span.Error, span.Usage = e.At, text, usage }
	}
	switch b := e.Body.(type) {
	case *agent.ToolCalled:
		if t, call := s.of.state.Call(b.Call); call != nil {
			s.open[e.Seq] = len(s.all)
			s.begin(e, driver.Span{Kind: driver.SpanTool, Name: call.Tool, Server: call.Server, Thread: t.ID, Attempt: b.Attempt, Parent: s.all[s.turns[t.Turn.ID]].Seq})
		}
	case *agent.ModelCalled:
		s.open[e.Seq] = len(s.all)
		s.begin(e, driver.Span{Kind: driver.SpanModel, Thread: b.Thread, Parent: s.all[s.turns[b.Turn]].Seq})
	case *agent.ModelAnswered:
		s.end(b.Call, func(span *driver.Span) { span.End, span.Name, span.Usage = e.At, b.Model, b.Usage })
	case *agent.ModelFailed:
		s.end(b.Call, over(b.Message, b.Usage))
	case *agent.ModelInterrupted:
		s.end(b.Call, over("interrupted: "+b.Reason, b.Usage))
	case *agent.ToolReturned:
		text := ""
		if b.Failed {
			text = "the call failed"
		}
		s.end(b.Intent, over(text, model.Usage{}))
	case *agent.ToolUnknown:
		s.end(b.Intent, over("the outcome is unknown: "+b.Reason, model.Usage{}))
	case *agent.ToolAgain:
		s.end(b.Intent, over("interrupted", model.Usage{}))
	case *agent.TurnEnded:
		if n, ok := s.turns[b.Turn]; ok {
			s.all[n].End, s.all[n].Error = e.At, b.Message
			s.show(n)
		}
	}
}

// after begins the span of a turn.
func (s *spans) after(e agent.Event) {
	b, ok := e.Body.(*agent.TurnStarted)
	if !ok {
		return
	}
	t := s.of.state.Thread(b.Thread)
	span := driver.Span{Kind: driver.SpanTurn, Name: t.Turn.Definition.ID, Thread: b.Thread}
	if b.Thread == "" {
		s.of.traces = append(s.of.traces, driver.Trace{Turn: t.Turn.ID})
	} else {
		span.Parent = s.all[s.turns[s.of.traces[len(s.of.traces)-1].Turn]].Seq
	}
	s.turns[t.Turn.ID] = len(s.all)
	s.begin(e, span)
}
