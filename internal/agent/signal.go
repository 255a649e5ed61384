package agent

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// SignalKind says what a [Signal] tells.
type SignalKind string

// The kinds of signal, with the members each has beside Thread and Turn.
const (
	// SignalCreated and SignalStatus tell of the session: its state is the
	// projector's.
	SignalCreated SignalKind = "session.created"
	SignalStatus  SignalKind = "session.status"
	// SignalTurnCreated, SignalTurnInProgress and SignalTurnEnded tell of At.
	SignalTurnCreated    SignalKind = "turn.created"
	SignalTurnInProgress SignalKind = "turn.in_progress"
	SignalTurnEnded      SignalKind = "turn.ended"
	// SignalItemAdded and SignalItemDone have Item.
	SignalItemAdded SignalKind = "item.added"
	SignalItemDone  SignalKind = "item.done"
	// SignalPartAdded and SignalPartDone have Item, Content and Part.
	SignalPartAdded SignalKind = "part.added"
	SignalPartDone  SignalKind = "part.done"
	// SignalDelta adds Text to a part; SignalTextDone has all of it.
	SignalDelta    SignalKind = "delta"
	SignalTextDone SignalKind = "text.done"
	// SignalArguments adds Text to the arguments of a call that is being
	// written. The call's item is added and done by the journal once it counts.
	SignalArguments SignalKind = "arguments"
	// The signals of subagents have Agent.
	SignalSubagentCreated SignalKind = "subagent.created"
	SignalSubagentActive  SignalKind = "subagent.active"
	SignalSubagentClosed  SignalKind = "subagent.closed"
	// SignalListed has Server: what it offers is in the state.
	SignalListed SignalKind = "tools.listed"
	// SignalAsked has Item: a call that waits for an approval.
	SignalAsked SignalKind = "approval.requested"
	// SignalCompacted tells that a context was replaced by a summary.
	SignalCompacted SignalKind = "context.compacted"
)

// Signal is one thing that a session's readers are told.
type Signal struct {
	Kind         SignalKind
	Thread, Turn string
	// At is the turn as it was then.
	At      *Turn
	Item    *Item
	Content int
	Part    model.Part
	Text    string
	Agent   *Thread
	Server  string
}

// DeltaKind says what a [Delta] does.
type DeltaKind string

// The kinds of delta.
const (
	DeltaItem DeltaKind = "i"
	DeltaPart DeltaKind = "p"
	DeltaText DeltaKind = "t"
	DeltaArgs DeltaKind = "a"
)

// Delta is one piece of an answer while it is being made: what lies in a
// session's stream buffer.
type Delta struct {
	Kind DeltaKind `json:"k"`
	// Item and Content are the place, as in [Place].
	Item    int `json:"i"`
	Content int `json:"c,omitzero"`
	// Type is the item's, for DeltaItem.
	Type ItemType `json:"y,omitzero"`
	// Summary tells a part of reasoning that is a summary; Refusal a refusal.
	Summary bool   `json:"s,omitzero"`
	Refusal bool   `json:"r,omitzero"`
	Text    string `json:"t,omitzero"`
	// Call and Name are a call's, for DeltaItem of a function call.
	Call string `json:"d,omitzero"`
	Name string `json:"n,omitzero"`
}

// Encode writes the delta as JSON, which is how buffers hold it: a stream is
// made of these. The error is for a text that is not UTF-8.
func (d *Delta) Encode() ([]byte, error) {
	b := append(make([]byte, 0, deltaRoom+len(d.Text)), `{"k":`...)
	b, err := jsontext.AppendQuote(b, string(d.Kind))
	b = strconv.AppendInt(append(b, `,"i":`...), int64(d.Item), 10)
	if d.Content != 0 {
		b = strconv.AppendInt(append(b, `,"c":`...), int64(d.Content), 10)
	}
	text := func(key, value string) {
		if value != "" && err == nil {
			b, err = jsontext.AppendQuote(append(b, key...), value)
		}
	}
	text(`,"y":`, string(d.Type))
	if d.Summary {
		b = append(b, `,"s":true`...)
	}
	if d.Refusal {
		b = append(b, `,"r":true`...)
	}
	text(`,"t":`, d.Text)
	text(`,"d":`, d.Call)
	text(`,"n":`, d.Name)
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// deltaRoom is about what a delta takes besides its text.
const deltaRoom = 64
