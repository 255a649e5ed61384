package agents

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/wire/raw"
)

// write appends the session; agent is its agent as JSON, nil where that is to be
// written from the struct.
func (s *Session) write(b *raw.Builder, agent jsontext.Value) {
	b.Open('{')
	b.Str("id", s.ID)
	b.Str("object", s.Object)
	b.Num("created_at", s.CreatedAt)
	b.Num("last_active_at", s.LastActiveAt)
	b.Key("agent")
	if agent != nil {
		b.Literal(string(agent))
	} else {
		reflected(b, s.Agent)
	}
	b.Key("environment")
	if s.Environment == (SessionEnvironment{Type: EnvironmentNone}) {
		b.Literal(`{"type":"none"}`)
	} else {
		reflected(b, s.Environment)
	}
	b.Str("status", s.Status)
	optional(b, "error", s.Error)
	b.Key("required_actions")
	b.Open('[')
	for i := range s.RequiredActions {
		s.RequiredActions[i].write(b)
	}
	b.Close(']')
	b.Key("metadata")
	words(b, s.Metadata)
	b.Key("usage")
	s.Usage.write(b)
	b.Strs("vault_ids", s.VaultIDs)
	s.PromptCacheOptions.write(b)
	b.Str("review", s.Review)
	if s.SpendControl != nil {
		b.Key("spend_control")
		b.Open('{')
		b.Num("limit", s.SpendControl.Limit)
		optionalNum(b, "consumed", s.SpendControl.Consumed)
		b.Close('}')
	}
	b.StrIf("role_arn", s.RoleARN)
	b.Close('}')
}

func (a *RequiredAction) write(b *raw.Builder) {
	b.Open('{')
	b.Str("type", a.Type)
	b.StrIf("turn_id", a.TurnID)
	b.StrIf("call_id", a.CallID)
	b.StrIf("name", a.Name)
	if a.Arguments != nil {
		b.Key("arguments")
		tidy(b, a.Arguments)
	}
	b.StrIf("request_id", a.RequestID)
	if a.Request != nil {
		b.Key("request")
		reflected(b, a.Request)
	}
	b.StrIf("environment_id", a.EnvironmentID)
	b.Close('}')
}

// write appends the member with its name.
func (o *CacheOptions) write(b *raw.Builder) {
	b.Key("prompt_cache_options")
	if o == nil {
		b.Null()
		return
	}
	b.Open('{')
	b.Str("ttl", o.TTL)
	b.Close('}')
}

func (u *TokenUsage) write(b *raw.Builder) {
	if u == nil {
		b.Null()
		return
	}
	b.Open('{')
	b.Num("input_tokens", u.InputTokens)
	b.Key("input_tokens_details")
	b.Open('{')
	b.Num("cached_tokens", u.InputTokensDetails.CachedTokens)
	b.Close('}')
	b.Num("output_tokens", u.OutputTokens)
	b.Key("output_tokens_details")
	b.Open('{')
	b.Num("reasoning_tokens", u.OutputTokenDetails.ReasoningTokens)
	b.Close('}')
	b.Num("total_tokens", u.TotalTokens)
	b.Close('}')
}

func (t *Turn) write(b *raw.Builder) {
	b.Open('{')
	b.Str("id", t.ID)
	b.Str("object", t.Object)
	b.Str("session_id", t.SessionID)
	b.Str("agent_id", t.AgentID)
	optional(b, "subagent_id", t.Subagent)
	b.Str("status", t.Status)
	b.Num("created_at", t.CreatedAt)
	optionalNum(b, "started_at", t.StartedAt)
	optionalNum(b, "completed_at", t.CompletedAt)
	b.Key("error")
	if t.Error == nil {
		b.Null()
	} else {
		b.Open('{')
		b.Str("code", t.Error.Code)
		b.Str("message", t.Error.Message)
		b.Close('}')
	}
	b.Key("usage")
	t.Usage.write(b)
	t.PromptCacheOptions.write(b)
	b.Close('}')
}

// begin opens the item.
func (h *ItemHead) begin(b *raw.Builder) {
	b.Open('{')
	b.Str("id", h.ID)
	b.Str("turn_id", h.TurnID)
	b.Str("type", h.Type)
}

func (m MessageItem) write(b *raw.Builder) {
	m.begin(b)
	b.Str("role", m.Role)
	b.Key("content")
	b.Open('[')
	for _, part := range m.Content {
		if text, ok := part.(OutputText); ok {
			text.write(b)
		} else {
			reflected(b, part)
		}
	}
	b.Close(']')
	optional(b, "phase", m.Phase)
	b.Str("status", m.Status)
	b.Close('}')
}

func (t OutputText) write(b *raw.Builder) {
	b.Open('{')
	b.Str("type", t.Type)
	b.Str("text", t.Text)
	b.Close('}')
}

func (i FunctionCallItem) write(b *raw.Builder) {
	i.begin(b)
	b.Str("call_id", i.CallID)
	b.Str("name", i.Name)
	b.Key("arguments")
	tidy(b, i.Arguments)
	b.Str("status", i.Status)
	b.Close('}')
}

func (i FunctionOutputItem) write(b *raw.Builder) {
	i.begin(b)
	b.Str("call_id", i.CallID)
	b.Key("output")
	tidy(b, i.Output)
	optional(b, "error", i.Error)
	b.Str("status", i.Status)
	b.Close('}')
}

func (i MCPCallItem) write(b *raw.Builder) {
	i.begin(b)
	b.Str("server_label", i.ServerLabel)
	b.Str("name", i.Name)
	b.Key("arguments")
	tidy(b, i.Arguments)
	b.Key("output")
	tidy(b, i.Output)
	b.Key("error")
	tidy(b, i.Error)
	b.Str("status", i.Status)
	b.Close('}')
}
