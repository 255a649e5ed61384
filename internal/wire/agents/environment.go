package agents

import "github.com/go-json-experiment/json/jsontext"

// The types of environments.
const (
	EnvironmentNone       = "none"
	EnvironmentHosted     = "openai_hosted"
	EnvironmentSelfHosted = "self_hosted"
	// EnvironmentAgentCore is Amazon's only.
	EnvironmentAgentCore = "aws_bedrock_agentcore"
)

// The names of environments and what belongs to them in the member "object".
const (
	ObjectEnvironment     = "agent.environment"
	ObjectEnvironmentFile = "agent.environment.file"
	ObjectTemplate        = "agent.environment.template"
	ObjectTemplateDeleted = "agent.environment.template.deleted"
)

// The types of files, plugins and skills.
const (
	SourceFileID = "file_id"
	SourceInline = "inline"
	SourceSkill  = "skill_reference"
)

// HostedWorkspace is where hosted environments keep what the agent works on.
const HostedWorkspace = "/workspace"

// EnvironmentInfo is an environment as its own operations show it.
type EnvironmentInfo struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Type   string `json:"type"`
	// Status is "pending", "ready", "connected", "disconnected", "suspended",
	// "expired" or "failed".
	Status  string   `json:"status"`
	Files   []any    `json:"files"`
	Plugins []Plugin `json:"plugins"`
	Skills  []Skill  `json:"skills"`
}

// SessionEnvironment is the environment of a session as the session shows it.
// Which members count is said by Type.
type SessionEnvironment struct {
	Type string `json:"type"`
	ID   string `json:"id,omitzero"`
	// RemoteURL is where a machine of the client's connects: empty where it
	// cannot, nil for environments of other types.
	RemoteURL             *string   `json:"remote_url,omitzero"`
	WorkspaceDirectory    string    `json:"workspace_directory,omitzero"`
	CapabilityDirectories *[]string `json:"capability_directories,omitzero"`
	// RuntimeARN and RuntimeQualifier are Amazon's.
	RuntimeARN       string `json:"runtime_arn,omitzero"`
	RuntimeQualifier string `json:"runtime_qualifier,omitzero"`
}

// EnvironmentState is an environment as events show it.
type EnvironmentState struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Status string `json:"status"`
	// Error is nil unless it failed.
	Error *EnvironmentError `json:"error"`
}

// EnvironmentError says why an environment failed.
type EnvironmentError struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// EnvironmentFile is a file of an environment.
type EnvironmentFile struct {
	EnvironmentID string `json:"environment_id"`
	Object        string `json:"object"`
	Path          string `json:"path"`
	SizeBytes     int64  `json:"size_bytes"`
}

// FilePage is a list of files, which is paged by a token.
type FilePage struct {
	Object  string            `json:"object"`
	Data    []EnvironmentFile `json:"data"`
	HasMore bool              `json:"has_more"`
	// Next is the token of the next page; nil on the last one.
	Next *string `json:"next"`
}

// Template is what environments are set up from, as the contract shows it.
type Template struct {
	ID                    string         `json:"id"`
	Object                string         `json:"object"`
	CreatedAt             int64          `json:"created_at"`
	UpdatedAt             int64          `json:"updated_at"`
	Name                  *string        `json:"name"`
	CapabilityDirectories []string       `json:"capability_directories"`
	Files                 []TemplateFile `json:"files"`
	Network               Network        `json:"network"`
	Packages              Packages       `json:"packages"`
	Plugins               []Plugin       `json:"plugins"`
	Skills                []Skill        `json:"skills"`
	Desktop               Desktop        `json:"desktop"`
}

// TemplateFile is a file of a template, without its content.
type TemplateFile struct {
	Type      string `json:"type"`
	Path      string `json:"path"`
	FileID    string `json:"file_id,omitzero"`
	SizeBytes *int64 `json:"size_bytes,omitzero"`
}

// Network is what an environment may reach.
type Network struct {
	// Access is "enabled", "disabled" or "restricted".
	Access         string   `json:"access"`
	AllowedDomains []string `json:"allowed_domains"`
}

// Packages are what is installed in an environment.
type Packages struct {
	Npm    []string `json:"npm"`
	Python []string `json:"python"`
	System []string `json:"system"`
}

// Plugin is a plugin of an environment, without its archive.
type Plugin struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Skill is a skill of an environment: a reference, or one given inline without
// its archive.
type Skill struct {
	Type    string `json:"type"`
	SkillID string `json:"skill_id,omitzero"`
	Name    string `json:"name,omitzero"`
	// Description is nil for references.
	Description *string `json:"description,omitzero"`
	// Version is set for references: a JSON string, or null where none was
	// chosen.
	Version jsontext.Value `json:"version,omitzero"`
}

// Desktop says whether an environment has one.
type Desktop struct {
	Enabled bool `json:"enabled"`
}

// EnvironmentParam is the environment a session asks for. The member of its
// type is set; "none" has none.
type EnvironmentParam struct {
	Type       string
	Hosted     *HostedParam
	SelfHosted *SelfHostedParam
	AgentCore  *AgentCoreParam
}

// HostedParam asks for an environment that this server hosts.
type HostedParam struct {
	// EnvironmentID names one that exists; everything else is then empty.
	EnvironmentID string
	// TemplateID names what Setup adds to; empty for nothing.
	TemplateID string
	// ContainerSize is "small", "medium" or "large"; empty means medium.
	ContainerSize string
	Setup         HostedSetup
}

// SelfHostedParam asks for an environment that the client hosts.
type SelfHostedParam struct {
	// WorkspaceDirectory is an absolute path there.
	WorkspaceDirectory    string
	CapabilityDirectories []string
}

// AgentCoreParam asks for an environment in Amazon's AgentCore runtime.
type AgentCoreParam struct {
	RuntimeARN, RuntimeQualifier string
	WorkspaceDirectory           string
	CapabilityDirectories        []string
}

// HostedSetup is what a hosted environment is set up with. Env, SetupCommands
// and the content of files and archives are never shown.
type HostedSetup struct {
	CapabilityDirectories Optional[[]string]
	Desktop               Optional[Desktop]
	Env                   Optional[map[string]string]
	Files                 Optional[[]FileParam]
	Network               Optional[NetworkParam]
	Packages              Optional[Packages]
	Plugins               Optional[[]ArchiveParam]
	SetupCommands         Optional[[]SetupCommand]
	Skills                Optional[[]SkillParam]
}

// Confidential reports whether something is set that is not all shown.
func (s *HostedSetup) Confidential() bool {
	return s.Env.Set || s.Files.Set || s.Plugins.Set || s.SetupCommands.Set || s.Skills.Set
}

// FileParam is a file to put into an environment: one that was uploaded, or one
// given with its content.
type FileParam struct {
	Type   string
	FileID string
	Data   []byte
	Path   string
}

// NetworkParam is what an environment shall be able to reach.
type NetworkParam struct {
	Access                         string
	AllowedDomains, BlockedDomains []string
}

// ArchiveParam is a plugin or a skill given as a ZIP archive.
type ArchiveParam struct {
	Name, Description string
	Data              []byte
}

// SkillParam is a skill: a reference, or an archive.
type SkillParam struct {
	Type    string
	SkillID string
	// Version is nil for the default one.
	Version *string
	Archive *ArchiveParam
}

// SetupCommand is run before the agent starts.
type SetupCommand struct {
	Command string
	// Cwd is an absolute path; empty means [HostedWorkspace].
	Cwd string
}

// EnvironmentCreate is the request for an environment ahead of sessions.
type EnvironmentCreate struct {
	Environment EnvironmentParam
	VaultIDs    []string
}

// TemplateFields are the settings of a template as a request gives them. A
// member that was left out keeps what is; null asks for the default.
type TemplateFields struct {
	Name  Optional[string]
	Setup HostedSetup
}
