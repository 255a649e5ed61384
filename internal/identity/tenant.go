package identity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/craton-ai/craton/internal/model"
)

// CreateTenant makes a tenant. An empty account id means a random one. The
// caller needs [TenantWrite] in the root tenant.
func (d *Directory) CreateTenant(ctx context.Context, name, accountID string) (Tenant, error) {
	p, _, err := d.caller(ctx, TenantWrite, "")
	if err != nil {
		return Tenant{}, err
	}
	if !p.Tenant.Root {
		return Tenant{}, Fault(ErrForbidden, string(TenantWrite), "Only administrators of the installation create tenants.")
	}
	t, err := d.newTenant(name, accountID)
	if err != nil {
		return Tenant{}, err
	}
	if err := d.config.Store.Write(ctx, Change{Tenants: []Tenant{t}}); err != nil {
		return Tenant{}, err
	}
	t.Version = 1
	return t, nil
}

// UpdateTenant changes Name, AccountID, Disabled and Budgets of the tenant with
// tenant.ID whose stored version is tenant.Version; the rest is kept. The root
// tenant cannot be disabled. The caller needs [TenantWrite] in the root
// tenant.
func (d *Directory) UpdateTenant(ctx context.Context, tenant Tenant) (Tenant, error) {
	p, tenantID, err := d.caller(ctx, TenantWrite, tenant.ID)
	if err != nil {
		return Tenant{}, err
	}
	if !p.Tenant.Root {
		return Tenant{}, Fault(ErrForbidden, string(TenantWrite), "Only administrators of the installation change tenants.")
	}
	stored, err := d.tenant(ctx, tenantID)
	if err != nil {
		return Tenant{}, err
	}
	if stored.Root && tenant.Disabled {
		return Tenant{}, Fault(ErrInvalid, "disabled", "The root tenant cannot be disabled: nobody could enable it again.")
	}
	stored.Name, stored.AccountID = tenant.Name, tenant.AccountID
	stored.Disabled, stored.Version = tenant.Disabled, tenant.Version
	stored.Budgets = tenant.Budgets
	if err := stored.check(); err != nil {
		return Tenant{}, err
	}
	if stored.Version < 1 {
		return Tenant{}, Fault(ErrInvalid, "version", "Give the version of the tenant that you read.")
	}
	if err := d.config.Store.Write(ctx, Change{Tenants: []Tenant{stored}}); err != nil {
		return Tenant{}, err
	}
	d.forget(stored.ID, "")
	stored.Version++
	return stored, nil
}

// ListTenants returns tenants ordered by id: all of them for the root tenant,
// else the caller's own. The caller needs [TenantRead].
func (d *Directory) ListTenants(ctx context.Context, filter TenantFilter) ([]Tenant, error) {
	p, _, err := d.caller(ctx, TenantRead, "")
	if err != nil {
		return nil, err
	}
	if !p.Tenant.Root {
		if filter.ID != "" && filter.ID != p.Tenant.ID {
			return nil, nil
		}
		filter.ID = p.Tenant.ID
	}
	return d.config.Store.Tenants(ctx, filter)
}

// tenant returns one tenant, or ErrNotFound.
func (d *Directory) tenant(ctx context.Context, id string) (Tenant, error) {
	found, err := d.config.Store.Tenants(ctx, TenantFilter{ID: id, Limit: 1})
	if err != nil {
		return Tenant{}, err
	}
	if id == "" || len(found) == 0 {
		return Tenant{}, Fault(ErrNotFound, id, "There is no tenant %q.", id)
	}
	return found[0], nil
}

// newTenant makes a tenant that is not stored yet.
func (d *Directory) newTenant(name, accountID string) (Tenant, error) {
	id, err := d.newID("tnt_")
	if err != nil {
		return Tenant{}, err
	}
	if accountID == "" {
		b, err := d.bytes(8)
		if err != nil {
			return Tenant{}, err
		}
		accountID = fmt.Sprintf("%012d", binary.BigEndian.Uint64(b)%1_000_000_000_000)
	}
	t := Tenant{ID: id, Name: name, AccountID: accountID, CreatedAt: d.now()}
	return t, t.check()
}

func (t Tenant) check() error {
	if strings.TrimSpace(t.Name) == "" {
		return Fault(ErrInvalid, "name", "A tenant needs a name.")
	}
	if len(t.AccountID) != 12 || strings.Trim(t.AccountID, "0123456789") != "" {
		return Fault(ErrInvalid, "account_id", "An account id has 12 digits; %q does not.", t.AccountID)
	}
	return checkName(t.Name, "name")
}

// Bootstrap makes the root tenant and its first administrator's two
// credentials, a bearer token and an AWS pair, unless the tenant exists.
// Credentials that the preset names are issued whenever they are missing, so
// that a changed preset works after a restart; one that belongs to another
// tenant, was revoked or differs in its secret is an error. It is safe when
// several processes start at once.
func (d *Directory) Bootstrap(ctx context.Context, preset Preset) (Bootstrapped, error) {
	if err := preset.check(); err != nil {
		return Bootstrapped{}, err
	}
	out, err := d.bootstrap(ctx, preset)
	if errors.Is(err, ErrConflict) {
		// Another process did the same at the same moment: take what it made.
		out, err = d.bootstrap(ctx, preset)
	}
	return out, err
}

func (d *Directory) bootstrap(ctx context.Context, preset Preset) (Bootstrapped, error) {
	name := preset.TenantName
	if name == "" {
		name = "default"
	}
	root, err := d.root(ctx)
	if err != nil {
		return Bootstrapped{}, err
	}
	out := Bootstrapped{Tenant: root}
	var change Change
	if root.ID == "" {
		if out.Tenant, err = d.newTenant(name, preset.AccountID); err != nil {
			return Bootstrapped{}, err
		}
		out.Created, out.Tenant.Root = true, true
		change.Tenants = []Tenant{out.Tenant}
	}
	for _, kind := range []KeyKind{KindBearer, KindAWS} {
		issued, credential, err := d.bootstrapKey(ctx, out, kind, preset)
		if err != nil {
			return Bootstrapped{}, err
		}
		if issued == nil {
			continue
		}
		if kind == KindBearer {
			out.Bearer = issued
		} else {
			out.AWS = issued
		}
		change.Credentials = append(change.Credentials, credential)
	}
	if len(change.Tenants)+len(change.Credentials) > 0 {
		if err := d.write(ctx, change); err != nil {
			return Bootstrapped{}, err
		}
	}
	if out.Created {
		out.Tenant.Version = 1
	}
	return out, nil
}

// Recover issues a further administrator's bearer token and AWS pair for the
// root tenant. It is for an operator who holds the store and lost every
// credential; no caller is asked for. Without a root tenant it answers
// [ErrNotFound].
func (d *Directory) Recover(ctx context.Context) (bearer, aws Issued, err error) {
	root, err := d.root(ctx)
	if err != nil {
		return Issued{}, Issued{}, err
	}
	if root.ID == "" {
		return Issued{}, Issued{}, Fault(ErrNotFound, "root", "There is no root tenant yet: the first start makes it and its administrator.")
	}
	var made [2]Issued
	var change Change
	for i, kind := range []KeyKind{KindBearer, KindAWS} {
		key, err := d.newKey(KeySpec{TenantID: root.ID, Name: "recovered administrator", Kind: kind, Roles: []Role{Administrator}})
		if err != nil {
			return Issued{}, Issued{}, err
		}
		issued, credential, err := d.issue(key, "", "", "")
		if err != nil {
			return Issued{}, Issued{}, err
		}
		made[i], change.Credentials = issued, append(change.Credentials, credential)
	}
	return made[0], made[1], d.write(ctx, change)
}

// root returns the root tenant, or the zero Tenant if there is none.
func (d *Directory) root(ctx context.Context) (Tenant, error) {
	found, err := d.config.Store.Tenants(ctx, TenantFilter{Root: true, Limit: 1})
	if err != nil || len(found) == 0 {
		return Tenant{}, err
	}
	return found[0], nil
}

// bootstrapKey returns the administrator's credential of a kind if it is to be
// issued, else nil.
func (d *Directory) bootstrapKey(ctx context.Context, b Bootstrapped, kind KeyKind, preset Preset) (*Issued, Credential, error) {
	token, accessKeyID, secret := preset.APIKey, "", ""
	lookup := ""
	if kind == KindAWS {
		token, accessKeyID, secret = "", preset.AccessKeyID, preset.SecretAccessKey
		lookup = accessKeyID
	} else if token != "" {
		lookup = tokenLookup(token)
	}
	if lookup != "" {
		found, err := d.config.Store.Credentials(ctx, CredentialFilter{Lookup: lookup, Limit: 1})
		if err != nil {
			return nil, Credential{}, err
		}
		if len(found) > 0 {
			return nil, Credential{}, d.checkPreset(b.Tenant, found[0], secret)
		}
	} else if !b.Created {
		return nil, Credential{}, nil
	}
	key, err := d.newKey(KeySpec{
		TenantID: b.Tenant.ID, Name: "first administrator", Kind: kind, Roles: []Role{Administrator},
	})
	if err != nil {
		return nil, Credential{}, err
	}
	issued, credential, err := d.issue(key, token, accessKeyID, secret)
	return &issued, credential, err
}

// checkPreset refuses a preset credential that is stored but would not work as
// the operator expects: starting with it would only fail later, and obscurely.
func (d *Directory) checkPreset(root Tenant, c Credential, secret string) error {
	switch {
	case c.TenantID != root.ID:
		return Fault(ErrConflict, c.ID, "The preset credential %s… belongs to another tenant.", c.Prefix)
	case !c.UsableAt(d.now()):
		return Fault(ErrConflict, c.ID, "The preset credential %s… was revoked or has expired: preset another one.", c.Prefix)
	}
	if c.Kind == KindAWS {
		stored, err := d.config.Sealer.Open(c.TenantID, purposeSecretKey, c.Sealed)
		if err != nil {
			return fmt.Errorf("identity: open the secret of key %s: %w", c.ID, err)
		}
		if string(stored) != secret {
			return Fault(ErrConflict, c.ID, "The preset access key %s exists with another secret: preset another access key id.", c.Prefix)
		}
	}
	return nil
}

func (p Preset) check() error {
	if p.APIKey != "" && (len(p.APIKey) < MinPresetToken || strings.ContainsFunc(p.APIKey, func(r rune) bool { return r <= ' ' || r > '~' })) {
		return (&model.Error{
			Kind: model.Invalid, Subject: "CRATON_API_KEY", Err: ErrInvalid,
			Message: fmt.Sprintf("A preset API key needs at least %d printable characters without spaces.", MinPresetToken),
		}).WithHint("Leave it out to have one generated.")
	}
	if (p.AccessKeyID == "") != (p.SecretAccessKey == "") {
		return Fault(ErrInvalid, "CRATON_ACCESS_KEY_ID", "Preset both the access key id and the secret access key, or neither.")
	}
	if p.AccessKeyID != "" && (len(p.AccessKeyID) < 16 || len(p.AccessKeyID) > 128 || len(p.SecretAccessKey) < MinPresetToken ||
		strings.ContainsFunc(p.AccessKeyID, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ',' })) {
		return Fault(ErrInvalid, "CRATON_ACCESS_KEY_ID",
			"A preset access key id has 16 to 128 printable characters without '/' or ',', its secret at least %d.", MinPresetToken)
	}
	return nil
}
