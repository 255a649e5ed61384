package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/identity"
)

// table is the permission table as people read it: one row for each action,
// one column for each role.
const table = `
                 administrator operator developer approver auditor
model:invoke     yes           yes      yes       -        -
model:list       yes           yes      yes       yes      yes
key:read         yes           yes      -         -        yes
key:write        yes           -        -         -        -
tenant:read      yes           yes      -         -        yes
tenant:write     yes           -        -         -        -
usage:read       yes           yes      yes       -        yes
object:read      yes           yes      yes       -        yes
object:write     yes           yes      yes       -        -
session:read     yes           yes      yes       yes      yes
session:write    yes           yes      yes       -        -
approval:decide  yes           -        -         yes      -
config:write     yes           yes      -         -        -
vault:read       yes           yes      yes       -        yes
vault:write      yes           yes      yes       -        -
file:read        yes           yes      yes       -        yes
file:write       yes           yes      yes       -        -
agent:read       yes           yes      yes       yes      yes
agent:write      yes           yes      yes       -        -
`

func TestAllows(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(table), "\n")
	roles := strings.Fields(lines[0])
	if len(lines)-1 != len(identity.Actions()) || len(roles) != len(identity.Roles()) {
		t.Errorf("the table has %d actions and %d roles", len(lines)-1, len(roles))
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, role := range roles {
			if got := identity.Allows(identity.Role(role), identity.Action(cells[0])); got != (cells[i+1] == "yes") {
				t.Errorf("Allows(%s, %s) = %v", role, cells[0], got)
			}
		}
	}
	if identity.Allows("root", identity.ModelList) || identity.Allows(identity.Administrator, "world:end") {
		t.Error("an unknown role or action is allowed")
	}
}

func TestCan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		roles  []identity.Role
		scopes []identity.Scope
		action identity.Action
		want   bool
	}{
		{nil, nil, identity.ModelList, false},
		{nil, []identity.Scope{"*"}, identity.ModelList, false},
		{[]identity.Role{identity.Developer}, nil, identity.ModelInvoke, true},
		{[]identity.Role{identity.Developer}, []identity.Scope{"model:list"}, identity.ModelInvoke, false},
		{[]identity.Role{identity.Developer}, []identity.Scope{"model:*"}, identity.ModelInvoke, true},
		{[]identity.Role{identity.Developer}, []identity.Scope{"key:*"}, identity.KeyWrite, false},
		{[]identity.Role{identity.Approver, identity.Developer}, []identity.Scope{"*"}, identity.ApprovalDecide, true},
	} {
		p := identity.Principal{Roles: c.roles, Scopes: c.scopes}
		if got := p.Can(c.action); got != c.want {
			t.Errorf("%v with %v can %s: %v", c.roles, c.scopes, c.action, got)
		}
	}
	for _, bad := range []identity.Scope{"", "mod*", "model", "*:list", "model:*:x"} {
		if bad.Valid() {
			t.Errorf("the scope %q is valid", bad)
		}
	}
	_, ok := identity.FromContext(t.Context())
	p, there := identity.FromContext(identity.WithPrincipal(t.Context(), identity.Principal{KeyID: "k"}))
	if ok || !there || p.KeyID != "k" {
		t.Error(fmt.Sprint("context carries ", ok, there, p))
	}
}
