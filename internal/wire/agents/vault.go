package agents

// Vault is a vault as the contract shows it.
type Vault struct {
	ID        string            `json:"id"`
	Object    string            `json:"object"`
	CreatedAt int64             `json:"created_at"`
	Name      *string           `json:"name"`
	Metadata  map[string]string `json:"metadata"`
}

// Credential is a credential as the contract shows it: without its secrets.
type Credential struct {
	ID        string            `json:"id"`
	Object    string            `json:"object"`
	VaultID   string            `json:"vault_id"`
	Name      string            `json:"name"`
	Auth      any               `json:"auth"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt int64             `json:"created_at"`
	UpdatedAt int64             `json:"updated_at"`
}

// The names of resources in the member "object".
const (
	ObjectVault             = "vault"
	ObjectVaultDeleted      = "vault.deleted"
	ObjectCredential        = "vault.credential"
	ObjectCredentialDeleted = "vault.credential.deleted"
)

// The types of [Credential.Auth].
const (
	AuthMCPOAuth     = "mcp_oauth"
	AuthStaticBearer = "static_bearer"
	AuthEnvironment  = "environment_variable"
)

// MCPOAuth is [Credential.Auth] of type mcp_oauth.
type MCPOAuth struct {
	Type         string        `json:"type"`
	MCPServerURL string        `json:"mcp_server_url"`
	ExpiresAt    *string       `json:"expires_at"`
	Refresh      *OAuthRefresh `json:"refresh"`
}

// OAuthRefresh says how a new access token is asked for.
type OAuthRefresh struct {
	ClientID          string       `json:"client_id"`
	Resource          *string      `json:"resource"`
	Scope             *string      `json:"scope"`
	TokenEndpoint     string       `json:"token_endpoint"`
	TokenEndpointAuth EndpointAuth `json:"token_endpoint_auth"`
}

// EndpointAuth names how a client proves itself to a token endpoint.
type EndpointAuth struct {
	Type string `json:"type"`
}

// StaticBearer is [Credential.Auth] of type static_bearer.
type StaticBearer struct {
	Type         string `json:"type"`
	MCPServerURL string `json:"mcp_server_url"`
}

// EnvironmentVariable is [Credential.Auth] of type environment_variable.
type EnvironmentVariable struct {
	Type       string     `json:"type"`
	SecretName string     `json:"secret_name"`
	Networking Networking `json:"networking"`
}

// Networking says where a secret may be sent: anywhere, or to AllowedHosts.
type Networking struct {
	Type         string   `json:"type"`
	AllowedHosts []string `json:"allowed_hosts,omitempty"`
}
