package agent

import (
	"fmt"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// Effect is one thing to do. Exactly one member is set.
type Effect struct {
	// Record is an event to append.
	Record Body
	// Perform is an intent that is on record: do it, once.
	Perform *Run
	// Stop is an intent to end now, by its seq; its outcome is still to be
	// recorded.
	Stop uint64
}

// Step folds one event and returns what is due in the state it leads to. It
// changes s, and is a function of s and e alone. A Perform or Stop comes with
// every step until its outcome is folded; a Record until it is.
func Step(s *State, e Event) ([]Effect, error) {
	if err := s.Apply(e); err != nil {
		return nil, err
	}
	return s.Effects(), nil
}

// Effects is what is due now. Events to record come one decision at a time:
// fold them and ask again.
func (s *State) Effects() []Effect {
	var effects []Effect
	for _, body := range s.decide() {
		effects = append(effects, Effect{Record: body})
	}
	for _, run := range s.Runs {
		if run.Stop {
			effects = append(effects, Effect{Stop: run.Seq})
		} else {
			effects = append(effects, Effect{Perform: run})
		}
	}
	return effects
}

// decide returns the next events to record: those of one agent, or none.
func (s *State) decide() []Body {
	if s.Error != "" || s.Root() == nil {
		return nil
	}
	for _, t := range s.Threads {
		if next := s.decideThread(t); len(next) > 0 {
			return next
		}
	}
	if s.Unpublished && s.Root().Turn != nil && s.Root().Turn.Over() && !s.running(RunPublish, "") {
		return []Body{&Publishing{}}
	}
	return s.decideCompaction()
}

// running reports whether an intent of the kind is under way for the agent.
func (s *State) running(kind RunKind, thread string) bool {
	for _, run := range s.Runs {
		if run.Kind == kind && run.Thread == thread {
			return true
		}
	}
	return false
}

// busy reports whether anything of the turn is under way.
func (s *State) busy(turn *Turn) bool {
	for _, run := range s.Runs {
		if run.Turn == turn.ID {
			return true
		}
	}
	return false
}

func (s *State) decideThread(t *Thread) []Body {
	turn := t.Turn
	if turn.Over() {
		return s.decideStart(t)
	}
	if turn.Cancel || turn.Fatal {
		if s.busy(turn) {
			return nil
		}
		if turn.Cancel {
			return []Body{&TurnEnded{Thread: t.ID, Turn: turn.ID, Status: TurnCancelled}}
		}
		return []Body{failed(t, turn.Code, turn.Message)}
	}
	if turn.resumed() {
		if listings := s.decideListings(turn); len(listings) > 0 {
			return listings
		}
		if s.running(RunListing, "") {
			return nil
		}
	}
	if next := s.decideCalls(t); len(next) > 0 {
		return next
	}
	switch {
	case s.running(RunModel, t.ID):
		return nil
	case turn.Due:
		return s.decideModel(t)
	}
	return s.decideEnd(t)
}

// resumed reports whether a call of an earlier session waits to be made: what
// its server offers is not known here yet.
func (t *Turn) resumed() bool {
	for _, call := range t.Calls {
		if call.Kind == CallServer && call.State == CallReady && call.Index < 0 && call.Parent == "" && call.Attempt == 0 {
			return true
		}
	}
	return false
}

func failed(t *Thread, code, message string) Body {
	return &TurnEnded{Thread: t.ID, Turn: t.Turn.ID, Status: TurnFailed, Code: code, Message: message}
}

// decideStart begins a turn when there is input for it.
func (s *State) decideStart(t *Thread) []Body {
	if len(t.Queue) == 0 || !t.ClosedAt.IsZero() {
		return nil
	}
	if t.ID == "" && s.Settings.EnvironmentID != "" {
		return nil // no environment can connect yet: see Actions
	}
	return []Body{&TurnStarted{Thread: t.ID, Inputs: t.queued(), Digest: s.memo.pinned(s, t)}}
}

func (t *Thread) queued() []uint64 {
	var seqs []uint64
	for _, q := range t.Queue {
		seqs = append(seqs, q.Seq)
	}
	return seqs
}

// decideModel asks the model, once everything is there that it takes.
func (s *State) decideModel(t *Thread) []Body {
	turn := t.Turn
	if turn.Retry.After(s.Clock) {
		return nil
	}
	if listings := s.decideListings(turn); len(listings) > 0 {
		return listings
	}
	if s.running(RunListing, "") {
		return nil
	}
	if len(t.Queue) > 0 {
		return []Body{&Joined{Thread: t.ID, Turn: turn.ID, Inputs: t.queued()}}
	}
	if server := s.missing(turn); server != nil {
		return []Body{failed(t, "connection_failed",
			fmt.Sprintf("The MCP server %q is required and did not start: %s", server.Label, s.Listing(server.Label).Error))}
	}
	if words := s.overspent(); words != "" {
		return []Body{failed(t, BudgetExceeded, words)}
	}
	if turn.Steps >= MaxSteps {
		return []Body{failed(t, "usage_limit_exceeded", fmt.Sprintf("The turn has asked the model %d times without coming to an end.", MaxSteps))}
	}
	if s.crowded(t) {
		return nil // the compaction that is under way makes room
	}
	return []Body{&ModelCalled{Thread: t.ID, Turn: turn.ID, Base: turn.Outputs, Input: s.inputTokens(t)}}
}

// BudgetExceeded is the code of a turn that the session's spend limit ends.
const BudgetExceeded = "session_budget_exceeded"

// overspent says why the session's limit stops the next model call; empty if it
// does not.
func (s *State) overspent() string {
	switch limit := s.Settings.SpendLimit; {
	case limit == nil:
		return ""
	case s.Spent.Unpriced > 0:
		return "The session has a spend limit, and its model has no known price. Remove the limit, or have the operator set a price."
	case s.Spent.Cost >= *limit:
		return "The session has spent its limit. Raise the limit, or begin a new session."
	}
	return ""
}

// MaxSteps is how often one turn asks the model: an agent that goes in circles
// ends there.
const MaxSteps = 256

// relistAfter is how old a listing may be when a turn starts.
const relistAfter = 5 * time.Minute

// decideListings asks the servers of the definition for their tools, once a
// turn, unless they were asked a moment ago.
func (s *State) decideListings(turn *Turn) []Body {
	var next []Body
	for i := range turn.Definition.Tools {
		server := turn.Definition.Tools[i].Server
		if server == nil {
			continue
		}
		digest := s.memo.digest(server)
		if s.listing(server.Label, digest) {
			continue
		}
		known := s.Listing(server.Label)
		if known != nil && known.Digest == digest &&
			(!known.At.Before(turn.StartedAt) || known.Error == "" && turn.StartedAt.Sub(known.At) < relistAfter) {
			continue
		}
		next = append(next, &ToolsListing{Server: server.Label, Digest: digest})
	}
	return next
}

func (s *State) listing(label, digest string) bool {
	for _, run := range s.Runs {
		if run.Kind == RunListing && run.Server == label && run.Digest == digest {
			return true
		}
	}
	return false
}

// missing is a required server that could not be asked, or nil.
func (s *State) missing(turn *Turn) *Server {
	for i := range turn.Definition.Tools {
		server := turn.Definition.Tools[i].Server
		if server == nil || !server.Required {
			continue
		}
		if known := s.Listing(server.Label); known != nil && known.Error != "" {
			return server
		}
	}
	return nil
}

// decideEnd ends a turn in which nothing is left to do.
func (s *State) decideEnd(t *Thread) []Body {
	turn := t.Turn
	for _, call := range turn.Calls {
		if call.State == CallDone || call.Async {
			continue
		}
		returns := s.Settings.Mode == Returning && (call.State == CallOpen || call.State == CallAsked)
		if !returns {
			return nil
		}
	}
	if s.busy(turn) {
		return nil
	}
	if len(t.Queue) > 0 {
		return []Body{&Joined{Thread: t.ID, Turn: turn.ID, Inputs: t.queued()}}
	}
	if t.ID == "" {
		if report := s.reports(); len(report) > 0 {
			return report
		}
		if s.subagentsBusy() {
			return nil
		}
	}
	if code, words := turn.cutShort(); code != "" && s.Settings.Mode == Parking {
		return []Body{failed(t, code, words)}
	}
	return []Body{&TurnEnded{Thread: t.ID, Turn: turn.ID, Status: TurnCompleted}}
}

// cutShort says why the last answer is not a whole one.
func (t *Turn) cutShort() (code, words string) {
	switch t.Stop {
	case model.StopMaxTokens:
		if t.Capped {
			return BudgetExceeded, "The session's spend limit cut the model's answer short. Raise the limit, or begin a new session."
		}
		return "max_output_tokens", "The model's answer reached the greatest length it may have."
	case model.StopContextWindow:
		return "context_length_exceeded", "The conversation does not fit the model's context."
	}
	return "", ""
}

// Orphans says what becomes of the intents that an owner who is gone left
// behind. Calls of the model and summaries were interrupted, and count what
// they were told; calls of tools are made again
// with the same key where their class allows it, and are of unknown outcome
// else. free is when that owner's lease has certainly ended. Listings
// and publishing are simply performed again.
func (s *State) Orphans(free time.Time) []Body {
	var next []Body
	for _, run := range s.Runs {
		switch run.Kind {
		case RunModel:
			next = append(next, &ModelInterrupted{Call: run.Seq, Thread: run.Thread, Turn: run.Turn, Base: run.Base, Reason: "takeover",
				Usage: Cut(model.Usage{}, run.Input, 0)})
		case RunCompact:
			next = append(next, &Compacted{Call: run.Seq, Thread: run.Thread, Entries: run.Entries, Reason: "takeover",
				Error: "The server stopped.", Usage: Cut(model.Usage{}, run.Input, 0)})
		case RunTool:
			t, call := s.Call(run.Call)
			if call == nil {
				continue
			}
			if s.class(t, call).Repeatable() {
				next = append(next, &ToolAgain{Intent: run.Seq, Call: run.Call})
				continue
			}
			next = append(next, &ToolUnknown{Intent: run.Seq, Call: run.Call, Until: free.Add(run.Timeout),
				Reason: "The server stopped while the call was under way."})
		}
	}
	return next
}
