package environment

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/document/collection"
	"github.com/craton-ai/craton/internal/model"
)

// What a [Network] admits.
const (
	NetworkEnabled    = "enabled"
	NetworkDisabled   = "disabled"
	NetworkRestricted = "restricted"
)

// Template is what hosted environments are set up from, as far as it may be
// shown.
type Template struct {
	// Name is the client's; nil where it gave none.
	Name         *string  `json:"name,omitzero"`
	Capabilities []string `json:"capabilities,omitzero"`
	Desktop      bool     `json:"desktop,omitzero"`
	Files        []Source `json:"files,omitzero"`
	// Network is the policy once the setup is done; the zero one is disabled.
	Network  Network  `json:"network,omitzero"`
	Packages Packages `json:"packages,omitzero"`
	Plugins  []Bundle `json:"plugins,omitzero"`
	Skills   []Bundle `json:"skills,omitzero"`
	// Sealed names what is encrypted; empty for nothing.
	Sealed string `json:"sealed,omitzero"`
}

// Source is a file to put into each environment: an uploaded one, or one whose
// content is among the template's [Secrets].
type Source struct {
	Path string `json:"path"`
	// FileID is empty for content of the template's own, Size then its length.
	FileID string `json:"file_id,omitzero"`
	Size   int64  `json:"size,omitzero"`
}

// Network is what an environment may reach.
type Network struct {
	// Access is [NetworkEnabled], [NetworkDisabled] or [NetworkRestricted];
	// empty means disabled.
	Access  string   `json:"access,omitzero"`
	Allowed []string `json:"allowed,omitzero"`
	Blocked []string `json:"blocked,omitzero"`
}

// Packages are what is installed, by package manager.
type Packages struct {
	Npm    []string `json:"npm,omitzero"`
	Python []string `json:"python,omitzero"`
	System []string `json:"system,omitzero"`
}

// Bundle is a plugin or a skill: a reference, or a name and description whose
// archive is among the template's [Secrets].
type Bundle struct {
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
	// ID and Version are a reference's; Version is nil for the default one.
	ID      string  `json:"id,omitzero"`
	Version *string `json:"version,omitzero"`
}

// Command is run before the agent starts.
type Command struct {
	Command string `json:"command"`
	// Cwd is where; empty means the workspace.
	Cwd string `json:"cwd,omitzero"`
}

// Secrets are what a template never shows.
type Secrets struct {
	Env      map[string]string `json:"env,omitzero"`
	Commands []Command         `json:"commands,omitzero"`
	// Files is the content of those of the template's own, by path; Plugins and
	// Skills the archives of its bundles, in their order and nil for references.
	Files   map[string][]byte `json:"files,omitzero"`
	Plugins [][]byte          `json:"plugins,omitzero"`
	Skills  [][]byte          `json:"skills,omitzero"`
}

func (s *Secrets) empty() bool {
	return len(s.Env)+len(s.Commands)+len(s.Files)+len(s.Plugins)+len(s.Skills) == 0
}

// TemplateRecord is a template in the store.
type TemplateRecord = collection.Record[Template]

// Change changes a template. It calls secrets to change what is encrypted too,
// and need not otherwise. It may be called again when somebody else changed the
// template meanwhile.
type Change func(t *Template, secrets func() (*Secrets, error)) error

// CreateTemplate keeps a new template, which change fills in.
func (s *Store) CreateTemplate(ctx context.Context, tenant string, change Change) (TemplateRecord, error) {
	e := &edit{s: s, ctx: ctx, tenant: tenant, id: s.templates.NewID()}
	var t Template
	if err := e.apply(&t, change); err != nil {
		return TemplateRecord{}, e.settle("", err)
	}
	record, err := s.templates.CreateAs(ctx, tenant, e.id, t)
	return record, e.settle(record.Value.Sealed, err)
}

// errOvertaken says that secrets are gone because another change replaced them.
var errOvertaken = errors.New("environment: the template's secrets were replaced meanwhile")

// attempts bounds how often a change is begun again after it was overtaken.
const attempts = 20

// UpdateTemplate changes a template.
func (s *Store) UpdateTemplate(ctx context.Context, tenant, id string, change Change) (record TemplateRecord, err error) {
	for range attempts {
		if record, err = s.updateTemplate(ctx, tenant, id, change); !errors.Is(err, errOvertaken) {
			return record, err
		}
	}
	return record, err
}

func (s *Store) updateTemplate(ctx context.Context, tenant, id string, change Change) (TemplateRecord, error) {
	e := &edit{s: s, ctx: ctx, tenant: tenant, id: id}
	var before string
	record, err := s.templates.Update(ctx, tenant, id, func(r *TemplateRecord) error {
		before = r.Value.Sealed
		return e.apply(&r.Value, change)
	})
	if err == nil && before != "" && before != record.Value.Sealed {
		e.written = append(e.written, before)
	}
	return record, e.settle(record.Value.Sealed, err)
}

// Template returns a template, or an error of kind NotFound.
func (s *Store) Template(ctx context.Context, tenant, id string) (TemplateRecord, error) {
	return s.templates.Get(ctx, tenant, id)
}

// TemplateSecrets returns what a template never shows, for setting up an
// environment. It fails for a record that was changed meanwhile.
func (s *Store) TemplateSecrets(ctx context.Context, tenant string, t TemplateRecord) (*Secrets, error) {
	return s.unseal(ctx, tenant, t.ID, t.Value.Sealed)
}

// Templates returns a page of templates and whether another one follows.
func (s *Store) Templates(ctx context.Context, tenant string, q collection.Query) (page []TemplateRecord, more bool, err error) {
	return s.templates.List(ctx, tenant, q)
}

// DeleteTemplate removes a template and all it never showed. Environments that
// were set up from it stay as they are.
func (s *Store) DeleteTemplate(ctx context.Context, tenant, id string) error {
	if err := s.templates.Delete(ctx, tenant, id); err != nil {
		return err
	}
	return s.clear(ctx, s.sealed, tenant, id)
}

// edit is a change of a template under way.
type edit struct {
	s          *Store
	ctx        context.Context
	tenant, id string
	// written are sealed contents that may have to go again.
	written []string
}

// apply does the change, and seals the secrets anew if it asked for them.
func (e *edit) apply(t *Template, change Change) error {
	var secrets *Secrets
	err := change(t, func() (*Secrets, error) {
		var err error
		if secrets == nil {
			secrets, err = e.s.unseal(e.ctx, e.tenant, e.id, t.Sealed)
		}
		return secrets, err
	})
	if err != nil || secrets == nil {
		return err
	}
	if t.Sealed = ""; secrets.empty() {
		return nil
	}
	if t.Sealed, err = e.s.seal(e.ctx, e.tenant, e.id, secrets); err == nil {
		e.written = append(e.written, t.Sealed)
	}
	return err
}

// settle removes what was written and is not kept.
func (e *edit) settle(kept string, err error) error {
	for _, key := range e.written {
		if key == kept {
			continue
		}
		if gone := e.s.sealed.Delete(context.WithoutCancel(e.ctx), e.tenant, key); err == nil {
			err = gone
		}
	}
	return err
}

// purpose is that of the keys which seal templates' secrets.
const purpose = "environment-templates"

// seal keeps secrets and returns the name they are found by.
func (s *Store) seal(ctx context.Context, tenant, id string, secrets *Secrets) (string, error) {
	plain, err := json.Marshal(secrets, json.Deterministic(true))
	if err != nil {
		return "", model.Wrap(model.Internal, "environment.seal", err)
	}
	defer clear(plain)
	key := id + "/" + s.cfg.NewID()
	sealed, err := s.cfg.Box.Seal(ctx, tenant, purpose, key, plain)
	if err != nil {
		return "", model.Wrap(model.Internal, "environment.seal", err)
	}
	_, err = s.sealed.Put(ctx, tenant, key, bytes.NewReader(sealed), blob.Attributes{})
	return key, err
}

func (s *Store) unseal(ctx context.Context, tenant, id, key string) (*Secrets, error) {
	secrets := &Secrets{}
	if key == "" {
		return secrets, nil
	}
	_, r, err := s.sealed.Get(ctx, tenant, key)
	if e := model.AsError(err); e != nil && e.Kind == model.NotFound {
		return nil, model.Wrap(model.Internal, "environment.unseal "+id, errOvertaken)
	}
	if err != nil {
		return nil, model.Wrap(model.Internal, "environment.unseal "+id, err)
	}
	sealed, err := io.ReadAll(r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, model.Wrap(model.Internal, "environment.unseal "+id, err)
	}
	plain, err := s.cfg.Box.Open(ctx, tenant, purpose, key, sealed)
	if err != nil {
		return nil, model.Wrap(model.Internal, "environment.unseal "+id, err)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, secrets); err != nil {
		return nil, model.Wrap(model.Internal, "environment.unseal "+id, err)
	}
	return secrets, nil
}
