package identity

import (
	"slices"
	"strings"
)

// Role names a set of actions. Roles are given to keys and, later, to users.
type Role string

// The roles, from most to least powerful.
const (
	// Administrator may do everything inside its tenant, keys included.
	Administrator Role = "administrator"
	// Operator runs the installation: configuration and usage, no keys.
	Operator Role = "operator"
	// Developer builds on models, objects and sessions.
	Developer Role = "developer"
	// Approver reads sessions and decides the approvals they wait for.
	Approver Role = "approver"
	// Auditor reads everything and changes nothing.
	Auditor Role = "auditor"
)

// Roles returns every role, most powerful first. The slice is the caller's.
func Roles() []Role {
	return []Role{Administrator, Operator, Developer, Approver, Auditor}
}

// Valid reports whether r is one of [Roles].
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Action is something a caller may be allowed to do, written "subject:verb".
type Action string

// The actions that checks name. New ones are added to [Actions] and to
// [Allows] in the same commit.
const (
	ModelInvoke    Action = "model:invoke"
	ModelList      Action = "model:list"
	KeyRead        Action = "key:read"
	KeyWrite       Action = "key:write"
	TenantRead     Action = "tenant:read"
	TenantWrite    Action = "tenant:write"
	UsageRead      Action = "usage:read"
	ObjectRead     Action = "object:read"
	ObjectWrite    Action = "object:write"
	SessionRead    Action = "session:read"
	SessionWrite   Action = "session:write"
	ApprovalDecide Action = "approval:decide"
	VaultRead      Action = "vault:read"
	VaultWrite     Action = "vault:write"
	FileRead       Action = "file:read"
	FileWrite      Action = "file:write"
	AgentRead      Action = "agent:read"
	AgentWrite     Action = "agent:write"
	ConfigWrite    Action = "config:write"
)

// Actions returns every action. The slice is the caller's.
func Actions() []Action {
	return []Action{
		ModelInvoke, ModelList, KeyRead, KeyWrite, TenantRead, TenantWrite, UsageRead,
		ObjectRead, ObjectWrite, SessionRead, SessionWrite, ApprovalDecide, ConfigWrite,
		VaultRead, VaultWrite, FileRead, FileWrite, AgentRead, AgentWrite,
	}
}

// Allows reports whether the role includes the action. It is the whole
// permission table; an unknown role or action is never allowed.
func Allows(role Role, action Action) bool {
	if !slices.Contains(Actions(), action) {
		return false
	}
	switch role {
	case Administrator:
		return true
	case Operator:
		switch action {
		case KeyWrite, TenantWrite, ApprovalDecide:
			return false
		}
		return true
	case Developer:
		switch action {
		case ModelInvoke, ModelList, UsageRead, ObjectRead, ObjectWrite, SessionRead, SessionWrite,
			VaultRead, VaultWrite, FileRead, FileWrite, AgentRead, AgentWrite:
			return true
		}
	case Approver:
		switch action {
		case ModelList, SessionRead, AgentRead, ApprovalDecide:
			return true
		}
	case Auditor:
		return action == ModelList || strings.HasSuffix(string(action), ":read")
	}
	return false
}

// Scope narrows what roles allow: an action ("model:invoke"), every action on
// a subject ("model:*"), or everything ("*").
type Scope string

// Covers reports whether the scope includes the action.
func (s Scope) Covers(action Action) bool {
	if s == "*" || string(s) == string(action) {
		return true
	}
	subject, ok := strings.CutSuffix(string(s), "*")
	return ok && strings.HasSuffix(subject, ":") && strings.HasPrefix(string(action), subject)
}

// Valid reports whether the scope covers at least one known action.
func (s Scope) Valid() bool { return slices.ContainsFunc(Actions(), s.Covers) }
