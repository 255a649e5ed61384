// Package mem keeps everything in memory: tenants and keys, journals, usage,
// budgets and documents.
//
// It is for tests and for trying things out. It passes the same suites as the
// databases and guarantees all they do except durability: what it holds ends
// with the process.
//
// Example:
//
//	store := mem.New()
//	directory, err := identity.NewDirectory(identity.Config{Store: store, …})
package mem

import (
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/session"
	"github.com/craton-ai/craton/internal/usage"
)

// Store implements the store contracts of packages document, identity, session
// and usage. It is safe for concurrent use.
type Store struct {
	mu          sync.RWMutex // guards everything below
	documents   map[documentName]document.Document
	tenants     map[string]identity.Tenant
	credentials map[string]identity.Credential
	sessions    map[string]*journal
	labels      map[tenantName]session.Ref
	payloads    map[tenantName]*payload
	records     map[string]usage.Record
	budgets     map[budgetName]int64
	leases      map[tenantName]lease
	nodes       map[nodeKind]node
	clock       func() time.Time // fixed by New
	hints       chan struct{}    // holds one
}

var (
	_ document.Store = (*Store)(nil)
	_ identity.Store = (*Store)(nil)
	_ session.Store  = (*Store)(nil)

	_ session.Leaser    = (*Store)(nil)
	_ session.Snapshots = (*Store)(nil)
	_ session.Buffer    = (*Store)(nil)
	_ session.Index     = (*Store)(nil)
	_ session.Hinter    = (*Store)(nil)

	_ usage.Store = (*Store)(nil)
)

// maxPage is the greatest page of any listing, as the contracts say.
const maxPage = 1000

// tenantName names something within a tenant.
type tenantName struct{ tenant, name string }

// nodeKind names what a node advertises.
type nodeKind struct{ node, kind string }

// Option changes what [New] makes.
type Option func(*Store)

// WithClock sets the clock of leases, timers and expiry; without it that is
// the machine's.
func WithClock(clock func() time.Time) Option { return func(s *Store) { s.clock = clock } }

// New returns an empty store.
func New(options ...Option) *Store {
	s := &Store{
		documents:   make(map[documentName]document.Document),
		tenants:     make(map[string]identity.Tenant),
		credentials: make(map[string]identity.Credential),
		sessions:    make(map[string]*journal),
		labels:      make(map[tenantName]session.Ref),
		payloads:    make(map[tenantName]*payload),
		records:     make(map[string]usage.Record),
		budgets:     make(map[budgetName]int64),
		leases:      make(map[tenantName]lease),
		nodes:       make(map[nodeKind]node),
		clock:       time.Now,
		hints:       make(chan struct{}, 1),
	}
	for _, option := range options {
		option(s)
	}
	return s
}

// now is the clock to the microsecond, as databases keep it.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// pageOf cuts a sorted listing to its limit.
func pageOf[T any](all []T, limit int) []T {
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	return all[:min(limit, len(all))]
}

// Close does nothing: it is there so that a Store can stand in for one that
// has something to close.
func (s *Store) Close() error { return nil }
