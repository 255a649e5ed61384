package agents

import (
	"path"
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// MaxVaults is how many vaults a session or environment may use.
const MaxVaults = 10

// DecodeEnvironmentCreate reads the request for an environment.
func DecodeEnvironmentCreate(body []byte, mount Mount) (*EnvironmentCreate, error) {
	create := &EnvironmentCreate{}
	given := false
	err := mount.parse(body, fields{
		"environment": func(v raw.Value) error {
			given = true
			return mount.environment(v, &create.Environment)
		},
		"vault_ids": value(&create.VaultIDs, vaultIDs),
	})
	if err == nil && !given {
		err = missing(body, "environment")
	}
	if err != nil {
		return nil, err
	}
	return create, nil
}

// missing is the error of a body that lacks a member.
func missing(body []byte, name string) error {
	v, err := raw.Parse(body, &style)
	if err != nil {
		return err
	}
	return v.Missing(name)
}

// DecodeTemplate reads the request that creates a template or changes one: all
// its members may be left out.
func DecodeTemplate(body []byte, mount Mount) (*TemplateFields, error) {
	f := &TemplateFields{}
	known := f.Setup.known(mount)
	known["name"] = opt(&f.Name, name(maxName))
	if err := mount.parse(body, known); err != nil {
		return nil, err
	}
	return f, nil
}

// DecodeFile reads a file to put into an environment.
func DecodeFile(body []byte, mount Mount) (*FileParam, error) {
	v, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	f := &FileParam{}
	if err := mount.file(v, f); err != nil {
		return nil, err
	}
	return f, nil
}

// vaultIDs reads which vaults may be used, each once.
func vaultIDs(v raw.Value, dst *[]string) error {
	if err := list(name(maxID))(v, dst); err != nil {
		return err
	}
	if n := len(*dst); n > MaxVaults {
		return invalid(v, "it names %d vaults; the limit is %d.", n, MaxVaults)
	}
	return distinct(v, *dst)
}

func distinct(v raw.Value, all []string) error {
	sorted := slices.Sorted(slices.Values(all))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return invalid(v, "'%s' is in it twice.", sorted[i])
		}
	}
	return nil
}

// environment reads the environment a session asks for.
func (m Mount) environment(v raw.Value, dst *EnvironmentParam) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	types := []string{EnvironmentNone, EnvironmentHosted, EnvironmentSelfHosted}
	if m.Bedrock() {
		types = append(types, EnvironmentAgentCore)
	}
	kind := v.Get("type")
	if err := kind.String(&dst.Type); err != nil {
		return err
	}
	if !slices.Contains(types, dst.Type) {
		// The others are the contract's, and refused by name: they are no advice.
		return kind.Error("Invalid value: '%s'. Supported values are: '%s', '%s'.", dst.Type, EnvironmentNone, EnvironmentSelfHosted)
	}
	switch dst.Type {
	case EnvironmentHosted:
		dst.Hosted = &HostedParam{}
		return m.hosted(v, dst.Hosted)
	case EnvironmentSelfHosted:
		dst.SelfHosted = &SelfHostedParam{CapabilityDirectories: []string{}}
		return m.selfHosted(v, dst.SelfHosted)
	case EnvironmentAgentCore:
		dst.AgentCore = &AgentCoreParam{CapabilityDirectories: []string{}}
		return m.agentCore(v, dst.AgentCore)
	}
	return m.object(v, fields{"type": never})
}

func (m Mount) selfHosted(v raw.Value, dst *SelfHostedParam) error {
	if err := need(v, "workspace_directory"); err != nil {
		return err
	}
	return m.object(v, fields{
		"type":                   never,
		"workspace_directory":    func(v raw.Value) error { return directory(v, &dst.WorkspaceDirectory) },
		"capability_directories": value(&dst.CapabilityDirectories, list(name(maxPath))),
	})
}

// maxCapabilities is how many capability directories Amazon's contract admits.
const maxCapabilities = 32

func (m Mount) agentCore(v raw.Value, dst *AgentCoreParam) error {
	if err := need(v, "runtime_arn"); err != nil {
		return err
	}
	return m.object(v, fields{
		"type":                never,
		"runtime_arn":         func(v raw.Value) error { return name(0)(v, &dst.RuntimeARN) },
		"runtime_qualifier":   value(&dst.RuntimeQualifier, name(0)),
		"workspace_directory": value(&dst.WorkspaceDirectory, directory),
		"capability_directories": value(&dst.CapabilityDirectories, func(v raw.Value, dst *[]string) error {
			if err := list(directory)(v, dst); err != nil {
				return err
			}
			if n := len(*dst); n > maxCapabilities {
				return invalid(v, "it names %d directories; the limit is %d.", n, maxCapabilities)
			}
			return distinct(v, *dst)
		}),
	})
}

func (m Mount) hosted(v raw.Value, dst *HostedParam) error {
	known := dst.Setup.known(m)
	known["type"] = never
	known["environment_id"] = value(&dst.EnvironmentID, name(maxID))
	known["environment_template_id"] = value(&dst.TemplateID, name(maxID))
	known["container_size"] = value(&dst.ContainerSize, oneOf("small", "medium", "large"))
	if err := m.object(v, known); err != nil {
		return err
	}
	if dst.EnvironmentID != "" && !v.Known("type", "environment_id") {
		return invalid(v.Get("environment_id"), "an environment that exists cannot be set up anew.").
			WithHint("Send environment_id alone, or leave it out.")
	}
	return nil
}

// known are the members that set up a hosted environment.
func (s *HostedSetup) known(m Mount) fields {
	return fields{
		"capability_directories": opt(&s.CapabilityDirectories, list(name(maxPath))),
		"desktop":                opt(&s.Desktop, m.desktop),
		"env":                    opt(&s.Env, environ),
		"files":                  opt(&s.Files, m.hostedFiles),
		"network":                opt(&s.Network, m.network),
		"packages":               opt(&s.Packages, m.packages),
		"plugins":                opt(&s.Plugins, list(m.plugin)),
		"setup_commands":         opt(&s.SetupCommands, list(m.setupCommand)),
		"skills":                 opt(&s.Skills, list(m.skill)),
	}
}

func (m Mount) desktop(v raw.Value, dst *Desktop) error {
	if err := need(v, "enabled"); err != nil {
		return err
	}
	return m.object(v, fields{"enabled": func(v raw.Value) error { return boolean(v, &dst.Enabled) }})
}

// environ reads environment variables.
func environ(v raw.Value, dst *map[string]string) error {
	if err := textMap(v, dst); err != nil {
		return err
	}
	for key, val := range *dst {
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return invalid(v, "'%s' is no name of a variable.", key)
		}
		if strings.ContainsRune(val, 0) {
			return invalid(v, "the value of '%s' holds a zero byte.", key)
		}
	}
	return nil
}

// file reads a file to put somewhere.
func (m Mount) file(v raw.Value, dst *FileParam) error {
	if err := need(v, "type", "path"); err != nil {
		return err
	}
	if err := oneOf(SourceFileID, SourceInline)(v.Get("type"), &dst.Type); err != nil {
		return err
	}
	known := fields{"type": never, "path": func(v raw.Value) error { return directory(v, &dst.Path) }}
	if dst.Type == SourceFileID {
		known["file_id"] = func(v raw.Value) error { return name(0)(v, &dst.FileID) }
		if err := need(v, "file_id"); err != nil {
			return err
		}
		return m.object(v, known)
	}
	known["data"] = func(v raw.Value) error { return v.Base64(&dst.Data) }
	if err := need(v, "data"); err != nil {
		return err
	}
	return m.object(v, known)
}

// hostedFiles reads the files of a hosted environment, each at its own path.
func (m Mount) hostedFiles(v raw.Value, dst *[]FileParam) error {
	if err := list(m.hostedFile)(v, dst); err != nil {
		return err
	}
	paths := make([]string, len(*dst))
	for i, f := range *dst {
		paths[i] = f.Path
	}
	return distinct(v, paths)
}

// hostedFile reads a file of a hosted environment, which lies in its workspace.
func (m Mount) hostedFile(v raw.Value, dst *FileParam) error {
	if err := m.file(v, dst); err != nil {
		return err
	}
	if why := WorkspacePath(HostedWorkspace, dst.Path); why != "" {
		return invalid(v.Get("path"), "%s", why)
	}
	return nil
}

// WorkspacePath says why a file may not lie at a clean absolute path of an
// environment with the given workspace; empty if it may.
func WorkspacePath(workspace, file string) string {
	rest, below := strings.CutPrefix(file, strings.TrimSuffix(workspace, "/")+"/")
	if !below || rest == "" || path.Clean(file) != file {
		return "it must lie below " + workspace + "."
	}
	head, _, _ := strings.Cut(rest, "/")
	switch {
	case rest == "outputs":
		return "the directory of outputs is in its place."
	case head == ".codex", head == ".managed-agents", strings.HasPrefix(head, ".managed-agents-"):
		return "'" + head + "' is the executor's own directory."
	}
	return ""
}

func (m Mount) network(v raw.Value, dst *NetworkParam) error {
	if err := need(v, "access"); err != nil {
		return err
	}
	err := m.object(v, fields{
		"access":          func(v raw.Value) error { return oneOf("enabled", "disabled", "restricted")(v, &dst.Access) },
		"allowed_domains": value(&dst.AllowedDomains, list(domain)),
		"blocked_domains": value(&dst.BlockedDomains, list(domain)),
	})
	switch {
	case err != nil:
		return err
	case len(dst.BlockedDomains) == 0:
		return nil
	case dst.Access != "restricted":
		return invalid(v.Get("blocked_domains"), "it needs access 'restricted'.")
	case len(dst.AllowedDomains) > 0:
		return invalid(v.Get("blocked_domains"), "it cannot be combined with allowed_domains.")
	}
	for _, d := range dst.BlockedDomains {
		if strings.Contains(d, "*") {
			return invalid(v.Get("blocked_domains"), "wildcards are not supported.")
		}
	}
	return nil
}

// domain reads the name of a host.
func domain(v raw.Value, dst *string) error {
	if err := name(253)(v, dst); err != nil {
		return err
	}
	if strings.ContainsAny(*dst, "/:@ \t\r\n\x00") {
		return invalid(v, "it must be the name of a host, without scheme, port or path.")
	}
	return nil
}

func (m Mount) packages(v raw.Value, dst *Packages) error {
	return m.object(v, fields{
		"npm": value(&dst.Npm, list(name(0))), "python": value(&dst.Python, list(name(0))), "system": value(&dst.System, list(name(0))),
	})
}

func (m Mount) plugin(v raw.Value, dst *ArchiveParam) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	var kind string
	if err := oneOf(SourceInline)(v.Get("type"), &kind); err != nil {
		return err
	}
	return m.archive(v, dst)
}

// archive reads a plugin or skill that comes with its content.
func (m Mount) archive(v raw.Value, dst *ArchiveParam) error {
	if err := need(v, "name", "description", "source"); err != nil {
		return err
	}
	return m.object(v, fields{
		"type":        never,
		"name":        func(v raw.Value) error { return name(0)(v, &dst.Name) },
		"description": func(v raw.Value) error { return text(v, &dst.Description) },
		"source":      func(v raw.Value) error { return m.source(v, &dst.Data) },
	})
}

// source reads the bytes of a ZIP archive.
func (m Mount) source(v raw.Value, dst *[]byte) error {
	if err := need(v, "type", "media_type", "data"); err != nil {
		return err
	}
	var is string
	return m.object(v, fields{
		"type":       func(v raw.Value) error { return oneOf("base64")(v, &is) },
		"media_type": func(v raw.Value) error { return oneOf("application/zip")(v, &is) },
		"data":       func(v raw.Value) error { return v.Base64(dst) },
	})
}

func (m Mount) setupCommand(v raw.Value, dst *SetupCommand) error {
	if err := need(v, "command"); err != nil {
		return err
	}
	return m.object(v, fields{
		"command": func(v raw.Value) error { return name(0)(v, &dst.Command) },
		"cwd":     value(&dst.Cwd, directory),
	})
}

func (m Mount) skill(v raw.Value, dst *SkillParam) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	if err := oneOf(SourceSkill, SourceInline)(v.Get("type"), &dst.Type); err != nil {
		return err
	}
	if dst.Type == SourceInline {
		dst.Archive = &ArchiveParam{}
		return m.archive(v, dst.Archive)
	}
	if err := need(v, "skill_id"); err != nil {
		return err
	}
	return m.object(v, fields{
		"type":     never,
		"skill_id": func(v raw.Value) error { return name(maxID)(v, &dst.SkillID) },
		"version":  value(&dst.Version, pointer(skillVersion)),
	})
}

// skillVersion reads "latest" or a positive whole number.
func skillVersion(v raw.Value, dst *string) error {
	if err := name(0)(v, dst); err != nil {
		return err
	}
	if *dst != "latest" && (strings.Trim(*dst, "0123456789") != "" || (*dst)[0] == '0') {
		return invalid(v, "it must be 'latest' or a positive whole number.")
	}
	return nil
}
