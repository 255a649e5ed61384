package mem

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/document"
)

type documentName struct{ tenant, kind, id string }

func nameOf(d document.Document) documentName { return documentName{d.Tenant, d.Kind, d.ID} }

func cloneDocument(d document.Document) document.Document {
	d.Body = bytes.Clone(d.Body)
	return d
}

func noDocument(kind, id string) error {
	return document.Fault(document.ErrNotFound, id, "There is no %s %q.", kind, id)
}

// Get implements [document.Store].
func (s *Store) Get(ctx context.Context, tenant, kind, id string) (document.Document, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, ok := s.documents[documentName{tenant, kind, id}]
	if !ok {
		return document.Document{}, noDocument(kind, id)
	}
	return cloneDocument(d), ctx.Err()
}

// Put implements [document.Store].
func (s *Store) Put(ctx context.Context, d document.Document) (document.Document, error) {
	if err := d.Check(); err != nil {
		return document.Document{}, err
	}
	if err := ctx.Err(); err != nil {
		return document.Document{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.documents[nameOf(d)]
	if d.Version != document.Any && d.Version != old.Version {
		return document.Document{}, document.Fault(document.ErrConflict, d.ID,
			"The %s %q has version %d, not %d.", d.Kind, d.ID, old.Version, d.Version)
	}
	d = cloneDocument(d)
	d.CreatedAt = d.CreatedAt.UTC().Truncate(time.Microsecond)
	d.UpdatedAt = d.UpdatedAt.UTC().Truncate(time.Microsecond)
	if exists {
		d.CreatedAt = old.CreatedAt
	}
	d.Version = old.Version + 1
	s.documents[nameOf(d)] = d
	return cloneDocument(d), nil
}

// Delete implements [document.Store].
func (s *Store) Delete(ctx context.Context, tenant, kind, id string, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := documentName{tenant, kind, id}
	old, ok := s.documents[name]
	if !ok {
		return noDocument(kind, id)
	}
	if version != document.Any && version != old.Version {
		return document.Fault(document.ErrConflict, id, "The %s %q has version %d, not %d.", kind, id, old.Version, version)
	}
	delete(s.documents, name)
	return ctx.Err()
}

// List implements [document.Store].
func (s *Store) List(ctx context.Context, q document.Query) ([]document.Document, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []document.Document
	for name, d := range s.documents {
		if name.tenant != q.Tenant || name.kind != q.Kind || !strings.HasPrefix(name.id, q.Prefix) {
			continue
		}
		if q.After != "" && (q.Descending && name.id >= q.After || !q.Descending && name.id <= q.After) {
			continue
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b document.Document) int {
		if q.Descending {
			a, b = b, a
		}
		return strings.Compare(a.ID, b.ID)
	})
	page := pageOf(all, q.Limit)
	for i := range page {
		page[i] = cloneDocument(page[i])
	}
	return page, ctx.Err()
}
