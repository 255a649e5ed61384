package agent

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Apply folds one event. It changes s and depends on nothing else; an event
// that does not fit the state is [session.ErrCorrupt], after which s is not to
// be used.
func (s *State) Apply(e Event) error {
	if s.Session != e.Session {
		if _, forks := e.Body.(*Forked); s.Session != "" && !forks && s.Seq != 0 && e.Seq == 1 {
			if _, remembers := e.Body.(*Submitted); !remembers {
				return misfit(e, "a fork begins by saying so")
			}
		}
		s.inherit()
		s.Session = e.Session
	}
	s.Seq, s.Clock = e.Seq, e.At
	switch b := e.Body.(type) {
	case *Created:
		s.created(e, b)
	case *Updated:
		s.updated(b)
	case *Forked:
		s.forked(e, b)
	case *Failed:
		s.Error = b.Message
		s.stopAll()
	case *Message:
		return s.message(e, b)
	case *Cancel:
		s.cancel()
	case *Result:
		return s.result(e, b)
	case *Decision:
		return s.decision(e, b)
	case *Ticked, *Submitted:
	default:
		return s.applyTurn(e)
	}
	return nil
}

// applyTurn folds what the runtime itself records.
func (s *State) applyTurn(e Event) error {
	switch b := e.Body.(type) {
	case *TurnStarted:
		return s.turnStarted(e, b)
	case *Joined:
		return s.joined(e, b)
	case *TurnEnded:
		return s.turnEnded(e, b)
	case *ModelCalled:
		return s.modelCalled(e, b)
	case *ModelAnswered:
		return s.modelAnswered(e, b)
	case *ModelFailed:
		return s.modelFailed(e, b)
	case *ModelInterrupted:
		return s.modelInterrupted(e, b)
	case *ToolsListing:
		s.Runs = append(s.Runs, &Run{Seq: e.Seq, Kind: RunListing, Server: b.Server, Digest: b.Digest})
	case *ToolsListed:
		return s.toolsListed(e, b)
	case *Compacting:
		s.Runs = append(s.Runs, &Run{Seq: e.Seq, Kind: RunCompact, Thread: b.Thread, Entries: b.Entries, Input: b.Input})
	case *Compacted:
		return s.compacted(e, b)
	case *Publishing:
		s.Runs = append(s.Runs, &Run{Seq: e.Seq, Kind: RunPublish})
	case *Published:
		s.Unpublished = false
		return s.finish(e, b.Call)
	default:
		return s.applyCall(e)
	}
	return nil
}

func misfit(e Event, format string, args ...any) error {
	return session.Fault(session.ErrCorrupt, e.Session, "Event %d (%s) does not fit: %s.", e.Seq, e.Body.kind(), fmt.Sprintf(format, args...))
}

func (s *State) created(e Event, b *Created) {
	s.CreatedAt = e.At
	s.revision++
	s.Settings = *b
	root := &Thread{OpenedAt: e.At, Context: b.Context}
	s.Threads = []*Thread{root}
	s.Settings.Context, s.Settings.Approved = nil, nil // they live on in the thread
	s.Unsettled = b.Approved
}

func (s *State) updated(b *Updated) {
	s.revision++
	d := &s.Settings.Definition
	if b.Model != nil {
		d.Model = *b.Model
	}
	if b.Reasoning != nil {
		d.Reasoning = *b.Reasoning
	}
	if b.ServiceTier != nil {
		d.ServiceTier = *b.ServiceTier
	}
	if b.Tools != nil {
		s.forget()
		d.Tools = *b.Tools
		if root := s.Root(); root != nil && !root.Turn.Over() {
			root.Turn.Definition.Tools = *b.Tools // functions and servers change at the next model call
		}
	}
	if b.Metadata != nil {
		s.Settings.Metadata = *b.Metadata
	}
	if b.Review != nil {
		s.Settings.Review = *b.Review
	}
	if b.SpendLimit != nil || b.ClearSpend {
		s.Settings.SpendLimit = b.SpendLimit
	}
	if b.Contract != nil {
		s.Settings.Contract = b.Contract
	}
}

// inherit keeps where queued input came from as another journal begins, which
// numbers its own events anew.
func (s *State) inherit() {
	for _, t := range s.Threads {
		for i := range t.Queue {
			t.Queue[i].Session = cmp.Or(t.Queue[i].Session, s.Session)
		}
	}
}

// forked lets the new journal begin where the old one stood. What ran there
// runs there still: here, its outcome is not known. A yes that was given there
// counts there.
func (s *State) forked(e Event, b *Forked) {
	s.CreatedAt = e.At
	s.revision++
	s.Settings.Principal = b.Principal
	if b.Metadata != nil {
		s.Settings.Metadata = b.Metadata
	}
	for _, run := range s.Runs {
		switch run.Kind {
		case RunModel:
			if t := s.Thread(run.Thread); t != nil && !t.Turn.Over() {
				t.Turn.Due = true
			}
		case RunTool:
			if _, call := s.Call(run.Call); call != nil {
				call.State = CallUnknown
			}
		}
	}
	for _, t := range s.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			call.Approved, call.Granted = "", ""
		}
	}
	s.Runs, s.Unpublished = nil, false
}

func (s *State) message(e Event, b *Message) error {
	root := s.Root()
	if root == nil {
		return misfit(e, "the session was not created")
	}
	root.Queue = append(root.Queue, Queued{Seq: e.Seq, From: b.From, By: b.By, Messages: b.Messages})
	if sub := s.Thread(b.From); b.From != "" && sub != nil {
		sub.Reported = true
	}
	return nil
}

// cancel marks every turn; what runs is stopped, and the turns end once it has.
func (s *State) cancel() {
	for _, t := range s.Threads {
		s.cancelThread(t)
	}
}

func (s *State) stopAll() {
	for _, run := range s.Runs {
		if run.Kind != RunPublish {
			run.Stop = true
		}
	}
}

func (s *State) turnStarted(e Event, b *TurnStarted) error {
	t := s.Thread(b.Thread)
	if t == nil || !t.Turn.Over() {
		return misfit(e, "agent %q cannot start a turn", b.Thread)
	}
	s.forget()
	t.Turn = &Turn{
		ID: TurnID(e.Session, e.Seq), Seq: e.Seq, Definition: s.definition(t),
		Status: TurnInProgress, StartedAt: e.At, Due: true,
	}
	if t.ID == "" && s.Settings.Mode == Returning {
		s.Unpublished = true
	}
	t.Reported = false
	if t.ID == "" {
		t.resume(s.Unsettled)
		s.Unsettled = nil
	}
	t.take(b.Inputs)
	return nil
}

// resume takes up calls that an earlier session's answer asked for.
func (t *Thread) resume(calls []Approved) {
	for _, a := range calls {
		call := &Call{ID: a.CallID, Item: a.Item, Name: exposed(a.Server, a.Name), Arguments: a.Arguments, Kind: CallServer,
			Server: a.Server, Tool: a.Name, State: CallAsked, Request: a.Request, Binding: a.Binding, Index: -1}
		t.Turn.Calls = append(t.Turn.Calls, call)
		t.Turn.Due = false
	}
	for _, a := range calls {
		for _, call := range t.Turn.Calls {
			switch {
			case call.Request != a.Request:
			case a.Approve:
				call.State, call.Approved = CallReady, a.Binding
			default:
				call.close(t, denial(call, &Decision{Request: a.Request, Decision: "deny", Reason: a.Reason}), true)
			}
		}
	}
}

// definition is what an agent is at its next turn.
func (s *State) definition(t *Thread) Definition {
	d := s.Settings.Definition
	if t.ID == "" {
		return d
	}
	// A subagent has its parent's servers, never the client's functions, and
	// opens no subagents of its own.
	d.ID, d.MultiAgent = t.ID, MultiAgent{}
	d.Tools = slices.DeleteFunc(slices.Clone(d.Tools), func(tool Tool) bool { return tool.Kind == ToolFunction })
	if t.Instructions != nil {
		d.Instructions = t.Instructions
	}
	if t.Model != nil {
		d.Model = *t.Model
	}
	if t.Effort != nil {
		d.Reasoning.Effort = t.Effort
	}
	return d
}

// take moves queued input into the context.
func (t *Thread) take(inputs []uint64) {
	t.Queue = slices.DeleteFunc(t.Queue, func(q Queued) bool {
		if !slices.Contains(inputs, q.Seq) {
			return false
		}
		t.Context = append(t.Context, q.Messages...)
		if q.By != "" && !slices.Contains(t.Turn.Askers, q.By) {
			t.Turn.Askers = append(t.Turn.Askers, q.By)
		}
		return true
	})
}

func (s *State) joined(e Event, b *Joined) error {
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	t.take(b.Inputs)
	t.Turn.Due = true
	return nil
}

// turn returns the agent whose turn under way has this id.
func (s *State) turn(e Event, thread, turn string) (*Thread, error) {
	t := s.Thread(thread)
	if t == nil || t.Turn.Over() || t.Turn.ID != turn {
		return nil, misfit(e, "turn %q is not under way", turn)
	}
	return t, nil
}

func (s *State) turnEnded(e Event, b *TurnEnded) error {
	t, err := s.turn(e, b.Thread, b.Turn)
	if err != nil {
		return err
	}
	turn := t.Turn
	if s.Settings.Mode != Returning || b.Status != TurnCompleted {
		t.abandon()
	}
	turn.Status, turn.EndedAt, turn.Code, turn.Message = b.Status, e.At, b.Code, b.Message
	turn.Due, t.Ended = false, b.Status
	if b.Status == TurnCompleted {
		t.Async = append(t.Async, turn.openAsync()...)
	}
	if s.Settings.Mode != Returning {
		turn.Calls = nil
	}
	for _, sub := range s.Threads[1:] {
		if t.ID == "" && b.Status != TurnCompleted {
			s.cancelThread(sub)
		}
	}
	return nil
}

// abandon gives the calls that have no outcome one, so that the context stays
// one that models accept.
func (t *Thread) abandon() {
	var results []model.Part
	for _, call := range t.Turn.Calls {
		if call.Async || call.Parent != "" {
			continue
		}
		result := &model.ToolResult{CallID: call.ID, Custom: call.Custom, Content: call.Content, Error: call.Failed}
		if call.State != CallDone {
			result.Content, result.Error = []model.Part{&model.Text{Text: "The call was abandoned."}}, true
		}
		results = append(results, result)
	}
	if len(results) > 0 {
		t.Context = append(t.Context, model.Message{Role: model.RoleUser, Parts: results})
	}
}

// finish removes an intent that has its outcome now.
func (s *State) finish(e Event, seq uint64) error {
	for i, run := range s.Runs {
		if run.Seq == seq {
			s.Runs = slices.Delete(s.Runs, i, i+1)
			return nil
		}
	}
	return misfit(e, "nothing is under way under %d", seq)
}

func (s *State) toolsListed(e Event, b *ToolsListed) error {
	s.forget()
	listing := Listing{Server: b.Server, Digest: b.Digest, At: e.At, Tools: b.Tools, Error: b.Error}
	if old := s.Listing(b.Server); old != nil {
		*old = listing
	} else {
		s.Servers = append(s.Servers, listing)
	}
	return s.finish(e, b.Call)
}

func (s *State) compacted(e Event, b *Compacted) error {
	t := s.Thread(b.Thread)
	if t == nil || b.Entries > len(t.Context) {
		return misfit(e, "there is no such context")
	}
	s.spend(t, b.Usage, b.Cost)
	switch {
	case b.Reason != "":
	case b.Error != "":
		t.Uncompactable = len(t.Context)
	default:
		t.Context = append(slices.Clone(b.Summary), t.Context[b.Entries:]...)
		s.rewritten(t)
		t.Tokens, t.Uncompactable = 0, 0
	}
	return s.finish(e, b.Call)
}

// spend adds what a model call used.
func (s *State) spend(t *Thread, usage model.Usage, cost int64) {
	if usage.Total() == 0 && cost == 0 {
		return
	}
	for _, sum := range []*Spending{&s.Spent, t.spending()} {
		if sum != nil {
			sum.add(usage, cost)
		}
	}
}

func (t *Thread) spending() *Spending {
	if t.Turn == nil {
		return nil
	}
	return &t.Turn.Spent
}

func (s *Spending) add(usage model.Usage, cost int64) {
	u := &s.Usage
	u.Input += usage.Input
	u.CacheRead += usage.CacheRead
	u.CacheWrite5m += usage.CacheWrite5m
	u.CacheWrite1h += usage.CacheWrite1h
	u.Output += usage.Output
	u.Reasoning += usage.Reasoning
	u.AudioInput += usage.AudioInput
	u.AudioOutput += usage.AudioOutput
	u.Estimated = u.Estimated || usage.Estimated
	if cost < 0 {
		s.Unpriced++
		return
	}
	s.Cost += cost
}

// retryAfter is how long to wait after the n-th failure in a row.
func retryAfter(n int, asked time.Duration) time.Duration {
	wait := min(time.Second<<min(n-1, 6), time.Minute)
	return max(wait, min(asked, 10*time.Minute))
}
