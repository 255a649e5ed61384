package anthropic_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/tidwall/gjson"
)

func TestLossesOfOtherDialects(t *testing.T) {
	t.Parallel()
	one, half, hot := int64(1), 0.5, 1.5
	foreign := &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"x":1}`)}
	for name, c := range map[string]struct {
		change func(*model.Request)
		path   string
		want   model.Severity
	}{
		"n":         {func(r *model.Request) { r.N = 2 }, "n", model.LossMajor},
		"seed":      {func(r *model.Request) { r.Seed = &one }, "seed", model.LossMinor},
		"presence":  {func(r *model.Request) { r.PresencePenalty = &half }, "presence_penalty", model.LossMajor},
		"logprobs":  {func(r *model.Request) { r.Logprobs = true }, "logprobs", model.LossMajor},
		"heat":      {func(r *model.Request) { r.Temperature = &hot }, "temperature", model.LossMajor},
		"json":      {func(r *model.Request) { r.Format = &model.Format{Kind: model.FormatJSON} }, "format", model.LossMajor},
		"guardrail": {func(r *model.Request) { r.Guardrail = &model.GuardrailConfig{ID: "g"} }, "guardrail", model.LossMajor},
		"extra":     {func(r *model.Request) { r.Extra = foreign }, "extra", model.LossMajor},
		"tool":      {func(r *model.Request) { r.Tools = []model.Tool{{Opaque: foreign}} }, "tools.0", model.LossMajor},
		"custom":    {func(r *model.Request) { r.Tools = []model.Tool{{Name: "c", Custom: true}} }, "tools.0", model.LossMajor},
		"audio":     {put(&model.Audio{}), "messages.0.parts.1", model.LossMajor},
		"opaque":    {put(foreign), "messages.0.parts.1", model.LossMajor},
		"s3":        {put(&model.Image{Source: model.Source{URL: "s3://b/k"}}), "messages.0.parts.1", model.LossMajor},
		"word":      {put(&model.Document{Source: model.Source{MIME: "application/msword", Data: []byte("x")}}), "messages.0.parts.1", model.LossMajor},
		"thought":   {put(&model.Reasoning{Text: "x"}), "messages.0.parts.1", model.LossMinor},
		"detail":    {put(&model.Image{Source: model.Source{URL: "https://a"}, Detail: "high"}), "messages.0.parts.1.detail", model.LossMinor},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := &model.Request{Model: "m", Messages: []model.Message{model.UserText("hi")}}
			c.change(req)
			body, losses, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{})
			if err != nil || len(losses) != 1 || losses[0].Path != c.path || losses[0].Severity != c.want {
				t.Fatalf("losses %+v, error %v", losses, err)
			}
			if !gjson.ValidBytes(body) {
				t.Fatalf("the body is not JSON: %s", body)
			}
		})
	}
}

func put(p model.Part) func(*model.Request) {
	return func(r *model.Request) {
		m := &r.Messages[0]
		m.Parts = append(m.Parts, p)
	}
}

func TestMessageOrder(t *testing.T) {
	t.Parallel()
	req := &model.Request{Model: "m", Messages: []model.Message{
		model.SystemText("a"),
		{Role: model.RoleDeveloper, Parts: []model.Part{&model.Text{Text: "b"}}},
		model.UserText("one"),
		model.UserText("two"),
		{Role: model.RoleAssistant, Parts: []model.Part{&model.ToolCall{ID: "call.1", Name: "n", Arguments: "not json"}}},
		{Role: model.RoleAssistant},
		model.UserText("meanwhile"),
		{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: "call.1", Content: []model.Part{&model.Structured{JSON: []byte(`{"x":1}`)}}}}},
		model.SystemText("late"),
	}}
	body, _, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{DefaultMaxTokens: 9})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"system.#": "2", "system.1.text": "b", "max_tokens": "9",
		"messages.#": "4", "messages.0.content.#": "2", "messages.1.content.0.id": "call_1",
		"messages.1.content.0.input.input": "not json",
		"messages.2.content.0.type":        "tool_result", "messages.2.content.0.tool_use_id": "call_1",
		"messages.2.content.0.content.0.text": `{"x":1}`, "messages.2.content.1.text": "meanwhile",
		"messages.3.role": "system",
	} {
		if got := gjson.GetBytes(body, path).String(); got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
}

func TestAllowedToolsAndEffort(t *testing.T) {
	t.Parallel()
	off := false
	req := &model.Request{
		Model: "m", Messages: []model.Message{model.UserText("x")}, ParallelTools: &off,
		Tools:      []model.Tool{{Name: "a"}, {Name: "b"}},
		ToolChoice: model.ToolChoice{Mode: model.ChoiceRequired, Allowed: []string{"b"}},
		Reasoning:  &model.ReasoningConfig{Effort: "high"},
	}
	body, losses, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{DefaultMaxTokens: 30000, EffortAsBudget: true})
	if err != nil || len(losses) > 0 {
		t.Fatal(losses, err)
	}
	if got := gjson.GetBytes(body, "tools.#.name").Raw + gjson.GetBytes(body, "tool_choice").Raw; got != `["b"]{"type":"any","disable_parallel_tool_use":true}` {
		t.Errorf("tools and choice are %s", got)
	}
	if got := gjson.GetBytes(body, "thinking.budget_tokens").Int(); got != 16384 || gjson.GetBytes(body, "output_config").Exists() {
		t.Errorf("the effort becomes a budget of %d", got)
	}
}

func TestInvokeBody(t *testing.T) {
	t.Parallel()
	in := []byte(`{"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`)
	req, err := anthropic.DecodeInvoke(in, "claude", true)
	if err != nil || req.Model != "claude" || !req.Stream {
		t.Fatal(req, err)
	}
	out, _, err := anthropic.EncodeRequest(req, anthropic.RequestOptions{InvokeVersion: "bedrock-2023-05-31"})
	if err != nil || gjson.GetBytes(out, "model").Exists() || gjson.GetBytes(out, "stream").Exists() ||
		gjson.GetBytes(out, "anthropic_version").String() != "bedrock-2023-05-31" {
		t.Fatalf("the invoke body is %s, %v", out, err)
	}
}

func TestErrorsBothWays(t *testing.T) {
	t.Parallel()
	for kind := model.Internal; kind <= model.NotReady; kind++ {
		status, body := anthropic.EncodeError(&model.Error{Kind: kind, Message: "Said."}, "req_1")
		if status < 400 || gjson.GetBytes(body, "type").String() != "error" || gjson.GetBytes(body, "error.message").String() != "Said." ||
			!strings.HasSuffix(gjson.GetBytes(body, "error.type").String(), "_error") && kind != model.TooLarge || gjson.GetBytes(body, "request_id").String() != "req_1" {
			t.Errorf("%v becomes %d %s", kind, status, body)
		}
	}
	for _, c := range []struct {
		status int
		body   string
		want   model.Kind
	}{
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 2 tokens > 1 maximum"}}`, model.ContextLength},
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"messages: bad"}}`, model.Invalid},
		{401, `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`, model.UpstreamDenied},
		{404, `{"type":"error","error":{"type":"not_found_error","message":"model: x"}}`, model.ModelNotFound},
		{413, `<html>`, model.TooLarge},
		{429, `{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}`, model.RateLimited},
		{529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, model.Overloaded},
		{502, `bad gateway`, model.UpstreamDown},
		{400, `{"message":"Malformed input request"}`, model.Invalid},
		{302, ``, model.UpstreamGarbage},
	} {
		e := anthropic.DecodeError(c.status, http.Header{"Retry-After": {"2"}}, []byte(c.body))
		if e.Kind != c.want || e.RetryAfter != 2*time.Second || e.UpstreamStatus != c.status {
			t.Errorf("%d %s is %v", c.status, c.body, e)
		}
		if strings.Contains(e.Public(), "x-api-key") {
			t.Errorf("the upstream's words about the key reach the client: %s", e.Public())
		}
	}
}

func TestCloseEndsTheStream(t *testing.T) {
	t.Parallel()
	s := anthropic.DecodeEvents(golden.Split(nil, 1))
	_ = s.Close()
	if _, err := s.Next(); model.AsError(err).Kind != model.Canceled {
		t.Errorf("a closed stream ends in %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func BenchmarkEncodeDelta(b *testing.B) {
	enc := anthropic.NewEncoder(anthropic.ResponseOptions{ID: "msg_1", Model: "m"})
	buf, _ := enc.Append(nil, model.Event{Kind: model.EventStart})
	buf, _ = enc.Append(buf, model.Event{Kind: model.EventPartStart, Part: &model.Text{}})
	ev := model.Event{Kind: model.EventDelta, Text: "some words of text"}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = enc.Append(buf[:0], ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeekAndRename(b *testing.B) {
	body := []byte(`{"model":"claude","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 220) + `"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := anthropic.Peek(body); err != nil {
			b.Fatal(err)
		}
		if _, err := anthropic.RewriteModel(body, "other"); err != nil {
			b.Fatal(err)
		}
	}
}
