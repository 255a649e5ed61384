package agents

import (
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// VaultRequest creates or changes a vault. Names are trimmed.
type VaultRequest struct {
	Name     Optional[string]
	Metadata Optional[map[string]string]
}

// CredentialRequest creates or changes a credential. Auth is nil where it was
// left out. It holds secrets: keep it out of logs.
type CredentialRequest struct {
	Name     Optional[string]
	Metadata Optional[map[string]string]
	Auth     *AuthRequest
}

// AuthRequest is what a client says of a credential. Which members count is
// decided by Type; members of other types are ignored.
type AuthRequest struct {
	Type string
	// ServerURL is mcp_server_url.
	ServerURL string
	// Token is access_token, token or secret_value.
	Token     string
	ExpiresAt Optional[time.Time]
	Refresh   *RefreshRequest
	// SecretName is the environment variable's name.
	SecretName string
	// AllowedHosts is nil for unrestricted networking.
	AllowedHosts []string
}

// RefreshRequest is the member refresh of [AuthRequest].
type RefreshRequest struct {
	ClientID, TokenEndpoint, RefreshToken string
	Resource, Scope                       Optional[string]
	// Auth is how the client proves itself; empty where nothing was said.
	Auth         string
	ClientSecret string
}

// The types of [EndpointAuth].
const (
	ClientNone  = "none"
	ClientBasic = "client_secret_basic"
	ClientPost  = "client_secret_post"
)

// DecodeVault reads the body of a request that creates or changes a vault.
func DecodeVault(body []byte) (*VaultRequest, error) {
	var req VaultRequest
	if len(body) == 0 {
		return &req, nil
	}
	return &req, OpenAI.parse(body, fields{
		"name":     opt(&req.Name, trimmedName),
		"metadata": opt(&req.Metadata, metadata),
	})
}

// trimmedName reads the name of a vault or credential.
func trimmedName(v raw.Value, dst *string) error {
	if err := v.String(dst); err != nil {
		return err
	}
	*dst = strings.TrimSpace(*dst)
	if n := len(*dst); n < 1 || n > 256 {
		return invalid(v, "it has %d bytes without surrounding white space; it must have 1 to 256.", n)
	}
	return nil
}

// DecodeCredential reads the body of a request that creates a credential.
func DecodeCredential(body []byte) (*CredentialRequest, error) {
	v, err := raw.Parse(body, &style)
	if err == nil {
		err = need(v, "name", "auth")
	}
	if err != nil {
		return nil, err
	}
	return decodeCredential(v, createdAuth, nil)
}

// DecodeCredentialChange reads the body of a request that changes a credential.
// Members that are fixed when a credential is created are refused.
func DecodeCredentialChange(body []byte) (*CredentialRequest, error) {
	v, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	return decodeCredential(v, changedAuth, fields{"name": fixed})
}

// decodeCredential reads a credential whose auth is read by auth; extra takes
// the place of members' usual readers.
func decodeCredential(v raw.Value, auth func(v raw.Value, dst *AuthRequest) error, extra fields) (*CredentialRequest, error) {
	var req CredentialRequest
	f := fields{
		"name":     opt(&req.Name, trimmedName),
		"metadata": opt(&req.Metadata, metadata),
		"auth": value(&req.Auth, func(v raw.Value, dst **AuthRequest) error {
			*dst = &AuthRequest{}
			return auth(v, *dst)
		}),
	}
	for name, read := range extra {
		f[name] = read
	}
	return &req, OpenAI.object(v, f)
}

// fixed refuses a member that cannot be changed.
func fixed(v raw.Value) error {
	return v.Error("'%s' cannot be changed after the credential is created.", raw.Bracketed(v.Path())).
		WithHint("Create another credential.")
}

// authType reads which kind of credential v is.
func authType(v raw.Value, dst *AuthRequest) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	return oneOf(AuthMCPOAuth, AuthStaticBearer, AuthEnvironment)(v.Get("type"), &dst.Type)
}

// createdAuth reads the auth of a new credential.
func createdAuth(v raw.Value, dst *AuthRequest) error {
	if err := authType(v, dst); err != nil {
		return err
	}
	required := map[string][]string{
		AuthMCPOAuth:     {"access_token", "mcp_server_url"},
		AuthStaticBearer: {"token", "mcp_server_url"},
		AuthEnvironment:  {"secret_name", "secret_value", "networking"},
	}
	if err := need(v, required[dst.Type]...); err != nil {
		return err
	}
	return OpenAI.object(v, authFields(dst, createdRefresh))
}

// changedAuth reads the auth of a request that rotates a credential's secrets.
func changedAuth(v raw.Value, dst *AuthRequest) error {
	if err := authType(v, dst); err != nil {
		return err
	}
	required := map[string][]string{AuthStaticBearer: {"token"}, AuthEnvironment: {"secret_value"}}
	if err := need(v, required[dst.Type]...); err != nil {
		return err
	}
	f := authFields(dst, changedRefresh)
	for _, name := range []string{"mcp_server_url", "secret_name", "networking"} {
		f[name] = fixed
	}
	return OpenAI.object(v, f)
}

// authFields are the members of one type of credential.
func authFields(dst *AuthRequest, refresh func(v raw.Value, dst *RefreshRequest) error) fields {
	switch dst.Type {
	case AuthStaticBearer:
		return fields{"token": value(&dst.Token, secretText), "mcp_server_url": value(&dst.ServerURL, text)}
	case AuthEnvironment:
		return fields{
			"secret_name":  value(&dst.SecretName, text),
			"secret_value": value(&dst.Token, secretText),
			"networking":   value(&dst.AllowedHosts, networking),
		}
	}
	return fields{
		"access_token":   value(&dst.Token, secretText),
		"mcp_server_url": value(&dst.ServerURL, text),
		"expires_at":     opt(&dst.ExpiresAt, instant),
		"refresh": value(&dst.Refresh, func(v raw.Value, dst **RefreshRequest) error {
			*dst = &RefreshRequest{}
			return refresh(v, *dst)
		}),
	}
}

// secretText reads a secret, which must have content.
func secretText(v raw.Value, dst *string) error {
	if err := v.String(dst); err != nil {
		return err
	}
	if *dst == "" {
		return invalid(v, "it must not be empty.")
	}
	return nil
}

// instant reads an RFC 3339 timestamp.
func instant(v raw.Value, dst *time.Time) error {
	var s string
	if err := v.String(&s); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return invalid(v, "it must be an RFC 3339 timestamp such as \"2030-01-31T00:00:00Z\".")
	}
	*dst = at.UTC()
	return nil
}

func createdRefresh(v raw.Value, dst *RefreshRequest) error {
	if err := need(v, "client_id", "refresh_token", "token_endpoint", "token_endpoint_auth"); err != nil {
		return err
	}
	return OpenAI.object(v, refreshFields(dst, true))
}

func changedRefresh(v raw.Value, dst *RefreshRequest) error {
	f := refreshFields(dst, false)
	for _, name := range []string{"client_id", "token_endpoint", "resource"} {
		f[name] = fixed
	}
	return OpenAI.object(v, f)
}

func refreshFields(dst *RefreshRequest, created bool) fields {
	return fields{
		"client_id":      value(&dst.ClientID, text),
		"refresh_token":  value(&dst.RefreshToken, secretText),
		"token_endpoint": value(&dst.TokenEndpoint, text),
		"resource":       opt(&dst.Resource, text),
		"scope":          opt(&dst.Scope, scope),
		"token_endpoint_auth": value(dst, func(v raw.Value, dst *RefreshRequest) error {
			return endpointAuth(v, dst, created)
		}),
	}
}

func scope(v raw.Value, dst *string) error {
	if err := v.String(dst); err != nil {
		return err
	}
	if *dst = strings.TrimSpace(*dst); *dst == "" {
		return invalid(v, "it must name a scope; null sends none.")
	}
	return nil
}

// endpointAuth reads how the client proves itself, and with created requires
// the secret that goes with it.
func endpointAuth(v raw.Value, dst *RefreshRequest, created bool) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	if err := oneOf(ClientNone, ClientBasic, ClientPost)(v.Get("type"), &dst.Auth); err != nil {
		return err
	}
	if dst.Auth == ClientNone {
		if v.Get("client_secret").Given() {
			return model.Errorf(model.Invalid, v.Path()+".client_secret", "A client of type \"none\" has no secret.")
		}
		return nil
	}
	if created && !v.Get("client_secret").Given() {
		return v.Missing("client_secret")
	}
	return OpenAI.object(v, fields{"client_secret": value(&dst.ClientSecret, secretText)})
}

// networking reads where a secret may be sent; unrestricted leaves dst nil.
func networking(v raw.Value, dst *[]string) error {
	if err := need(v, "type"); err != nil {
		return err
	}
	var kind string
	if err := oneOf("unrestricted", "limited")(v.Get("type"), &kind); err != nil || kind == "unrestricted" {
		return err
	}
	if err := need(v, "allowed_hosts"); err != nil {
		return err
	}
	return texts(v.Get("allowed_hosts"), dst)
}
