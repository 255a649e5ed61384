// Package response keeps OpenAI Responses on the journal: each stored response
// is one event labelled with its id, a chain of previous_response_id is one
// session, and answering an older response twice forks it. It is for the edge
// that serves the Responses contract.
//
// It guarantees that a response is durable when [Store.Save] returns, that a
// chain is read as it was written, and that a response of another tenant is
// answered exactly as an unknown one.
//
//	past, err := store.Past(ctx, tenant, req.PreviousResponseID)
//	// … call the model with past.Items and the new input …
//	err = store.Save(ctx, past, response.Record{ID: id, Input: input, Response: body})
package response

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Kind is the kind of session that holds a chain; EventType and EventVersion
// name its events.
const (
	Kind         = "responses"
	EventType    = "response.stored"
	EventVersion = 1
)

// MaxPast is how many bytes of earlier requests and answers a response may
// continue: all of them are read and sent to the model with each turn.
const MaxPast = 32 << 20

// Record is one stored response.
type Record struct {
	// ID is the response's id ("resp_…").
	ID string `json:"id"`
	// Input holds the items that were new in the request, in order.
	Input []jsontext.Value `json:"input"`
	// Response is the response object as the client got it.
	Response jsontext.Value `json:"response"`
}

// Past is where a new response continues.
type Past struct {
	// Items are the chain's input and output items, oldest first.
	Items []jsontext.Value
	head  session.Session
	// id is the response that is continued, size the bytes of what leads to it,
	// erasures how many the journal had seen before it was read.
	id       string
	size     int
	erasures uint64
	// known is what the first of the items say.
	known      []model.Message
	knownItems int
}

// Known returns what the first so many of Items say, as [Past.Know] was told
// when the response before was made: nothing, where that is not known any more.
// The caller does not change it.
func (p *Past) Known() (messages []model.Message, items int) { return p.known, p.knownItems }

// Know says what Items say, for whoever continues the response that is saved
// after them. The caller does not change it any more.
func (p *Past) Know(messages []model.Message) { p.known, p.knownItems = messages, len(p.Items) }

// Store keeps responses. It is safe for concurrent use.
type Store struct {
	journal *session.Journal
	recent  *recent // nil where nothing is remembered
}

// New returns a Store over a journal.
func New(j *session.Journal) *Store { return &Store{journal: j} }

// Remembering is New for a process that alone writes to what the journal
// stands on: so many bytes of chains that were stored last are kept in memory,
// and continuing one of them reads nothing. An erasure forgets them all; one
// that another process made would not be noticed.
func Remembering(j *session.Journal, bytes int) *Store {
	return &Store{journal: j, recent: newRecent(bytes)}
}

// Past returns what came before a response that continues previousID; an empty
// id begins a new chain. An unknown, deleted or foreign id answers an
// *model.Error with code previous_response_not_found.
func (s *Store) Past(ctx context.Context, tenant, previousID string) (*Past, error) {
	erasures := s.journal.Erasures()
	if previousID == "" {
		head, err := s.journal.Begin(tenant, Kind)
		return &Past{head: head, erasures: erasures}, err
	}
	if s.recent != nil {
		if known, ok := s.recent.find(chainKey{tenant, previousID}, erasures); ok {
			return known.past()
		}
	}
	if strings.IndexByte(previousID, 0) >= 0 {
		return nil, previousNotFound(previousID, session.ErrNotFound) // no store could have kept it
	}
	head, err := s.journal.Continue(ctx, tenant, previousID)
	if err != nil {
		return nil, s.unfinished(ctx, tenant, previousID, previousNotFound(previousID, err))
	}
	events, err := s.journal.History(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read the chain of %s: %w", previousID, err)
	}
	past := &Past{head: head, id: previousID, erasures: erasures}
	for _, e := range events {
		if past.size += len(e.Payload); past.size > MaxPast {
			return nil, tooLong()
		}
		if e.Type != EventType {
			continue
		}
		switch {
		case e.Erased && e.Label == previousID:
			return nil, previousNotFound(previousID, session.ErrErased)
		case e.Erased:
			return nil, incomplete(previousID)
		}
		rec, err := decode(e)
		if err == nil {
			err = past.add(rec)
		}
		if err != nil {
			return nil, err
		}
	}
	return past, nil
}

func tooLong() error {
	return model.Errorf(model.TooLarge, "previous_response_id", "The responses before this one hold more than %d bytes.", MaxPast).
		WithHint("Begin a new chain, with a summary of this one.")
}

// past is what continues the chain.
func (c *chain) past() (*Past, error) {
	if c.size > MaxPast {
		return nil, tooLong()
	}
	past := &Past{Items: slices.Clip(c.items), head: c.head, id: c.key.id, size: c.size, erasures: c.erasures,
		known: c.known, knownItems: len(c.items)}
	if c.known == nil {
		past.knownItems = 0
	}
	return past, past.add(&c.last)
}

// add appends a record's input and output items.
func (p *Past) add(rec *Record) error {
	var object struct {
		Output []jsontext.Value `json:"output"`
	}
	if err := json.Unmarshal(rec.Response, &object); err != nil {
		return fmt.Errorf("the response %s does not decode: %w", rec.ID, err)
	}
	p.Items = append(p.Items, rec.Input...)
	p.Items = append(p.Items, object.Output...)
	return nil
}

// RunLabel is the label of the session that makes a response.
func RunLabel(id string) string { return "run/" + id }

// Run returns the session that makes, or made, a response, or an *model.Error
// of kind NotFound where it was answered without one.
func (s *Store) Run(ctx context.Context, tenant, id string) (string, error) {
	if strings.IndexByte(id, 0) >= 0 || len(RunLabel(id)) > session.MaxLabel {
		return "", notFound(id, nil)
	}
	ref, err := s.journal.Find(ctx, tenant, RunLabel(id))
	if err != nil {
		return "", notFound(id, err)
	}
	return ref.Session, nil
}

// unfinished says of a response that is still being made that it is.
func (s *Store) unfinished(ctx context.Context, tenant, id string, err error) error {
	if _, run := s.Run(ctx, tenant, id); run != nil {
		return err
	}
	return (&model.Error{Kind: model.Invalid, Subject: "previous_response_id", Code: "previous_response_not_completed", Err: err,
		Message: fmt.Sprintf("Previous response with id '%s' has not ended yet.", id)}).WithHint("Continue it once it has.")
}

// Save appends the record after past, and returns once it is durable. A past
// that somebody else continued in the meantime is forked. A response that is
// stored already stays as it is.
func (s *Store) Save(ctx context.Context, past *Past, rec Record) error {
	payload, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode response %s: %w", rec.ID, err)
	}
	head, err := s.journal.AppendOrFork(ctx, past.head, session.Draft{
		Type: EventType, Version: EventVersion, Label: rec.ID, Payload: payload,
	})
	if err == nil && s.recent != nil {
		made := chain{key: chainKey{head.Tenant, rec.ID}, items: past.Items, head: head, size: past.size + len(payload), erasures: past.erasures, last: rec}
		if past.knownItems == len(past.Items) {
			made.known = past.known
		}
		s.recent.put(made, past.id)
	}
	if errors.Is(err, session.ErrLabelTaken) {
		_, err = s.Get(ctx, past.head.Tenant, rec.ID)
	}
	return err
}

// Get returns a stored response, or an *model.Error of kind NotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (*Record, error) {
	e, err := s.journal.Event(ctx, tenant, id)
	if err != nil || e.Erased || e.Type != EventType {
		return nil, notFound(id, err)
	}
	return decode(e)
}

// Chain returns the session that holds a stored response, found by the response's
// id or by the session's own, or an *model.Error of kind NotFound.
func (s *Store) Chain(ctx context.Context, tenant, id string) (session.Session, error) {
	if strings.IndexByte(id, 0) >= 0 || len(id) > session.MaxLabel {
		return session.Session{}, notFound(id, nil)
	}
	holds := id
	if !strings.HasPrefix(id, "ses_") {
		ref, err := s.journal.Find(ctx, tenant, id)
		if err != nil {
			return session.Session{}, notFound(id, err)
		}
		holds = ref.Session
	}
	head, err := s.journal.Head(ctx, tenant, holds)
	if err != nil || head.Kind != Kind || head.Key == nil {
		return session.Session{}, notFound(id, err)
	}
	return head, nil
}

// Events returns up to limit events of a chain's own journal after one of them;
// what it continues is not among them.
func (s *Store) Events(ctx context.Context, chain *session.Session, after uint64, limit int) ([]session.Event, error) {
	return s.journal.Own(ctx, *chain, after, limit)
}

// Delete destroys a stored response's content. Deleting an unknown one is an
// *model.Error of kind NotFound.
func (s *Store) Delete(ctx context.Context, tenant, id string) error {
	ref, err := s.journal.Find(ctx, tenant, id)
	if err != nil {
		return notFound(id, err)
	}
	return s.journal.Erase(ctx, tenant, ref.Session, ref.Seq, ref.Seq)
}

func decode(e session.Event) (*Record, error) {
	if e.Version > EventVersion {
		return nil, model.Errorf(model.Conflict, e.Label, "This response was stored by a newer version of the server.").
			WithHint("Upgrade this server.")
	}
	var rec Record
	if err := json.Unmarshal(e.Payload, &rec); err != nil {
		return nil, corrupt(e, err)
	}
	return &rec, nil
}

func corrupt(e session.Event, err error) error {
	return fmt.Errorf("event %d of session %s does not decode: %w", e.Seq, e.Session, err)
}

// notFound hides the difference between unknown, deleted and foreign; a store
// that failed stays a failure.
func notFound(id string, err error) error {
	if err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrErased) {
		return err
	}
	return &model.Error{Kind: model.NotFound, Subject: "response_id", Err: err,
		Message: fmt.Sprintf("Response with id '%s' not found.", id)}
}

// incomplete says of a response that is there what it lacks to be continued.
func incomplete(id string) error {
	e := &model.Error{Kind: model.Invalid, Subject: "previous_response_id", Code: "previous_response_not_found", Err: session.ErrErased,
		Message: fmt.Sprintf("Previous response with id '%s' cannot be continued: a response that it continues was deleted.", id)}
	return e.WithHint("Begin a new chain, and send what is to be known of this one as input.")
}

func previousNotFound(id string, err error) error {
	if !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrErased) {
		return err
	}
	return &model.Error{Kind: model.Invalid, Subject: "previous_response_id", Code: "previous_response_not_found", Err: err,
		Message: fmt.Sprintf("Previous response with id '%s' not found.", id)}
}
