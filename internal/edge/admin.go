package edge

import (
	"regexp"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// adminRoutes lists the administrative API that the command line uses. Its
// OpenAPI description is served at /admin/v1/openapi.json.
func (h *Handler) adminRoutes() {
	h.handle("GET /admin/v1/keys", adminAPI, identity.KeyRead, h.adminListKeys)
	h.handle("POST /admin/v1/keys", adminAPI, identity.KeyWrite, h.adminCreateKey)
	h.handle("POST /admin/v1/keys/{id}/rotate", adminAPI, identity.KeyWrite, h.adminRotateKey)
	h.handle("DELETE /admin/v1/keys/{id}", adminAPI, identity.KeyWrite, h.adminRevokeKey)
	h.handle("GET /admin/v1/tenants", adminAPI, identity.TenantRead, h.adminListTenants)
	h.handle("POST /admin/v1/tenants", adminAPI, identity.TenantWrite, h.adminCreateTenant)
	h.handle("PATCH /admin/v1/tenants/{id}", adminAPI, identity.TenantWrite, h.adminUpdateTenant)
	h.handle("GET /admin/v1/models", adminAPI, identity.ModelList, h.adminListModels)
	h.handle("GET /admin/v1/models/{id...}", adminAPI, identity.ModelList, h.adminShowModel)
	h.handle("GET /admin/v1/usage", adminAPI, identity.UsageRead, h.adminUsage)
	if h.opts.Vault != nil {
		h.handle("GET /admin/v1/secrets", adminAPI, identity.ConfigWrite, h.adminListSecrets)
		h.handle("PUT /admin/v1/secrets/{name}", adminAPI, identity.ConfigWrite, h.adminPutSecret)
		h.handle("DELETE /admin/v1/secrets/{name}", adminAPI, identity.ConfigWrite, h.adminDeleteSecret)
	}
	h.adminSessionRoutes()
	h.handle("POST /admin/v1/master-key/rotate", adminAPI, identity.ConfigWrite, h.adminRotateMaster)
	h.handle("POST /admin/v1/backup", adminAPI, identity.ConfigWrite, h.adminBackup)
	h.handle("GET /admin/v1/openapi.json", adminAPI, identity.ModelList, h.adminOpenAPI)
	h.handle("/admin/", adminAPI, identity.ModelList, h.unknownOpenAI)
}

// answer writes v as JSON.
func (c *call) answer(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return model.Wrap(model.Internal, "edge.answer", err)
	}
	return c.json(body)
}

// decode reads a JSON body strictly: an unknown member is an error.
func (c *call) decode(v any) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v, json.RejectUnknownMembers(true)); err != nil {
		return model.Errorf(model.Invalid, "body", "The body is not what this operation takes: %v.", err).
			WithHint("See /admin/v1/openapi.json.")
	}
	return nil
}

// backupName is what a backup may be called: a plain name of a directory.
var backupName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// adminBackup copies the state; root administrators and operators only. The
// caller chooses a name, the operator's configuration where it lies.
func (h *Handler) adminBackup(c *call) error {
	var body struct {
		Name string `json:"name"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	switch {
	case h.opts.Backup == nil:
		return model.Errorf(model.Unsupported, "backup", "This server's store is backed up by its own tools.").WithHint("Use pg_dump.")
	case !c.who.Tenant.Root:
		return model.Errorf(model.Forbidden, "backup", "Only the root tenant's operators back up the installation.")
	case !backupName.MatchString(body.Name):
		return model.Errorf(model.Invalid, "name", "name must be lower-case letters, digits, '.', '_' and '-', and begin with a letter or digit.")
	}
	directory, err := h.opts.Backup(c.r.Context(), body.Name)
	if err != nil {
		return &model.Error{Kind: model.Conflict, Subject: "name", Message: "The backup failed: " + err.Error(), Err: err}
	}
	return c.answer(struct {
		Name      string `json:"name"`
		Directory string `json:"directory"`
	}{body.Name, directory})
}

// list is the envelope of the admin API's lists.
type list[T any] struct {
	Data []T `json:"data"`
}

// instant renders a time for JSON; the zero time is left out.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// date reads an RFC 3339 time or a YYYY-MM-DD day (UTC) from the query.
func date(c *call, name string) (time.Time, error) {
	s := c.r.URL.Query().Get(name)
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, model.Errorf(model.Invalid, name, "%s is %q; it must look like 2026-01-31 or 2026-01-31T12:00:00Z.", name, s)
}
