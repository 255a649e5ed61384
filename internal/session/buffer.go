package session

import (
	"cmp"
	"context"
	"iter"
	"strconv"
	"strings"
	"time"
)

// MaxDeltas is how many deltas one append to a [Buffer] carries, and the
// greatest page of [Buffer.ReadDeltas].
const MaxDeltas = 10_000

// EventID names one event of a session's stream: a delta, or with N 0 the
// start of an attempt. Ids are ordered, and never used again.
type EventID struct {
	// Seq is the journal's event that the stream belongs to: the intent.
	Seq uint64
	// Attempt counts the owners that tried it, from 1.
	Attempt uint32
	// N numbers the deltas of the attempt, from 1 without gaps, so that a
	// reader sees where something is missing.
	N uint32
}

// String writes the id as "seq-attempt-n", which [ParseEventID] reads.
func (id EventID) String() string {
	return string(id.Append(make([]byte, 0, 32)))
}

// Append appends what [EventID.String] says: each event of a stream has one.
func (id EventID) Append(dst []byte) []byte {
	dst = append(strconv.AppendUint(dst, id.Seq, 10), '-')
	dst = append(strconv.AppendUint(dst, uint64(id.Attempt), 10), '-')
	return strconv.AppendUint(dst, uint64(id.N), 10)
}

// ParseEventID is the inverse of [EventID.String]. Anything else is
// [ErrInvalid].
func ParseEventID(text string) (EventID, error) {
	parts := strings.Split(text, "-")
	var n [3]uint64
	if len(parts) == len(n) {
		var err error
		for i, part := range parts {
			if n[i], err = strconv.ParseUint(part, 10, map[bool]int{true: 63, false: 31}[i == 0]); err != nil {
				break
			}
		}
		id := EventID{Seq: n[0], Attempt: uint32(n[1]), N: uint32(n[2])}
		if err == nil && id.String() == text {
			return id, nil
		}
	}
	return EventID{}, Fault(ErrInvalid, text, "%q is not the id of a stream's event.", text)
}

// Compare orders ids: by Seq, then Attempt, then N.
func (id EventID) Compare(other EventID) int {
	return cmp.Or(cmp.Compare(id.Seq, other.Seq), cmp.Compare(id.Attempt, other.Attempt), cmp.Compare(id.N, other.N))
}

// Delta is one piece of a stream.
type Delta struct {
	ID   EventID
	Data []byte
}

// Deltas is one append to a [Buffer].
type Deltas struct {
	Tenant, Session string
	// Epoch is compared with the session's: an owner that was replaced adds
	// nothing to what others have read.
	Epoch uint64
	// TTL is how long the event they belong to stays readable after this
	// append. At least a millisecond.
	TTL time.Duration
	// Deltas are in order; those of one attempt are numbered without gaps, and
	// an attempt after another of the same event begins with 1.
	Deltas []Delta
}

// Buffer keeps the streams of sessions for readers that come late or come
// again, on any node. It is not the journal: what it holds expires, an event's
// deltas all together, and is dropped with the session. Implemented by every
// [Store]; safe for concurrent use; joins the suite in sessiontest.
type Buffer interface {
	// AppendDeltas adds all of them or none. They may be lost with the power of
	// the machine that the process runs on, never while it runs, nor if only it
	// dies: an owner that goes on after its database broke down finds what it
	// added. It answers [ErrFenced], [ErrNotFound], [ErrErased], or [ErrInvalid]
	// for ids that are out of order or were used: each event has an order of its
	// own, as several may be streamed at the same time.
	AppendDeltas(ctx context.Context, deltas Deltas) error
	// ReadDeltas returns up to limit deltas (0 means [MaxDeltas], the maximum)
	// with an id greater than after, in order; none mean that there are no
	// more at the moment. It answers [ErrNotFound] for an unknown session.
	ReadDeltas(ctx context.Context, tenant, session string, after EventID, limit int) ([]Delta, error)
	// Expire removes the deltas of every event that expired, of any tenant, and
	// returns how many events that were, also where it ends with ctx or an error.
	// It is for every node to call from time to time; callers at the same moment
	// do not get in each other's way.
	Expire(ctx context.Context) (int, error)
}

// Check says what is wrong with the append, or nil. Stores call it first.
func (d Deltas) Check() error {
	switch {
	case d.Tenant == "" || d.Session == "":
		return Fault(ErrInvalid, "session", "An append needs a tenant and a session.")
	case len(d.Deltas) == 0 || len(d.Deltas) > MaxDeltas:
		return Fault(ErrInvalid, d.Session, "An append carries 1 to %d deltas, not %d.", MaxDeltas, len(d.Deltas))
	case d.TTL < time.Millisecond:
		return Fault(ErrInvalid, d.Session, "Deltas that live for %s are too short-lived: the least is 1ms.", d.TTL)
	}
	size := 0
	for i, one := range d.Deltas {
		size += len(one.Data)
		id := one.ID
		if id.Seq == 0 || id.Attempt == 0 || id.N == 0 {
			return Fault(ErrInvalid, d.Session, "%s is not the id of a delta.", id)
		}
		if i == 0 {
			continue
		}
		last := d.Deltas[i-1].ID
		next := uint32(1)
		if last.Attempt == id.Attempt {
			next = last.N + 1
		}
		if id.Compare(last) <= 0 || last.Seq == id.Seq && id.N != next {
			return Fault(ErrInvalid, d.Session, "Delta %s cannot follow %s.", id, last)
		}
	}
	if size > MaxPayload {
		return Fault(ErrInvalid, d.Session, "The deltas have %d bytes; the limit is %d.", size, MaxPayload)
	}
	return nil
}

// Attempts are the deltas of each attempt in turn, as stores keep them.
func (d Deltas) Attempts() iter.Seq[[]Delta] {
	return func(yield func([]Delta) bool) {
		for rest := d.Deltas; len(rest) > 0; {
			n := 1
			for n < len(rest) && rest[n].ID.Seq == rest[0].ID.Seq && rest[n].ID.Attempt == rest[0].ID.Attempt {
				n++
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}
