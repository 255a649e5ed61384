package edge

import (
	"slices"
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/vault"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// vaultRoutes lists the operations on vaults and their credentials.
func (h *Handler) vaultRoutes() {
	if h.opts.Vaults == nil {
		return
	}
	const one, credentials = "/vaults/{vault}", "/vaults/{vault}/credentials"
	h.handleAgents("POST", "/vaults", identity.VaultWrite, h.createVault)
	h.handleAgents("GET", "/vaults", identity.VaultRead, h.listVaults)
	h.handleAgents("GET", one, identity.VaultRead, h.getVault)
	h.handleAgents("POST", one, identity.VaultWrite, h.updateVault)
	h.handleAgents("DELETE", one, identity.VaultWrite, h.deleteVault)
	h.handleAgents("POST", credentials, identity.VaultWrite, h.createCredential)
	h.handleAgents("GET", credentials, identity.VaultRead, h.listCredentials)
	h.handleAgents("GET", credentials+"/{credential}", identity.VaultRead, h.getCredential)
	h.handleAgents("POST", credentials+"/{credential}", identity.VaultWrite, h.updateCredential)
	h.handleAgents("DELETE", credentials+"/{credential}", identity.VaultWrite, h.deleteCredential)
}

func (h *Handler) createVault(c *call) error {
	change, err := c.vaultChange()
	if err != nil {
		return err
	}
	v, err := h.opts.Vaults.Create(c.r.Context(), c.who.Tenant.ID, change)
	if err != nil {
		return err
	}
	return c.answer(shownVault(v))
}

func (h *Handler) getVault(c *call) error {
	v, err := h.opts.Vaults.Get(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"))
	if err != nil {
		return err
	}
	return c.answer(shownVault(v))
}

func (h *Handler) updateVault(c *call) error {
	change, err := c.vaultChange()
	if err != nil {
		return err
	}
	v, err := h.opts.Vaults.Update(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), change)
	if err != nil {
		return err
	}
	return c.answer(shownVault(v))
}

func (h *Handler) deleteVault(c *call) error {
	id := c.r.PathValue("vault")
	if err := h.opts.Vaults.Delete(c.r.Context(), c.who.Tenant.ID, id); err != nil {
		return err
	}
	return c.answer(agents.Deleted{ID: id, Object: agents.ObjectVaultDeleted, Deleted: true})
}

func (h *Handler) listVaults(c *call) error {
	query, list, err := c.vaultList()
	if err != nil {
		return err
	}
	var page []vault.Vault
	more := false
	if listsActive(query) {
		if page, more, err = h.opts.Vaults.List(c.r.Context(), c.who.Tenant.ID, list); err != nil {
			return err
		}
	}
	return agentsList(c, page, more, shownVault, func(v agents.Vault) string { return v.ID })
}

func (h *Handler) createCredential(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	req, err := agents.DecodeCredential(c.body)
	if err != nil {
		return err
	}
	spec := vault.Spec{Name: req.Name.Value, Metadata: req.Metadata.Value, Auth: newAuth(req.Auth), Secrets: newSecrets(req.Auth)}
	made, err := h.opts.Vaults.CreateCredential(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), spec)
	if err != nil {
		return err
	}
	return c.answer(shownCredential(made))
}

func (h *Handler) getCredential(c *call) error {
	found, err := h.opts.Vaults.Credential(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), c.r.PathValue("credential"))
	if err != nil {
		return err
	}
	return c.answer(shownCredential(found))
}

func (h *Handler) updateCredential(c *call) error {
	if err := c.ensureBody(); err != nil {
		return err
	}
	req, err := agents.DecodeCredentialChange(c.body)
	if err != nil {
		return err
	}
	changed, err := h.opts.Vaults.UpdateCredential(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), c.r.PathValue("credential"),
		vault.Change{Metadata: replacement(req.Metadata)}, rotation(req.Auth))
	if err != nil {
		return err
	}
	return c.answer(shownCredential(changed))
}

func (h *Handler) deleteCredential(c *call) error {
	id := c.r.PathValue("credential")
	if err := h.opts.Vaults.DeleteCredential(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), id); err != nil {
		return err
	}
	return c.answer(agents.Deleted{ID: id, Object: agents.ObjectCredentialDeleted, Deleted: true})
}

func (h *Handler) listCredentials(c *call) error {
	query, list, err := c.vaultList()
	if err != nil {
		return err
	}
	if !listsActive(query) {
		list.Match = func(map[string]string) bool { return false } // the vault must exist all the same
	}
	page, more, err := h.opts.Vaults.Credentials(c.r.Context(), c.who.Tenant.ID, c.r.PathValue("vault"), list)
	if err != nil {
		return err
	}
	return agentsList(c, page, more, shownCredential, func(v agents.Credential) string { return v.ID })
}

// vaultChange reads a body that creates or changes a vault.
func (c *call) vaultChange() (vault.Change, error) {
	if err := c.ensureBody(); err != nil {
		return vault.Change{}, err
	}
	req, err := agents.DecodeVault(c.body)
	if err != nil {
		return vault.Change{}, err
	}
	change := vault.Change{Metadata: replacement(req.Metadata)}
	if req.Name.Set {
		change.Name = &req.Name.Value // null is the empty name
	}
	return change, nil
}

// replacement is the metadata to store: nil to leave what there is.
func replacement(given agents.Optional[map[string]string]) map[string]string {
	if given.Set && given.Value == nil {
		return map[string]string{}
	}
	return given.Value
}

// vaultList reads the page a list operation asks for.
func (c *call) vaultList() (agents.Query, vault.List, error) {
	query, err := c.agentsPage()
	list := vault.List{After: query.After, Ascending: query.Ascending, Limit: query.Limit}
	if len(query.Metadata) > 0 {
		list.Match = query.Matches
	}
	return query, list, err
}

// listsActive reports whether a list includes active resources. There are no
// others: nothing archives one, and what is deleted is gone.
func listsActive(query agents.Query) bool {
	return len(query.Statuses) == 0 || slices.Contains(query.Statuses, "active")
}

func shownVault(v vault.Vault) agents.Vault {
	return agents.Vault{ID: v.ID, Object: agents.ObjectVault, CreatedAt: v.Created.Unix(), Name: given(v.Name), Metadata: v.Metadata}
}

func shownCredential(v vault.Credential) agents.Credential {
	return agents.Credential{ID: v.ID, Object: agents.ObjectCredential, VaultID: v.VaultID, Name: v.Name, Auth: shownAuth(v.Auth),
		Metadata: v.Metadata, CreatedAt: v.Created.Unix(), UpdatedAt: v.Updated.Unix()}
}

// shownAuth is a credential's auth as the contract shows it: without secrets.
func shownAuth(a vault.Auth) any {
	switch a.Kind {
	case vault.Bearer:
		return agents.StaticBearer{Type: agents.AuthStaticBearer, MCPServerURL: a.ServerURL}
	case vault.Environment:
		networking := agents.Networking{Type: "unrestricted"}
		if a.AllowedHosts != nil {
			networking = agents.Networking{Type: "limited", AllowedHosts: a.AllowedHosts}
		}
		return agents.EnvironmentVariable{Type: agents.AuthEnvironment, SecretName: a.SecretName, Networking: networking}
	}
	shown := agents.MCPOAuth{Type: agents.AuthMCPOAuth, MCPServerURL: a.ServerURL}
	if !a.ExpiresAt.IsZero() {
		at := a.ExpiresAt.Format(time.RFC3339Nano)
		shown.ExpiresAt = &at
	}
	if r := a.Refresh; r != nil {
		shown.Refresh = &agents.OAuthRefresh{ClientID: r.ClientID, Resource: given(r.Resource), Scope: given(r.Scope),
			TokenEndpoint: r.TokenEndpoint, TokenEndpointAuth: agents.EndpointAuth{Type: string(r.ClientAuth)}}
	}
	return shown
}

// given is nil for the empty text, which the contract writes as null.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func newAuth(a *agents.AuthRequest) vault.Auth {
	auth := vault.Auth{Kind: vault.Kind(a.Type), ServerURL: a.ServerURL, ExpiresAt: a.ExpiresAt.Value, SecretName: a.SecretName, AllowedHosts: a.AllowedHosts}
	if r := a.Refresh; r != nil {
		auth.Refresh = &vault.Refresh{ClientID: r.ClientID, TokenEndpoint: r.TokenEndpoint, ClientAuth: vault.ClientAuth(r.Auth),
			Resource: r.Resource.Value, Scope: r.Scope.Value}
	}
	return auth
}

func newSecrets(a *agents.AuthRequest) vault.Secrets {
	secrets := vault.Secrets{Token: a.Token}
	if r := a.Refresh; r != nil {
		secrets.RefreshToken, secrets.ClientSecret = r.RefreshToken, r.ClientSecret
	}
	return secrets
}

// rotation is what a change of a credential's auth asks for; nil for no change.
func rotation(a *agents.AuthRequest) *vault.Rotation {
	if a == nil {
		return nil
	}
	r := &vault.Rotation{Kind: vault.Kind(a.Type), Secrets: newSecrets(a)}
	if a.ExpiresAt.Set {
		r.ExpiresAt = &a.ExpiresAt.Value // null forgets it, as the zero time does
	}
	if a.Refresh == nil {
		return r
	}
	r.Refresh, r.ClientAuth = true, vault.ClientAuth(a.Refresh.Auth)
	if a.Refresh.Scope.Set {
		r.Scope = &a.Refresh.Scope.Value // null asks for none, as the empty scope does
	}
	return r
}
