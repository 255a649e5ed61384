package conversation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// Kind is the kind of session that holds a conversation; the others name its
// events, Version all their versions.
const (
	Kind        = "conversation"
	CreatedType = "conversation.created"
	UpdatedType = "conversation.updated"
	ItemType    = "conversation.item"
	Version     = 1
)

// MaxPast is how many bytes of items a turn may continue.
const MaxPast = 32 << 20

// The ids of sessions and conversations differ in their prefix.
const (
	prefix        = "conv_"
	sessionPrefix = "ses_"
)

// Conversation is what clients see of one.
type Conversation struct {
	ID        string
	CreatedAt time.Time
	Metadata  map[string]string
}

// Item is one entry of a conversation.
type Item struct {
	// ID is unique within the conversation; Body is the item as JSON, its id
	// included.
	ID   string
	Body jsontext.Value
}

// Config is what a [Store] is made of; all of it is required. Journals and
// Index are of the store that the journal writes.
type Config struct {
	Journal  *session.Journal
	Journals session.Store
	Index    session.Index
}

// Store keeps conversations. It is safe for concurrent use. Its errors are
// *model.Error where the caller is to blame.
type Store struct{ config Config }

// New returns a store.
func New(config Config) *Store { return &Store{config: config} }

// facts are the parts of a conversation that change.
type facts struct {
	Metadata map[string]string `json:"metadata,omitzero"`
}

// Create begins a conversation with items, which may be none.
func (s *Store) Create(ctx context.Context, tenant string, metadata map[string]string, items []Item) (*Conversation, error) {
	head, err := s.config.Journal.Begin(tenant, Kind)
	if err != nil {
		return nil, err
	}
	first, err := draft(CreatedType, facts{metadata})
	if err != nil {
		return nil, err
	}
	id := prefix + strings.TrimPrefix(head.ID, sessionPrefix)
	change := session.Change{Drafts: append([]session.Draft{first}, drafts(id, items)...), Facts: &session.Facts{Metadata: metadata}}
	next, err := s.config.Journal.Apply(ctx, head, change)
	if err != nil {
		return nil, taken(err)
	}
	return &Conversation{ID: id, CreatedAt: next.CreatedAt, Metadata: metadata}, nil
}

func draft(kind string, body any) (session.Draft, error) {
	payload, err := json.Marshal(body, json.Deterministic(true))
	return session.Draft{Type: kind, Version: Version, Payload: payload}, err
}

func drafts(id string, items []Item) []session.Draft {
	all := make([]session.Draft, len(items))
	for i, item := range items {
		all[i] = session.Draft{Type: ItemType, Version: Version, Label: label(id, item.ID), Payload: item.Body}
	}
	return all
}

// label finds an item.
func label(id, item string) string { return id + "/" + item }

// taken says that an item's id is in use.
func taken(err error) error {
	if errors.Is(err, session.ErrLabelTaken) {
		return &model.Error{Kind: model.Invalid, Subject: "items", Code: "duplicate_item_id", Err: err,
			Message: "The conversation has an item with one of these ids already.", Hint: "Leave the ids out: each item is then given one."}
	}
	return err
}

// Get returns a conversation, or an error of kind NotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (*Conversation, error) {
	entry, err := s.entry(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	return &Conversation{ID: id, CreatedAt: entry.CreatedAt, Metadata: entry.Metadata}, nil
}

func (s *Store) entry(ctx context.Context, tenant, id string) (session.Entry, error) {
	rest, ok := strings.CutPrefix(id, prefix)
	if !ok || rest == "" || len(id) > 64 || strings.ContainsRune(id, 0) {
		return session.Entry{}, notFound(id, nil)
	}
	entry, err := s.config.Index.Describe(ctx, tenant, sessionPrefix+rest)
	if err != nil || entry.Kind != Kind || entry.Erased {
		return session.Entry{}, notFound(id, err)
	}
	return entry, nil
}

// head is where to append.
func (s *Store) head(ctx context.Context, tenant, id string) (session.Session, error) {
	entry, err := s.entry(ctx, tenant, id)
	if err != nil {
		return session.Session{}, err
	}
	head, err := s.config.Journals.Head(ctx, tenant, entry.ID)
	if err != nil || head.Key == nil {
		return session.Session{}, notFound(id, err)
	}
	return head, nil
}

// notFound hides the difference between unknown, deleted and foreign; a store
// that failed stays a failure.
func notFound(id string, err error) error {
	if err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrErased) {
		return err
	}
	if len(id) > 80 {
		id = id[:80] + "…"
	}
	return &model.Error{Kind: model.NotFound, Subject: "conversation_id", Err: err,
		Message: fmt.Sprintf("Conversation with id '%s' not found.", id)}
}

// Update replaces a conversation's metadata.
func (s *Store) Update(ctx context.Context, tenant, id string, metadata map[string]string) (*Conversation, error) {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	updated, err := draft(UpdatedType, facts{metadata})
	if err != nil {
		return nil, err
	}
	change := session.Change{Drafts: []session.Draft{updated}, Facts: &session.Facts{Metadata: metadata}}
	if _, err := s.config.Journal.Submit(ctx, head, session.Submission{Change: change}); err != nil {
		return nil, hide(id, err)
	}
	return &Conversation{ID: id, CreatedAt: head.CreatedAt, Metadata: metadata}, nil
}

// hide is notFound for errors of writing.
func hide(id string, err error) error {
	if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrErased) {
		return notFound(id, err)
	}
	return taken(err)
}

// Delete destroys a conversation with its items. Responses that were stored
// with it stay.
func (s *Store) Delete(ctx context.Context, tenant, id string) error {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return err
	}
	return s.config.Journal.Erase(ctx, tenant, head.ID, 1, 0)
}

// Add appends items. An id that the conversation has already is an error of
// kind Invalid, and nothing is added.
func (s *Store) Add(ctx context.Context, tenant, id string, items []Item) error {
	return s.submit(ctx, tenant, id, "", items)
}

// Append adds the items of a turn, once for each key. Items whose ids the
// conversation has already are left out: they are what it continued.
func (s *Store) Append(ctx context.Context, tenant, id, key string, items []Item) error {
	err := s.submit(ctx, tenant, id, key, items)
	// The same turn may be under way elsewhere, so that more become known.
	for range attempts {
		if !errors.Is(err, session.ErrLabelTaken) {
			return err
		}
		fresh, ferr := s.unknown(ctx, tenant, id, items)
		if ferr != nil {
			return ferr
		}
		err = s.submit(ctx, tenant, id, key, fresh)
	}
	return err
}

// unknown are the items whose ids the conversation does not have.
func (s *Store) unknown(ctx context.Context, tenant, id string, items []Item) ([]Item, error) {
	var fresh []Item
	for _, item := range items {
		_, err := s.config.Journal.Find(ctx, tenant, label(id, item.ID))
		switch {
		case errors.Is(err, session.ErrNotFound):
			fresh = append(fresh, item)
		case err != nil:
			return nil, err
		}
	}
	return fresh, nil
}

// batch is how many items one append carries, attempts how often items that
// became known are left out.
const (
	batch    = session.MaxEvents / 2
	attempts = 5
)

func (s *Store) submit(ctx context.Context, tenant, id, key string, items []Item) error {
	head, err := s.head(ctx, tenant, id)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(items, batch) {
		submission := session.Submission{Change: session.Change{Drafts: drafts(id, some)}}
		if key != "" {
			submission.Key = fmt.Sprintf("conversation/%s/%s/%s", id, key, digest(some))
		}
		if _, err := s.config.Journal.Submit(ctx, head, submission); err != nil {
			return hide(id, err)
		}
	}
	return nil
}

// digest names a batch after its items: where a turn's batches end differs once
// known items are left out, and a place in the turn would name two of them.
func digest(items []Item) string {
	sum := sha256.New()
	for _, item := range items {
		_, _ = fmt.Fprintf(sum, "%d %s ", len(item.ID), item.ID) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
