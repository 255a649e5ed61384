package agent

import (
	"cmp"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// seen is what a reader was told of a model call under way.
type seen struct {
	// blind is true when it is not known what was told.
	blind bool
	items map[int]*seenItem
}

type seenItem struct {
	kind  ItemType
	parts map[int]*strings.Builder
	part  map[int]model.Part
}

// Projector turns a journal and its deltas into what a reader is told, in
// order and once. It is not safe for concurrent use.
type Projector struct {
	// State is the session after the last event.
	State *State
	// Partial tells of answers that were cut short, too, where their deltas were
	// not told.
	Partial bool
	runs    map[uint64]*seen
	last    string // status and actions told last
}

// NewProjector goes on from a state, which it then owns: nothing of what led to
// it is told.
func NewProjector(s *State) *Projector {
	p := &Projector{State: s, runs: map[uint64]*seen{}}
	p.last = p.standing()
	return p
}

// standing names the session's status with what it waits for.
func (p *Projector) standing() string {
	var b strings.Builder
	b.WriteString(string(p.State.Status()))
	for _, a := range p.State.Actions() {
		b.WriteByte(' ')
		if a.Call != nil {
			b.WriteString(a.Call.ID + "/" + a.Call.Request)
		}
	}
	return b.String()
}

// Blind says that deltas of this intent were told which cannot be read any
// more: its outcome is then told without the beginning.
func (p *Projector) Blind(seq uint64) { p.seen(seq).blind = true }

func (p *Projector) seen(seq uint64) *seen {
	if p.runs[seq] == nil {
		p.runs[seq] = &seen{items: map[int]*seenItem{}}
	}
	return p.runs[seq]
}

// Delta folds a delta of the intent seq and returns what it tells, nil for
// nothing: the intent is not under way any more, or the delta is out of place.
func (p *Projector) Delta(seq uint64, d Delta) *Signal {
	run := p.State.Run(seq)
	if run == nil {
		return nil
	}
	known := p.seen(seq)
	item := known.items[d.Item]
	if d.Kind == DeltaItem {
		if item != nil {
			return nil
		}
		known.items[d.Item] = &seenItem{kind: d.Type}
		return p.signal(SignalItemAdded, run, d, known.items[d.Item])
	}
	if item == nil {
		return nil
	}
	switch d.Kind {
	case DeltaPart:
		if item.parts[d.Content] != nil {
			return nil
		}
		if item.parts == nil {
			item.parts, item.part = map[int]*strings.Builder{}, map[int]model.Part{}
		}
		item.parts[d.Content] = &strings.Builder{}
		item.part[d.Content] = emptyPart(item.kind, d)
		return p.signal(SignalPartAdded, run, d, item)
	case DeltaArgs:
		return p.signal(SignalArguments, run, d, item)
	}
	if item.parts[d.Content] == nil {
		return nil
	}
	item.parts[d.Content].WriteString(d.Text)
	return p.signal(SignalDelta, run, d, item)
}

func emptyPart(kind ItemType, d Delta) model.Part {
	switch {
	case kind == ItemReasoning:
		return &model.Reasoning{Summary: d.Summary}
	case d.Refusal:
		return &model.Refusal{}
	}
	return &model.Text{}
}

// signal tells of a delta.
func (p *Projector) signal(kind SignalKind, run *Run, d Delta, known *seenItem) *Signal {
	part := known.part[d.Content]
	prefix := "msg"
	switch known.kind {
	case ItemReasoning:
		prefix = "rs"
	case ItemFunctionCall:
		prefix = "fc"
	}
	item := &Item{ID: ItemID(prefix, p.State.Session, run.Seq, d.Item), Type: known.kind, Status: ItemInProgress,
		Thread: run.Thread, Turn: run.Turn, Index: run.Base + d.Item}
	if known.kind == ItemMessage {
		item.Role = model.RoleAssistant
	}
	if known.kind == ItemFunctionCall {
		item.Call = &Call{ID: d.Call, Name: d.Name, Item: item.ID, Index: item.Index, Kind: CallFunction}
	}
	return &Signal{Kind: kind, Thread: run.Thread, Turn: run.Turn, Item: item, Content: d.Content, Part: part, Text: d.Text}
}

// Next folds an event and returns what it tells.
func (p *Projector) Next(e Event) ([]Signal, error) {
	told := p.before(e)
	var input, done []Signal
	if b, ok := e.Body.(*SubagentOpened); ok {
		done = p.returned(b.Call, nil, false) // told once the agent has its id
	}
	if b, ok := e.Body.(*TurnStarted); ok {
		input = p.input(b.Thread, TurnID(e.Session, e.Seq), b.Inputs)
	}
	if err := p.State.Apply(e); err != nil {
		return nil, err
	}
	told = append(append(append(told, p.after(e)...), done...), input...)
	if now := p.standing(); now != p.last {
		if _, created := e.Body.(*Created); !created {
			told = append(told, Signal{Kind: SignalStatus})
		}
		p.last = now
	}
	// A turn is told to be in progress after the session is.
	if b, ok := e.Body.(*TurnStarted); ok {
		t := p.State.Thread(b.Thread)
		told = append(told, Signal{Kind: SignalTurnInProgress, Thread: t.ID, Turn: t.Turn.ID, At: snapshot(t.Turn)})
	}
	return told, nil
}

func snapshot(t *Turn) *Turn {
	at := *t
	return &at
}

// before tells what only the state before the event knows.
func (p *Projector) before(e Event) []Signal {
	switch b := e.Body.(type) {
	case *Joined:
		return p.input(b.Thread, b.Turn, b.Inputs)
	case *Result:
		if t, call := p.State.Call(b.Call); call != nil && call.State == CallOpen && !call.Async && t.Turn.ID == b.Turn {
			return []Signal{{Kind: SignalItemAdded, Thread: t.ID, Turn: b.Turn, Item: outputItem(e, t.ID, b, call)}}
		}
	case *ModelAnswered:
		return p.answered(e, b)
	case *ModelFailed:
		return p.cut(e, b.Call, b.Base, b.Thread, b.Turn, b.Partial)
	case *ModelInterrupted:
		return p.cut(e, b.Call, b.Base, b.Thread, b.Turn, b.Partial)
	case *ToolReturned:
		told := p.returned(b.Call, b.Content, b.Failed)
		for i := range told {
			told[i].Item.Call.Structured = b.Structured
		}
		return told
	case *CallSettled:
		return p.returned(b.Call, b.Content, b.Failed)
	case *SubagentInput:
		return p.returned(b.Call, nil, false)
	case *SubagentClosed:
		return p.returned(b.Call, nil, false)
	case *SubagentResumed:
		return p.returned(b.Call, nil, false)
	case *Decision:
		return p.denied(b)
	case *TurnEnded:
		return p.leftOpen(b)
	}
	return nil
}

// input tells of messages that a turn takes up.
func (p *Projector) input(thread, turn string, inputs []uint64) []Signal {
	var told []Signal
	t := p.State.Thread(thread)
	if t == nil {
		return nil
	}
	for _, q := range t.Queue {
		if !slices.Contains(inputs, q.Seq) {
			continue
		}
		for _, item := range q.items(cmp.Or(q.Session, p.State.Session), thread, turn) {
			told = append(told, Signal{Kind: SignalItemAdded, Thread: thread, Turn: turn, Item: item})
		}
	}
	return told
}

// answered tells of an answer: whatever deltas did not tell, and that each item
// is done. Calls are added here, once they can be answered.
func (p *Projector) answered(e Event, b *ModelAnswered) []Signal {
	message := p.State.Unique(b)
	items := answerItems(p.State.Session, b.Call, b.Base, b.Thread, b.Turn, message.Parts, ItemCompleted)
	known := p.seen(b.Call)
	delete(p.runs, b.Call)
	var told []Signal
	for n, item := range items {
		if item.Type == ItemFunctionCall {
			continue // told after the fold, which knows who carries it out
		}
		told = append(told, finish(known, n, item)...)
	}
	return told
}

// finish tells the rest of an item.
func finish(known *seen, n int, item *Item) []Signal {
	at := Signal{Thread: item.Thread, Turn: item.Turn, Item: item}
	with := func(kind SignalKind, content int, part model.Part, text string) Signal {
		s := at
		s.Kind, s.Content, s.Part, s.Text = kind, content, part, text
		return s
	}
	var told []Signal
	was := known.items[n]
	if was == nil && !known.blind {
		begun := *item
		begun.Status, begun.Content = ItemInProgress, nil
		told = append(told, Signal{Kind: SignalItemAdded, Thread: item.Thread, Turn: item.Turn, Item: &begun})
	}
	for c, part := range item.Content {
		text := PartText(part)
		var said *strings.Builder
		if was != nil {
			said = was.parts[c]
		}
		switch {
		case known.blind:
		case said == nil:
			told = append(told, with(SignalPartAdded, c, emptyLike(part), ""))
			if text != "" {
				told = append(told, with(SignalDelta, c, part, text))
			}
		case said.Len() < len(text) && strings.HasPrefix(text, said.String()):
			told = append(told, with(SignalDelta, c, part, text[said.Len():]))
		}
		told = append(told, with(SignalTextDone, c, part, text), with(SignalPartDone, c, part, text))
	}
	return append(told, with(SignalItemDone, 0, nil, ""))
}

// PartText is the text of a text, refusal or thought.
func PartText(part model.Part) string {
	switch p := part.(type) {
	case *model.Text:
		return p.Text
	case *model.Refusal:
		return p.Text
	case *model.Reasoning:
		return p.Text
	}
	return ""
}

func emptyLike(part model.Part) model.Part {
	switch p := part.(type) {
	case *model.Reasoning:
		return &model.Reasoning{Summary: p.Summary}
	case *model.Refusal:
		return &model.Refusal{}
	}
	return &model.Text{}
}

// cut tells that what was begun stays incomplete. What was not told of it is
// not told any more.
func (p *Projector) cut(e Event, call uint64, base int, thread, turn string, partial []model.Part) []Signal {
	items := answerItems(p.State.Session, call, base, thread, turn, partial, ItemIncomplete)
	known := p.seen(call)
	delete(p.runs, call)
	var told []Signal
	for n, item := range items {
		was := known.items[n]
		if item.Type != ItemFunctionCall && was == nil && !known.blind && p.Partial {
			told = append(told, finish(known, n, item)...)
			continue
		}
		if item.Type != ItemFunctionCall && (was != nil || known.blind) {
			told = append(told, Signal{Kind: SignalItemDone, Thread: thread, Turn: turn, Item: item})
		}
	}
	return told
}

// returned tells that a call is done.
func (p *Projector) returned(id string, content []model.Part, failed bool) []Signal {
	t, call := p.State.Call(id)
	if call == nil || call.Kind == CallFunction || call.Parent != "" {
		return nil
	}
	status := ItemCompleted
	if failed {
		status = ItemFailed
	}
	done := *call
	if content != nil {
		done.Content = content
	}
	done.Failed = failed
	return []Signal{{Kind: SignalItemDone, Thread: t.ID, Turn: t.Turn.ID, Item: callItem(t.ID, t.Turn.ID, &done, status)}}
}

// denied tells that a call which waited for a yes got none.
func (p *Projector) denied(b *Decision) []Signal {
	if b.Decision == "approve" {
		return nil
	}
	for _, t := range p.State.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.State == CallAsked && call.Request == b.Request {
				return p.returned(call.ID, denial(call, b), true)
			}
		}
	}
	return nil
}

// leftOpen tells that calls without an outcome stay incomplete.
func (p *Projector) leftOpen(b *TurnEnded) []Signal {
	t := p.State.Thread(b.Thread)
	if t == nil || t.Turn.Over() || p.State.Settings.Mode == Returning && b.Status == TurnCompleted {
		return nil
	}
	var told []Signal
	for _, call := range t.Turn.Calls {
		if call.State != CallDone && call.Kind != CallFunction && call.Parent == "" {
			told = append(told, Signal{Kind: SignalItemDone, Thread: t.ID, Turn: t.Turn.ID, Item: callItem(t.ID, t.Turn.ID, call, ItemIncomplete)})
		}
	}
	return told
}

// after tells what the event led to.
func (p *Projector) after(e Event) []Signal {
	switch b := e.Body.(type) {
	case *Created:
		return []Signal{{Kind: SignalCreated}}
	case *TurnStarted:
		t := p.State.Thread(b.Thread)
		return []Signal{{Kind: SignalTurnCreated, Thread: b.Thread, Turn: t.Turn.ID, At: snapshot(t.Turn)}}
	case *TurnEnded:
		t := p.State.Thread(b.Thread)
		return []Signal{{Kind: SignalTurnEnded, Thread: b.Thread, Turn: b.Turn, At: snapshot(t.Turn)}}
	case *ModelAnswered:
		return p.calls(b)
	case *ToolsListed:
		return []Signal{{Kind: SignalListed, Server: b.Server}}
	case *ApprovalRequested:
		if t, call := p.State.Call(b.Call); call != nil {
			asked := *call
			return []Signal{{Kind: SignalAsked, Thread: t.ID, Turn: t.Turn.ID, Item: callItem(t.ID, t.Turn.ID, &asked, ItemInProgress)}}
		}
	case *Compacted:
		if b.Error == "" {
			return []Signal{{Kind: SignalCompacted, Thread: b.Thread}}
		}
	case *SubagentOpened:
		return p.subagent(SignalSubagentCreated, SubagentID(e.Session, e.Seq))
	case *SubagentClosed:
		if !b.Interrupt {
			return p.subagent(SignalSubagentClosed, b.Thread)
		}
	case *SubagentResumed:
		return p.subagent(SignalSubagentActive, b.Thread)
	}
	return nil
}

func (p *Projector) subagent(kind SignalKind, id string) []Signal {
	t := p.State.Thread(id)
	if t == nil {
		return nil
	}
	at := *t
	return []Signal{{Kind: kind, Thread: id, Agent: &at}}
}

// calls tells of an answer's calls, which count from now on.
func (p *Projector) calls(b *ModelAnswered) []Signal {
	t := p.State.Thread(b.Thread)
	if t == nil || t.Turn == nil {
		return nil
	}
	var told []Signal
	for _, call := range t.Turn.Calls {
		if from, seq, _, ok := Origin(call.Item); !ok || seq != b.Call || from != p.State.Session {
			continue
		}
		at := *call
		added := Signal{Kind: SignalItemAdded, Thread: b.Thread, Turn: b.Turn, Item: callItem(b.Thread, b.Turn, &at, ItemInProgress)}
		if call.Kind != CallFunction && call.Kind != CallUnresolved {
			told = append(told, added)
			continue
		}
		added.Item.Status = ItemCompleted
		done := added
		done.Kind = SignalItemDone
		told = append(told, added, done)
	}
	return told
}
