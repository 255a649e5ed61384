package edge

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/environment"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// createTemplate serves POST /v1/agents/environments/templates.
func (h *Handler) createTemplate(c *call) error {
	change, err := c.templateChange()
	if err != nil {
		return err
	}
	made, err := h.opts.Environments.CreateTemplate(c.r.Context(), c.who.Tenant.ID, change)
	if err != nil {
		return err
	}
	return c.answer(shownTemplate(made))
}

// updateTemplate serves POST /v1/agents/environments/templates/{template_id}.
func (h *Handler) updateTemplate(c *call) error {
	change, err := c.templateChange()
	if err != nil {
		return err
	}
	changed, err := h.opts.Environments.UpdateTemplate(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("template_id"), change)
	if err != nil {
		return err
	}
	return c.answer(shownTemplate(changed))
}

// getTemplate serves GET /v1/agents/environments/templates/{template_id}.
func (h *Handler) getTemplate(c *call) error {
	found, err := h.opts.Environments.Template(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("template_id"))
	if err != nil {
		return err
	}
	return c.answer(shownTemplate(found))
}

// deleteTemplate serves DELETE /v1/agents/environments/templates/{template_id}.
func (h *Handler) deleteTemplate(c *call) error {
	id := c.r.PathValue("template_id")
	if err := h.opts.Environments.DeleteTemplate(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	return c.answer(agents.Deleted{ID: id, Object: agents.ObjectTemplateDeleted, Deleted: true})
}

// listTemplates serves GET /v1/agents/environments/templates.
func (h *Handler) listTemplates(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	page, more, err := h.opts.Environments.Templates(c.r.Context(), c.who.Tenant.ID, pageOf(q))
	if err != nil {
		return err
	}
	return agentsList(c, page, more, shownTemplate, func(t agents.Template) string { return t.ID })
}

// templateChange reads what a request does to a template.
func (c *call) templateChange() (environment.Change, error) {
	if err := c.ensureBody(); err != nil {
		return nil, err
	}
	f, err := agents.DecodeTemplate(c.body, c.agentsMount())
	if err != nil {
		return nil, err
	}
	return func(t *environment.Template, secrets func() (*environment.Secrets, error)) error {
		if f.Name.Set {
			t.Name = f.Name.Ptr()
		}
		setUp(t, &f.Setup)
		if !f.Setup.Confidential() {
			return nil
		}
		s, err := secrets()
		if err == nil {
			setUpSecrets(s, &f.Setup)
		}
		return err
	}, nil
}

// setUp changes what a template shows.
func setUp(t *environment.Template, s *agents.HostedSetup) {
	if s.CapabilityDirectories.Set {
		t.Capabilities = s.CapabilityDirectories.Value
	}
	if s.Desktop.Set {
		t.Desktop = s.Desktop.Value.Enabled
	}
	if s.Network.Set {
		n := s.Network.Value
		t.Network = environment.Network{Access: n.Access, Allowed: n.AllowedDomains, Blocked: n.BlockedDomains}
	}
	if s.Packages.Set {
		t.Packages = environment.Packages(s.Packages.Value)
	}
	if s.Files.Set {
		t.Files = nil
		for _, f := range s.Files.Value {
			t.Files = append(t.Files, environment.Source{Path: f.Path, FileID: f.FileID, Size: int64(len(f.Data))})
		}
	}
	if s.Plugins.Set {
		t.Plugins = nil
		for _, p := range s.Plugins.Value {
			t.Plugins = append(t.Plugins, environment.Bundle{Name: p.Name, Description: p.Description})
		}
	}
	if s.Skills.Set {
		t.Skills = nil
		for _, k := range s.Skills.Value {
			bundle := environment.Bundle{ID: k.SkillID, Version: k.Version}
			if k.Archive != nil {
				bundle.Name, bundle.Description = k.Archive.Name, k.Archive.Description
			}
			t.Skills = append(t.Skills, bundle)
		}
	}
}

// setUpSecrets changes what a template never shows.
func setUpSecrets(to *environment.Secrets, s *agents.HostedSetup) {
	if s.Env.Set {
		to.Env = s.Env.Value
	}
	if s.SetupCommands.Set {
		to.Commands = nil
		for _, c := range s.SetupCommands.Value {
			to.Commands = append(to.Commands, environment.Command(c))
		}
	}
	if s.Files.Set {
		to.Files = map[string][]byte{}
		for _, f := range s.Files.Value {
			if f.Type == agents.SourceInline {
				to.Files[f.Path] = f.Data
			}
		}
	}
	if s.Plugins.Set {
		to.Plugins = nil
		for _, p := range s.Plugins.Value {
			to.Plugins = append(to.Plugins, p.Data)
		}
	}
	if s.Skills.Set {
		to.Skills = nil
		for _, k := range s.Skills.Value {
			var archive []byte
			if k.Archive != nil {
				archive = k.Archive.Data
			}
			to.Skills = append(to.Skills, archive)
		}
	}
}

func shownTemplate(r environment.TemplateRecord) agents.Template {
	t := r.Value
	shown := agents.Template{
		ID: r.ID, Object: agents.ObjectTemplate, CreatedAt: r.Created.Unix(), UpdatedAt: r.Updated.Unix(), Name: t.Name,
		CapabilityDirectories: t.Capabilities, Files: []agents.TemplateFile{}, Packages: agents.Packages(t.Packages),
		Network: agents.Network{Access: t.Network.Access, AllowedDomains: t.Network.Allowed},
		Plugins: []agents.Plugin{}, Skills: []agents.Skill{}, Desktop: agents.Desktop{Enabled: t.Desktop},
	}
	if shown.Network.Access == "" {
		shown.Network.Access = environment.NetworkDisabled
	}
	for _, f := range t.Files {
		file := agents.TemplateFile{Type: agents.SourceFileID, Path: f.Path, FileID: f.FileID}
		if f.FileID == "" {
			file.Type, file.SizeBytes = agents.SourceInline, &f.Size
		}
		shown.Files = append(shown.Files, file)
	}
	for _, p := range t.Plugins {
		shown.Plugins = append(shown.Plugins, agents.Plugin{Type: agents.SourceInline, Name: p.Name, Description: p.Description})
	}
	for _, k := range t.Skills {
		shown.Skills = append(shown.Skills, shownSkill(k))
	}
	return shown
}

func shownSkill(k environment.Bundle) agents.Skill {
	if k.ID == "" {
		return agents.Skill{Type: agents.SourceInline, Name: k.Name, Description: &k.Description}
	}
	shown := agents.Skill{Type: agents.SourceSkill, SkillID: k.ID, Version: jsontext.Value("null")}
	if k.Version != nil {
		shown.Version = jsontext.Value(strconv.Quote(*k.Version)) // a word or a number
	}
	return shown
}
