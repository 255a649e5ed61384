package agent

import (
	"github.com/go-json-experiment/json"

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
	func() Body { return &Submitted{} },
}

// Version is the form in which events are written today.
const Version = 1

// Codec reads and writes events. Make it with [NewCodec]; it is safe for
// concurrent use.
type Codec struct {
	forms *session.Forms
	empty map[string]func() Body
}

// NewCodec returns a codec for all bodies.
func NewCodec() (*Codec, error) {
	c := &Codec{empty: make(map[string]func() Body, len(bodies))}
	forms := make([]session.Form, 0, len(bodies))
	for _, empty := range bodies {
		kind := empty().kind()
		c.empty[kind] = empty
		forms = append(forms, session.Form{Type: kind, Version: Version})
	}
	var err error
	c.forms, err = session.NewForms(forms...)
	return c, err
}

// Newest is the greatest version the codec reads.
func (c *Codec) Newest() int { return c.forms.Newest() }

// Draft writes a body.
func (c *Codec) Draft(body Body) (session.Draft, error) {
	raw, err := json.Marshal(body, codec)
	if err != nil {
		return session.Draft{}, session.Fault(session.ErrInvalid, body.kind(), "The event cannot be written: %v", err)
	}
	return session.Draft{Type: body.kind(), Version: Version, Payload: raw}, nil
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
