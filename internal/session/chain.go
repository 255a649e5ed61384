package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Limits on what an event may carry.
const (
	// MaxPayload is the greatest payload in bytes.
	MaxPayload = 64 << 20
	// MaxLabel is the greatest length of a label in bytes.
	MaxLabel = 512
	// KeySize is the length of a session's key in bytes.
	KeySize = 32
)

// Digest returns what the chain remembers of an event's label and payload:
// HMAC-SHA256 under the session's key, so that without the key nobody can
// check a guess of what was erased.
func Digest(key []byte, label string, payload []byte) Hash {
	mac := hmac.New(sha256.New, key)
	writeField(mac, []byte(label))
	mac.Write(payload)
	return Hash(mac.Sum(nil))
}

// Link returns the hash of an event that follows one with the hash prev. It
// covers every field but Label and Payload, which Digest covers, and Address
// and Erased, which say where the payload is.
func Link(prev Hash, e Event) Hash {
	h := sha256.New()
	writeField(h, []byte("craton journal 1"))
	h.Write(prev[:])
	writeField(h, []byte(e.Tenant))
	writeField(h, []byte(e.Session))
	writeNumber(h, e.Seq)
	writeField(h, []byte(e.Type))
	writeNumber(h, uint64(e.Version))
	writeNumber(h, uint64(e.At.UnixMicro()))
	h.Write(e.Digest[:])
	return Hash(h.Sum(nil))
}

func writeField(h hash.Hash, field []byte) {
	writeNumber(h, uint64(len(field)))
	h.Write(field)
}

func writeNumber(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

// Verify checks that events follow each other and one with the hash prev, and,
// where key is not nil, that what is not erased matches its digest. It answers
// [ErrCorrupt] naming the first event that does not.
func Verify(prev Hash, key []byte, events []Event) error {
	for i, e := range events {
		if i > 0 && e.Seq != events[i-1].Seq+1 {
			return Fault(ErrCorrupt, e.Session, "Event %d follows event %d.", e.Seq, events[i-1].Seq)
		}
		if Link(prev, e) != e.Hash {
			return Fault(ErrCorrupt, e.Session, "The hash of event %d does not match its content and the event before.", e.Seq)
		}
		if key != nil && !e.Erased && Digest(key, e.Label, e.Payload) != e.Digest {
			return Fault(ErrCorrupt, e.Session, "The payload of event %d is not the one that was appended.", e.Seq)
		}
		prev = e.Hash
	}
	return nil
}

// Fold applies step to each event in turn, starting from state, and stops at
// the first error. Status, items, spend and everything else known of a session
// is such a fold.
func Fold[S any](state S, events []Event, step func(S, Event) (S, error)) (S, error) {
	for _, e := range events {
		next, err := step(state, e)
		if err != nil {
			return state, err
		}
		state = next
	}
	return state, nil
}

// Check says how the batch contradicts itself, or nil. Stores call it before
// they write.
func (b Batch) Check() error {
	s := b.Session
	if s.Tenant == "" || s.ID == "" {
		return Fault(ErrInvalid, "session", "An append needs a tenant and a session.")
	}
	if len(b.Events) == 0 || len(b.Events) > MaxEvents {
		return Fault(ErrInvalid, s.ID, "An append carries 1 to %d events, not %d.", MaxEvents, len(b.Events))
	}
	if b.Raise != 0 && b.Raise <= s.Epoch {
		return Fault(ErrInvalid, s.ID, "Epoch %d cannot follow epoch %d.", b.Raise, s.Epoch)
	}
	if s.Seq == 0 && (len(s.Key) != KeySize || s.Kind == "") {
		return Fault(ErrInvalid, s.ID, "A new session needs a kind and a key of %d bytes.", KeySize)
	}
	if b.Facts != nil {
		if err := b.Facts.check(s.ID); err != nil {
			return err
		}
	}
	if len(b.Deltas) > 0 {
		if err := b.Said().Check(); err != nil {
			return err
		}
	}
	var labels map[string]bool
	if len(b.Events) > 1 {
		labels = make(map[string]bool)
	}
	prev := s.Head
	for i, e := range b.Events {
		if err := e.check(s, s.Seq+uint64(i)+1); err != nil {
			return err
		}
		if e.Label != "" && labels[e.Label] {
			return Fault(ErrLabelTaken, e.Label, "Two events of one append have the same label.")
		}
		if labels != nil {
			labels[e.Label] = true
		}
		if Link(prev, e) != e.Hash {
			return Fault(ErrInvalid, s.ID, "The hash of event %d does not match.", e.Seq)
		}
		prev = e.Hash
	}
	return nil
}

func (e Event) check(s Session, seq uint64) error {
	switch {
	case e.Tenant != s.Tenant || e.Session != s.ID || e.Seq != seq:
		return Fault(ErrInvalid, s.ID, "Event %d is not event %d of this session.", e.Seq, seq)
	case e.Type == "" || e.Version < 1:
		return Fault(ErrInvalid, s.ID, "Event %d needs a type and a version.", e.Seq)
	case len(e.Payload) > MaxPayload:
		return Fault(ErrInvalid, s.ID, "The payload of event %d has %d bytes; the limit is %d.", e.Seq, len(e.Payload), MaxPayload)
	case len(e.Label) > MaxLabel || !plain(e.Label):
		return Fault(ErrInvalid, s.ID, "A label is at most %d bytes of UTF-8 without NUL.", MaxLabel)
	case e.Erased:
		return Fault(ErrInvalid, s.ID, "Event %d cannot be appended erased.", e.Seq)
	}
	return nil
}

// Said are the batch's deltas as an append to a [Buffer] after its events.
func (b Batch) Said() Deltas {
	s := b.Session
	return Deltas{Tenant: s.Tenant, Session: s.ID, Epoch: max(s.Epoch, b.Raise), TTL: b.TTL, Deltas: b.Deltas}
}

// Version is the greatest version of the batch's events.
func (b Batch) Version() int {
	version := 0
	for _, e := range b.Events {
		version = max(version, e.Version)
	}
	return version
}
