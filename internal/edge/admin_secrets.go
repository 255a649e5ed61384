package edge

import (
	"context"
	"errors"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/secret"
)

// Vault keeps named credentials; *secret.Vault implements it.
type Vault interface {
	Put(ctx context.Context, name, value string) error
	List(ctx context.Context) ([]secret.Stored, error)
	Delete(ctx context.Context, name string) error
}

// rootOnly refuses callers of other tenants: credentials of upstreams and the
// master key are the installation's own.
func (c *call) rootOnly() error {
	if c.who.Tenant.Root {
		return nil
	}
	return model.Errorf(model.Forbidden, "", "Only operators of the root tenant may do this.")
}

func (h *Handler) adminListSecrets(c *call) error {
	if err := c.rootOnly(); err != nil {
		return err
	}
	stored, err := h.opts.Vault.List(c.r.Context())
	if err != nil {
		return err
	}
	type view struct {
		Name      string `json:"name"`
		UpdatedAt string `json:"updated_at"`
	}
	out := list[view]{Data: []view{}}
	for _, s := range stored {
		out.Data = append(out.Data, view{s.Name, instant(s.UpdatedAt)})
	}
	return c.answer(out)
}

func (h *Handler) adminPutSecret(c *call) error {
	if err := c.rootOnly(); err != nil {
		return err
	}
	var body struct {
		Value string `json:"value"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	name := c.r.PathValue("name")
	if err := h.opts.Vault.Put(c.r.Context(), name, body.Value); err != nil {
		return model.Errorf(model.Invalid, "name", "The credential was not stored: a name has lower-case letters, digits, '.', '-' and '_', and the value may not be empty.")
	}
	return c.answer(map[string]string{"name": name})
}

func (h *Handler) adminDeleteSecret(c *call) error {
	if err := c.rootOnly(); err != nil {
		return err
	}
	name := c.r.PathValue("name")
	if err := h.opts.Vault.Delete(c.r.Context(), name); errors.Is(err, secret.ErrNoCredential) {
		return model.Errorf(model.NotFound, "name", "There is no credential %q.", name)
	} else if err != nil {
		return err
	}
	return c.answer(map[string]string{"name": name})
}

// adminRotateMaster replaces the master key and protects every secret anew.
func (h *Handler) adminRotateMaster(c *call) error {
	if err := c.rootOnly(); err != nil {
		return err
	}
	if h.opts.RotateMaster == nil {
		return noOperation("master-key/rotate")
	}
	changed, err := h.opts.RotateMaster(c.r.Context())
	if err != nil {
		return err
	}
	return c.answer(map[string]int{"rewrapped": changed})
}
