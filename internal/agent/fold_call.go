package agent

import (
	"slices"

	"github.com/craton-ai/craton/internal/model"
)

// applyCall folds what becomes of calls.
func (s *State) applyCall(e Event) error {
	switch b := e.Body.(type) {
	case *ApprovalRequested:
		return s.approvalRequested(e, b)
	case *ToolCalled:
		return s.toolCalled(e, b)
	case *ToolReturned:
		return s.toolReturned(e, b)
	case *ToolUnknown:
		return s.toolUnknown(e, b)
	case *ToolAgain:
		if err := s.finish(e, b.Intent); err != nil {
			return err
		}
		if _, call := s.Call(b.Call); call != nil {
			call.State = CallReady
		}
		return nil
	case *ToolParked:
		if err := s.finish(e, b.Intent); err != nil {
			return err
		}
		if _, call := s.Call(b.Call); call != nil {
			call.State = CallParked
		}
		return nil
	case *CallSettled:
		return s.settled(e, b)
	case *CallAdded:
		return s.added(e, b)
	case *SubagentOpened:
		return s.opened(e, b)
	case *SubagentInput:
		return s.subagentInput(e, b)
	case *SubagentClosed:
		return s.closed(e, b)
	case *SubagentResumed:
		return s.resumed(e, b)
	}
	return misfit(e, "nothing folds it")
}

// result closes a call that the client carried out.
func (s *State) result(e Event, b *Result) error {
	if t, owed := s.Owed(b.Turn, b.Call); owed != nil {
		t.Async = slices.DeleteFunc(t.Async, func(c *Call) bool { return c == owed })
		t.Queue = append(t.Queue, late(e, owed, b))
		return nil
	}
	t, call := s.Call(b.Call)
	if call == nil || call.State != CallOpen || t.Turn.ID != b.Turn {
		// It was admitted while the call was open, and something closed the call
		// before it was appended: it changes nothing.
		return nil
	}
	if call.Async {
		call.State = CallDone
		t.Turn.Calls = slices.DeleteFunc(t.Turn.Calls, func(c *Call) bool { return c == call })
		t.Queue = append(t.Queue, late(e, call, b))
		return nil
	}
	call.close(t, b.Output, !b.Success)
	return nil
}

// late is the outcome of a call that the turn did not wait for, as input.
func late(e Event, call *Call, b *Result) Queued {
	return Queued{Seq: e.Seq, Messages: []model.Message{asyncResult(call, b)},
		Outcome: &Outcome{Call: call.ID, Failed: !b.Success, Raw: b.Raw, Error: b.Error}}
}

// asyncResult tells the model of an outcome that it did not wait for.
func asyncResult(call *Call, b *Result) model.Message {
	head := "The result of the earlier call " + call.ID + " of " + call.Name + ":"
	if !b.Success {
		head = "The earlier call " + call.ID + " of " + call.Name + " failed:"
	}
	return model.Message{Role: model.RoleUser, Parts: append([]model.Part{&model.Text{Text: head}}, b.Output...)}
}

// close gives a call its outcome, and the model all outcomes once the last is
// there.
func (c *Call) close(t *Thread, content []model.Part, failed bool) {
	c.State, c.Content, c.Failed = CallDone, content, failed
	t.deliver()
}

// deliver puts the outcomes of the last answer into the context once no call
// holds the turn up.
func (t *Thread) deliver() {
	var results []model.Part
	for _, call := range t.Turn.Calls {
		switch {
		case call.Async || call.Parent != "":
		case call.State != CallDone:
			return
		default:
			results = append(results, &model.ToolResult{
				CallID: call.ID, Custom: call.Custom, Content: call.Content, Error: call.Failed,
			})
		}
	}
	t.Turn.Calls = t.Turn.openAsync()
	if len(results) == 0 {
		return
	}
	t.Context = append(t.Context, model.Message{Role: model.RoleUser, Parts: results})
	t.Turn.Due = true
}

func (s *State) approvalRequested(e Event, b *ApprovalRequested) error {
	_, call := s.Call(b.Call)
	if call == nil {
		return misfit(e, "call %q is not open", b.Call)
	}
	call.State, call.Request, call.Binding = CallAsked, b.Request, b.Binding
	call.Expires, call.Settle = b.Expires, b.Settle
	return nil
}

// decision folds a yes or no. One for a request that is not open any more
// changes nothing: it was admitted before something else settled it.
func (s *State) decision(e Event, b *Decision) error {
	for _, t := range s.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.State != CallAsked || call.Request != b.Request {
				continue
			}
			if b.Decision == "approve" {
				call.State, call.Approved = CallReady, call.Binding
				return nil
			}
			call.close(t, denial(call, b), true)
			return nil
		}
	}
	return nil
}

func denial(call *Call, b *Decision) []model.Part {
	text := "The call was denied"
	switch {
	case call.Settle:
		text = "It is not known whether the call took effect, and it was not made again"
	case b.By == "expiry":
		text = "Nobody approved the call in time"
	case b.Decision == "cancel":
		text = "The request to approve the call was dismissed"
	}
	if b.Reason != "" {
		text += ": " + b.Reason
	}
	return []model.Part{&model.Text{Text: text + "."}}
}

func (s *State) toolCalled(e Event, b *ToolCalled) error {
	t, call := s.Call(b.Call)
	if call == nil {
		return misfit(e, "call %q is not open", b.Call)
	}
	if call.Attempt == 0 && call.Kind == CallServer {
		t.Turn.ToolCalls++
	}
	if call.Approved != "" {
		call.Granted, call.Approved = call.Approved, "" // a yes counts once
	}
	call.State, call.Attempt = CallRunning, b.Attempt
	s.Runs = append(s.Runs, &Run{Seq: e.Seq, Kind: RunTool, Thread: t.ID, Turn: t.Turn.ID, Call: b.Call,
		Key: b.Key, Timeout: b.Timeout, Stop: t.Turn.Cancel})
	return nil
}

func (s *State) toolReturned(e Event, b *ToolReturned) error {
	if err := s.finish(e, b.Intent); err != nil {
		return err
	}
	t, call := s.Call(b.Call)
	if call == nil {
		return nil // the program that made the call has ended without it
	}
	if call.Kind == CallProgram {
		s.dropNested(t, call.ID)
	}
	content := b.Content
	if len(content) == 0 && b.Structured != nil {
		content = []model.Part{&model.Text{Text: string(b.Structured)}}
	}
	call.close(t, content, b.Failed)
	return nil
}

// dropNested gives up the calls that a program made and did not wait for.
func (s *State) dropNested(t *Thread, program string) {
	t.Turn.Calls = slices.DeleteFunc(t.Turn.Calls, func(call *Call) bool {
		if call.Parent != program {
			return false
		}
		for _, run := range s.Runs {
			run.Stop = run.Stop || run.Call == call.ID
		}
		return true
	})
}

func (s *State) toolUnknown(e Event, b *ToolUnknown) error {
	if err := s.finish(e, b.Intent); err != nil {
		return err
	}
	if _, call := s.Call(b.Call); call != nil {
		call.State, call.Until = CallUnknown, b.Until
	}
	return nil
}

func (s *State) settled(e Event, b *CallSettled) error {
	t, call := s.Call(b.Call)
	if call == nil {
		return misfit(e, "call %q is not open", b.Call)
	}
	for _, name := range b.Loaded {
		if !slices.Contains(t.Loaded, name) {
			t.Loaded = append(t.Loaded, name)
		}
	}
	call.close(t, b.Content, b.Failed)
	return nil
}

// added folds a call that a program makes.
func (s *State) added(e Event, b *CallAdded) error {
	t, parent := s.Call(b.Parent)
	if parent == nil {
		return misfit(e, "call %q is not open", b.Parent)
	}
	call := s.call(t, &model.ToolCall{
		ID: callID(b.Parent, e.Seq, b.N), Name: b.Name, Arguments: b.Arguments,
	}, Call{Item: ItemID("fc", e.Session, e.Seq, 0), Index: -1, Parent: b.Parent, N: b.N})
	t.Turn.Calls = append(t.Turn.Calls, call)
	return nil
}
