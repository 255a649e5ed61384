package agent

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// ApprovalTTL is how long a request for approval stays open.
const ApprovalTTL = 7 * 24 * time.Hour

// programTimeout bounds a program with all its calls.
const programTimeout = 10 * time.Minute

// decideCalls moves the calls on that can move.
func (s *State) decideCalls(t *Thread) []Body {
	var next []Body
	for _, call := range t.Turn.Calls {
		if body := s.decideCall(t, call); body != nil {
			next = append(next, body)
		}
	}
	return next
}

// decideCall is what happens to one call next, or nil to wait.
func (s *State) decideCall(t *Thread, call *Call) Body {
	switch call.State {
	case CallAsked:
		if !call.Expires.After(s.Clock) {
			return &Decision{Request: call.Request, Decision: "deny", By: "expiry"}
		}
	case CallUnknown:
		return s.decideUnknown(t, call)
	case CallParked:
		if !t.Turn.asks(call.ID) {
			return s.toolCall(call, programTimeout)
		}
	case CallReady:
		if call.Until.After(s.Clock) {
			return nil
		}
		return s.dispatch(t, call)
	}
	return nil
}

// asks reports whether a call that the program makes waits for a decision.
func (t *Turn) asks(program string) bool {
	for _, call := range t.Calls {
		if call.Parent == program && call.State == CallAsked {
			return true
		}
	}
	return false
}

// decideUnknown settles a call whose outcome is not known: tools that may be
// called again are, as far as the yes to the call goes, the others wait for
// somebody to decide.
func (s *State) decideUnknown(t *Thread, call *Call) Body {
	offer := s.offerOf(t, call)
	switch {
	case offer != nil && s.class(t, call).Repeatable():
		return s.dispatchServer(t, call)
	case s.Settings.Mode == Returning || s.Settings.Review == "auto_review" || offer == nil:
		return settle(call, true, "It is not known whether the call took effect, and it was not made again.")
	}
	return s.ask(call, s.binding(offer, call), true)
}

// dispatch starts a call, or refuses it.
func (s *State) dispatch(t *Thread, call *Call) Body {
	switch call.Kind {
	case CallSearch:
		return s.search(t, call)
	case CallSubagent:
		return s.subagentCall(t, call)
	case CallProgram:
		if call.Parent != "" {
			return settle(call, true, "A program cannot run another program.")
		}
		return s.toolCall(call, programTimeout)
	case CallServer:
		return s.dispatchServer(t, call)
	}
	return settle(call, true, "There is no tool named "+strconv.Quote(call.Name)+".")
}

func (s *State) dispatchServer(t *Thread, call *Call) Body {
	offer := s.offerOf(t, call)
	if offer == nil {
		return settle(call, true, "The tool "+strconv.Quote(call.Name)+" is not offered any more.")
	}
	if limit := t.Turn.Definition.Sampling.MaxToolCalls; limit != nil && call.Attempt == 0 && t.Turn.ToolCalls >= *limit {
		return settle(call, true, "The limit of "+strconv.Itoa(*limit)+" tool calls is reached.")
	}
	if call.Attempt == 0 && call.Approved == "" && !s.asks(offer) {
		return s.toolCall(call, offer.Spec.Timeout) // nobody was asked, or is to be
	}
	binding := s.binding(offer, call)
	if call.Attempt > 0 && call.Granted == binding && s.class(t, call).Repeatable() {
		return s.toolCall(call, offer.Spec.Timeout) // the same call, by the same yes
	}
	if call.Approved != binding && (s.asks(offer) || call.Approved != "" || call.Attempt > 0 && !s.class(t, call).Repeatable()) {
		switch {
		case s.Settings.Review == "auto_review":
			return settle(call, true, "The call needs a person's approval, and this session asks nobody.")
		case s.Settings.Mode == Returning && call.Parent != "":
			return settle(call, true, "The call needs a person's approval, which a program cannot wait for here: call the tool without a program.")
		}
		return s.ask(call, binding, call.Settle && call.Attempt > 0)
	}
	return s.toolCall(call, offer.Spec.Timeout)
}

func (s *State) toolCall(call *Call, timeout time.Duration) Body {
	if timeout <= 0 {
		timeout = tool.DefaultTimeout
	}
	return &ToolCalled{Call: call.ID, Key: "craton-" + call.Item, Attempt: call.Attempt + 1, Timeout: timeout}
}

func (s *State) ask(call *Call, binding string, settles bool) Body {
	_, rest, _ := strings.Cut(call.Item, "_")
	if from, _, _, ok := Origin(call.Item); ok && from != s.Session {
		rest = strings.TrimPrefix(s.Session, sessionPrefix) + "_" + rest // asked by a fork, whose events have numbers of their own
	}
	return &ApprovalRequested{
		Request: "mcpr_" + rest + "_" + strconv.FormatUint(s.Seq, 36),
		Call:    call.ID, Binding: binding, Expires: s.Clock.Add(cmp.Or(s.Settings.ApprovalTTL, ApprovalTTL)), Settle: settles,
	}
}

// Requested reports whether a request of this name may have been made in the
// session's own past.
func Requested(s *State, request string) bool {
	rest, ok := strings.CutPrefix(request, "mcpr_"+strings.TrimPrefix(s.Session, sessionPrefix)+"_")
	at, err := strconv.ParseUint(rest[strings.LastIndexByte(rest, '_')+1:], 36, 63)
	return ok && err == nil && at < s.Seq
}

func settle(call *Call, failed bool, words string) *CallSettled {
	return &CallSettled{Call: call.ID, Failed: failed, Content: []model.Part{&model.Text{Text: words}}}
}
