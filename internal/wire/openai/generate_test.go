package openai_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/model"
)

// Generators of hub values that the dialect can express, for round trips.

var (
	anyText  = rapid.StringMatching(`[ -~é\n"\\\t<世🙂]{1,20}`)
	anyName  = rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_-]{0,8}`)
	anyJSON  = rapid.SampledFrom([]string{`{}`, `{"type":"object"}`, `{"a":[1,2.50,{"b":null}],"é":"\u0041"}`})
	anyBytes = rapid.SliceOfN(rapid.Byte(), 1, 12)
)

func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	if !rapid.Bool().Draw(t, label+"?") {
		return nil
	}
	v := g.Draw(t, label)
	return &v
}

func maybeText(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.Just(""), anyText).Draw(t, label)
}

func drawRequest(t *rapid.T) *model.Request {
	req := &model.Request{
		Model: anyName.Draw(t, "model"), ParallelTools: maybe(t, rapid.Bool(), "parallel"),
		MaxTokens: maybe(t, rapid.IntRange(1, 1<<20), "max"), Temperature: maybe(t, rapid.Float64Range(0, 2), "temperature"),
		TopP: maybe(t, rapid.Float64Range(0, 1), "top_p"), TopK: maybe(t, rapid.IntRange(1, 100), "top_k"),
		MinP: maybe(t, rapid.Float64Range(0, 1), "min_p"), Seed: maybe(t, rapid.Int64(), "seed"),
		PresencePenalty: maybe(t, rapid.Float64Range(-2, 2), "presence"), FrequencyPenalty: maybe(t, rapid.Float64Range(-2, 2), "frequency"),
		N: rapid.IntRange(0, 4).Draw(t, "n"), Logprobs: rapid.Bool().Draw(t, "logprobs"), TopLogprobs: maybe(t, rapid.IntRange(0, 20), "top_logprobs"),
		Verbosity: rapid.SampledFrom([]string{"", "low"}).Draw(t, "verbosity"), User: maybeText(t, "user"), CacheKey: maybeText(t, "key"),
		ServiceTier: rapid.SampledFrom([]string{"", "auto", "flex", "priority"}).Draw(t, "tier"), Stream: rapid.Bool().Draw(t, "stream"),
	}
	if rapid.Bool().Draw(t, "lists") {
		req.Stop = rapid.SliceOfN(anyText, 1, 3).Draw(t, "stop")
		req.Modalities = []string{"text", "audio"}
		req.AudioOut = &model.AudioOutput{Voice: anyName.Draw(t, "voice"), Format: "mp3"}
		req.Metadata = rapid.MapOfN(anyText, anyText, 1, 3).Draw(t, "metadata")
		req.LogitBias = map[string]float64{"12": -1.5, "7": 100}
		req.Reasoning = &model.ReasoningConfig{Effort: "low"}
	}
	if rapid.Bool().Draw(t, "format?") {
		req.Format = &model.Format{Kind: model.FormatSchema, Name: anyName.Draw(t, "format"), Description: maybeText(t, "about"), Schema: []byte(anyJSON.Draw(t, "schema")), Strict: maybe(t, rapid.Bool(), "strict")}
	}
	if rapid.Bool().Draw(t, "extra?") {
		req.Extra = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"prediction":{"type":"content"},"x":[1, 2],"store":true}`)}
	}
	drawTools(t, req)
	for i := range rapid.IntRange(1, 4).Draw(t, "messages") {
		req.Messages = append(req.Messages, drawMessage(t, i))
	}
	return req
}

func drawTools(t *rapid.T, req *model.Request) {
	for i := range rapid.IntRange(0, 3).Draw(t, "tools") {
		name := fmt.Sprintf("tool_%d", i)
		switch rapid.IntRange(0, 2).Draw(t, "tool") {
		case 0:
			req.Tools = append(req.Tools, model.Tool{Name: name, Description: maybeText(t, "about"), Schema: []byte(anyJSON.Draw(t, "schema")), Strict: maybe(t, rapid.Bool(), "strict")})
		case 1:
			req.Tools = append(req.Tools, model.Tool{Name: name, Custom: true, Format: []byte(`{"type":"text"}`)})
		default:
			req.Tools = append(req.Tools, model.Tool{Opaque: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"type":"web_search", "x":1}`)}})
		}
	}
	switch mode := rapid.SampledFrom([]model.ChoiceMode{"", "auto", "none", "required", "named"}).Draw(t, "mode"); mode {
	case model.ChoiceNamed:
		req.ToolChoice = model.ToolChoice{Mode: mode, Name: "tool_0"}
	case model.ChoiceAuto, model.ChoiceRequired:
		req.ToolChoice = model.ToolChoice{Mode: mode, Allowed: rapid.SampledFrom([][]string{nil, {"tool_0", "tool_1"}}).Draw(t, "allowed")}
	default:
		req.ToolChoice.Mode = mode
	}
}

// drawMessage varies roles so that no two messages of tool results follow each
// other: the dialect would join them.
func drawMessage(t *rapid.T, i int) model.Message {
	switch rapid.IntRange(0, 3).Draw(t, "role") {
	case 0:
		role := rapid.SampledFrom([]model.Role{model.RoleSystem, model.RoleDeveloper}).Draw(t, "system")
		return model.Message{Role: role, Name: maybeText(t, "name"), Parts: drawTexts(t)}
	case 1:
		return drawAssistant(t, i)
	case 2:
		if i%2 == 0 {
			return model.Message{Role: model.RoleUser, Parts: drawResults(t, i)}
		}
	}
	return model.Message{Role: model.RoleUser, Name: maybeText(t, "name"), Parts: drawUserParts(t)}
}

func drawTexts(t *rapid.T) []model.Part {
	var parts []model.Part
	for range rapid.IntRange(1, 3).Draw(t, "texts") {
		parts = append(parts, &model.Text{Text: anyText.Draw(t, "text")})
	}
	return parts
}

func drawUserParts(t *rapid.T) []model.Part {
	parts := drawTexts(t)
	for range rapid.IntRange(0, 3).Draw(t, "media") {
		var p model.Part
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			p = &model.Image{Source: model.Source{MIME: "image/png", Data: anyBytes.Draw(t, "data")}, Detail: "high"}
		case 1:
			p = &model.Image{Source: model.Source{URL: "https://example.com/" + anyName.Draw(t, "path")}}
		case 2:
			p = &model.Audio{Source: model.Source{MIME: rapid.SampledFrom([]string{"audio/wav", "audio/mpeg", "audio/flac"}).Draw(t, "mime"), Data: anyBytes.Draw(t, "data")}}
		case 3:
			p = &model.Document{Name: maybeText(t, "name"), Source: model.Source{MIME: rapid.SampledFrom([]string{"", "application/pdf"}).Draw(t, "mime"), Data: anyBytes.Draw(t, "data")}}
		case 4:
			p = &model.Document{Source: model.Source{FileID: anyText.Draw(t, "file")}}
		case 5:
			p = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"type":"video_url", "video_url":{"url":"x"}}`)}
		default:
			parts = append(parts, &model.Text{Text: anyText.Draw(t, "text")}, &model.CachePoint{TTL: rapid.SampledFrom([]string{"", "1h"}).Draw(t, "ttl")})
			continue
		}
		parts = append(parts, p)
	}
	if rapid.Bool().Draw(t, "members") {
		parts = append(parts, &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"message":{"x":{"y": 1}}}`)})
	}
	return parts
}

func drawResults(t *rapid.T, message int) []model.Part {
	var parts []model.Part
	for i := range rapid.IntRange(1, 3).Draw(t, "results") {
		r := &model.ToolResult{CallID: fmt.Sprintf("call_%d_%d", message, i)}
		if rapid.Bool().Draw(t, "content") {
			r.Content = drawTexts(t)
		}
		parts = append(parts, r)
	}
	return parts
}

func drawAssistant(t *rapid.T, message int) model.Message {
	m := model.Message{Role: model.RoleAssistant, Name: maybeText(t, "name")}
	if rapid.Bool().Draw(t, "thinking") {
		m.Parts = append(m.Parts, &model.Reasoning{Text: anyText.Draw(t, "thinking")})
	}
	if rapid.Bool().Draw(t, "says") {
		m.Parts = append(m.Parts, drawTexts(t)...)
		if rapid.Bool().Draw(t, "refuses") {
			m.Parts = append(m.Parts, &model.Refusal{Text: anyText.Draw(t, "refusal")})
		}
	}
	if rapid.Bool().Draw(t, "audio") {
		m.Parts = append(m.Parts, &model.Audio{ID: anyText.Draw(t, "audio id")})
	}
	return model.Message{Role: m.Role, Name: m.Name, Parts: append(m.Parts, drawCalls(t, message, len(m.Parts) == 0)...)}
}

func drawCalls(t *rapid.T, message int, atLeastOne bool) []model.Part {
	least := 0
	if atLeastOne {
		least = 1
	}
	var parts []model.Part
	for i := range rapid.IntRange(least, 3).Draw(t, "calls") {
		c := &model.ToolCall{ID: fmt.Sprintf("call_%d_%d", message, i), Name: anyName.Draw(t, "tool"), Custom: rapid.Bool().Draw(t, "custom")}
		if c.Arguments = anyJSON.Draw(t, "arguments"); c.Custom {
			c.Arguments = maybeText(t, "input")
		}
		parts = append(parts, c)
	}
	return parts
}

func drawUsage(t *rapid.T) model.Usage {
	u := model.Usage{
		Input: rapid.Int64Range(0, 1000).Draw(t, "input"), CacheRead: rapid.Int64Range(0, 1000).Draw(t, "read"),
		CacheWrite5m: rapid.Int64Range(0, 1000).Draw(t, "written"), Output: rapid.Int64Range(1, 1000).Draw(t, "output"),
		ServiceTier: rapid.SampledFrom([]string{"", "default"}).Draw(t, "tier"),
	}
	u.AudioInput = rapid.Int64Range(0, u.Input).Draw(t, "heard")
	u.Reasoning = rapid.Int64Range(0, u.Output).Draw(t, "thought")
	u.AudioOutput = rapid.Int64Range(0, u.Output).Draw(t, "spoken")
	return u
}

// drawResponse makes an answer whose parts stand in the order in which the
// dialect shows them.
func drawResponse(t *rapid.T) *model.Response {
	r := &model.Response{ID: anyName.Draw(t, "id"), Model: anyName.Draw(t, "model"), Created: rapid.Int64Range(1, 1<<32).Draw(t, "created"), Usage: drawUsage(t)}
	for i := range rapid.IntRange(1, 3).Draw(t, "choices") {
		r.Choices = append(r.Choices, drawChoice(t, i))
	}
	if rapid.Bool().Draw(t, "extra?") {
		r.Extra = &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"system_fingerprint":"fp","x":[1,2]}`)}
	}
	return r
}

func drawChoice(t *rapid.T, i int) model.Choice {
	c := model.Choice{Message: model.Message{Role: model.RoleAssistant}}
	add := func(p model.Part) { c.Message.Parts = append(c.Message.Parts, p) }
	if rapid.Bool().Draw(t, "thinks") {
		add(&model.Reasoning{Text: anyText.Draw(t, "thinking")})
	}
	switch rapid.IntRange(0, 3).Draw(t, "says") {
	case 0:
		text := &model.Text{Text: anyText.Draw(t, "text")}
		if rapid.Bool().Draw(t, "cites") {
			text.Citations = []model.Citation{{Kind: "web", Source: "https://example.com", Title: anyText.Draw(t, "title"), TextStart: 1, TextEnd: 2}}
		}
		add(text)
		if rapid.Bool().Draw(t, "logprobs") {
			c.Logprobs = []model.TokenLogprob{{Token: "a", Logprob: -0.25, Bytes: []byte("a"), Top: []model.TokenLogprob{{Token: "b", Logprob: -1}}}}
		}
	case 1:
		add(&model.Refusal{Text: anyText.Draw(t, "refusal")})
	case 2:
		add(&model.Audio{ID: anyName.Draw(t, "audio"), Transcript: anyText.Draw(t, "said"), Source: model.Source{Data: anyBytes.Draw(t, "sound")}})
	}
	calls := drawCalls(t, i, false)
	c.Message.Parts = append(c.Message.Parts, calls...)
	c.Stop = rapid.SampledFrom([]model.StopReason{model.StopEnd, model.StopMaxTokens, model.StopContentFilter}).Draw(t, "stop")
	if len(calls) > 0 {
		c.Stop = model.StopToolUse
	}
	return c
}
