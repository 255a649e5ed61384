package bedrock

import (
	"strconv"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// additionalModelRequestFields is merged into the vendor's native body. The
// members below mean the same as a hub field and are mapped, so that they reach
// upstreams of other dialects; all others stay as they are.

// reasoningOf returns the request's reasoning configuration, making it if need be.
func reasoningOf(req *model.Request) *model.ReasoningConfig {
	if req.Reasoning == nil {
		req.Reasoning = &model.ReasoningConfig{}
	}
	return req.Reasoning
}

// decodeAdditional maps the members it knows onto req and returns the rest, nil
// when nothing is left. A document that is no object is returned whole.
func decodeAdditional(req *model.Request, doc jsontext.Value) jsontext.Value {
	if len(doc) == 0 || doc.Kind() == 'n' {
		return nil
	}
	if doc.Kind() != '{' {
		return doc
	}
	var rest []object.Member
	for _, m := range object.Members(doc) {
		if !decodeAdditionalMember(req, m) {
			rest = append(rest, m)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return object.Of(rest)
}

func decodeAdditionalMember(req *model.Request, m object.Member) bool {
	switch m.Name {
	case "top_k":
		return whole(m.Value, &req.TopK)
	case "seed":
		return scalar(m.Value, &req.Seed)
	case "min_p":
		return scalar(m.Value, &req.MinP)
	case "presence_penalty":
		return scalar(m.Value, &req.PresencePenalty)
	case "frequency_penalty":
		return scalar(m.Value, &req.FrequencyPenalty)
	case "reasoning_effort":
		var s string
		if json.Unmarshal(m.Value, &s) != nil {
			return false
		}
		reasoningOf(req).Effort = s
		return true
	case "thinking", "reasoning_config":
		return decodeThinking(req, m.Value)
	case "reasoningConfig":
		return decodeNovaReasoning(req, m.Value)
	case "inferenceConfig":
		// Nova's native place for topK; Converse has its own for the other members.
		var nova struct {
			TopK *int `json:"topK"`
		}
		if json.Unmarshal(m.Value, &nova, json.RejectUnknownMembers(true)) != nil || nova.TopK == nil {
			return false
		}
		req.TopK = nova.TopK
		return true
	}
	return false
}

func whole(v jsontext.Value, p **int) bool { return scalar(v, p) }

// scalar reads v into p unless v has another type or is null.
func scalar[T any](v jsontext.Value, p **T) bool {
	var x T
	if v.Kind() == 'n' || json.Unmarshal(v, &x) != nil {
		return false
	}
	*p = &x
	return true
}

type thinkingShape struct {
	Type    string `json:"type"`
	Budget  int    `json:"budget_tokens,omitzero"`
	Display string `json:"display,omitzero"`
}

type novaReasoningShape struct {
	Type   string `json:"type"`
	Effort string `json:"maxReasoningEffort,omitzero"`
}

func decodeThinking(req *model.Request, v jsontext.Value) bool {
	var t thinkingShape
	if json.Unmarshal(v, &t, json.RejectUnknownMembers(true)) != nil || t.Type == "" {
		return false
	}
	r := reasoningOf(req)
	r.Mode, r.BudgetTokens, r.Display = t.Type, t.Budget, t.Display
	return true
}

func decodeNovaReasoning(req *model.Request, v jsontext.Value) bool {
	var t novaReasoningShape
	if json.Unmarshal(v, &t, json.RejectUnknownMembers(true)) != nil || t.Type == "" {
		return false
	}
	r := reasoningOf(req)
	r.Mode = t.Type
	if t.Effort != "" {
		r.Effort = t.Effort
	}
	return true
}

// additional gathers the additional fields that express hub fields Converse has
// no member for, under the names of the model's vendor.
func (e *requestEncoder) additional() []object.Member {
	req := e.req
	var ms []object.Member
	add := func(name string, v []byte) { ms = append(ms, object.Member{Name: name, Value: v}) }
	if k := req.TopK; k != nil {
		n := strconv.AppendInt(nil, int64(*k), 10)
		if e.family == family.Nova {
			add("inferenceConfig", append(append([]byte(`{"topK":`), n...), '}'))
		} else {
			add("top_k", n)
		}
	}
	e.sampling(add)
	e.reasoning(add)
	return ms
}

// sampling writes parameters that only OpenAI-like bodies take.
func (e *requestEncoder) sampling(add func(string, []byte)) {
	native := e.family == family.OpenAI || e.family == family.Unknown
	float := func(name string, p *float64) {
		switch {
		case p == nil:
		case native:
			add(name, number(*p))
		case *p != 0:
			e.lose(name, model.LossMajor, "This model takes no %s.", name)
		}
	}
	float("min_p", e.req.MinP)
	float("presence_penalty", e.req.PresencePenalty)
	float("frequency_penalty", e.req.FrequencyPenalty)
	if s := e.req.Seed; s != nil {
		if native {
			add("seed", strconv.AppendInt(nil, *s, 10))
		} else {
			e.lose("seed", model.LossMinor, "This model takes no seed; answers are not reproducible.")
		}
	}
}

func number(f float64) []byte {
	b, err := json.Marshal(f)
	if err != nil { // NaN and infinities
		return []byte("0")
	}
	return b
}

// reasoning writes the request's reasoning configuration but for the effort
// that outputConfig carries.
func (e *requestEncoder) reasoning(add func(string, []byte)) {
	r := e.req.Reasoning
	if r == nil {
		return
	}
	if r.Summary != "" || r.Encrypted {
		e.lose("reasoning", model.LossMinor, "Converse has no switch for reasoning summaries or encrypted reasoning.")
	}
	switch e.family {
	case family.OpenAI:
		if effort := e.effort(); effort != "" {
			add("reasoning_effort", object.AppendQuote(nil, effort))
		}
	case family.Nova:
		if r.Mode != "" || r.Effort != "" {
			s := novaReasoningShape{Type: r.Mode, Effort: e.effort()}
			if s.Type == "" {
				s.Type = "enabled"
			}
			if r.Effort == "none" {
				s.Type = "disabled"
			}
			e.add(add, "reasoningConfig", s)
		}
	default:
		if r.Mode != "" || r.BudgetTokens != 0 {
			s := thinkingShape{Type: r.Mode, Budget: r.BudgetTokens, Display: r.Display}
			if s.Type == "" {
				s.Type = "enabled"
			}
			e.add(add, "thinking", s)
		}
	}
}

func (e *requestEncoder) add(add func(string, []byte), name string, v any) {
	raw, err := object.Marshal(v)
	if err != nil {
		e.fail(err)
		return
	}
	add(name, raw)
}

// effort is the request's effort in Converse's vocabulary; "" for none.
func (e *requestEncoder) effort() string {
	switch effort := e.req.Reasoning.Effort; effort {
	case "none":
		return ""
	case "minimal":
		e.lose("reasoning.effort", model.LossMinor, `Effort "minimal" is sent as "low", the least Converse knows.`)
		return "low"
	default:
		return effort
	}
}
