package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
)

// Kinds of documents this package keeps.
const (
	kindVault      = "vault"
	kindCredential = "vault.credential" // "VAULT/CREDENTIAL"
	kindInline     = "vault.inline"     // "OWNER.CREDENTIAL"
)

// Config is what a [Store] needs; everything but Plain is required.
type Config struct {
	Documents document.Store
	Sealer    *secret.Sealer
	// Client reaches token endpoints; it comes from package egress.
	Client *http.Client
	Now    func() time.Time
	// NewID makes random text of lower-case letters and digits; hyphens in it
	// are dropped.
	NewID func() string
	// Log gets the audit lines.
	Log *slog.Logger
	// Plain reports whether the operator allows an address to be reached
	// without TLS; nil allows none.
	Plain func(*url.URL) bool
}

// Store keeps vaults and credentials. It is safe for concurrent use, by any
// number of processes on one document store.
type Store struct {
	cfg Config
	// endpoint is Client without redirects: they would carry secrets elsewhere.
	endpoint *http.Client
}

// New returns a Store.
func New(cfg Config) *Store {
	endpoint := *cfg.Client
	endpoint.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Store{cfg, &endpoint}
}

// Vault is a collection of credentials.
type Vault struct {
	ID string
	// Name is empty where none was given.
	Name     string
	Metadata map[string]string
	Created  time.Time
}

// Change says what to set of a vault or credential. Nil members are left as
// they are.
type Change struct {
	// Name replaces the name; "" removes it.
	Name *string
	// Metadata replaces all pairs; an empty map removes them.
	Metadata map[string]string
}

type vaultRecord struct {
	Name     string            `json:"name,omitzero"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Create makes a vault.
func (s *Store) Create(ctx context.Context, tenant string, change Change) (Vault, error) {
	var rec vaultRecord
	rec.apply(change)
	body, err := json.Marshal(rec)
	if err != nil {
		return Vault{}, err
	}
	now := s.now()
	doc, err := s.cfg.Documents.Put(ctx, document.Document{Tenant: tenant, Kind: kindVault,
		ID: s.newID("vault_", now), Body: body, CreatedAt: now, UpdatedAt: now})
	if err != nil {
		return Vault{}, err
	}
	s.audit(ctx, tenant, "vault.create", slog.String("vault", doc.ID))
	return decodeVault(doc)
}

// Get returns one vault, or an error of kind NotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (Vault, error) {
	doc, err := s.vault(ctx, tenant, id)
	if err != nil {
		return Vault{}, err
	}
	return decodeVault(doc)
}

// Update changes a vault, or answers NotFound.
func (s *Store) Update(ctx context.Context, tenant, id string, change Change) (Vault, error) {
	for {
		doc, err := s.vault(ctx, tenant, id)
		if err != nil {
			return Vault{}, err
		}
		var rec vaultRecord
		if err := json.Unmarshal(doc.Body, &rec); err != nil {
			return Vault{}, err
		}
		rec.apply(change)
		if doc.Body, err = json.Marshal(rec); err != nil {
			return Vault{}, err
		}
		doc.UpdatedAt = s.now()
		doc, err = s.cfg.Documents.Put(ctx, doc)
		if errors.Is(err, document.ErrConflict) {
			continue // somebody else changed it: change what they made of it
		}
		if err != nil {
			return Vault{}, err
		}
		s.audit(ctx, tenant, "vault.update", slog.String("vault", id))
		return decodeVault(doc)
	}
}

// Delete removes a vault and its credentials, or answers NotFound. Interrupted,
// it can be called again as long as the vault is there.
func (s *Store) Delete(ctx context.Context, tenant, id string) error {
	doc, err := s.vault(ctx, tenant, id)
	if err != nil {
		return err
	}
	if err := s.empty(ctx, tenant, kindCredential, id+"/"); err != nil {
		return err
	}
	if err := s.cfg.Documents.Delete(ctx, tenant, kindVault, doc.ID, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
		return err
	}
	s.audit(ctx, tenant, "vault.delete", slog.String("vault", id))
	// A credential that was made meanwhile; one made from now on removes itself.
	return s.empty(ctx, tenant, kindCredential, id+"/")
}

// empty removes the documents of a kind whose ids begin with prefix.
func (s *Store) empty(ctx context.Context, tenant, kind, prefix string) error {
	for {
		docs, err := s.cfg.Documents.List(ctx, document.Query{Tenant: tenant, Kind: kind, Prefix: prefix})
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			if err := s.cfg.Documents.Delete(ctx, tenant, kind, doc.ID, document.Any); err != nil && !errors.Is(err, document.ErrNotFound) {
				return err
			}
		}
	}
}

// vault reads a vault's document.
func (s *Store) vault(ctx context.Context, tenant, id string) (document.Document, error) {
	doc, err := s.cfg.Documents.Get(ctx, tenant, kindVault, id)
	if errors.Is(err, document.ErrNotFound) || errors.Is(err, document.ErrInvalid) {
		return doc, model.Errorf(model.NotFound, id, "No vault has the id '%s'.", id)
	}
	return doc, err
}

func (r *vaultRecord) apply(change Change) {
	if change.Name != nil {
		r.Name = *change.Name
	}
	if change.Metadata != nil {
		r.Metadata = change.Metadata
	}
}

func decodeVault(doc document.Document) (Vault, error) {
	var rec vaultRecord
	if err := json.Unmarshal(doc.Body, &rec); err != nil {
		return Vault{}, err
	}
	return Vault{ID: doc.ID, Name: rec.Name, Metadata: rec.Metadata, Created: doc.CreatedAt}, nil
}

// newID is a prefix, the time in 13 hexadecimal digits, so that ids sort by it
// until the year 2112, and 20 random characters.
func (s *Store) newID(prefix string, now time.Time) string {
	random := strings.ReplaceAll(s.cfg.NewID(), "-", "")
	return fmt.Sprintf("%s%013x%s", prefix, now.UnixMicro(), random[:min(20, len(random))])
}

// now is the time as documents keep it.
func (s *Store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }
