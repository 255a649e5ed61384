package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultInline is the payload size up to which it is kept with its event.
const DefaultInline = 4096

// Config is what a [Journal] needs.
type Config struct {
	// Store keeps the journals. Required.
	Store Store
	// Now tells the time. Required.
	Now func() time.Time
	// Random yields ids and keys; crypto/rand.Reader in production. Required.
	Random io.Reader
	// ContentKey returns the secret under which a tenant's large payloads are
	// addressed, so that an address tells nothing across tenants. Required.
	ContentKey func(ctx context.Context, tenant string) ([]byte, error)
	// Inline is the payload size in bytes up to which it is kept with its
	// event; 0 means [DefaultInline].
	Inline int
}

// Journal appends to and reads sessions. It is safe for concurrent use and
// keeps nothing of them.
type Journal struct {
	config   Config
	random   sync.Mutex // held while reading config.Random
	erasures atomic.Uint64
}

// New returns a journal over a store, or an error naming what config lacks.
func New(config Config) (*Journal, error) {
	if config.Store == nil || config.Now == nil || config.Random == nil || config.ContentKey == nil {
		return nil, errors.New("session: Config needs Store, Now, Random and ContentKey")
	}
	if config.Inline == 0 {
		config.Inline = DefaultInline
	}
	return &Journal{config: config}, nil
}

// Draft is an event before it has its place in a journal.
type Draft struct {
	// Type, Version, Label and Payload are as in [Event].
	Type    string
	Version int
	Label   string
	Payload []byte
}

// Begin returns a new session. Nothing is stored before its first append.
func (j *Journal) Begin(tenant, kind string) (Session, error) {
	var seed [12 + KeySize]byte
	j.random.Lock()
	_, err := io.ReadFull(j.config.Random, seed[:])
	j.random.Unlock()
	if err != nil {
		return Session{}, fmt.Errorf("session: read random: %w", err)
	}
	id := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed[:12])
	return Session{
		Tenant: tenant,
		ID:     "ses_" + strings.ToLower(id),
		Kind:   kind,
		Key:    slices.Clone(seed[12:]),
	}, nil
}

// Continue returns the session to append to after the event with the label:
// the event's own session if it is the last, else a fork from it. It answers
// [ErrNotFound] for an unknown label.
func (j *Journal) Continue(ctx context.Context, tenant, label string) (Session, error) {
	ref, err := j.config.Store.Find(ctx, tenant, label)
	if err != nil {
		return Session{}, err
	}
	return j.At(ctx, tenant, ref)
}

// At returns the session to append to after the event ref: its own session if
// it is the last, else a fork from it. It answers [ErrNotFound] if there is no
// such event and [ErrErased] if the session was erased.
func (j *Journal) At(ctx context.Context, tenant string, ref Ref) (Session, error) {
	head, err := j.config.Store.Head(ctx, tenant, ref.Session)
	if err != nil {
		return Session{}, err
	}
	if head.Key == nil {
		return Session{}, Fault(ErrErased, ref.Session, "The session was deleted.")
	}
	if ref.Seq == head.Seq {
		return head, nil
	}
	if ref.Seq == 0 || ref.Seq > head.Seq {
		return Session{}, Fault(ErrNotFound, ref.Session, "The session has no event %d.", ref.Seq)
	}
	events, err := j.config.Store.Read(ctx, tenant, ref.Session, ref.Seq-1, 1)
	if err != nil {
		return Session{}, err
	}
	if len(events) == 0 {
		return Session{}, Fault(ErrNotFound, ref.Session, "The session has no event %d.", ref.Seq)
	}
	head.Seq, head.Head = ref.Seq, events[0].Hash
	return j.Fork(head)
}

// Fork returns a new session whose past is that of from, up to and including
// event from.Seq. Nothing is stored before its first append.
func (j *Journal) Fork(from Session) (Session, error) {
	fork, err := j.Begin(from.Tenant, from.Kind)
	fork.Head = from.Head
	if from.Seq > 0 {
		fork.Parent = Ref{Session: from.ID, Seq: from.Seq}
	} else {
		fork.Parent = from.Parent
	}
	return fork, err
}

// Append adds the drafts after the head and returns the new head once they are
// durable. Errors are those of [Store.Append]: on [ErrStale] somebody else
// continued first.
func (j *Journal) Append(ctx context.Context, head Session, drafts ...Draft) (Session, error) {
	return j.Apply(ctx, head, Change{Drafts: drafts})
}

// Change is an append with what goes with it in the same transaction.
type Change struct {
	// Drafts become events.
	Drafts []Draft
	// At is when it happened; zero means now. A writer that has folded its
	// events already gives the time it folded them with.
	At time.Time
	// Wake, Progress, Facts, Deltas and TTL are as in [Batch].
	Wake     *time.Time
	Progress bool
	Facts    *Facts
	Deltas   []Delta
	TTL      time.Duration
}

// Apply is [Journal.Append] with what goes with it.
func (j *Journal) Apply(ctx context.Context, head Session, change Change) (Session, error) {
	return j.append(ctx, head, 0, change)
}

// AppendOrFork is [Journal.Append], but where somebody else continued first,
// it forks from head and appends there: right where every continuation of one
// point is legitimate, as with previous_response_id.
func (j *Journal) AppendOrFork(ctx context.Context, head Session, drafts ...Draft) (Session, error) {
	next, err := j.Append(ctx, head, drafts...)
	if !errors.Is(err, ErrStale) || head.Seq == 0 {
		return next, err
	}
	fork, err := j.Fork(head)
	if err != nil {
		return Session{}, err
	}
	return j.Append(ctx, fork, drafts...)
}

// TakeOver appends under the next epoch, after which every writer that still
// holds the old head is refused with [ErrStale].
func (j *Journal) TakeOver(ctx context.Context, head Session, drafts ...Draft) (Session, error) {
	return j.append(ctx, head, head.Epoch+1, Change{Drafts: drafts})
}

func (j *Journal) append(ctx context.Context, head Session, raise uint64, change Change) (Session, error) {
	now := change.At
	if now.IsZero() {
		now = j.config.Now()
	}
	now = now.UTC().Truncate(time.Microsecond)
	if head.Seq == 0 {
		head.CreatedAt = now
	}
	batch := Batch{
		Session: head, Events: make([]Event, len(change.Drafts)), Raise: raise,
		Wake: change.Wake, Progress: change.Progress, Facts: change.Facts, Deltas: change.Deltas, TTL: change.TTL,
	}
	next := head
	for i, d := range change.Drafts {
		e := Event{
			Tenant: head.Tenant, Session: head.ID, Seq: next.Seq + 1,
			Type: d.Type, Version: d.Version, At: now, Label: d.Label, Payload: d.Payload,
		}
		if len(e.Payload) == 0 {
			e.Payload = nil
		}
		if len(e.Payload) > j.config.Inline {
			address, err := j.address(ctx, head.Tenant, e.Payload)
			if err != nil {
				return Session{}, err
			}
			e.Address = address
		}
		e.Digest = Digest(head.Key, e.Label, e.Payload)
		e.Hash = Link(next.Head, e)
		next.Seq, next.Head = e.Seq, e.Hash
		batch.Events[i] = e
	}
	if raise != 0 {
		next.Epoch = raise
	}
	if err := j.config.Store.Append(ctx, batch); err != nil {
		return Session{}, err
	}
	return next, nil
}

func (j *Journal) address(ctx context.Context, tenant string, payload []byte) (string, error) {
	key, err := j.config.ContentKey(ctx, tenant)
	if err != nil {
		return "", fmt.Errorf("session: content key of %s: %w", tenant, err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(payload)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Find returns the event with the label, or [ErrNotFound].
func (j *Journal) Find(ctx context.Context, tenant, label string) (Ref, error) {
	return j.config.Store.Find(ctx, tenant, label)
}

// Head returns a session as it stands, or [ErrNotFound].
func (j *Journal) Head(ctx context.Context, tenant, session string) (Session, error) {
	return j.config.Store.Head(ctx, tenant, session)
}

// Own returns up to limit events of the session's own after one of them: what
// it was forked from is not among them.
func (j *Journal) Own(ctx context.Context, head Session, after uint64, limit int) ([]Event, error) {
	return j.config.Store.Read(ctx, head.Tenant, head.ID, after, limit)
}

// Event returns the event with the label, or [ErrNotFound].
func (j *Journal) Event(ctx context.Context, tenant, label string) (Event, error) {
	ref, err := j.config.Store.Find(ctx, tenant, label)
	if err != nil {
		return Event{}, err
	}
	events, err := j.config.Store.Read(ctx, tenant, ref.Session, ref.Seq-1, 1)
	if err != nil {
		return Event{}, err
	}
	if len(events) == 0 || events[0].Seq != ref.Seq {
		return Event{}, Fault(ErrNotFound, label, "There is no event with this label.")
	}
	return events[0], nil
}

// History returns the whole past of head in order: the events of its parents
// up to where each was forked, then its own up to head.Seq. For a session that
// was begun or forked but not yet appended to, that is its parents' past.
func (j *Journal) History(ctx context.Context, head Session) ([]Event, error) {
	type stretch struct {
		session string
		to      uint64
	}
	stretches := []stretch{{head.ID, head.Seq}}
	for parent := head.Parent; parent != (Ref{}); {
		stretches = append(stretches, stretch{parent.Session, parent.Seq})
		above, err := j.config.Store.Head(ctx, head.Tenant, parent.Session)
		if err != nil {
			return nil, err
		}
		parent = above.Parent
	}
	var past []Event
	for _, s := range slices.Backward(stretches) {
		for after := uint64(0); after < s.to; {
			limit := int(min(s.to-after, MaxEvents))
			page, err := j.config.Store.Read(ctx, head.Tenant, s.session, after, limit)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				return nil, Fault(ErrCorrupt, s.session, "Event %d is missing.", after+1)
			}
			past = append(past, page...)
			after = page[len(page)-1].Seq
		}
	}
	return past, nil
}

// Erase destroys the payloads of a session's events from..to, both inclusive;
// to 0 means the end. See [Store.Erase].
func (j *Journal) Erase(ctx context.Context, tenant, session string, from, to uint64) error {
	defer j.erasures.Add(1)
	return j.config.Store.Erase(ctx, Erasure{
		Tenant: tenant, Session: session, From: from, To: to, At: j.config.Now().UTC(),
	})
}

// Erasures counts those that were tried through this journal: what was read
// before it last changed may hold what is erased now.
func (j *Journal) Erasures() uint64 { return j.erasures.Load() }
