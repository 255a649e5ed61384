package agent

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/tool"
)

// Kind is the kind of session whose events these are.
const Kind = "agent"

// Body is what an event says. The set is closed: the types of this file.
type Body interface{ kind() string }

// Event is one event of a session's journal, in today's form.
type Event struct {
	// Session and Seq say where it stands. A fork's past has other sessions.
	Session string
	Seq     uint64
	At      time.Time
	Body    Body
}

// Mode says what happens where a turn needs the client.
type Mode string

// The modes.
const (
	// Parking waits for the client's results and decisions (Agents API).
	Parking Mode = "parking"
	// Returning ends the turn with what it needs as output (Responses).
	Returning Mode = "returning"
)

// Principal is on whose behalf a session runs: permissions are looked up again
// at each dispatch, so that a key that was revoked stops it.
type Principal struct {
	// Key is the id of the key that created the session.
	Key string `json:"key,omitzero"`
	// User is the end user, as the client named it.
	User string `json:"user,omitzero"`
}

// Created begins a session.
type Created struct {
	Definition Definition `json:"definition"`
	Mode       Mode       `json:"mode"`
	Principal  Principal  `json:"principal,omitzero"`
	// Environment is the contract's form; EnvironmentKind its type.
	Environment     jsontext.Value `json:"environment,omitzero"`
	EnvironmentKind string         `json:"environment_kind,omitzero"`
	// EnvironmentID names the environment that tools of the session run in;
	// empty for none.
	EnvironmentID string            `json:"environment_id,omitzero"`
	Vaults        []string          `json:"vaults,omitzero"`
	Metadata      map[string]string `json:"metadata,omitzero"`
	// Review is "none" or "auto_review"; empty means none.
	Review string `json:"review,omitzero"`
	// SpendLimit is in nano-USD; nil for none.
	SpendLimit *int64 `json:"spend_limit,omitzero"`
	// ApprovalTTL is how long a request for approval stays open; 0 means
	// [ApprovalTTL]. A request says itself when it expires.
	ApprovalTTL time.Duration `json:"approval_ttl,omitzero"`
	// Context is what was said before, in another session.
	Context []model.Message `json:"context,omitzero"`
	// Approved are calls of Context that wait for a decision which the first
	// input brings.
	Approved []Approved `json:"approved,omitzero"`
	// Contract is what the edge keeps here to answer in its contract's form.
	Contract jsontext.Value `json:"contract,omitzero"`
}

// Approved is a call from before the session with what was decided of it.
type Approved struct {
	Request   string `json:"request"`
	Item      string `json:"item"`
	CallID    string `json:"call_id"`
	Server    string `json:"server"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	// Binding is what the request asked a yes for.
	Binding string `json:"binding"`
	Approve bool   `json:"approve"`
	Reason  string `json:"reason,omitzero"`
}

// Updated changes a session; nil members stay.
type Updated struct {
	Model       *string            `json:"model,omitzero"`
	Reasoning   *Reasoning         `json:"reasoning,omitzero"`
	ServiceTier *string            `json:"service_tier,omitzero"`
	Tools       *[]Tool            `json:"tools,omitzero"`
	Metadata    *map[string]string `json:"metadata,omitzero"`
	Review      *string            `json:"review,omitzero"`
	// SpendLimit replaces the limit; ClearSpend removes it.
	SpendLimit *int64 `json:"spend_limit,omitzero"`
	ClearSpend bool   `json:"clear_spend,omitzero"`
	// Contract replaces [Created.Contract].
	Contract jsontext.Value `json:"contract,omitzero"`
}

// Forked begins a session whose past is another's: what was under way there is
// not under way here.
type Forked struct {
	Principal Principal         `json:"principal,omitzero"`
	Metadata  map[string]string `json:"metadata,omitzero"`
}

// Message is input for the root agent.
type Message struct {
	// From names the subagent it comes from; empty for the client.
	From string `json:"from,omitzero"`
	// By names the key that sent it; empty for the runtime's own.
	By       string          `json:"by,omitzero"`
	Messages []model.Message `json:"messages"`
}

// Cancel asks that the active turn and what it started end.
type Cancel struct{}

// Result is the client's outcome of a function call.
type Result struct {
	Turn    string `json:"turn"`
	Call    string `json:"call"`
	Success bool   `json:"success"`
	// Output is what the model is told; Raw what listings show, as the client
	// wrote it.
	Output []model.Part   `json:"output,omitzero"`
	Raw    jsontext.Value `json:"raw,omitzero"`
	Error  *string        `json:"error,omitzero"`
}

// Decision answers an approval request.
type Decision struct {
	Request string `json:"request"`
	// Decision is "approve", "deny" or "cancel".
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitzero"`
	// By names who decided: a key's id, "expiry" or "auto_review".
	By string `json:"by"`
}

// TurnStarted begins a turn: an agent takes up input and the definition is
// pinned.
type TurnStarted struct {
	Thread string `json:"thread,omitzero"`
	// Inputs are the events whose messages it takes up.
	Inputs []uint64 `json:"inputs,omitzero"`
	// Digest names the definition that is pinned.
	Digest string `json:"digest"`
}

// Joined lets input that came during a turn take part in it.
type Joined struct {
	Thread string   `json:"thread,omitzero"`
	Turn   string   `json:"turn"`
	Inputs []uint64 `json:"inputs"`
}

// TurnEnded ends a turn.
type TurnEnded struct {
	Thread string     `json:"thread,omitzero"`
	Turn   string     `json:"turn"`
	Status TurnStatus `json:"status"`
	// Code and Message say why a turn failed.
	Code    string `json:"code,omitzero"`
	Message string `json:"message,omitzero"`
}

// ModelCalled is the intent to ask the model.
type ModelCalled struct {
	Thread string `json:"thread,omitzero"`
	Turn   string `json:"turn"`
	// Base is the output index of the answer's first item.
	Base int `json:"base"`
	// Input is about how many tokens the model is told: what counts if nobody
	// learns what the call used.
	Input int64 `json:"input,omitzero"`
}

// ModelAnswered is the model's whole answer.
type ModelAnswered struct {
	// Call is the seq of the intent.
	Call    uint64           `json:"call"`
	Thread  string           `json:"thread,omitzero"`
	Turn    string           `json:"turn"`
	Base    int              `json:"base"`
	Message model.Message    `json:"message"`
	Stop    model.StopReason `json:"stop,omitzero"`
	Model   string           `json:"model,omitzero"`
	Usage   model.Usage      `json:"usage"`
	// Cost is in nano-USD; -1 when no price is known.
	Cost int64 `json:"cost,omitzero"`
	// Window is the model's context in tokens; 0 when unknown.
	Window int64 `json:"window,omitzero"`
	// Capped says that the session's limit made the answer shorter than it
	// might have been.
	Capped bool `json:"capped,omitzero"`
}

// ModelFailed is an attempt that came to nothing.
type ModelFailed struct {
	Call   uint64 `json:"call"`
	Thread string `json:"thread,omitzero"`
	Turn   string `json:"turn"`
	Base   int    `json:"base"`
	// Code and Message are for the client.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Retry says that another attempt may fare better, After when.
	Retry bool          `json:"retry,omitzero"`
	After time.Duration `json:"after,omitzero"`
	// Partial is what had been said.
	Partial []model.Part `json:"partial,omitzero"`
	Usage   model.Usage  `json:"usage,omitzero"`
	Cost    int64        `json:"cost,omitzero"`
}

// ModelInterrupted is an attempt that was stopped, or whose owner is gone. It
// does not count as a failure.
type ModelInterrupted struct {
	Call   uint64 `json:"call"`
	Thread string `json:"thread,omitzero"`
	Turn   string `json:"turn"`
	Base   int    `json:"base"`
	// Reason is "takeover", "drain", "cancel" or "fork".
	Reason string `json:"reason"`
	// Partial is what readers were shown.
	Partial []model.Part `json:"partial,omitzero"`
	// Usage is estimated as far as the upstream did not tell it.
	Usage model.Usage `json:"usage,omitzero"`
	Cost  int64       `json:"cost,omitzero"`
}

// ToolsListing is the intent to ask a server for its tools.
type ToolsListing struct {
	Server string `json:"server"`
	// Digest names the server's definition that is asked.
	Digest string `json:"digest"`
}

// ToolsListed is what a server offers.
type ToolsListed struct {
	Call   uint64      `json:"call"`
	Server string      `json:"server"`
	Digest string      `json:"digest"`
	Tools  []tool.Spec `json:"tools,omitzero"`
	// Error says why it could not be asked; empty if it could.
	Error string `json:"error,omitzero"`
}

// ApprovalRequested asks a person for one call.
type ApprovalRequested struct {
	Request string `json:"request"`
	Call    string `json:"call"`
	// Binding is what the yes will be worth; see [Binding].
	Binding string    `json:"binding"`
	Expires time.Time `json:"expires"`
	// Settle asks what became of a call whose outcome is unknown: a yes makes
	// it again.
	Settle bool `json:"settle,omitzero"`
}

// ToolCalled is the intent to call a tool.
type ToolCalled struct {
	Call string `json:"call"`
	// Key is the same for each attempt.
	Key string `json:"key"`
	// Attempt counts from 1.
	Attempt int           `json:"attempt"`
	Timeout time.Duration `json:"timeout"`
}

// ToolReturned is a call's outcome.
type ToolReturned struct {
	// Intent is the seq of the ToolCalled.
	Intent     uint64         `json:"intent"`
	Call       string         `json:"call"`
	Content    []model.Part   `json:"content,omitzero"`
	Structured jsontext.Value `json:"structured,omitzero"`
	Failed     bool           `json:"failed,omitzero"`
	// Denied says that the call was not made.
	Denied bool          `json:"denied,omitzero"`
	Took   time.Duration `json:"took,omitzero"`
}

// ToolUnknown says that a call may or may not have happened.
type ToolUnknown struct {
	Intent uint64 `json:"intent"`
	Call   string `json:"call"`
	Reason string `json:"reason"`
	// Until is when the last attempt cannot be running any more: it is not
	// made again before.
	Until time.Time `json:"until,omitzero"`
}

// ToolAgain gives up an attempt whose owner is gone so that the next is made
// with the same key.
type ToolAgain struct {
	Intent uint64 `json:"intent"`
	Call   string `json:"call"`
}

// ToolParked gives up a program's attempt while its calls wait for people. It is
// run again once they have decided.
type ToolParked struct {
	Intent uint64 `json:"intent"`
	Call   string `json:"call"`
}

// CallSettled ends a call that needed no work outside: a search, a wait, a
// refusal.
type CallSettled struct {
	Call    string       `json:"call"`
	Content []model.Part `json:"content,omitzero"`
	Failed  bool         `json:"failed,omitzero"`
	// Loaded are deferred tools that the model may use from now on.
	Loaded []string `json:"loaded,omitzero"`
}

// CallAdded is a call that a program of the model's makes.
type CallAdded struct {
	Parent string `json:"parent"`
	// N counts the program's calls from 0.
	N         int    `json:"n"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// SubagentOpened begins a subagent.
type SubagentOpened struct {
	Call         string          `json:"call"`
	Name         *string         `json:"name,omitzero"`
	Instructions *string         `json:"instructions,omitzero"`
	Model        *string         `json:"model,omitzero"`
	Effort       *string         `json:"effort,omitzero"`
	Messages     []model.Message `json:"messages"`
}

// SubagentInput sends more input to a subagent.
type SubagentInput struct {
	Call     string          `json:"call"`
	Thread   string          `json:"thread"`
	Messages []model.Message `json:"messages"`
}

// SubagentClosed ends a subagent, or with Interrupt only its turn.
type SubagentClosed struct {
	Call      string `json:"call,omitzero"`
	Thread    string `json:"thread"`
	Interrupt bool   `json:"interrupt,omitzero"`
}

// SubagentResumed opens a closed subagent again.
type SubagentResumed struct {
	Call   string `json:"call"`
	Thread string `json:"thread"`
}

// Compacting is the intent to replace the older part of a context by a
// summary.
type Compacting struct {
	Thread string `json:"thread,omitzero"`
	// Entries is how many of the context's first messages are replaced.
	Entries int `json:"entries"`
	// Input is as in [ModelCalled].
	Input int64 `json:"input,omitzero"`
}

// Compacted is a summary, or why there is none.
type Compacted struct {
	Call    uint64          `json:"call"`
	Thread  string          `json:"thread,omitzero"`
	Entries int             `json:"entries"`
	Summary []model.Message `json:"summary,omitzero"`
	Usage   model.Usage     `json:"usage,omitzero"`
	Cost    int64           `json:"cost,omitzero"`
	Error   string          `json:"error,omitzero"`
	// Reason is "takeover" or "drain" for a summary that was stopped, and not
	// refused: it is begun anew.
	Reason string `json:"reason,omitzero"`
}

// Ticked says that time has passed: a timer that the state waited for.
type Ticked struct{}

// Failed ends a session for good.
type Failed struct {
	Message string `json:"message"`
}

// Publishing is the intent to hand the finished turn to whoever asked for it.
type Publishing struct{}

// Published says that it was handed over.
type Published struct {
	Call uint64 `json:"call"`
}

// Submitted remembers an idempotency key; see session.Submission.
type Submitted struct{}

func (*Created) kind() string           { return "session.created" }
func (*Updated) kind() string           { return "session.updated" }
func (*Forked) kind() string            { return "session.forked" }
func (*Failed) kind() string            { return "session.failed" }
func (*Message) kind() string           { return "input.message" }
func (*Cancel) kind() string            { return "input.cancel" }
func (*Result) kind() string            { return "input.result" }
func (*Decision) kind() string          { return "input.decision" }
func (*TurnStarted) kind() string       { return "turn.started" }
func (*Joined) kind() string            { return "turn.joined" }
func (*TurnEnded) kind() string         { return "turn.ended" }
func (*ModelCalled) kind() string       { return "model.called" }
func (*ModelAnswered) kind() string     { return "model.answered" }
func (*ModelFailed) kind() string       { return "model.failed" }
func (*ModelInterrupted) kind() string  { return "model.interrupted" }
func (*ToolsListing) kind() string      { return "tools.listing" }
func (*ToolsListed) kind() string       { return "tools.listed" }
func (*ApprovalRequested) kind() string { return "approval.requested" }
func (*ToolCalled) kind() string        { return "tool.called" }
func (*ToolReturned) kind() string      { return "tool.returned" }
func (*ToolUnknown) kind() string       { return "tool.unknown" }
func (*ToolAgain) kind() string         { return "tool.again" }
func (*ToolParked) kind() string        { return "tool.parked" }
func (*CallSettled) kind() string       { return "call.settled" }
func (*CallAdded) kind() string         { return "call.added" }
func (*SubagentOpened) kind() string    { return "subagent.opened" }
func (*SubagentInput) kind() string     { return "subagent.input" }
func (*SubagentClosed) kind() string    { return "subagent.closed" }
func (*SubagentResumed) kind() string   { return "subagent.resumed" }
func (*Compacting) kind() string        { return "context.compacting" }
func (*Compacted) kind() string         { return "context.compacted" }
func (*Ticked) kind() string            { return "time.ticked" }
func (*Publishing) kind() string        { return "turn.publishing" }
func (*Published) kind() string         { return "turn.published" }
func (*Submitted) kind() string         { return session.SubmissionType }

// IntentOf is the seq of the intent whose outcome the event is; 0 for others.
func IntentOf(body Body) uint64 {
	switch b := body.(type) {
	case *ModelAnswered:
		return b.Call
	case *ModelFailed:
		return b.Call
	case *ModelInterrupted:
		return b.Call
	case *ToolsListed:
		return b.Call
	case *ToolReturned:
		return b.Intent
	case *ToolUnknown:
		return b.Intent
	case *ToolAgain:
		return b.Intent
	case *ToolParked:
		return b.Intent
	case *Compacted:
		return b.Call
	case *Published:
		return b.Call
	}
	return 0
}
