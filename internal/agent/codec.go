package agent

import (
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// bodies makes an empty body of each type.
var bodies = []func() Body{
	func() Body { return &Created{} }, func() Body { return &Updated{} }, func() Body { return &Forked{} },
	func() Body { return &Failed{} }, func() Body { return &Message{} }, func() Body { return &Cancel{} },
	func() Body { return &Result{} }, func() Body { return &Decision{} }, func() Body { return &TurnStarted{} },
	func() Body { return &Joined{} }, func() Body { return &TurnEnded{} }, func() Body { return &ModelCalled{} },
	func() Body { return &ModelAnswered{} }, func() Body { return &ModelFailed{} }, func() Body { return &ModelInterrupted{} },
	func() Body { return &ToolsListing{} }, func() Body { return &ToolsListed{} }, func() Body { return &ApprovalRequested{} },
	func() Body { return &ToolCalled{} }, func() Body { return &ToolReturned{} }, func() Body { return &ToolUnknown{} },
	func() Body { return &ToolAgain{} }, func() Body { return &CallSettled{} }, func() Body { return &CallAdded{} },
	func() Body { return &SubagentOpened{} }, func() Body { return &SubagentInput{} }, func() Body { return &SubagentClosed{} },
	func() Body { return &SubagentResumed{} }, func() Body { return &Compacting{} }, func() Body { return &Compacted{} },
	func() Body { return &Ticked{} }, func() Body { return &Publishing{} }, func() Body { return &Published{} },
	func() Body { return &Submitted{} }, func() Body { return &ToolParked{} },
}

// Version is the form in which most events are written today; versions has the
// others.
const Version = 1

// versions are the forms of the types that have changed. Up to 1, calls of
// models did not say how large their request was, and a summary that was
// stopped was one that failed: the older forms read as they are. Programs were
// not parked: who may not write that in version 2 does not park them.
var versions = map[string]int{
	(*ModelCalled)(nil).kind(): 2, (*ModelAnswered)(nil).kind(): 2,
	(*Compacting)(nil).kind(): 2, (*Compacted)(nil).kind(): 2, (*ToolParked)(nil).kind(): 2,
}

// older is the body as version 1 knew it, for nodes that read no more.
func older(body Body) Body {
	switch b := body.(type) {
	case *ModelCalled:
		at := *b
		at.Input = 0
		return &at
	case *ModelAnswered:
		at := *b
		at.Capped = false
		return &at
	case *Compacting:
		at := *b
		at.Input = 0
		return &at
	case *Compacted:
		at := *b
		at.Reason = ""
		return &at
	}
	return body
}

// Codec reads and writes events. Make it with [NewCodec]; it is safe for
// concurrent use.
type Codec struct {
	forms *session.Forms
	empty map[string]func() Body
	// limit is the greatest version that may be written; 0 for any.
	limit atomic.Int64
}

// NewCodec returns a codec for all bodies.
func NewCodec() (*Codec, error) {
	c := &Codec{empty: make(map[string]func() Body, len(bodies))}
	forms := make([]session.Form, 0, len(bodies))
	for _, empty := range bodies {
		kind := empty().kind()
		c.empty[kind] = empty
		forms = append(forms, session.Form{Type: kind, Version: max(Version, versions[kind])})
	}
	var err error
	c.forms, err = session.NewForms(forms...)
	return c, err
}

// Newest is the greatest version the codec reads.
func (c *Codec) Newest() int { return c.forms.Newest() }

// Limit lets no event be written from now on that a program which reads
// versions up to this one does not understand; 0 lifts the limit.
func (c *Codec) Limit(version int) { c.limit.Store(int64(version)) }

// Writes reports whether events of that version may be written.
func (c *Codec) Writes(version int) bool {
	limit := c.limit.Load()
	return limit == 0 || limit >= int64(version)
}

// Draft writes a body, in an older form where [Codec.Limit] asks for it.
func (c *Codec) Draft(body Body) (session.Draft, error) {
	version := max(Version, versions[body.kind()])
	if !c.Writes(version) {
		body, version = older(body), Version
	}
	raw, err := json.Marshal(body, codec)
	if err != nil {
		return session.Draft{}, session.Fault(session.ErrInvalid, body.kind(), "The event cannot be written: %v", err)
	}
	return session.Draft{Type: body.kind(), Version: version, Payload: raw}, nil
}

// Record writes a body and returns it as it will be read.
func (c *Codec) Record(body Body) (session.Draft, Body, error) {
	draft, err := c.Draft(body)
	if err != nil || draft.Version == max(Version, versions[body.kind()]) && plain(body) {
		return draft, body, err
	}
	read := c.empty[draft.Type]()
	if err := json.Unmarshal(draft.Payload, read, codec); err != nil {
		return draft, nil, session.Fault(session.ErrInvalid, draft.Type, "The event cannot be read: %v", err)
	}
	return draft, read, nil
}

// plain reports whether a body holds nothing that writing and reading might
// change: no raw JSON, no times, no parts but text and calls. Most are plain,
// and reading them is what most of an append's time was.
func plain(body Body) bool {
	switch b := body.(type) {
	case *TurnStarted, *Joined, *TurnEnded, *ModelCalled, *ToolsListing, *ToolCalled, *ToolAgain, *Ticked, *Publishing, *Published:
		return true
	case *ModelAnswered:
		return plainParts(b.Message.Parts)
	case *ToolReturned:
		return (b.Structured == nil || len(b.Content) > 0) && plainParts(b.Content)
	case *CallSettled:
		return plainParts(b.Content)
	case *Result:
		return plainParts(b.Output) && (b.Raw == nil || plainString(b.Raw))
	case *Message:
		return !slices.ContainsFunc(b.Messages, func(m model.Message) bool { return !plainParts(m.Parts) })
	}
	return false
}

// plainString reports whether the JSON is a string without escapes, which is
// written as it is.
func plainString(v jsontext.Value) bool {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return false
	}
	for _, c := range v[1 : len(v)-1] {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(v)
}

func plainParts(parts []model.Part) bool {
	for _, part := range parts {
		switch p := part.(type) {
		case *model.Text:
			if p.Citations != nil {
				return false
			}
		case *model.ToolCall:
			if p.Extra != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Read reads an event. Errors are [session.ErrNewer], [session.ErrErased] for
// an event whose payload was destroyed, and [session.ErrCorrupt].
func (c *Codec) Read(e session.Event) (Event, error) {
	e, err := c.forms.Read(e)
	if err != nil {
		return Event{}, err
	}
	out := Event{Session: e.Session, Seq: e.Seq, At: e.At, Body: c.empty[e.Type]()}
	switch {
	case e.Type == session.SubmissionType:
		return out, nil
	case e.Erased:
		return Event{}, session.Fault(session.ErrErased, e.Session, "Event %d was erased.", e.Seq)
	}
	if err := json.Unmarshal(e.Payload, out.Body, codec); err != nil {
		return Event{}, session.Fault(session.ErrCorrupt, e.Session, "Event %d (%s) cannot be read: %v", e.Seq, e.Type, err)
	}
	return out, nil
}
