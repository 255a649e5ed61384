package agent

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
)

// Request is the model call that is due for an agent: its instructions, its
// context and what it may use.
func (s *State) Request(t *Thread) (*model.Request, error) {
	d := &t.Turn.Definition
	req := &model.Request{
		Model: d.Model, Stream: true, ServiceTier: tier(d.ServiceTier), Verbosity: d.Verbosity,
		MaxTokens: d.Sampling.MaxTokens, Temperature: d.Sampling.Temperature, TopP: d.Sampling.TopP,
		TopLogprobs: d.Sampling.TopLogprobs, Logprobs: d.Sampling.Logprobs, ParallelTools: d.Sampling.ParallelTools,
		CacheKey: d.Sampling.CacheKey, User: d.Sampling.User,
	}
	lead := value(d.Instructions)
	req.Messages = s.memo.told(t, lead)
	if d.TimeAware {
		now := model.SystemText("It is " + s.Clock.UTC().Format("Monday, 2 January 2006, 15:04 MST") + ".")
		req.Messages = slices.Insert(req.Messages, min(len(lead), 1), now)
	}
	for _, offer := range s.Offers(t) {
		if !offer.Deferred || slices.Contains(t.Loaded, offer.Name) {
			req.Tools = append(req.Tools, offer.Tool)
		}
	}
	if d.Reasoning.Effort != nil || d.Reasoning.Summary != nil || d.Reasoning.Encrypted {
		req.Reasoning = &model.ReasoningConfig{Effort: value(d.Reasoning.Effort), Summary: value(d.Reasoning.Summary), Encrypted: d.Reasoning.Encrypted}
	}
	if d.Format != nil {
		format, err := ReadFormat(d.Format)
		if err != nil {
			return nil, err
		}
		req.Format = format
	}
	if d.Sampling.ToolChoice != nil && !t.Turn.answered() {
		if err := json.Unmarshal(d.Sampling.ToolChoice, &req.ToolChoice); err != nil {
			return nil, model.Errorf(model.Invalid, "tool_choice", "The tool choice cannot be read.")
		}
	}
	return req, nil
}

// mute reports whether a message says nothing: some vendors refuse such.
func mute(m *model.Message) bool {
	if len(m.Parts) != 1 {
		return len(m.Parts) == 0
	}
	text, ok := m.Parts[0].(*model.Text)
	return ok && text.Text == "" && m.Role == model.RoleAssistant
}

// answered reports whether the model has answered in this turn: a choice of
// tools that forces a call counts for the first answer, else no turn would end.
func (t *Turn) answered() bool { return t.Outputs > 0 }

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// tier is the hub's word for a service tier.
func tier(name string) string {
	switch name {
	case "fast", "ultrafast":
		return "priority"
	}
	return name
}

// ReadFormat reads a text format as OpenAI's Responses write it. Errors are
// *model.Error.
func ReadFormat(raw []byte) (*model.Format, error) {
	var f struct {
		Type        string         `json:"type"`
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Schema      jsontext.Value `json:"schema"`
		Strict      *bool          `json:"strict"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, model.Errorf(model.Invalid, "text.format", "The text format is not the object that the contract describes.")
	}
	switch kind := model.FormatKind(f.Type); kind {
	case model.FormatText, "":
		return nil, nil
	case model.FormatJSON:
		return &model.Format{Kind: kind}, nil
	case model.FormatSchema:
		return &model.Format{Kind: kind, Name: f.Name, Description: f.Description, Schema: f.Schema, Strict: f.Strict}, nil
	}
	return nil, model.Errorf(model.Invalid, "text.format.type", "There is no text format %q.", f.Type).
		WithHint("Use text, json_object or json_schema.")
}
