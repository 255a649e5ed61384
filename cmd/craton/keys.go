package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// key is a credential as the admin API shows it.
type key struct {
	ID              string   `json:"id"`
	Tenant          string   `json:"tenant"`
	Name            string   `json:"name"`
	Kind            string   `json:"kind"`
	Prefix          string   `json:"prefix"`
	Roles           []string `json:"roles"`
	ExpiresAt       string   `json:"expires_at"`
	RevokedAt       string   `json:"revoked_at"`
	LastUsedAt      string   `json:"last_used_at"`
	Token           string   `json:"token"`
	AccessKeyID     string   `json:"access_key_id"`
	SecretAccessKey string   `json:"secret_access_key"`
	Limits          struct {
		RPM        int64 `json:"requests_per_minute"`
		TPM        int64 `json:"tokens_per_minute"`
		Concurrent int64 `json:"concurrent"`
	} `json:"limits"`
	Budgets struct {
		Daily   int64 `json:"daily_nano_usd"`
		Monthly int64 `json:"monthly_nano_usd"`
	} `json:"budgets"`
	Tags map[string]string `json:"tags"`
}

// bounds says what holds the key, in the words of the flags that set it.
func (k key) bounds() string {
	var list []string
	add := func(format string, n int64, value any) {
		if n > 0 {
			list = append(list, fmt.Sprintf(format, value))
		}
	}
	add("rpm %d", k.Limits.RPM, k.Limits.RPM)
	add("tpm %d", k.Limits.TPM, k.Limits.TPM)
	add("parallel %d", k.Limits.Concurrent, k.Limits.Concurrent)
	add("daily $%.2f", k.Budgets.Daily, float64(k.Budgets.Daily)/1e9)
	add("monthly $%.2f", k.Budgets.Monthly, float64(k.Budgets.Monthly)/1e9)
	return orDash(strings.Join(list, ", "))
}

// labels lists the key's tags.
func (k key) labels() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(k.Tags)) {
		list = append(list, name+"="+k.Tags[name])
	}
	return orDash(strings.Join(list, ", "))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

type keysCommand struct {
	Create keysCreate `cmd:"" help:"Create a key and print its secret once."`
	List   keysList   `cmd:"" help:"List keys."`
	Revoke keysRevoke `cmd:"" help:"Stop a key at once."`
	Rotate keysRotate `cmd:"" help:"Issue a new secret; the old one still works for a while."`

	Recover keysRecover `cmd:"" help:"Issue new administrator's credentials in the data directory of a stopped server."`
}

type keysCreate struct {
	remote
	Name     string            `arg:"" optional:"" help:"What the key is for."`
	AWS      bool              `help:"An AWS access key instead of a bearer key." name:"aws"`
	Tenant   string            `help:"Tenant id; default your own."`
	Role     []string          `help:"Roles: administrator, operator, developer, approver, auditor." default:"developer"`
	Scope    []string          `help:"Narrow the roles to these actions, such as model:invoke."`
	Expires  time.Duration     `help:"Lifetime, such as 720h; 0 for ever."`
	RPM      int64             `help:"Requests per minute." name:"rpm"`
	TPM      int64             `help:"Tokens per minute." name:"tpm"`
	Parallel int64             `help:"Requests in flight."`
	Daily    float64           `help:"Daily budget in US dollars."`
	Monthly  float64           `help:"Monthly budget in US dollars."`
	Tag      map[string]string `help:"Tags kept with the key's usage."`
}

// Run creates the key.
func (c keysCreate) Run(ctx context.Context, s streams) error {
	body := map[string]any{
		"name": c.Name, "tenant": c.Tenant, "roles": c.Role, "scopes": c.Scope, "tags": c.Tag, "kind": "bearer",
		"limits":  map[string]int64{"requests_per_minute": c.RPM, "tokens_per_minute": c.TPM, "concurrent": c.Parallel},
		"budgets": map[string]int64{"daily_nano_usd": int64(c.Daily * 1e9), "monthly_nano_usd": int64(c.Monthly * 1e9)},
	}
	if c.AWS {
		body["kind"] = "aws"
	}
	if c.Expires > 0 {
		body["expires_at"] = time.Now().Add(c.Expires).UTC().Format(time.RFC3339)
	}
	var k key
	if err := c.call(ctx, http.MethodPost, "/admin/v1/keys", body, &k); err != nil {
		return err
	}
	if c.Daily > 0 || c.Monthly > 0 {
		fmt.Fprintln(s.out, "# Its budget holds for models whose price is known; `craton models show` tells, and `prices` in the configuration sets one.")
	}
	return printIssued(s, k)
}

// printIssued shows a new secret in the form the clients' environments take.
func printIssued(s streams, k key) error {
	var err error
	if k.Token != "" {
		_, err = fmt.Fprintf(s.out, "# %s, shown once\nCRATON_API_KEY=%s\n", k.ID, k.Token)
	} else {
		_, err = fmt.Fprintf(s.out, "# %s, shown once\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", k.ID, k.AccessKeyID, k.SecretAccessKey)
	}
	return err
}

type keysList struct {
	remote
	Tenant string `help:"Tenant id; default your own."`
}

// Run prints a table of keys.
func (c keysList) Run(ctx context.Context, s streams) error {
	var keys struct {
		Data []key `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/keys?tenant="+url.QueryEscape(c.Tenant), nil, &keys); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tKIND\tCREDENTIAL\tROLES\tBOUNDS\tTAGS\tLAST USED\tSTATE")
	for _, k := range keys.Data {
		state := "active"
		switch {
		case k.RevokedAt != "":
			state = "revoked " + k.RevokedAt
		case k.ExpiresAt != "":
			state = "until " + k.ExpiresAt
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, orDash(k.Name), k.Kind, k.Prefix, strings.Join(k.Roles, ","), k.bounds(), k.labels(),
			orDash(k.LastUsedAt), state)
	}
	return w.Flush()
}

type keysRevoke struct {
	remote
	ID string `arg:"" help:"Key id (key_…)."`
}

// Run revokes the key.
func (c keysRevoke) Run(ctx context.Context, s streams) error {
	var k key
	if err := c.call(ctx, http.MethodDelete, "/admin/v1/keys/"+url.PathEscape(c.ID), nil, &k); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s is revoked.\n", k.ID)
	return err
}

type keysRotate struct {
	remote
	ID      string        `arg:"" help:"Key id (key_…)."`
	Overlap time.Duration `help:"How long the old secret still works." default:"1h"`
}

// Run rotates the key.
func (c keysRotate) Run(ctx context.Context, s streams) error {
	var k key
	body := map[string]int64{"overlap_seconds": int64(c.Overlap / time.Second)}
	if err := c.call(ctx, http.MethodPost, "/admin/v1/keys/"+url.PathEscape(c.ID)+"/rotate", body, &k); err != nil {
		return err
	}
	return printIssued(s, k)
}

type tenant struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	AccountID string `json:"account_id"`
	Disabled  bool   `json:"disabled"`
	Root      bool   `json:"root"`
}

type tenantsCommand struct {
	Create  tenantsCreate  `cmd:"" help:"Create a tenant."`
	List    tenantsList    `cmd:"" help:"List tenants."`
	Disable tenantsDisable `cmd:"" help:"Stop every credential of a tenant."`
	Enable  tenantsEnable  `cmd:"" help:"Let a disabled tenant work again."`
}

type tenantsCreate struct {
	remote
	Name    string `arg:"" help:"Its name."`
	Account string `help:"12-digit account id; default a random one."`
}

// Run creates the tenant.
func (c tenantsCreate) Run(ctx context.Context, s streams) error {
	var t tenant
	body := map[string]string{"name": c.Name, "account_id": c.Account}
	if err := c.call(ctx, http.MethodPost, "/admin/v1/tenants", body, &t); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s %s (account %s)\nCreate its first key: craton keys create --tenant %s --role administrator\n", t.ID, t.Name, t.AccountID, t.ID)
	return err
}

type tenantsList struct{ remote }

// Run prints a table of tenants.
func (c tenantsList) Run(ctx context.Context, s streams) error {
	var tenants struct {
		Data []tenant `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/admin/v1/tenants", nil, &tenants); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tACCOUNT\tSTATE")
	for _, t := range tenants.Data {
		state := "active"
		if t.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.ID, t.Name, t.AccountID, state)
	}
	return w.Flush()
}

type tenantsDisable struct {
	remote
	ID string `arg:"" help:"Tenant id (tnt_…)."`
}

// Run disables the tenant.
func (c tenantsDisable) Run(ctx context.Context, s streams) error {
	return setDisabled(ctx, s, c.remote, c.ID, true)
}

type tenantsEnable struct {
	remote
	ID string `arg:"" help:"Tenant id (tnt_…)."`
}

// Run enables the tenant.
func (c tenantsEnable) Run(ctx context.Context, s streams) error {
	return setDisabled(ctx, s, c.remote, c.ID, false)
}

func setDisabled(ctx context.Context, s streams, srv remote, id string, disabled bool) error {
	var t tenant
	body := map[string]bool{"disabled": disabled}
	if err := srv.call(ctx, http.MethodPatch, "/admin/v1/tenants/"+url.PathEscape(id), body, &t); err != nil {
		return err
	}
	state := "enabled"
	if t.Disabled {
		state = "disabled"
	}
	_, err := fmt.Fprintf(s.out, "%s is %s.\n", t.Name, state)
	return err
}
