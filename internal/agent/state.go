package agent

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Fold names the state's form in snapshots; another form is another name.
const Fold = "agent/2"

// TurnStatus is where a turn is.
type TurnStatus string

// The statuses. Queued and Waiting are shown only while a turn lasts.
const (
	TurnQueued     TurnStatus = "queued"
	TurnInProgress TurnStatus = "in_progress"
	TurnWaiting    TurnStatus = "waiting"
	TurnCompleted  TurnStatus = "completed"
	TurnFailed     TurnStatus = "failed"
	TurnCancelled  TurnStatus = "cancelled"
)

// Status is where a session is.
type Status string

// The statuses of a session.
const (
	Idle           Status = "idle"
	InProgress     Status = "in_progress"
	RequiresAction Status = "requires_action"
	Broken         Status = "failed"
)

// State is a session as its events left it. It is not safe for concurrent use;
// make it with [NewState] or [Load].
type State struct {
	// Session is the journal the last event stands in, Seq its number and
	// Clock its time.
	Session   string    `json:"session"`
	Seq       uint64    `json:"seq"`
	Clock     time.Time `json:"clock"`
	CreatedAt time.Time `json:"created_at"`
	// Settings is what the session was created with, updates applied.
	Settings Created `json:"settings"`
	// Error is why the session failed for good; empty if it did not.
	Error string `json:"error,omitzero"`
	// Threads are the root agent, first, and its subagents.
	Threads []*Thread `json:"threads,omitzero"`
	// Servers are the tools that were listed, by server label.
	Servers []Listing `json:"servers,omitzero"`
	// Runs are the intents under way.
	Runs []*Run `json:"runs,omitzero"`
	// Spent is what the session has used.
	Spent Spending `json:"spent,omitzero"`
	// Unpublished is true while a finished turn waits to be handed over.
	Unpublished bool `json:"unpublished,omitzero"`
	// Unsettled are calls of before the session that were decided and not made.
	Unsettled []Approved `json:"unsettled,omitzero"`

	// Rules is the operator's word as it is now, which what is decided from here
	// on heeds besides what the tools were listed under: nil has none. It is no
	// part of the state, and whoever drives the session sets it.
	Rules Rules `json:"-"`

	memo     *memo
	revision uint64
}

// Spending adds up model calls.
type Spending struct {
	Usage model.Usage `json:"usage,omitzero"`
	// Cost is in nano-USD, of the calls whose price is known; Unpriced counts
	// the others.
	Cost     int64 `json:"cost,omitzero"`
	Unpriced int   `json:"unpriced,omitzero"`
}

// Thread is one agent at work: the root, or a subagent.
type Thread struct {
	// ID is empty for the root, else the subagent's id.
	ID string `json:"id,omitzero"`
	// Parent is the agent that opened it; Call the item of the call that did.
	Parent       string    `json:"parent,omitzero"`
	Call         string    `json:"call,omitzero"`
	Name         *string   `json:"name,omitzero"`
	Instructions *string   `json:"instructions,omitzero"`
	Task         string    `json:"task,omitzero"` // what it was opened for
	Model        *string   `json:"model,omitzero"`
	Effort       *string   `json:"effort,omitzero"`
	OpenedAt     time.Time `json:"opened_at,omitzero"`
	ClosedAt     time.Time `json:"closed_at,omitzero"`
	// Context is the conversation as the model is told it.
	Context []model.Message `json:"context,omitzero"`
	// Queue is input that no turn has taken up.
	Queue []Queued `json:"queue,omitzero"`
	Turn  *Turn    `json:"turn,omitzero"`
	// Loaded are the deferred tools the model has found.
	Loaded []string `json:"loaded,omitzero"`
	// Tokens is the size of the last model call's input and output, Window the
	// model's context; 0 when unknown.
	Tokens int64 `json:"tokens,omitzero"`
	Window int64 `json:"window,omitzero"`
	// Uncompactable is the length of context at which compaction failed last.
	Uncompactable int `json:"uncompactable,omitzero"`
	// Ended is how the last turn ended; empty before the first.
	Ended TurnStatus `json:"ended,omitzero"`
	// Async are calls of turns that have ended whose results the client still
	// owes.
	Async []*Call `json:"async,omitzero"`
	// Reported says that the root agent knows what a subagent came to.
	Reported bool `json:"reported,omitzero"`
}

// Turn is a turn under way, or the one that ended last.
type Turn struct {
	ID string `json:"id"`
	// Seq is the event that started it.
	Seq uint64 `json:"seq"`
	// Definition is pinned.
	Definition Definition `json:"definition"`
	Status     TurnStatus `json:"status"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    time.Time  `json:"ended_at,omitzero"`
	Code       string     `json:"code,omitzero"`
	Message    string     `json:"message,omitzero"`
	// Outputs counts output items: the next one's index.
	Outputs int `json:"outputs,omitzero"`
	// Due says that the model is to be asked next.
	Due bool `json:"due,omitzero"`
	// Cancel says that the turn is to end.
	Cancel bool `json:"cancel,omitzero"`
	// Failures counts attempts in a row that failed, Retry when the next is due.
	Failures int       `json:"failures,omitzero"`
	Retry    time.Time `json:"retry,omitzero"`
	// Fatal ends the turn as failed with Code and Message.
	Fatal bool `json:"fatal,omitzero"`
	// Calls are those of the last answer, in its order, and asynchronous ones
	// that are still open.
	Calls []*Call `json:"calls,omitzero"`
	// Askers are the keys whose input the turn took up.
	Askers []string `json:"askers,omitzero"`
	// Steps counts answers of the model.
	Steps int `json:"steps,omitzero"`
	// ToolCalls counts calls of server-side tools.
	ToolCalls int      `json:"tool_calls,omitzero"`
	Spent     Spending `json:"spent,omitzero"`
	// Stop is why the last answer ended; Capped that the session's limit bounded
	// its length.
	Stop   model.StopReason `json:"stop,omitzero"`
	Capped bool             `json:"capped,omitzero"`
}

// Over reports whether the turn has ended.
func (t *Turn) Over() bool {
	return t == nil || t.Status == TurnCompleted || t.Status == TurnFailed || t.Status == TurnCancelled
}

// CallState is where a call is.
type CallState string

// The states of a call.
const (
	// CallReady has not been dispatched.
	CallReady CallState = "ready"
	// CallOpen waits for the client.
	CallOpen CallState = "open"
	// CallAsked waits for an approval.
	CallAsked CallState = "asked"
	// CallRunning is being made.
	CallRunning CallState = "running"
	// CallParked is a program that is run again once its calls are decided.
	CallParked CallState = "parked"
	// CallUnknown may or may not have happened.
	CallUnknown CallState = "unknown"
	// CallDone has an outcome.
	CallDone CallState = "done"
)

// Call is one of the model's calls.
type Call struct {
	// ID pairs it with its result; Item is its item's id.
	ID        string `json:"id"`
	Item      string `json:"item"`
	Name      string `json:"name"`
	Arguments string `json:"arguments,omitzero"`
	Custom    bool   `json:"custom,omitzero"`
	// Kind is what carries it out; Server and Tool name it there.
	Kind   CallKind  `json:"kind"`
	Server string    `json:"server,omitzero"`
	Tool   string    `json:"tool,omitzero"`
	State  CallState `json:"state"`
	// Index is the output index of its item.
	Index int `json:"index"`
	// Attempt counts dispatches.
	Attempt int `json:"attempt,omitzero"`
	// Request is the approval asked for last, Binding what it covers.
	Request string    `json:"request,omitzero"`
	Binding string    `json:"binding,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// Settle says that the approval is about an unknown outcome.
	Settle bool `json:"settle,omitzero"`
	// Approved is the binding that was approved; empty for none. Granted is the
	// one that the last attempt was made under.
	Approved string `json:"approved,omitzero"`
	Granted  string `json:"granted,omitzero"`
	// Until is when an unknown attempt cannot be running any more.
	Until time.Time `json:"until,omitzero"`
	// Content is the outcome; Failed marks a failure.
	Content []model.Part `json:"content,omitzero"`
	Failed  bool         `json:"failed,omitzero"`
	// Structured is the outcome as JSON, where readers are told of it: it is not
	// part of the state.
	Structured jsontext.Value `json:"-"`
	// Async calls do not hold up the turn. Turn names it.
	Async bool   `json:"async,omitzero"`
	Turn  string `json:"turn,omitzero"`
	// Parent is the program that makes the call, N its number there.
	Parent string `json:"parent,omitzero"`
	N      int    `json:"n,omitzero"`
	// Waits are the subagents a waiting call waits for.
	Waits []string `json:"waits,omitzero"`
}

// CallKind says who carries a call out.
type CallKind string

// The kinds of call.
const (
	CallFunction CallKind = "function"
	CallServer   CallKind = "server"
	CallSearch   CallKind = "search"
	CallProgram  CallKind = "program"
	CallSubagent CallKind = "subagent"
	// CallUnresolved names no tool there is.
	CallUnresolved CallKind = "unresolved"
)

// Listing is what a server offered when it was asked.
type Listing struct {
	Server string      `json:"server"`
	Digest string      `json:"digest"`
	At     time.Time   `json:"at"`
	Tools  []tool.Spec `json:"tools,omitzero"`
	Error  string      `json:"error,omitzero"`
}

// RunKind says what is under way.
type RunKind string

// The kinds of run.
const (
	RunModel   RunKind = "model"
	RunTool    RunKind = "tool"
	RunListing RunKind = "listing"
	RunCompact RunKind = "compact"
	RunPublish RunKind = "publish"
)

// Run is an intent that was recorded and whose outcome was not.
type Run struct {
	// Seq is the intent's event; it is the run's name.
	Seq    uint64  `json:"seq"`
	Kind   RunKind `json:"kind"`
	Thread string  `json:"thread,omitzero"`
	Turn   string  `json:"turn,omitzero"`
	Base   int     `json:"base,omitzero"`
	// Input is about how many tokens a model is told.
	Input int64 `json:"input,omitzero"`
	// Call is set for RunTool.
	Call    string        `json:"call,omitzero"`
	Key     string        `json:"key,omitzero"`
	Timeout time.Duration `json:"timeout,omitzero"`
	// Server and Digest are set for RunListing.
	Server string `json:"server,omitzero"`
	Digest string `json:"digest,omitzero"`
	// Entries is set for RunCompact.
	Entries int `json:"entries,omitzero"`
	// Stop says that it should end now; Reason why.
	Stop bool `json:"stop,omitzero"`
}

// NewState is a session before its first event.
func NewState() *State { return &State{memo: &memo{}} }

// Load reads a state that [State.Save] wrote.
func Load(body []byte) (*State, error) {
	s := NewState()
	return s, json.Unmarshal(body, s, codec)
}

// Save writes the state for [Load].
func (s *State) Save() ([]byte, error) { return json.Marshal(s, codec) }

// Root is the root agent, or nil before the session was created.
func (s *State) Root() *Thread {
	if len(s.Threads) == 0 {
		return nil
	}
	return s.Threads[0]
}

// Thread returns an agent by its id, "" for the root, or nil.
func (s *State) Thread(id string) *Thread {
	for _, t := range s.Threads {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Status folds everything into the session's one word.
func (s *State) Status() Status {
	switch root := s.Root(); {
	case s.Error != "":
		return Broken
	case root == nil:
		return Idle
	case len(s.Actions()) > 0:
		return RequiresAction
	case !root.Turn.Over() || len(root.Queue) > 0:
		return InProgress
	}
	return Idle
}

// Action is something the session needs from outside.
type Action struct {
	Turn *Turn
	// Call is the function call, or the call that waits for a decision. It is
	// nil for a missing environment.
	Call *Call
	// Environment is the id of an environment that is not connected.
	Environment string
}

// Actions lists what holds the session up, in order of creation.
func (s *State) Actions() []Action {
	var actions []Action
	if root := s.Root(); root != nil && s.Settings.EnvironmentID != "" && root.Turn.Over() && len(root.Queue) > 0 {
		return []Action{{Environment: s.Settings.EnvironmentID}}
	}
	for _, thread := range s.Threads {
		if thread.Turn.Over() || thread.Turn.Cancel {
			continue
		}
		for _, call := range thread.Turn.Calls {
			if call.State == CallOpen && !call.Async || call.State == CallAsked {
				actions = append(actions, Action{Turn: thread.Turn, Call: call})
			}
		}
	}
	return actions
}

// Run returns the intent under way with this seq, or nil.
func (s *State) Run(seq uint64) *Run {
	for _, r := range s.Runs {
		if r.Seq == seq {
			return r
		}
	}
	return nil
}

// Call returns an open call and its turn by the call's id, or nil.
func (s *State) Call(id string) (*Thread, *Call) {
	for _, thread := range s.Threads {
		if thread.Turn.Over() {
			continue
		}
		for _, call := range thread.Turn.Calls {
			if call.ID == id {
				return thread, call
			}
		}
	}
	return nil, nil
}

// Owed returns an asynchronous call whose turn has ended, or nil.
func (s *State) Owed(turn, id string) (*Thread, *Call) {
	for _, t := range s.Threads {
		for _, call := range t.Async {
			if call.ID == id && call.Turn == turn {
				return t, call
			}
		}
	}
	return nil, nil
}

// Listing returns what a server offered, or nil.
func (s *State) Listing(server string) *Listing {
	for i := range s.Servers {
		if s.Servers[i].Server == server {
			return &s.Servers[i]
		}
	}
	return nil
}

// Contract reads what the edge keeps with the session.
func (s *State) Contract() jsontext.Value { return s.Settings.Contract }

// Timer is when the state waits for time to pass next; zero for never.
func (s *State) Timer() time.Time {
	var next time.Time
	earlier := func(at time.Time) {
		if !at.IsZero() && at.After(s.Clock) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, thread := range s.Threads {
		if thread.Turn.Over() {
			continue
		}
		if thread.Turn.Due {
			earlier(thread.Turn.Retry)
		}
		for _, call := range thread.Turn.Calls {
			switch call.State {
			case CallAsked:
				earlier(call.Expires)
			case CallReady:
				earlier(call.Until)
			}
		}
	}
	return next
}

const sessionPrefix = "ses_"

// id makes an id that holds where it came from, so that whoever is given it
// finds the event without an index.
func id(prefix, session string, parts ...uint64) string {
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteString(strings.TrimPrefix(session, sessionPrefix))
	for _, p := range parts {
		b.WriteByte('_')
		b.WriteString(strconv.FormatUint(p, 36))
	}
	return b.String()
}

// TurnID names the turn that event seq started.
func TurnID(session string, seq uint64) string { return id("turn_", session, seq) }

// ItemID names the n-th item that comes of event seq.
func ItemID(prefix, session string, seq uint64, n int) string {
	return id(prefix+"_", session, seq, uint64(n))
}

// SubagentID names the subagent that event seq opened.
func SubagentID(session string, seq uint64) string { return id("agent_", session, seq) }

// Origin reads an id that [TurnID], [ItemID] or [SubagentID] made: the journal
// and event it came from, and the number within the event. ok is false for
// anything else.
func Origin(name string) (session string, seq uint64, n int, ok bool) {
	parts := strings.Split(name, "_")
	if len(parts) < 3 || len(parts) > 4 {
		return "", 0, 0, false
	}
	seq, err := strconv.ParseUint(parts[2], 36, 63)
	if err != nil || seq == 0 {
		return "", 0, 0, false
	}
	if len(parts) == 4 {
		at, err := strconv.ParseUint(parts[3], 36, 31)
		if err != nil {
			return "", 0, 0, false
		}
		n = int(at)
	}
	return sessionPrefix + parts[1], seq, n, true
}
