package agents

import (
	"math"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// How actions of a session are reviewed.
const (
	ReviewNone = "none"
	ReviewAuto = "auto_review"
)

// How long prompts stay cached at least.
const (
	CacheShort = "30m"
	CacheLong  = "12h"
)

// SessionCreate is the request for a session.
type SessionCreate struct {
	// AgentID names a saved agent; empty for none.
	AgentID string
	// Agent holds what the request says of the agent: all of it, or what differs
	// from the saved one. Nil where it says nothing. Its Name and Metadata are
	// never set.
	Agent       *AgentFields
	Environment EnvironmentParam
	// Input is what the first turn begins with; nil for none.
	Input    []UserMessage
	Metadata map[string]string
	VaultIDs []string
	// Review is [ReviewNone] or [ReviewAuto].
	Review string
	// SpendLimit is in US cents; nil for none.
	SpendLimit *int64
	// Stream answers with the session's events; Obfuscate pads them.
	Stream, Obfuscate bool
	// CacheTTL is [CacheShort], [CacheLong], or empty where nobody chose.
	CacheTTL string
	// RoleARN is Amazon's; empty for none.
	RoleARN string
}

// DecodeSessionCreate reads the request for a session.
func DecodeSessionCreate(body []byte, mount Mount) (*SessionCreate, error) {
	create := &SessionCreate{Review: ReviewNone, Obfuscate: true}
	v, err := raw.Parse(body, &style)
	if err != nil {
		return nil, err
	}
	if err := mount.object(v, create.known(mount)); err != nil {
		return nil, err
	}
	if err := create.complete(v, mount); err != nil {
		return nil, err
	}
	return create, nil
}

func (s *SessionCreate) known(m Mount) fields {
	var limit Optional[int64]
	known := fields{
		"agent_id": value(&s.AgentID, name(maxID)),
		"agent": value(&s.Agent, pointer(func(v raw.Value, dst *AgentFields) error {
			return m.object(v, dst.known(toolReader{mount: m}))
		})),
		"environment": func(v raw.Value) error { return m.environment(v, &s.Environment) },
		"input":       value(&s.Input, m.input),
		"metadata":    value(&s.Metadata, metadata),
		"vault_ids":   value(&s.VaultIDs, vaultIDs),
		"review":      value(&s.Review, review),
		"spend_control": func(v raw.Value) error {
			err := m.spendLimit(&limit)(v)
			s.SpendLimit = limit.Ptr()
			return err
		},
		"stream":               value(&s.Stream, boolean),
		"stream_options":       value(&s.Obfuscate, m.streamOptions),
		"prompt_cache_options": value(&s.CacheTTL, m.cacheOptions),
	}
	if m.Bedrock() {
		known["role_arn"] = value(&s.RoleARN, name(0))
	}
	return known
}

// complete checks what one member demands of others.
func (s *SessionCreate) complete(v raw.Value, m Mount) error {
	switch {
	case s.Environment.Type == "":
		return v.Missing("environment")
	case s.AgentID == "" && (s.Agent == nil || !s.Agent.Model.Set):
		err := model.Errorf(model.Invalid, "agent.model", "Missing required parameter: 'agent.model'.")
		return err.WithHint("Name a saved agent with agent_id, or say which model the session's own agent runs on.")
	case v.Get("stream_options").Given() && !s.Stream:
		return invalid(v.Get("stream_options"), "it needs 'stream': true.")
	case len(s.Input) > 0:
		return nil
	case s.Environment.Type == EnvironmentNone:
		return model.Errorf(model.Invalid, "input", "Conversation-only sessions need initial input.").
			WithHint("Send 'input', or ask for another environment.")
	case s.Stream && s.Environment.Type != EnvironmentSelfHosted && m.rules == lenient:
		return model.Errorf(model.Invalid, "input", "A session that streams its events needs initial input.").
			WithHint("Send 'input', or leave 'stream' out.")
	}
	return nil
}

// SessionUpdate is the request that changes a session. A member that was left
// out keeps what is; null asks for the default or for nothing.
type SessionUpdate struct {
	Model       Optional[string]
	Effort      Optional[string]
	ServiceTier Optional[string]
	Tools       Optional[[]Tool]
	Metadata    Optional[map[string]string]
	Review      Optional[string]
	// SpendLimit is in US cents.
	SpendLimit Optional[int64]
	CacheTTL   Optional[string]
}

// DecodeSessionUpdate reads the request that changes a session.
func DecodeSessionUpdate(body []byte, mount Mount) (*SessionUpdate, error) {
	u := &SessionUpdate{}
	agent := fields{
		"model":        notNull(&u.Model, name(0)),
		"service_tier": opt(&u.ServiceTier, serviceTier),
		"tools":        opt(&u.Tools, toolReader{mount: mount}.tools),
		"reasoning": func(v raw.Value) error {
			if v.IsNull() {
				u.Effort = Optional[string]{Set: true, Null: true}
				return nil
			}
			return mount.object(v, fields{"effort": opt(&u.Effort, effort)})
		},
	}
	err := mount.parse(body, fields{
		"agent": func(v raw.Value) error {
			if v.IsNull() {
				return nil
			}
			return mount.object(v, agent)
		},
		"metadata":             opt(&u.Metadata, metadata),
		"review":               opt(&u.Review, review),
		"spend_control":        mount.spendLimit(&u.SpendLimit),
		"prompt_cache_options": opt(&u.CacheTTL, mount.cacheOptions),
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

func review(v raw.Value, dst *string) error { return oneOf(ReviewNone, ReviewAuto)(v, dst) }

// spendLimit reads a limit; an object whose limit is null says what null says.
func (m Mount) spendLimit(dst *Optional[int64]) func(v raw.Value) error {
	return func(v raw.Value) error {
		if v.IsNull() {
			*dst = Optional[int64]{Set: true, Null: true}
			return nil
		}
		if !v.IsObject() {
			return v.WrongType("an object")
		}
		if !v.Get("limit").Exists() {
			return v.Missing("limit")
		}
		return m.object(v, fields{"limit": opt(dst, integer(1, math.MaxInt32))})
	}
}

func (m Mount) streamOptions(v raw.Value, dst *bool) error {
	return m.object(v, fields{"include_obfuscation": value(dst, boolean)})
}

func (m Mount) cacheOptions(v raw.Value, dst *string) error {
	*dst = CacheShort
	return m.object(v, fields{"ttl": value(dst, oneOf(CacheShort, CacheLong))})
}
