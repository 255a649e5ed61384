package agent

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// Queued is input with the event it came by.
type Queued struct {
	Seq uint64 `json:"seq"`
	// Session is the journal of that event, where it is not the session's own: a
	// fork finds what waited in the other.
	Session string `json:"session,omitzero"`
	// From names the agent it comes from; empty for the client.
	From string `json:"from,omitzero"`
	// By names the key that sent it; empty for the runtime's own.
	By       string          `json:"by,omitzero"`
	Messages []model.Message `json:"messages"`
	// Outcome is what listings show in the place of Messages, where these tell the
	// model of a call that it did not wait for; else nil.
	Outcome *Outcome `json:"outcome,omitzero"`
}

// Outcome is what a client's function came to, as the client told it.
type Outcome struct {
	Call   string         `json:"call"`
	Failed bool           `json:"failed,omitzero"`
	Raw    jsontext.Value `json:"raw,omitzero"`
	Error  *string        `json:"error,omitzero"`
}
