package openai_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

func user(parts ...model.Part) []model.Message {
	return []model.Message{{Role: model.RoleUser, Parts: parts}}
}

// TestLosses: what the dialect cannot express is named, with its weight, and
// the rest is sent.
func TestLosses(t *testing.T) {
	t.Parallel()
	no := false
	foreign := &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"type":"x"}`)}
	picture := &model.Image{Source: model.Source{MIME: "image/png", Data: []byte("P")}}
	for name, c := range map[string]struct {
		req   model.Request
		major bool
		path  string
		sent  string
	}{
		"film":               {model.Request{Messages: user(&model.Video{})}, true, "messages.0.parts.0", ""},
		"foreign part":       {model.Request{Messages: user(&model.Text{Text: "a"}, foreign)}, true, "messages.0.parts.1", `[{"type":"text","text":"a"}]`},
		"foreign tool":       {model.Request{Messages: user(), Tools: []model.Tool{{Opaque: foreign}}}, true, "tools.0", ""},
		"foreign extra":      {model.Request{Messages: user(), Extra: &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(`{"mcp_servers":[]}`)}}, true, "mcp_servers", ""},
		"foreign hint":       {model.Request{Messages: user(), Extra: &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(`{"store":true}`)}}, false, "store", ""},
		"guardrail":          {model.Request{Messages: user(), Guardrail: &model.GuardrailConfig{ID: "g"}}, true, "guardrail", ""},
		"document address":   {model.Request{Messages: user(&model.Document{Source: model.Source{URL: "https://example.com/a.pdf"}})}, true, "messages.0.parts.0", ""},
		"picture by id":      {model.Request{Messages: user(&model.Image{Source: model.Source{FileID: "f"}})}, true, "messages.0.parts.0", ""},
		"server call":        {model.Request{Messages: []model.Message{{Role: model.RoleAssistant, Parts: []model.Part{&model.ToolCall{ID: "1", Server: true}}}}}, true, "messages.0.parts.0", ""},
		"picture for system": {model.Request{Messages: []model.Message{{Role: model.RoleSystem, Parts: []model.Part{picture, &model.Text{Text: "a"}}}}}, true, "messages.0.parts.0", ""},
		"picture in result": {model.Request{Messages: user(&model.ToolResult{CallID: "1", Content: []model.Part{&model.Text{Text: "r"}, picture}})}, false, "messages.0.parts.0.content.1",
			`{"role":"tool","tool_call_id":"1","content":"r"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,UA=="}}]}`},
		"failed call":   {model.Request{Messages: user(&model.ToolResult{CallID: "1", Error: true, Content: []model.Part{&model.Structured{JSON: []byte(`{"a":1}`)}}})}, false, "messages.0.parts.0.error", `"content":"{\"a\":1}"`},
		"cache point":   {model.Request{Messages: user(&model.Text{Text: "a"}, &model.CachePoint{})}, false, "messages.0.parts.1", ""},
		"tool's cache":  {model.Request{Messages: user(), Tools: []model.Tool{{Name: "f", Cache: &model.CachePoint{}}}}, false, "tools.0.cache", ""},
		"thinking":      {model.Request{Messages: []model.Message{{Role: model.RoleAssistant, Parts: []model.Part{&model.Reasoning{Text: "r"}, &model.Text{Text: "a"}}}}}, false, "messages.0.parts.0", `{"role":"assistant","content":"a"}`},
		"budget":        {model.Request{Messages: user(), Reasoning: &model.ReasoningConfig{Mode: "enabled", BudgetTokens: 4000}}, false, "reasoning.budget_tokens", `"reasoning_effort":"medium"`},
		"tier":          {model.Request{Messages: user(), ServiceTier: "reserved"}, false, "service_tier", ""},
		"latency":       {model.Request{Messages: user(), Latency: "optimized"}, false, "latency", ""},
		"search result": {model.Request{Messages: user(&model.SearchResult{Title: "T", Source: "S", Content: []model.Part{&model.Text{Text: "c"}}}, &model.Text{Text: "q"})}, false, "messages.0.parts.0", `"text":"T\nS\nc"`},
	} {
		body, losses, err := openai.EncodeRequest(&c.req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(losses) != 1 || losses[0].Path != c.path || (losses[0].Severity == model.LossMajor) != c.major {
			t.Errorf("%s: losses %+v; want one at %s, major %v", name, losses, c.path, c.major)
		}
		if !strings.Contains(string(body), c.sent) {
			t.Errorf("%s: sent %s; want %s in it", name, body, c.sent)
		}
	}
	_, losses, _ := openai.EncodeEmbedRequest(&model.EmbedRequest{Input: []string{"a"}, Images: []model.Source{{URL: "x"}}, Purpose: "query", Normalize: &no, Truncate: "end"})
	if len(losses) != 4 || losses[0].Severity != model.LossMajor {
		t.Errorf("embedding loses %+v", losses)
	}
}

func TestQuirks(t *testing.T) {
	t.Parallel()
	n := 5
	req := &model.Request{Model: "m", MaxTokens: &n, Stream: true, Messages: []model.Message{
		{Role: model.RoleDeveloper, Parts: []model.Part{&model.Text{Text: "D"}}},
		{Role: model.RoleAssistant, Parts: []model.Part{&model.Reasoning{Text: "r"}, &model.Text{Text: "a"}}},
	}}
	body, losses, err := openai.Quirks{MaxTokens: true, NoStreamOptions: true, NoDeveloper: true, Reasoning: "reasoning"}.EncodeRequest(req)
	want := `{"model":"m","messages":[{"role":"system","content":"D"},{"role":"assistant","reasoning":"r","content":"a"}],"max_tokens":5,"stream":true}`
	if err != nil || len(losses) > 0 || string(body) != want {
		t.Errorf("sent %s, losses %+v, %v; want %s", body, losses, err, want)
	}
}

// TestPrediction: a server that refuses a prediction is not sent it, which is
// told; another is, as is what stands beside it.
func TestPrediction(t *testing.T) {
	t.Parallel()
	req, _, err := openai.DecodeRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"q"}],"prediction":{"type":"content","content":"p"},"store":false}`))
	if err != nil {
		t.Fatal(err)
	}
	body, losses, err := openai.Quirks{NoPrediction: true}.EncodeRequest(req)
	if want := `{"model":"m","messages":[{"role":"user","content":"q"}],"store":false}`; err != nil || string(body) != want {
		t.Errorf("sent %s, %v; want %s", body, err, want)
	}
	if len(losses) != 1 || losses[0].Path != "prediction" || losses[0].Severity != model.LossMinor {
		t.Errorf("losses %+v", losses)
	}
	if body, losses, err := openai.EncodeRequest(req); err != nil || len(losses) > 0 || !strings.Contains(string(body), `"prediction":{`) {
		t.Errorf("sent %s, losses %+v, %v", body, losses, err)
	}
}

func TestLegacyAnswer(t *testing.T) {
	t.Parallel()
	r := sampleAnswer()
	opts := openai.EncoderOptions{LegacyFunctions: true, Reasoning: "reasoning", ID: "x", Model: "shown", Created: 1}
	body, losses, err := openai.EncodeResponse(r, opts)
	if err != nil || len(losses) != 1 {
		t.Errorf("losses %+v, %v; want the second call", losses, err)
	}
	for _, part := range []string{`"function_call":{"name":"f","arguments":"{\"a\":1}"}`, `"finish_reason":"function_call"`, `"reasoning":"hm"`, `"id":"x"`, `"model":"shown"`} {
		if !strings.Contains(string(body), part) {
			t.Errorf("%s lacks %s", body, part)
		}
	}
	enc := openai.NewEncoder(opts)
	var out []byte
	for _, ev := range model.ExplodeResponse(r) {
		if out, err = enc.Append(out, ev); err != nil {
			t.Fatal(err)
		}
	}
	if s := string(enc.Finish(out)); !strings.Contains(s, `"delta":{"function_call":{"name":"f","arguments":""}}`) || strings.Contains(s, `tool_calls"`) || strings.Contains(s, `usage`) {
		t.Errorf("streamed %s", s)
	}
}

func TestEncoderRefusesDisorder(t *testing.T) {
	t.Parallel()
	enc := openai.NewEncoder(openai.EncoderOptions{})
	if out, err := enc.Append(nil, model.Event{Kind: model.EventDelta, Text: "a"}); model.AsError(err) == nil || model.AsError(err).Kind != model.UpstreamGarbage || len(out) > 0 {
		t.Errorf("a delta before its part gives %q, %v", out, err)
	}
	for _, ev := range []model.Event{{Kind: model.EventPartStart, Part: &model.Image{}}, {Kind: model.EventPartStart, Index: 1, Part: &model.ToolCall{Server: true}}, {Kind: model.EventDelta, Index: 1, Text: "x"}} {
		if out, err := enc.Append(nil, ev); err != nil || len(out) > 0 {
			t.Errorf("%v gives %q, %v", ev.Kind, out, err)
		}
	}
	if len(enc.Losses()) != 2 {
		t.Errorf("losses are %+v", enc.Losses())
	}
}

// TestClose: Close ends a Next that waits for the upstream.
func TestClose(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	stream := openai.DecodeEvents(r)
	go func() {
		_, _ = io.WriteString(w, "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
	}()
	for range 3 {
		if _, err := stream.Next(); err != nil {
			t.Fatal(err)
		}
	}
	failed := make(chan error)
	go func() {
		_, err := stream.Next()
		failed <- err
	}()
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Fatalf("closing again: %v", err)
	}
	select {
	case err := <-failed:
		if e := model.AsError(err); e == nil || e.Kind != model.Canceled {
			t.Errorf("Next gives %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Next still waits")
	}
}

// TestUsageBeforeError: what a broken stream told of usage is not lost.
func TestUsageBeforeError(t *testing.T) {
	t.Parallel()
	stream := "data: {\"id\":\"1\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n\n"
	r, err := model.Collect(openai.DecodeEvents(io.NopCloser(strings.NewReader(stream))))
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamGarbage {
		t.Errorf("a cut stream gives %v", err)
	}
	if diff := cmp.Diff(model.Usage{Input: 4, Output: 1}, r.Usage); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}
