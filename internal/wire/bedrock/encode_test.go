package bedrock

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/object"
)

func ptr[T any](v T) *T { return &v }

// TestLosses names what Converse cannot express and how much it matters.
func TestLosses(t *testing.T) {
	t.Parallel()
	const minor, major = model.LossMinor, model.LossMajor
	user := func(p ...model.Part) []model.Message {
		return []model.Message{{Role: model.RoleUser, Parts: append(p, &model.Text{Text: "x"})}}
	}
	tool := model.Tool{Name: "f"}
	for name, c := range map[string]struct {
		req  model.Request
		path string
		want model.Severity
	}{
		"n":           {model.Request{N: 2}, "n", major},
		"logprobs":    {model.Request{Logprobs: true}, "logprobs", major},
		"bias":        {model.Request{LogitBias: map[string]float64{"1": 2}}, "logit_bias", major},
		"speech":      {model.Request{Modalities: []string{"text", "audio"}}, "modalities", major},
		"json":        {model.Request{Format: &model.Format{Kind: model.FormatJSON}}, "format", major},
		"hot":         {model.Request{Temperature: ptr(1.5)}, "temperature", major},
		"serial":      {model.Request{ParallelTools: ptr(false), Tools: []model.Tool{tool, tool}}, "parallel_tools", major},
		"seed":        {model.Request{Model: "anthropic.claude", Seed: ptr(int64(1))}, "seed", minor},
		"penalty":     {model.Request{Model: "anthropic.claude", PresencePenalty: ptr(1.0)}, "presence_penalty", major},
		"verbosity":   {model.Request{Verbosity: "low"}, "verbosity", minor},
		"user":        {model.Request{User: "u"}, "user", minor},
		"summary":     {model.Request{Reasoning: &model.ReasoningConfig{Summary: "auto"}}, "reasoning", minor},
		"minimal":     {model.Request{Reasoning: &model.ReasoningConfig{Effort: "minimal"}}, "reasoning.effort", minor},
		"custom tool": {model.Request{Tools: []model.Tool{{Name: "c", Custom: true}}}, "tools.0", major},
		"other tool":  {model.Request{Tools: []model.Tool{{Opaque: &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(`{}`)}}}}, "tools.0", major},
		"url":         {model.Request{Messages: user(&model.Image{Source: model.Source{MIME: "image/png", URL: "https://x/y"}})}, "messages.0.parts.0", major},
		"file":        {model.Request{Messages: user(&model.Document{Source: model.Source{FileID: "f"}})}, "messages.0.parts.0", major},
		"tiff":        {model.Request{Messages: user(&model.Image{Source: model.Source{MIME: "image/tiff", Data: []byte{1}}})}, "messages.0.parts.0", major},
		"file name":   {model.Request{Messages: user(&model.Document{Name: "r.pdf", Source: model.Source{MIME: "application/pdf", Data: []byte{1}}})}, "messages.0.parts.0.name", minor},
		"bad args":    {model.Request{Messages: user(&model.ToolCall{ID: "a", Name: "f", Arguments: "{oops"})}, "messages.0.parts.0", minor},
		"opaque":      {model.Request{Messages: user(&model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{}`)})}, "messages.0.parts.0", major},
		"extra":       {model.Request{Extra: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"web_search_options":{}}`)}}, "extra.web_search_options", major},
		"hint":        {model.Request{Extra: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"store":true}`)}}, "extra.store", minor},
		"detail":      {model.Request{Messages: user(&model.Image{Detail: "low", Source: model.Source{MIME: "image/png", Data: []byte{1}}})}, "messages.0.parts.0.detail", minor},
		"title":       {model.Request{Messages: user(&model.Document{Name: "a", Title: "b", Source: model.Source{Text: "x"}})}, "messages.0.parts.0.title", minor},
		"call extra":  {model.Request{Messages: user(&model.ToolCall{ID: "a", Name: "f", Extra: &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{}`)}})}, "messages.0.parts.0", minor},
		"named":       {model.Request{Messages: []model.Message{{Role: model.RoleUser, Name: "bo", Parts: []model.Part{&model.Text{Text: "x"}}}}}, "messages.0.name", minor},
		"no content":  {model.Request{Messages: user(&model.Video{Source: model.Source{MIME: "video/mp4"}})}, "messages.0.parts.0", major},
		"late system": {model.Request{Messages: append(user(), model.SystemText("now French"))}, "messages.1", minor},
		"no more tools": {
			model.Request{Tools: []model.Tool{tool}, ToolChoice: model.ToolChoice{Mode: model.ChoiceNone}, Messages: user(&model.ToolCall{ID: "a", Name: "f"})},
			"tool_choice", major,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, losses, err := EncodeRequest(&c.req)
			if err != nil {
				t.Fatal(err)
			}
			if len(losses) != 1 || losses[0].Path != c.path || losses[0].Severity != c.want || losses[0].What == "" {
				t.Errorf("got %+v, want one of severity %d at %s", losses, c.want, c.path)
			}
		})
	}
}

func TestEncodeForModels(t *testing.T) {
	t.Parallel()
	req := &model.Request{
		Model: "anthropic.claude",
		Messages: []model.Message{
			model.SystemText("a"),
			{Role: model.RoleDeveloper, Parts: []model.Part{&model.Text{Text: "b"}}},
			model.UserText("one"), model.UserText("two"),
			{Role: model.RoleAssistant, Parts: []model.Part{&model.Text{Text: ""}, &model.ToolCall{ID: "c", Name: "f"}}},
			{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: "c", Content: []model.Part{&model.Structured{JSON: []byte(`[1]`)}}}}},
			model.UserText("three"),
		},
		Tools: []model.Tool{
			{Name: "f"}, {Name: "g", Schema: []byte(`{"type":"object"}`)},
			{Name: "computer", Opaque: &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"type":"computer_20250124"}`)}},
		},
		ToolChoice:  model.ToolChoice{Mode: model.ChoiceRequired, Allowed: []string{"f", "computer"}},
		ServiceTier: "auto",
		Extra:       &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"anthropic_beta":["b"]}`)},
	}
	got, losses, err := EncodeRequest(req)
	if err != nil || len(losses) > 0 {
		t.Fatalf("losses %v, err %v", losses, err)
	}
	sameJSON(t, got, []byte(`{
		"system":[{"text":"a"},{"text":"b"}],
		"messages":[
			{"role":"user","content":[{"text":"one"},{"text":"two"}]},
			{"role":"assistant","content":[{"toolUse":{"toolUseId":"c","name":"f","input":{}}}]},
			{"role":"user","content":[{"toolResult":{"toolUseId":"c","content":[{"json":[1]}]}},{"text":"three"}]}],
		"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}],"toolChoice":{"any":{}}},
		"additionalModelRequestFields":{"anthropic_beta":["b"],"tools":[{"type":"computer_20250124"}]}}`))
}

func TestNoToolsMeansNoToolConfig(t *testing.T) {
	t.Parallel()
	got, losses, err := EncodeRequest(&model.Request{
		Messages: []model.Message{model.UserText("x")}, Tools: []model.Tool{{Name: "f"}},
		ToolChoice: model.ToolChoice{Mode: model.ChoiceNone},
	})
	if err != nil || len(losses) > 0 || strings.Contains(string(got), "toolConfig") {
		t.Errorf("got %s, losses %v, err %v", got, losses, err)
	}
}

func TestDocumentNamesAreMadeAdmissible(t *testing.T) {
	t.Parallel()
	e := &requestEncoder{names: map[string]int{}, join: true}
	var got []string
	for _, name := range []string{"report.v2.pdf", "report.v2.pdf", "", "ä/ö", "a  b", "fine (1)"} {
		got = append(got, e.documentName(&model.Document{Name: name}, "p"))
	}
	for _, name := range got {
		if !validDocumentName(name) {
			t.Errorf("%q is not admissible", name)
		}
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != 6 {
		t.Errorf("names repeat: %q", got)
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, object.MaxDepth+1) + strings.Repeat(`]`, object.MaxDepth+1)
	for name, c := range map[string]struct{ body, subject, message string }{
		"not json":     {`{"messages":`, "messages", "not valid JSON"},
		"wrong type":   {`{"messages":[{"role":3}]}`, "messages.0.role", "wrong type or form (a number)"},
		"text number":  {`{"messages":[{"role":"user","content":[{"text":"a"},{"text":7}]}]}`, "messages.0.content.1.text", "wrong type"},
		"float tokens": {`{"inferenceConfig":{"maxTokens":5.5}}`, "inferenceConfig.maxTokens", "wrong type"},
		"bad base64":   {`{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"%%"}}}]}]}`, "messages.0.content.0.image.source.bytes", "wrong type or form"},
		"role":         {`{"messages":[{"role":"bot","content":[]}]}`, "messages.0.role", "Member must satisfy enum value set"},
		"two members":  {`{"messages":[{"role":"user","content":[{"text":"a","cachePoint":{"type":"default"}}]}]}`, "messages.0.content.0", "2 members set"},
		"empty block":  {`{"messages":[{"role":"user","content":[{}]}]}`, "messages.0.content.0", "is empty"},
		"empty tool":   {`{"toolConfig":{"tools":[{}]}}`, "toolConfig.tools.0", "no member set"},
		"input":        {`{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"f","input":"x"}}]}]}`, "messages.0.content.0.toolUse.input", "Provide a json object"},
		"no source":    {`{"messages":[{"role":"user","content":[{"video":{"format":"mp4"}}]}]}`, "messages.0.content.0.video.source", "is empty"},
		"deep":         {`{"additionalModelRequestFields":` + deep + `}`, "", "nested more than 128"},
		"bad utf8":     {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"\xff\"}]}]}", "messages.0.content.0.text", "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := DecodeRequest([]byte(c.body))
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != model.Invalid || e.Subject != c.subject || !strings.Contains(e.Message, c.message) {
				t.Errorf("got %+v, want %q at %q", e, c.message, c.subject)
			}
		})
	}
}
