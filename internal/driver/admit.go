package driver

import (
	"bytes"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// UnknownCall is the text by which clients know that a result came before its
// call was registered: they try again.
const UnknownCall = "Unknown pending tool call: "

// admit checks input against the session as it stands and returns what is to
// be appended: nothing for what was taken before.
func admit(s *agent.State, bodies []agent.Body, now time.Time) ([]agent.Body, error) {
	taken := make([]agent.Body, 0, len(bodies))
	box := mailbox{}
	if root := s.Root(); root != nil {
		for i := range root.Queue {
			box.add(root.Queue[i].Messages)
		}
	}
	for _, body := range bodies {
		if s.Status() == agent.Broken {
			return nil, conflict("The session has failed for good: "+s.Error, "Begin a new session, or fork this one.")
		}
		var err error
		keep := true
		switch b := body.(type) {
		case *agent.Message:
			err = box.take(b.Messages)
		case *agent.Cancel:
			keep = s.Status() != agent.Idle
		case *agent.Result:
			keep, err = admitResult(s, b)
		case *agent.Decision:
			keep, err = admitDecision(s, b, now)
		}
		if err != nil {
			return nil, err
		}
		if keep {
			taken = append(taken, body)
		}
	}
	return taken, nil
}

// mailbox is the input that waits for a session.
type mailbox struct{ inputs, bytes int }

// take adds input, or refuses it where too much waits. What comes to an empty
// mailbox is taken however large it is: the server bounds what a request holds.
func (m *mailbox) take(messages []model.Message) error {
	before := *m
	m.add(messages)
	if m.inputs > MaxQueued || before.inputs > 0 && m.bytes > MaxQueuedBytes {
		return &model.Error{Kind: model.Overloaded, Subject: "events", Message: "Too much input waits for this session.",
			Hint: "Wait until it has taken some up."}
	}
	return nil
}

func (m *mailbox) add(messages []model.Message) {
	m.inputs++
	for i := range messages {
		for _, part := range messages[i].Parts {
			switch p := part.(type) {
			case *model.Text:
				m.bytes += len(p.Text)
			case *model.Image:
				m.bytes += len(p.Source.Data) + len(p.Source.URL)
			}
		}
	}
}

func conflict(message, hint string) error {
	return &model.Error{Kind: model.Conflict, Subject: "events", Message: message, Hint: hint}
}

// admitResult takes a result that is waited for. One that came before is taken
// again without effect if it is the same.
func admitResult(s *agent.State, b *agent.Result) (keep bool, err error) {
	if _, owed := s.Owed(b.Turn, b.Call); owed != nil {
		return true, nil
	}
	t, call := s.Call(b.Call)
	if call == nil || t.Turn.ID != b.Turn || call.Kind != agent.CallFunction {
		if known, same := delivered(s, b); known {
			if same {
				return false, nil
			}
			return false, conflict("The call "+b.Call+" has another result already.", "Results are final.")
		}
		return false, unknownCall(b.Call)
	}
	switch call.State {
	case agent.CallOpen:
		return true, nil
	case agent.CallDone:
		if call.Failed == !b.Success && sameParts(call.Content, b.Output) {
			return false, nil
		}
		return false, conflict("The call "+b.Call+" has another result already.", "Results are final.")
	}
	return false, unknownCall(b.Call)
}

func unknownCall(id string) error {
	return &model.Error{Kind: model.Invalid, Subject: "events", Message: UnknownCall + id}
}

// delivered looks for a result among those that the model was told already.
func delivered(s *agent.State, b *agent.Result) (known, same bool) {
	for _, t := range s.Threads {
		if t.Turn == nil || t.Turn.ID != b.Turn {
			continue
		}
		for i := len(t.Context) - 1; i >= 0; i-- {
			for _, part := range t.Context[i].Parts {
				if r, ok := part.(*model.ToolResult); ok && r.CallID == b.Call {
					return true, r.Error == !b.Success && sameParts(r.Content, b.Output)
				}
			}
		}
	}
	return false, false
}

func sameParts(a, b []model.Part) bool {
	x, errX := agent.EncodeParts(a)
	y, errY := agent.EncodeParts(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// admitDecision takes a decision that is waited for. One that came before is
// taken again without effect where the call still shows it; else there is
// nothing to decide.
func admitDecision(s *agent.State, b *agent.Decision, now time.Time) (keep bool, err error) {
	for _, t := range s.Threads {
		if t.Turn.Over() {
			continue
		}
		for _, call := range t.Turn.Calls {
			if call.Request != b.Request {
				continue
			}
			if call.State == agent.CallAsked {
				if !call.Expires.After(now) {
					return false, conflict("The request "+b.Request+" has expired.", "The agent was told that nobody approved in time.")
				}
				return true, nil
			}
			return false, conflict("The request "+b.Request+" was decided already.", "A decision counts once.")
		}
	}
	if agent.Requested(s, b.Request) {
		return false, conflict("The request "+b.Request+" is not pending any more.", "It was decided before, has expired, or its turn has ended.")
	}
	return false, model.Errorf(model.Invalid, "events", "There is no pending approval request %q.", shorten(b.Request))
}
