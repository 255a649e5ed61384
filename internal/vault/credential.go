package vault

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/model"
)

// Kind says what a credential is for.
type Kind string

// The kinds of credentials.
const (
	// OAuth is an OAuth access token for an MCP server.
	OAuth Kind = "mcp_oauth"
	// Bearer is a fixed bearer token for an MCP server.
	Bearer Kind = "static_bearer"
	// Environment is a secret that an environment's proxy puts into requests.
	Environment Kind = "environment_variable"
)

// Credential describes a credential without its secrets.
type Credential struct {
	ID, VaultID, Name string
	Metadata          map[string]string
	Auth              Auth
	Created, Updated  time.Time
}

// Auth is what is not secret of a credential.
type Auth struct {
	Kind Kind `json:"kind"`
	// ServerURL is the MCP server that OAuth and Bearer are for.
	ServerURL string `json:"server_url,omitzero"`
	// ExpiresAt is when an OAuth access token runs out; zero when unknown.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Refresh says how to get another access token; nil when one cannot.
	Refresh *Refresh `json:"refresh,omitempty"`
	// SecretName is the environment variable of Environment.
	SecretName string `json:"secret_name,omitzero"`
	// AllowedHosts are where an Environment secret may be sent; nil for anywhere.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`
}

// ClientAuth is how an OAuth client proves itself to a token endpoint.
type ClientAuth string

// The ways of [ClientAuth].
const (
	ClientNone  ClientAuth = "none"
	ClientBasic ClientAuth = "client_secret_basic"
	ClientPost  ClientAuth = "client_secret_post"
)

// Refresh says how an access token is refreshed.
type Refresh struct {
	ClientID      string     `json:"client_id"`
	TokenEndpoint string     `json:"token_endpoint"`
	ClientAuth    ClientAuth `json:"client_auth"`
	// Resource and Scope are sent where they are not empty.
	Resource string `json:"resource,omitzero"`
	Scope    string `json:"scope,omitzero"`
}

// Secrets is what is sealed of a credential. It prints as nothing.
type Secrets struct {
	// Token is the access token, the bearer token or the variable's value.
	Token string
	// RefreshToken and ClientSecret are for OAuth with Refresh.
	RefreshToken, ClientSecret string
}

// String hides the secrets.
func (Secrets) String() string { return "[secret]" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "vault.Secrets{}" }

// LogValue hides the secrets.
func (Secrets) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Spec is a credential to make.
type Spec struct {
	Name     string
	Metadata map[string]string
	Auth     Auth
	Secrets  Secrets
}

// Rotation replaces secrets of a credential. Empty members keep what is stored.
type Rotation struct {
	// Kind must be the credential's.
	Kind Kind
	// Secrets are the new ones. A new OAuth Token without ExpiresAt has none.
	Secrets Secrets
	// ExpiresAt replaces when an OAuth token runs out; the zero time forgets it.
	ExpiresAt *time.Time
	// Scope replaces the scope asked for; "" asks for none.
	Scope *string
	// ClientAuth must be the credential's where it is not empty.
	ClientAuth ClientAuth
	// Refresh says that the request was about refreshing at all, which is
	// refused where the credential cannot be refreshed.
	Refresh bool
}

// CreateCredential puts a credential into a vault, or answers NotFound or, about
// a member by its path in the contract, Invalid.
func (s *Store) CreateCredential(ctx context.Context, tenant, vaultID string, spec Spec) (Credential, error) {
	if err := s.check(&spec); err != nil {
		return Credential{}, err
	}
	if _, err := s.vault(ctx, tenant, vaultID); err != nil {
		return Credential{}, err
	}
	now := s.now()
	id := s.newID("cred_", now)
	rec := record{Name: spec.Name, Metadata: spec.Metadata, Auth: spec.Auth}
	doc := document.Document{Tenant: tenant, Kind: kindCredential, ID: vaultID + "/" + id, CreatedAt: now, UpdatedAt: now}
	if err := s.seal(&rec, doc, spec.Secrets); err != nil {
		return Credential{}, err
	}
	doc, err := s.put(ctx, doc, rec)
	if err != nil {
		return Credential{}, err
	}
	if _, err := s.vault(ctx, tenant, vaultID); err != nil { // deleted meanwhile, perhaps before it held this
		_ = s.cfg.Documents.Delete(ctx, tenant, kindCredential, doc.ID, document.Any) // whoever deletes the vault removes it as well
		return Credential{}, err
	}
	s.audit(ctx, tenant, "credential.create", slog.String("vault", vaultID), slog.String("credential", id))
	return rec.credential(doc), nil
}

// Credential returns one credential, or NotFound.
func (s *Store) Credential(ctx context.Context, tenant, vaultID, id string) (Credential, error) {
	doc, rec, err := s.credential(ctx, tenant, vaultID, id)
	if err != nil {
		return Credential{}, err
	}
	return rec.credential(doc), nil
}

// UpdateCredential changes a credential's metadata, and with rotation its
// secrets; nil leaves those alone. A credential's name is fixed. It answers
// NotFound, or Invalid about a member by its path in the contract.
func (s *Store) UpdateCredential(ctx context.Context, tenant, vaultID, id string, change Change, rotation *Rotation) (Credential, error) {
	for {
		doc, rec, err := s.credential(ctx, tenant, vaultID, id)
		if err != nil {
			return Credential{}, err
		}
		if change.Metadata != nil {
			rec.Metadata = maps.Clone(change.Metadata)
		}
		if rotation != nil {
			if err := s.rotate(&rec, doc, rotation); err != nil {
				return Credential{}, err
			}
		}
		doc.UpdatedAt = s.now()
		doc, err = s.put(ctx, doc, rec)
		if errors.Is(err, document.ErrConflict) {
			continue
		}
		if err != nil {
			return Credential{}, err
		}
		s.audit(ctx, tenant, "credential.update", slog.String("vault", vaultID), slog.String("credential", id), slog.Bool("rotated", rotation != nil))
		return rec.credential(doc), nil
	}
}

// DeleteCredential removes a credential, or answers NotFound.
func (s *Store) DeleteCredential(ctx context.Context, tenant, vaultID, id string) error {
	doc, _, err := s.credential(ctx, tenant, vaultID, id)
	if err != nil {
		return err
	}
	err = s.cfg.Documents.Delete(ctx, tenant, kindCredential, doc.ID, document.Any)
	if errors.Is(err, document.ErrNotFound) {
		return noCredential(id)
	}
	if err == nil {
		s.audit(ctx, tenant, "credential.delete", slog.String("vault", vaultID), slog.String("credential", id))
	}
	return err
}

// credential reads a credential's document and what it holds.
func (s *Store) credential(ctx context.Context, tenant, vaultID, id string) (document.Document, record, error) {
	if strings.Contains(vaultID, "/") || strings.Contains(id, "/") {
		return document.Document{}, record{}, noCredential(id)
	}
	doc, err := s.cfg.Documents.Get(ctx, tenant, kindCredential, vaultID+"/"+id)
	if errors.Is(err, document.ErrNotFound) || errors.Is(err, document.ErrInvalid) {
		if _, err := s.vault(ctx, tenant, vaultID); err != nil {
			return document.Document{}, record{}, err
		}
		return document.Document{}, record{}, noCredential(id)
	}
	if err != nil {
		return document.Document{}, record{}, err
	}
	rec, err := decodeRecord(doc)
	return doc, rec, err
}

func noCredential(id string) error {
	return model.Errorf(model.NotFound, id, "The vault holds no credential with the id '%s'.", id)
}
