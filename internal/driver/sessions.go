package driver

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Sessions creates, feeds and reads sessions, on any node: the driver that owns
// one, here or elsewhere, finds the input. It is safe for concurrent use.
type Sessions struct{ driver *Driver }

// Creation is a new session.
type Creation struct {
	Tenant  string
	Created agent.Created
	// Input begins the first turn; nil for none.
	Input []model.Message
	// Key makes the creation happen once; empty for none. Body is the request,
	// compared when the key comes again.
	Key  string
	Body []byte
	// Label finds the session's first event, unique within the tenant; empty
	// for none.
	Label string
	// Uses are names of what counts once within the tenant, such as a person's
	// yes: the creation uses them up for good, also if the session is deleted
	// later. It needs a Body and a Label then.
	Uses []string
}

// View is a session as it stands.
type View struct {
	*agent.State
	// Head is its journal.
	Head session.Session
}

// Create begins a session. It is durable when Create returns. A key that came
// before with the same body answers the session it made; with another one it
// is [session.ErrKeyReused]. What [Creation.Uses] names and was used before is
// [session.ErrLabelTaken], but the same principal's same body is answered the
// session it made, as long as there is one.
func (s *Sessions) Create(ctx context.Context, c Creation) (*View, error) {
	d := s.driver
	head, err := d.config.Journal.Begin(c.Tenant, agent.Kind)
	if err != nil {
		return nil, err
	}
	bodies := []agent.Body{&c.Created}
	if c.Input != nil {
		bodies = append(bodies, &agent.Message{By: c.Created.Principal.Key, Messages: c.Input})
	}
	change, err := d.change(bodies...)
	if err != nil {
		return nil, err
	}
	change.Drafts[0].Label = c.Label
	if c.Input != nil {
		change.Wake = &session.AtOnce
	}
	facts := session.Facts{Status: string(agent.Idle)}
	if c.Input != nil {
		facts.Status = string(agent.InProgress)
	}
	facts.Metadata = labelled(&c.Created, c.Created.Metadata)
	change.Facts = &facts
	if came, err := s.use(ctx, &c); came != nil || err != nil {
		return came, err
	}
	receipt, err := d.config.Journal.Submit(ctx, head, session.Submission{Key: prefixed(createKey, c.Key), Body: c.Body, Change: change})
	if err != nil {
		return nil, err
	}
	if c.Input != nil {
		d.Nudge(c.Tenant, receipt.Session)
	}
	return s.Get(ctx, c.Tenant, receipt.Session)
}

const createKey = "create/"

// Created is the session that a creation with this key and body made before,
// nil for none: a caller that prepares much for one asks first. With another
// body it is [session.ErrKeyReused].
func (s *Sessions) Created(ctx context.Context, tenant, key string, body []byte) (*View, error) {
	came, err := s.driver.config.Journal.Submitted(ctx, tenant, session.Submission{Key: prefixed(createKey, key), Body: body})
	if err != nil || !came.Repeated {
		return nil, err
	}
	return s.Get(ctx, tenant, came.Session)
}

// Sent reports whether the input came before under its key, as [Sessions.Created]
// does of a creation. Its Bodies may be missing.
func (s *Sessions) Sent(ctx context.Context, in Input) (bool, error) {
	came, err := s.driver.config.Journal.Submitted(ctx, in.Tenant, session.Submission{Key: inputKey(in), Body: in.Body})
	return came.Repeated, err
}

func prefixed(prefix, key string) string {
	if key == "" {
		return ""
	}
	return prefix + key
}

// change writes bodies as an append.
func (d *Driver) change(bodies ...agent.Body) (session.Change, error) {
	var change session.Change
	for _, body := range bodies {
		draft, err := d.codec.Draft(body)
		if err != nil {
			return session.Change{}, err
		}
		if err := fits(draft); err != nil {
			return session.Change{}, err
		}
		change.Drafts = append(change.Drafts, draft)
	}
	return change, nil
}

// fits refuses input that no journal takes.
func fits(draft session.Draft) error {
	if size := len(draft.Payload); size > session.MaxPayload {
		return session.Fault(session.ErrInvalid, "events", "The input has %d bytes; the limit is %d.", size, session.MaxPayload)
	}
	return nil
}

// Get returns a session as of the last acknowledged append. An unknown session,
// one of another tenant, and one that was deleted are [session.ErrNotFound].
func (s *Sessions) Get(ctx context.Context, tenant, id string) (*View, error) {
	return s.At(ctx, tenant, id, 0)
}

// At is [Sessions.Get] as of event seq; 0 means the last.
func (s *Sessions) At(ctx context.Context, tenant, id string, seq uint64) (*View, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if seq == 0 {
		seq = head.Seq
	}
	if seq > head.Seq {
		return nil, session.Fault(session.ErrNotFound, id, "The session has no event %d.", seq)
	}
	state, _, err := s.driver.fold(ctx, head, seq)
	if err != nil {
		return nil, hide(err, id)
	}
	return &View{State: state, Head: head}, nil
}

// head finds an agent session.
func (s *Sessions) head(ctx context.Context, tenant, id string) (session.Session, error) {
	if !strings.HasPrefix(id, "ses_") || len(id) > 64 || strings.ContainsRune(id, 0) {
		return session.Session{}, unknown(id)
	}
	head, err := s.driver.config.Store.Journals.Head(ctx, tenant, id)
	switch {
	case err != nil:
		return session.Session{}, hide(err, id)
	case head.Kind != agent.Kind || head.Key == nil:
		return session.Session{}, unknown(id)
	}
	return head, nil
}

func unknown(id string) error {
	return session.Fault(session.ErrNotFound, id, "No such session: %q.", shorten(id))
}

func shorten(id string) string {
	if len(id) > 80 {
		return id[:80] + "…"
	}
	return id
}

// hide makes deleted sessions look like unknown ones.
func hide(err error, id string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, session.ErrErased) || errors.Is(err, session.ErrNotFound) {
		return unknown(id)
	}
	return err
}

// Input is something a client sends to a session: one of the bodies
// [agent.Message], [agent.Cancel], [agent.Result], [agent.Decision] and
// [agent.Updated].
type Input struct {
	Tenant, Session string
	// Key makes the input count once; empty for none. Body is the request,
	// compared when the key comes again.
	Key    string
	Body   []byte
	Bodies []agent.Body
}

// What may wait for one session: MaxQueued inputs, and of more than one
// MaxQueuedBytes of text and images.
const (
	MaxQueued      = 256
	MaxQueuedBytes = 32 << 20
)

// Send takes input. It is durable when Send returns. Errors are *model.Error:
// [session.ErrNotFound]; [session.ErrKeyReused]; kind Invalid for a result or
// decision that nothing waits for, kind Conflict for one that differs from
// what came before or for a session that failed, kind Overloaded for a full
// mailbox.
func (s *Sessions) Send(ctx context.Context, in Input) error {
	var err error
	for range sendAttempts {
		if err = s.send(ctx, in); !errors.Is(err, session.ErrStale) {
			return err
		}
	}
	return err
}

// sendAttempts is how often input is checked anew because the session moved on
// before it was appended.
const sendAttempts = 100

// send checks input against the session as it stands and appends it.
func (s *Sessions) send(ctx context.Context, in Input) error {
	d := s.driver
	// An owner in this process knows more than the store could tell.
	if taken, err := d.ask(ctx, in, in.Key != ""); taken || err != nil {
		return err
	}
	head, err := s.head(ctx, in.Tenant, in.Session)
	if err != nil {
		return err
	}
	submission := session.Submission{Key: inputKey(in), Body: in.Body}
	if in.Key != "" {
		// What came before is answered as it was, whatever the session is now.
		if came, err := d.config.Journal.Submitted(ctx, in.Tenant, submission); came.Repeated || err != nil {
			return err
		}
	}
	if taken, err := d.ask(ctx, in, false); taken || err != nil {
		return err
	}
	state, _, err := d.fold(ctx, head, head.Seq)
	if err != nil {
		return hide(err, in.Session)
	}
	bodies, err := admit(state, in.Bodies, d.config.Now())
	if err != nil || len(bodies) == 0 && in.Key == "" {
		return err // a key is remembered also where there was nothing to do
	}
	if submission.Change, err = d.change(bodies...); err != nil {
		return err
	}
	if len(bodies) > 0 {
		submission.Change.Wake = &session.AtOnce
	}
	submission.Exact = exact(in.Bodies) || len(bodies) == 0
	if updated := updatedFacts(state, bodies); updated != nil {
		submission.Change.Facts = updated
	}
	if _, err := d.config.Journal.Submit(ctx, head, submission); err != nil {
		return hide(err, in.Session)
	}
	d.Nudge(in.Tenant, in.Session)
	return nil
}

// exact reports whether input counts only in the state it was checked against:
// of two results or decisions at the same moment one is told that it lost.
func exact(bodies []agent.Body) bool {
	return slices.ContainsFunc(bodies, func(body agent.Body) bool {
		switch body.(type) {
		case *agent.Result, *agent.Decision:
			return true
		}
		return false
	})
}

// updatedFacts keeps listings true at once; the owner writes them again.
func updatedFacts(state *agent.State, bodies []agent.Body) *session.Facts {
	changed := false
	facts := FactsOf(state)
	for _, body := range bodies {
		switch b := body.(type) {
		case *agent.Updated:
			if b.Metadata != nil {
				facts.Metadata, changed = labelled(&state.Settings, *b.Metadata), true
			}
		case *agent.Message:
			if facts.Status == string(agent.Idle) {
				facts.Status, changed = string(agent.InProgress), true
			}
		}
	}
	if !changed {
		return nil
	}
	return &facts
}

// Query selects sessions of one tenant.
type Query struct {
	Tenant string
	// Agent selects those of one agent; empty means all.
	Agent string
	// Mode selects those of one mode; empty means all.
	Mode     agent.Mode
	Status   string
	Metadata map[string]string
	// Parent selects forks of one session.
	Parent string
	Oldest bool
	After  string
	Limit  int
}

// List returns a page of sessions, newest first unless asked otherwise.
func (s *Sessions) List(ctx context.Context, q Query) ([]*View, error) {
	metadata := map[string]string{}
	for k, v := range q.Metadata {
		metadata[k] = v
	}
	if q.Agent != "" {
		metadata[AgentKey] = q.Agent
	}
	if q.Mode != "" {
		metadata[modeKey] = string(q.Mode)
	}
	entries, err := s.driver.config.Store.Index.Sessions(ctx, session.Query{
		Tenant: q.Tenant, Kind: agent.Kind, Status: q.Status, Metadata: metadata, Parent: q.Parent,
		Oldest: q.Oldest, After: q.After, Limit: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	views := make([]*View, 0, len(entries))
	for _, entry := range entries {
		view, err := s.Get(ctx, q.Tenant, entry.ID)
		if errors.Is(err, session.ErrNotFound) {
			continue // deleted in the meantime
		}
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

// Delete destroys a session with its content, or answers kind Conflict while a
// turn is under way. Its forks lose the past that they share with it.
func (s *Sessions) Delete(ctx context.Context, tenant, id string) error {
	view, err := s.Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	if status := view.Status(); status == agent.InProgress || status == agent.RequiresAction {
		return &model.Error{Kind: model.Conflict, Subject: "session_id", Message: "The session has a turn under way.",
			Hint: "Cancel the turn, then delete the session."}
	}
	if err := s.driver.config.Journal.Erase(ctx, tenant, id, 1, 0); err != nil {
		return err
	}
	s.driver.feeds.bury(key{tenant, id})
	return nil
}

// Fork begins a session that continues another from event seq on; 0 means its
// last event.
func (s *Sessions) Fork(ctx context.Context, tenant, id string, seq uint64, forked agent.Forked) (*View, error) {
	d := s.driver
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if seq == 0 {
		seq = head.Seq
	}
	if seq > head.Seq {
		return nil, session.Fault(session.ErrNotFound, id, "The session has no event %d.", seq)
	}
	events, err := d.config.Store.Journals.Read(ctx, tenant, id, seq-1, 1)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, unknown(id)
	}
	head.Seq, head.Head = seq, events[0].Hash
	fork, err := d.config.Journal.Fork(head)
	if err != nil {
		return nil, err
	}
	change, err := d.change(&forked)
	if err != nil {
		return nil, err
	}
	change.Wake = &session.AtOnce
	state, _, err := d.fold(ctx, head, seq)
	if err != nil {
		return nil, hide(err, id)
	}
	facts := FactsOf(state)
	change.Facts = &facts
	next, err := d.config.Journal.Apply(ctx, fork, change)
	if err != nil {
		return nil, err
	}
	d.Nudge(tenant, next.ID)
	return s.Get(ctx, tenant, next.ID)
}

// Journal returns up to limit events of the session's own journal after seq, as
// they were written.
func (s *Sessions) Journal(ctx context.Context, tenant, id string, after uint64, limit int) ([]session.Event, error) {
	if _, err := s.head(ctx, tenant, id); err != nil {
		return nil, err
	}
	events, err := s.driver.config.Store.Journals.Read(ctx, tenant, id, after, limit)
	return events, hide(err, id)
}

// Entry is how the store lists the session: who holds it, whether it was set
// aside.
func (s *Sessions) Entry(ctx context.Context, tenant, id string) (session.Entry, error) {
	if _, err := s.head(ctx, tenant, id); err != nil {
		return session.Entry{}, err
	}
	entry, err := s.driver.config.Store.Index.Describe(ctx, tenant, id)
	return entry, hide(err, id)
}

// Requeue lets a session that was set aside be driven again. One that was not is
// kind Conflict.
func (s *Sessions) Requeue(ctx context.Context, tenant, id string) error {
	entry, err := s.Entry(ctx, tenant, id)
	if err != nil {
		return err
	}
	if entry.Quarantine == "" {
		return &model.Error{Kind: model.Conflict, Subject: "session_id", Message: "The session is not set aside: there is nothing to queue again.",
			Hint: "`craton sessions show` says what it waits for."}
	}
	if err := s.driver.config.Store.Index.Requeue(ctx, tenant, id); err != nil {
		return hide(err, id)
	}
	s.driver.Nudge(tenant, id)
	return nil
}

// Replay folds the session's whole journal anew and compares it with what its
// snapshots lead to. It returns the number of events folded; a difference is
// [session.ErrCorrupt].
func (s *Sessions) Replay(ctx context.Context, tenant, id string) (int, error) {
	d := s.driver
	view, err := s.Get(ctx, tenant, id)
	if err != nil {
		return 0, err
	}
	events, err := d.config.Journal.History(ctx, view.Head)
	if err != nil {
		return 0, err
	}
	state := agent.NewState()
	for _, e := range events {
		if err := d.apply(state, e); err != nil {
			return 0, err
		}
	}
	short, err := view.Save()
	if err != nil {
		return 0, err
	}
	long, err := state.Save()
	if err != nil {
		return 0, err
	}
	if string(short) != string(long) {
		return 0, session.Fault(session.ErrCorrupt, id, "Folding the whole journal leads to another state than its snapshots.")
	}
	return len(events), nil
}
