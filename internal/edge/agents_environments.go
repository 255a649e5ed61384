package edge

import (
	"bytes"
	"io"

	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// idempotencyHeader names a request that may be sent again.
const idempotencyHeader = "Idempotency-Key"

// createEnvironment serves POST /v1/agents/environments.
func (h *Handler) createEnvironment(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	create, err := agents.DecodeEnvironmentCreate(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	if err := c.knownVaults(create.VaultIDs); err != nil {
		return err
	}
	spec := environment.Spec{Type: create.Environment.Type, Vaults: create.VaultIDs}
	if own := create.Environment.SelfHosted; own != nil {
		spec.Workspace, spec.Capabilities = own.WorkspaceDirectory, own.CapabilityDirectories
	}
	made, err := h.opts.Environments.CreateOnce(c.r.Context(), c.who.Tenant.ID, c.key.ID, c.r.Header.Get(idempotencyHeader), spec)
	if err != nil {
		return err
	}
	return c.answer(shownEnvironment(made))
}

// getEnvironment serves GET /v1/agents/environments/{environment_id}.
func (h *Handler) getEnvironment(c *call) error {
	found, err := h.opts.Environments.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("environment_id"))
	if err != nil {
		return err
	}
	return c.answer(shownEnvironment(found))
}

// listEnvironments serves GET /v1/agents/environments.
func (h *Handler) listEnvironments(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	kind := environment.Hosted
	if given := c.r.URL.Query().Get("type"); given != "" {
		kind = given
	}
	if kind != environment.Hosted && kind != environment.SelfHosted {
		return model.Errorf(model.Invalid, "type", "Invalid value: '%s'. Supported values are: '%s', '%s'.", kind, environment.Hosted, environment.SelfHosted)
	}
	page, more, err := h.opts.Environments.List(c.r.Context(), c.who.Tenant.ID, kind, pageOf(q))
	if err != nil {
		return err
	}
	return agentsList(c, page, more, shownEnvironment, func(e agents.EnvironmentInfo) string { return e.ID })
}

func shownEnvironment(e environment.Record) agents.EnvironmentInfo {
	return agents.EnvironmentInfo{ID: e.ID, Object: agents.ObjectEnvironment, Type: e.Value.Type, Status: e.Value.Status,
		Files: []any{}, Plugins: []agents.Plugin{}, Skills: []agents.Skill{}}
}

// createEnvironmentFile serves POST /v1/agents/environments/{environment_id}/files.
func (h *Handler) createEnvironmentFile(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	param, err := agents.DecodeFile(c.body, c.agentsMount())
	if err != nil {
		return err
	}
	ctx, tenant, id := c.r.Context(), c.who.Tenant.ID, c.r.PathValue("environment_id")
	env, err := h.opts.Environments.Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	if why := agents.WorkspacePath(env.Value.Workspace, param.Path); why != "" {
		return model.Errorf(model.Invalid, "path", "Invalid 'path': %s", why)
	}
	content, err := c.contentOf(param)
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := h.opts.Environments.PutFile(ctx, tenant, id, param.Path, content)
	if err != nil {
		return err
	}
	return c.answer(shownEnvironmentFile(id, f))
}

// contentOf is what a file holds: what came with it, or what was uploaded.
func (c *call) contentOf(f *agents.FileParam) (io.ReadCloser, error) {
	if f.Type == agents.SourceInline {
		return io.NopCloser(bytes.NewReader(f.Data)), nil
	}
	if c.h.opts.Files == nil {
		return nil, noOperation("file_id")
	}
	_, content, err := c.h.opts.Files.Open(c.r.Context(), c.who.Tenant.ID, f.FileID)
	return content, err
}

// listEnvironmentFiles serves GET /v1/agents/environments/{environment_id}/files.
func (h *Handler) listEnvironmentFiles(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	query, id := c.r.URL.Query(), c.r.PathValue("environment_id")
	files, next, err := h.opts.Environments.Files(c.r.Context(), c.who.Tenant.ID, id, environment.FileQuery{
		Directory: query.Get("path"), Token: query.Get("page"), Ascending: q.Ascending, Limit: q.Limit,
	})
	if err != nil {
		return err
	}
	page := agents.FilePage{Object: "page", Data: []agents.EnvironmentFile{}, HasMore: next != ""}
	if next != "" {
		page.Next = &next
	}
	for _, f := range files {
		page.Data = append(page.Data, shownEnvironmentFile(id, f))
	}
	return c.answer(page)
}

func shownEnvironmentFile(id string, f environment.File) agents.EnvironmentFile {
	return agents.EnvironmentFile{EnvironmentID: id, Object: agents.ObjectEnvironmentFile, Path: f.Path, SizeBytes: f.Size}
}
