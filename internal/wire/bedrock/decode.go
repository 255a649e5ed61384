package bedrock

import (
	"fmt"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

// DecodeRequest reads the body of Converse or ConverseStream. The model's id
// stands in the URL, so the caller sets Request.Model and Request.Stream.
//
// The system field becomes a leading message of RoleSystem. Members of
// additionalModelRequestFields the hub models (top_k, thinking, …) become hub
// fields; the others, promptVariables and unknown top-level members lie in
// Request.Extra. Every content block becomes exactly one part, so that
// positions agree. Errors are *model.Error of kind Invalid.
func DecodeRequest(body []byte) (*model.Request, error) {
	if len(body) == 0 {
		body = []byte("{}")
	}
	var s requestShape
	if err := object.Parse(body, &s); err != nil {
		return nil, err
	}
	req, err := requestOf(&s)
	if err != nil {
		return nil, err
	}
	return req, nil
}

func requestOf(s *requestShape) (*model.Request, *model.Error) {
	req := &model.Request{Metadata: s.RequestMetadata, ResponsePaths: s.ResponsePaths}
	if len(s.System) > 0 {
		parts, err := partsOf(s.System, "system")
		if err != nil {
			return nil, err
		}
		req.Messages = append(req.Messages, model.Message{Role: model.RoleSystem, Parts: parts})
	}
	for i, m := range s.Messages {
		msg, err := messageOf(m, fmt.Sprintf("messages.%d", i))
		if err != nil {
			return nil, err
		}
		req.Messages = append(req.Messages, msg)
	}
	if c := s.InferenceConfig; c != nil {
		req.MaxTokens, req.Temperature, req.TopP, req.Stop = c.MaxTokens, c.Temperature, c.TopP, c.StopSequences
	}
	if err := decodeTools(req, s.ToolConfig); err != nil {
		return nil, err
	}
	if g := s.GuardrailConfig; g != nil {
		req.Guardrail = &model.GuardrailConfig{ID: g.ID, Version: g.Version, Trace: g.Trace, Mode: g.Mode}
	}
	if s.Performance != nil {
		req.Latency = s.Performance.Latency
	}
	if s.ServiceTier != nil {
		req.ServiceTier = s.ServiceTier.Type
	}
	decodeOutput(req, s.OutputConfig)
	extra := object.Members(s.Extra)
	if rest := decodeAdditional(req, s.AdditionalFields); len(rest) > 0 {
		extra = append(extra, object.Member{Name: "additionalModelRequestFields", Value: rest})
	}
	req.Extra = opaque(object.Of(extra))
	return req, nil
}

func messageOf(m messageShape, path string) (model.Message, *model.Error) {
	switch model.Role(m.Role) {
	case model.RoleUser, model.RoleAssistant, model.RoleSystem:
	default:
		return model.Message{}, model.Errorf(model.Invalid, path+".role",
			"Value '%s' at '%s.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]",
			m.Role, path)
	}
	parts, err := partsOf(m.Content, path+".content")
	return model.Message{Role: model.Role(m.Role), Parts: parts}, err
}

func decodeOutput(req *model.Request, o *outputShape) {
	if o == nil {
		return
	}
	if o.Effort != "" {
		reasoningOf(req).Effort = o.Effort
	}
	if f := o.TextFormat; f != nil {
		js := f.Structure.JSONSchema
		req.Format = &model.Format{
			Kind: model.FormatKind(f.Type), Name: js.Name, Description: js.Description, Schema: []byte(js.Schema),
		}
	}
}

func decodeTools(req *model.Request, c *toolConfigShape) *model.Error {
	if c == nil {
		return nil
	}
	for i := range c.Tools {
		t := &c.Tools[i]
		if n := len(req.Tools); t.CachePoint != nil && n > 0 && req.Tools[n-1].Cache == nil {
			req.Tools[n-1].Cache = &model.CachePoint{TTL: t.CachePoint.TTL}
			continue
		}
		tool, err := toolOf(t, fmt.Sprintf("toolConfig.tools.%d", i))
		if err != nil {
			return err
		}
		req.Tools = append(req.Tools, tool)
	}
	switch ch := c.Choice; {
	case ch == nil:
	case ch.Tool != nil:
		req.ToolChoice = model.ToolChoice{Mode: model.ChoiceNamed, Name: ch.Tool.Name}
	case ch.Any != nil:
		req.ToolChoice.Mode = model.ChoiceRequired
	case ch.Auto != nil:
		req.ToolChoice.Mode = model.ChoiceAuto
	}
	return nil
}

func toolOf(t *toolShape, path string) (model.Tool, *model.Error) {
	if t.Spec == nil {
		raw, err := object.Marshal(t)
		if err != nil {
			return model.Tool{}, err
		}
		if o := opaque(raw); o != nil {
			tool := model.Tool{Opaque: o}
			if t.SystemTool != nil {
				tool.Name = t.SystemTool.Name
			}
			return tool, nil
		}
		return model.Tool{}, model.Errorf(model.Invalid, path, "The Tool object at %s has no member set.", path).
			WithHint("Set toolSpec, systemTool or cachePoint.")
	}
	tool := model.Tool{
		Name: t.Spec.Name, Description: t.Spec.Description, Strict: t.Spec.Strict, Extra: opaque(t.Spec.Extra),
	}
	if t.Spec.InputSchema != nil {
		tool.Schema = t.Spec.InputSchema.JSON
	}
	return tool, nil
}

// systemField reports whether the request's first message stands for Converse's
// system field rather than for a message of role system, which carries tool
// changes.
func systemField(req *model.Request) bool {
	if len(req.Messages) == 0 || !systemRole(req.Messages[0].Role) {
		return false
	}
	return !changesTools(req.Messages[0])
}

func systemRole(r model.Role) bool { return r == model.RoleSystem || r == model.RoleDeveloper }

// changesTools reports whether m carries toolAddition or toolRemoval blocks.
func changesTools(m model.Message) bool {
	for _, p := range m.Parts {
		if _, ok := p.(*model.ToolChange); ok {
			return true
		}
	}
	return false
}

// familyOf names the vendor whose parameter names additional fields take.
func familyOf(req *model.Request) family.Family { return family.Of(req.Model, nil) }
