package collection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Config is what a Collection needs; everything is required.
type Config struct {
	Documents document.Store
	// Kind is the kind of its documents.
	Kind string
	// Prefix begins every id ("agent_").
	Prefix string
	// Noun is what errors call a record ("agent").
	Noun string
	// Form numbers the stored form. Records of a later one are refused: a newer
	// server wrote them.
	Form int
	Now  func() time.Time
	// NewID makes random text; hyphens in it are dropped.
	NewID func() string
}

// Record is one value with what every record has.
type Record[T any] struct {
	ID               string
	Created, Updated time.Time
	// Version counts writes, from 1.
	Version int64
	Value   T
}

// Query selects a page.
type Query struct {
	// After is the id of the last record of the page before; empty for the
	// first page. It need not exist any more.
	After string
	// Ascending lists the oldest first; otherwise the newest come first.
	Ascending bool
	// Limit caps the page, 1 to 999.
	Limit int
}

// Collection keeps values of one type. It is safe for concurrent use.
type Collection[T any] struct{ cfg Config }

// New returns a collection.
func New[T any](cfg Config) *Collection[T] { return &Collection[T]{cfg} }

// stored is the form of a document's body.
type stored struct {
	Form  int            `json:"form"`
	Value jsontext.Value `json:"value"`
}

// NewID makes the id of a record that is created now.
func (c *Collection[T]) NewID() string { return c.newID(c.cfg.Now()) }

// newID is the prefix, the time in 13 hexadecimal digits, which last until the
// year 2112, and 20 random characters.
func (c *Collection[T]) newID(now time.Time) string {
	random := strings.ReplaceAll(c.cfg.NewID(), "-", "")
	return fmt.Sprintf("%s%013x%s", c.cfg.Prefix, now.UnixMicro(), random[:min(20, len(random))])
}

// Create keeps a new value under a new id.
func (c *Collection[T]) Create(ctx context.Context, tenant string, value T) (Record[T], error) {
	now := c.cfg.Now()
	return c.put(ctx, tenant, Record[T]{ID: c.newID(now), Created: now, Updated: now, Value: value})
}

// CreateAs is Create under an id that [Collection.NewID] made. An id that is
// taken is [document.ErrConflict].
func (c *Collection[T]) CreateAs(ctx context.Context, tenant, id string, value T) (Record[T], error) {
	now := c.cfg.Now()
	return c.put(ctx, tenant, Record[T]{ID: id, Created: now, Updated: now, Value: value})
}

// Get returns a record, or an error of kind NotFound.
func (c *Collection[T]) Get(ctx context.Context, tenant, id string) (Record[T], error) {
	doc, err := c.cfg.Documents.Get(ctx, tenant, c.cfg.Kind, id)
	if err != nil {
		return Record[T]{}, c.fault(id, err)
	}
	return c.decode(doc)
}

// attempts bounds how often a change is made again after another overtook it.
const attempts = 20

// Update changes a record by what change does to it; ID, Created and Version
// are not change's to set. change may be called several times, each time with
// what is stored then, and its error is returned as it is.
func (c *Collection[T]) Update(ctx context.Context, tenant, id string, change func(*Record[T]) error) (Record[T], error) {
	for range attempts {
		record, err := c.Get(ctx, tenant, id)
		if err != nil {
			return record, err
		}
		created, version := record.Created, record.Version
		if err := change(&record); err != nil {
			return Record[T]{}, err
		}
		record.ID, record.Created, record.Version, record.Updated = id, created, version, c.cfg.Now()
		record, err = c.put(ctx, tenant, record)
		if !errors.Is(err, document.ErrConflict) {
			return record, err
		}
	}
	return Record[T]{}, model.Errorf(model.Overloaded, id, "Too many changes of this %s are under way.", c.cfg.Noun).
		WithHint("Try again in a moment.")
}

// Delete removes a record, or answers an error of kind NotFound.
func (c *Collection[T]) Delete(ctx context.Context, tenant, id string) error {
	return c.fault(id, c.cfg.Documents.Delete(ctx, tenant, c.cfg.Kind, id, document.Any))
}

// List returns a page and whether another one follows.
func (c *Collection[T]) List(ctx context.Context, tenant string, q Query) (page []Record[T], more bool, err error) {
	docs, err := c.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: c.cfg.Kind,
		After: q.After, Descending: !q.Ascending, Limit: q.Limit + 1})
	if err != nil {
		return nil, false, err
	}
	if more = len(docs) > q.Limit; more {
		docs = docs[:q.Limit]
	}
	page = make([]Record[T], len(docs))
	for i, doc := range docs {
		if page[i], err = c.decode(doc); err != nil {
			return nil, false, err
		}
	}
	return page, more, nil
}

func (c *Collection[T]) put(ctx context.Context, tenant string, r Record[T]) (Record[T], error) {
	value, err := json.Marshal(r.Value, json.Deterministic(true))
	if err != nil {
		return Record[T]{}, fmt.Errorf("collection: %s %s: %w", c.cfg.Kind, r.ID, err)
	}
	body, err := json.Marshal(stored{c.cfg.Form, value})
	if err != nil {
		return Record[T]{}, fmt.Errorf("collection: %s %s: %w", c.cfg.Kind, r.ID, err)
	}
	doc, err := c.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: c.cfg.Kind, ID: r.ID, Version: r.Version,
		Body: body, CreatedAt: r.Created, UpdatedAt: r.Updated})
	if err != nil {
		return Record[T]{}, err
	}
	r.Version, r.Created, r.Updated = doc.Version, doc.CreatedAt, doc.UpdatedAt
	return r, nil
}

func (c *Collection[T]) decode(doc document.Document) (Record[T], error) {
	r := Record[T]{ID: doc.ID, Created: doc.CreatedAt, Updated: doc.UpdatedAt, Version: doc.Version}
	var body stored
	if err := json.Unmarshal(doc.Body, &body); err != nil {
		return r, fmt.Errorf("collection: %s %s: %w", c.cfg.Kind, doc.ID, err)
	}
	if body.Form > c.cfg.Form {
		return r, fmt.Errorf("collection: %s %s has form %d, and this server knows %d", c.cfg.Kind, doc.ID, body.Form, c.cfg.Form)
	}
	if err := json.Unmarshal(body.Value, &r.Value); err != nil {
		return r, fmt.Errorf("collection: %s %s: %w", c.cfg.Kind, doc.ID, err)
	}
	return r, nil
}

// fault words a store's error for clients.
func (c *Collection[T]) fault(id string, err error) error {
	if errors.Is(err, document.ErrNotFound) {
		e := model.Errorf(model.NotFound, id, "No such %s: '%s'.", c.cfg.Noun, id)
		e.Err = err
		return e
	}
	return err
}
