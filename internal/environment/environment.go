package environment

import (
	"context"
	"time"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
)

// The types of environments.
const (
	// Hosted runs on this server's sandboxes.
	Hosted = "openai_hosted"
	// SelfHosted is a machine of the client's.
	SelfHosted = "self_hosted"
)

// The states of an environment.
const (
	// Pending waits for its machine.
	Pending = "pending"
	// Connected has its machine.
	Connected = "connected"
	// Disconnected lost its machine, which may come back.
	Disconnected = "disconnected"
	// Failed will not run again.
	Failed = "failed"
)

// Box encrypts what must not lie on disk in the clear; *secret.Keyring is one.
type Box interface {
	Seal(ctx context.Context, tenant, purpose, subject string, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, tenant, purpose, subject string, sealed []byte) ([]byte, error)
}

// Config is what a Store needs; everything is required.
type Config struct {
	Documents document.Store
	Objects   *blob.Space
	Box       Box
	Now       func() time.Time
	// NewID makes references: unique lower-case letters, digits and hyphens.
	NewID func() string
}

// Store keeps environments, their files and templates. It is safe for
// concurrent use.
type Store struct {
	cfg          Config
	environments *collection.Collection[Environment]
	templates    *collection.Collection[Template]
	files        *blob.Area
	sealed       *blob.Area
}

// form numbers the stored forms of this package.
const form = 1

// New returns a store.
func New(cfg Config) *Store {
	return &Store{
		cfg: cfg,
		environments: collection.New[Environment](collection.Config{Documents: cfg.Documents, Kind: "environment.self_hosted",
			Prefix: "env_", Noun: "environment", Form: form, Now: cfg.Now, NewID: cfg.NewID}),
		templates: collection.New[Template](collection.Config{Documents: cfg.Documents, Kind: "environment.template",
			Prefix: "envtmpl_", Noun: "environment template", Form: form, Now: cfg.Now, NewID: cfg.NewID}),
		files:  cfg.Objects.Area("environments"),
		sealed: cfg.Objects.Area("templates"),
	}
}

// Spec is an environment that is asked for.
type Spec struct {
	// Type is [SelfHosted]; [Hosted] is refused as Unsupported.
	Type string `json:"type"`
	// Workspace is the absolute path of what the agent works on.
	Workspace string `json:"workspace"`
	// Capabilities are directories that tell the agent what it can do.
	Capabilities []string `json:"capabilities,omitzero"`
	// Session is whose it is; empty for an environment made ahead.
	Session string `json:"session,omitzero"`
	// Vaults are whose credentials may be used in it.
	Vaults []string `json:"vaults,omitzero"`
}

// Environment is what is kept of an environment.
type Environment struct {
	Spec
	Status string `json:"status"`
	// Creator is the key it was made with.
	Creator string `json:"creator,omitzero"`
	// Failure says why it failed, for clients; empty unless it did.
	Failure string `json:"failure,omitzero"`
}

// Record is an environment in the store.
type Record = collection.Record[Environment]

// Create makes an environment that waits for its machine.
func (s *Store) Create(ctx context.Context, tenant string, spec Spec) (Record, error) {
	if err := spec.check(); err != nil {
		return Record{}, err
	}
	return s.environments.Create(ctx, tenant, Environment{Spec: spec, Status: Pending})
}

func (s *Spec) check() error {
	switch s.Type {
	case SelfHosted:
		return nil
	case Hosted:
		return model.Errorf(model.Unsupported, "environment.type", "This server has no sandboxes yet, and so hosts no environments.").
			WithHint("Use the environment 'none', or 'self_hosted' with a machine of your own. Templates and files can be stored already.")
	}
	return model.Errorf(model.Invalid, "environment.type", "An environment of type '%s' has no machine to create.", s.Type)
}

// Get returns an environment, or an error of kind NotFound.
func (s *Store) Get(ctx context.Context, tenant, id string) (Record, error) {
	return s.environments.Get(ctx, tenant, id)
}

// List returns a page of a tenant's environments of a type, and whether another
// one follows.
func (s *Store) List(ctx context.Context, tenant, kind string, q collection.Query) (page []Record, more bool, err error) {
	if kind != SelfHosted {
		return nil, false, nil // none can have been made
	}
	return s.environments.List(ctx, tenant, q)
}

// Remove deletes an environment and the files that were kept for it. Its
// machine, which is the client's, is left alone.
func (s *Store) Remove(ctx context.Context, tenant, id string) error {
	if err := s.environments.Delete(ctx, tenant, id); err != nil {
		return err
	}
	return s.removeFiles(ctx, tenant, id)
}
