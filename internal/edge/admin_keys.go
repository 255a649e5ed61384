package edge

import (
	"time"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// keyView is a key as the admin API shows it.
type keyView struct {
	ID         string            `json:"id"`
	Tenant     string            `json:"tenant"`
	Name       string            `json:"name"`
	Kind       identity.KeyKind  `json:"kind"`
	Prefix     string            `json:"prefix"`
	Roles      []identity.Role   `json:"roles"`
	Scopes     []identity.Scope  `json:"scopes,omitempty"`
	CreatedAt  string            `json:"created_at"`
	ExpiresAt  string            `json:"expires_at,omitempty"`
	RevokedAt  string            `json:"revoked_at,omitempty"`
	LastUsedAt string            `json:"last_used_at,omitempty"`
	Limits     limitsView        `json:"limits"`
	Budgets    budgetsView       `json:"budgets"`
	Tags       map[string]string `json:"tags,omitempty"`
	// Token, AccessKeyID and SecretAccessKey are shown once, when issued.
	Token           string `json:"token,omitempty"`
	AccessKeyID     string `json:"access_key_id,omitempty"`
	SecretAccessKey string `json:"secret_access_key,omitempty"`
}

type limitsView struct {
	RequestsPerMinute int64 `json:"requests_per_minute,omitzero"`
	TokensPerMinute   int64 `json:"tokens_per_minute,omitzero"`
	Concurrent        int64 `json:"concurrent,omitzero"`
}

// budgetsView is in nano-USD, 1e-9 US dollars.
type budgetsView struct {
	DailyNanoUSD   int64 `json:"daily_nano_usd,omitzero"`
	MonthlyNanoUSD int64 `json:"monthly_nano_usd,omitzero"`
}

func viewKey(k identity.Key) keyView {
	return keyView{
		ID: k.ID, Tenant: k.TenantID, Name: k.Name, Kind: k.Kind, Prefix: k.Prefix, Roles: k.Roles, Scopes: k.Scopes,
		CreatedAt: instant(k.CreatedAt), ExpiresAt: instant(k.ExpiresAt), RevokedAt: instant(k.RevokedAt),
		LastUsedAt: instant(k.LastUsedAt), Limits: limitsView(k.Limits), Budgets: budgetsView(k.Budgets), Tags: k.Tags,
	}
}

func viewIssued(i identity.Issued) keyView {
	v := viewKey(i.Key)
	v.Token, v.AccessKeyID, v.SecretAccessKey = i.Token, i.AccessKeyID, i.SecretAccessKey
	return v
}

// newKey is the body of POST /admin/v1/keys.
type newKey struct {
	Tenant    string            `json:"tenant"`
	Name      string            `json:"name"`
	Kind      identity.KeyKind  `json:"kind"`
	Roles     []identity.Role   `json:"roles"`
	Scopes    []identity.Scope  `json:"scopes"`
	ExpiresAt time.Time         `json:"expires_at"`
	Limits    limitsView        `json:"limits"`
	Budgets   budgetsView       `json:"budgets"`
	Tags      map[string]string `json:"tags"`
}

func (h *Handler) adminListKeys(c *call) error {
	keys, err := h.opts.Directory.ListKeys(c.r.Context(), identity.CredentialFilter{TenantID: c.r.URL.Query().Get("tenant")})
	if err != nil {
		return err
	}
	out := list[keyView]{Data: []keyView{}}
	for _, k := range keys {
		out.Data = append(out.Data, viewKey(k))
	}
	return c.answer(out)
}

func (h *Handler) adminCreateKey(c *call) error {
	var body newKey
	if err := c.decode(&body); err != nil {
		return err
	}
	if !isText(body.Tenant) {
		return model.Errorf(model.NotFound, "tenant", "There is no tenant %q.", body.Tenant)
	}
	issued, err := h.opts.Directory.CreateKey(c.r.Context(), identity.KeySpec{
		TenantID: body.Tenant, Name: body.Name, Kind: body.Kind, Roles: body.Roles, Scopes: body.Scopes,
		ExpiresAt: body.ExpiresAt, Limits: identity.Limits(body.Limits), Budgets: identity.Budgets(body.Budgets), Tags: body.Tags,
	})
	if err != nil {
		return err
	}
	return c.answer(viewIssued(issued))
}

func (h *Handler) adminRotateKey(c *call) error {
	var body struct {
		// OverlapSeconds is how long the old key still works; default an hour.
		OverlapSeconds *int64 `json:"overlap_seconds"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	overlap := time.Hour
	if s := body.OverlapSeconds; s != nil {
		if *s < 0 || *s > 30*24*3600 {
			return model.Errorf(model.Invalid, "overlap_seconds", "overlap_seconds is %d; it must be from 0 to 2592000.", *s)
		}
		overlap = time.Duration(*s) * time.Second
	}
	issued, err := h.opts.Directory.RotateKey(c.r.Context(), c.r.PathValue("id"), overlap)
	if err != nil {
		return err
	}
	return c.answer(viewIssued(issued))
}

func (h *Handler) adminRevokeKey(c *call) error {
	key, err := h.opts.Directory.RevokeKey(c.r.Context(), c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.answer(viewKey(key))
}

// tenantView is a tenant as the admin API shows it.
type tenantView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	AccountID string `json:"account_id"`
	CreatedAt string `json:"created_at"`
	Disabled  bool   `json:"disabled"`
	Root      bool   `json:"root"`
	// Budgets bound what the tenant's keys may spend together.
	Budgets budgetsView `json:"budgets"`
}

func viewTenant(t identity.Tenant) tenantView {
	return tenantView{ID: t.ID, Name: t.Name, AccountID: t.AccountID, CreatedAt: instant(t.CreatedAt), Disabled: t.Disabled, Root: t.Root,
		Budgets: budgetsView(t.Budgets)}
}

func (h *Handler) adminListTenants(c *call) error {
	tenants, err := h.opts.Directory.ListTenants(c.r.Context(), identity.TenantFilter{})
	if err != nil {
		return err
	}
	out := list[tenantView]{Data: []tenantView{}}
	for _, t := range tenants {
		out.Data = append(out.Data, viewTenant(t))
	}
	return c.answer(out)
}

func (h *Handler) adminCreateTenant(c *call) error {
	var body struct {
		Name      string `json:"name"`
		AccountID string `json:"account_id"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	t, err := h.opts.Directory.CreateTenant(c.r.Context(), body.Name, body.AccountID)
	if err != nil {
		return err
	}
	return c.answer(viewTenant(t))
}

func (h *Handler) adminUpdateTenant(c *call) error {
	var body struct {
		Name     *string      `json:"name"`
		Disabled *bool        `json:"disabled"`
		Budgets  *budgetsView `json:"budgets"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	tenants, err := h.opts.Directory.ListTenants(c.r.Context(), identity.TenantFilter{})
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if t.ID != c.r.PathValue("id") {
			continue
		}
		if body.Name != nil {
			t.Name = *body.Name
		}
		if body.Disabled != nil {
			t.Disabled = *body.Disabled
		}
		if body.Budgets != nil {
			t.Budgets = identity.Budgets(*body.Budgets)
		}
		if t, err = h.opts.Directory.UpdateTenant(c.r.Context(), t); err != nil {
			return err
		}
		return c.answer(viewTenant(t))
	}
	return model.Errorf(model.NotFound, "tenant", "There is no tenant %q.", c.r.PathValue("id"))
}
