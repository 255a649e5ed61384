package agent_test

import (
	"time"

	"github.com/craton-ai/craton/internal/session"
)

// sessionEvent is a draft in its place.
func sessionEvent(seq uint64, at time.Time, d session.Draft) session.Event {
	return session.Event{Tenant: "t", Session: "ses_test", Seq: seq, Type: d.Type, Version: d.Version, At: at, Payload: d.Payload}
}
