// Package document keeps small JSON records by tenant, kind and id, with
// optimistic concurrency.
//
// It is for every part of the server whose state is a handful of records that
// need no schema of their own: asynchronous jobs, file and object metadata,
// master-key checks. A part that needs an index or a fold has its own store.
//
// It guarantees that a write is durable when it returns, that no update is
// lost (a write names the version it replaces), that a tenant's records are
// reachable under that tenant only, and that listings are ordered by id,
// bytewise.
//
// Example:
//
//	doc, err := store.Put(ctx, document.Document{Tenant: t, Kind: "job", ID: id, Body: body})
//	…
//	doc.Body = finished
//	doc, err = store.Put(ctx, doc) // errors.Is(err, document.ErrConflict): somebody else wrote
package document

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Any as a Version replaces or creates whatever is stored. Use it only where
// losing a concurrent update is right.
const Any int64 = -1

// MaxID is the greatest length of an id in bytes: S3's limit on object keys
// and some room for a prefix.
const MaxID = 1400

// Document is one record.
type Document struct {
	// Tenant, Kind and ID name it. Kind is a short constant of the package that
	// owns the records ("async-invoke"); ID is unique within tenant and kind.
	// Tenant "" is the installation itself.
	Tenant, Kind, ID string
	// Version counts writes, from 1. In [Store.Put] it is the version to
	// replace: 0 for a document that must not exist, [Any] for whatever is.
	Version int64
	// Body is the record, JSON by convention; the store does not read it.
	Body []byte
	// CreatedAt and UpdatedAt are given by the caller and kept to the
	// microsecond, in UTC. CreatedAt is fixed by the write that creates.
	CreatedAt, UpdatedAt time.Time
}

// Query selects documents of one tenant and kind.
type Query struct {
	Tenant, Kind string
	// Prefix restricts to ids that begin with it.
	Prefix string
	// After is an exclusive bound on ID in listing order: the cursor of the
	// last page. It need not exist.
	After string
	// Descending lists from the greatest id down.
	Descending bool
	// Limit caps the page; 0 means 1000, which is also the maximum.
	Limit int
}

// Store keeps documents. Implementations are safe for concurrent use and join
// the suite in documenttest.
type Store interface {
	// Get returns one document, or [ErrNotFound].
	Get(ctx context.Context, tenant, kind, id string) (Document, error)
	// Put writes doc if the stored version is doc.Version and returns it as
	// stored, with its new version; else [ErrConflict].
	Put(ctx context.Context, doc Document) (Document, error)
	// Delete removes one document if its version is the one given, or in any
	// case for [Any]. It answers [ErrNotFound] or [ErrConflict].
	Delete(ctx context.Context, tenant, kind, id string, version int64) error
	// List returns a page ordered by ID. A page shorter than the limit is the
	// last one.
	List(ctx context.Context, query Query) ([]Document, error)
}

// Check says what is wrong with a document's names, or nil. Stores call it
// before every write.
func (d Document) Check() error {
	switch {
	case d.Kind == "" || d.ID == "":
		return Fault(ErrInvalid, d.Kind, "A document needs a kind and an id.")
	case len(d.ID) > MaxID:
		return Fault(ErrInvalid, d.Kind, "The id has %d bytes; the limit is %d.", len(d.ID), MaxID)
	case d.Version < Any:
		return Fault(ErrInvalid, d.ID, "There is no version %d.", d.Version)
	}
	for _, name := range []string{d.Tenant, d.Kind, d.ID} {
		if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
			return Fault(ErrInvalid, d.Kind, "Names must be UTF-8 without NUL.")
		}
	}
	return nil
}
