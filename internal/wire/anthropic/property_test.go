package anthropic_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/anthropic"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The generators make requests in the form decoding gives: one leading system
// message, alternating roles, compact JSON.

func opaque(raw string) *model.Opaque {
	return &model.Opaque{Dialect: model.DialectAnthropic, Raw: []byte(raw)}
}

var words = rapid.StringMatching(`[a-zA-Z0-9_-]{1,12}`)

func text(t *rapid.T) string { return rapid.StringN(1, 20, 60).Draw(t, "text") }

func flag(t *rapid.T) bool { return rapid.Bool().Draw(t, "flag") }

func object(t *rapid.T) string {
	return rapid.SampledFrom([]string{`{}`, `{"a":1}`, `{"b":[1,2.5,null,"x\n"],"c":{"d":true}}`, `{"é":"ß"}`}).Draw(t, "object")
}

func source(t *rapid.T, mime string) model.Source {
	switch rapid.IntRange(0, 2).Draw(t, "source") {
	case 0:
		return model.Source{MIME: mime, Data: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data")}
	case 1:
		return model.Source{URL: "https://a.example/" + words.Draw(t, "path")}
	}
	return model.Source{FileID: words.Draw(t, "file")}
}

func citation(t *rapid.T) model.Citation {
	c := model.Citation{
		Kind:      rapid.SampledFrom([]string{"char", "page", "chunk", "search_result", "web"}).Draw(t, "kind"),
		CitedText: text(t), Title: text(t),
		Document: rapid.IntRange(0, 9).Draw(t, "doc"), Start: rapid.IntRange(0, 9).Draw(t, "start"), End: rapid.IntRange(0, 9).Draw(t, "end"),
	}
	switch c.Kind {
	case "search_result":
		c.Source = words.Draw(t, "source")
	case "web":
		c = model.Citation{Kind: "web", Title: "T", CitedText: "c", Source: "https://a.example"}
		c.Raw = opaque(`{"type":"web_search_result_location","cited_text":"c","url":"https://a.example","title":"T","encrypted_index":"x"}`)
	}
	return c
}

func parts(t *rapid.T, choices ...func(*rapid.T) model.Part) []model.Part {
	var out []model.Part
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		p := rapid.SampledFrom(choices).Draw(t, "part")(t)
		out = append(out, p)
		_, thinks := p.(*model.Reasoning)
		_, raw := p.(*model.Opaque)
		if !thinks && !raw && rapid.IntRange(0, 3).Draw(t, "cache") == 0 {
			out = append(out, &model.CachePoint{TTL: rapid.SampledFrom([]string{"", "5m", "1h"}).Draw(t, "ttl")})
		}
	}
	return out
}

func textPart(t *rapid.T) model.Part { return &model.Text{Text: text(t)} }

func citedText(t *rapid.T) model.Part {
	return &model.Text{Text: text(t), Citations: rapid.SliceOfN(rapid.Custom(citation), 1, 3).Draw(t, "citations")}
}

func imagePart(t *rapid.T) model.Part { return &model.Image{Source: source(t, "image/png")} }

func documentPart(t *rapid.T) model.Part {
	d := &model.Document{Title: text(t), Citations: flag(t)}
	switch rapid.IntRange(0, 2).Draw(t, "document") {
	case 0:
		d.Source = source(t, "application/pdf")
	case 1:
		d.Source = model.Source{MIME: "text/plain", Text: text(t)}
	default:
		d.Content = parts(t, textPart, imagePart)
	}
	return d
}

func searchPart(t *rapid.T) model.Part {
	return &model.SearchResult{Source: words.Draw(t, "s"), Title: text(t), Citations: flag(t), Content: parts(t, textPart)}
}

func resultPart(t *rapid.T) model.Part {
	r := &model.ToolResult{CallID: words.Draw(t, "id"), Error: flag(t)}
	if flag(t) {
		r.Content = parts(t, textPart, imagePart, searchPart, documentPart)
	}
	return r
}

func reasoningPart(t *rapid.T) model.Part {
	if flag(t) {
		return &model.Reasoning{Redacted: []byte(words.Draw(t, "redacted"))}
	}
	return &model.Reasoning{Text: text(t), Signature: words.Draw(t, "signature")}
}

func callPart(t *rapid.T) model.Part {
	c := &model.ToolCall{ID: words.Draw(t, "id"), Name: words.Draw(t, "name"), Arguments: object(t), Server: flag(t)}
	if flag(t) {
		c.Extra = opaque(`{"caller":{"type":"code_execution_20250825","tool_id":"x"}}`)
	}
	return c
}

func opaquePart(t *rapid.T) model.Part { return opaque(`{"type":"novel","x":[1]}`) }

func request(t *rapid.T) *model.Request {
	n := rapid.IntRange(1, 4000).Draw(t, "max")
	r := &model.Request{Model: words.Draw(t, "model"), MaxTokens: &n, Stream: flag(t)}
	if flag(t) {
		r.Messages = append(r.Messages, model.Message{Role: model.RoleSystem, Parts: parts(t, textPart)})
	}
	for range rapid.IntRange(1, 3).Draw(t, "turns") {
		user := parts(t, textPart, imagePart, documentPart, searchPart, opaquePart)
		if flag(t) {
			user = parts(t, resultPart)
		}
		r.Messages = append(r.Messages, model.Message{Role: model.RoleUser, Parts: user},
			model.Message{Role: model.RoleAssistant, Parts: parts(t, textPart, citedText, reasoningPart, callPart, opaquePart)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "tools") {
		tool := model.Tool{Name: words.Draw(t, "tool"), Description: text(t), Schema: []byte(object(t))}
		if flag(t) {
			strict := flag(t)
			tool.Strict, tool.Cache, tool.Extra = &strict, &model.CachePoint{TTL: "1h"}, opaque(`{"defer_loading":true}`)
		}
		r.Tools = append(r.Tools, tool)
	}
	if len(r.Tools) > 0 {
		r.ToolChoice.Mode = rapid.SampledFrom([]model.ChoiceMode{"", "auto", "none", "required"}).Draw(t, "choice")
		if m := r.ToolChoice.Mode; m == "auto" || m == "required" {
			parallel := flag(t)
			r.ParallelTools = &parallel
		}
	}
	if flag(t) {
		f := rapid.Float64Range(0, 1).Draw(t, "temperature")
		r.Temperature, r.TopP, r.TopK = &f, &f, &n
		r.Stop, r.User, r.ServiceTier = []string{text(t)}, text(t), rapid.SampledFrom([]string{"auto", "default"}).Draw(t, "tier")
		r.Format = &model.Format{Kind: model.FormatSchema, Schema: []byte(object(t))}
		r.Reasoning = &model.ReasoningConfig{Effort: "high", Mode: "enabled", BudgetTokens: 1024 + n, Display: "omitted"}
		r.Extra = opaque(`{"container":"c","output_config":{"task_budget":{"total":1}}}`)
	}
	return r
}

func TestRequestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := request(t)
		body, losses, err := anthropic.EncodeRequest(want, anthropic.RequestOptions{})
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		got, err := anthropic.DecodeRequest(body)
		if err != nil {
			t.Fatalf("decoding %s: %v", body, err)
		}
		if d := cmp.Diff(want, got, extraAsText); d != "" {
			t.Fatalf("the request changed (-want +got):\n%s\n%s", d, body)
		}
	})
}

func response(t *rapid.T) *model.Response {
	r := &model.Response{ID: words.Draw(t, "id"), Model: words.Draw(t, "model"), Choices: []model.Choice{{
		Message: model.Message{Role: model.RoleAssistant},
		Stop: rapid.SampledFrom([]model.StopReason{model.StopEnd, model.StopToolUse, model.StopMaxTokens, model.StopSequence,
			model.StopPause, model.StopRefusal, model.StopContextWindow}).Draw(t, "stop"),
	}}}
	for _, p := range parts(t, textPart, citedText, reasoningPart, callPart, opaquePart) {
		if _, point := p.(*model.CachePoint); !point {
			r.Choices[0].Message.Parts = append(r.Choices[0].Message.Parts, p)
		}
	}
	n := rapid.Int64Range(0, 1<<40)
	r.Usage = model.Usage{Input: n.Draw(t, "in"), CacheRead: n.Draw(t, "read"), CacheWrite5m: n.Draw(t, "5m"), CacheWrite1h: n.Draw(t, "1h"),
		Output: n.Draw(t, "out"), Reasoning: n.Draw(t, "think"), ServiceTier: "priority"}
	if flag(t) {
		r.Extra = opaque(`{"container":{"id":"c"},"usage":{"server_tool_use":{"web_search_requests":1}}}`)
	}
	return r
}

func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := response(t)
		body, losses, err := anthropic.EncodeResponse(want, anthropic.ResponseOptions{})
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		got, err := anthropic.DecodeResponse(body)
		if err != nil {
			t.Fatalf("decoding %s: %v", body, err)
		}
		if d := cmp.Diff(want, got, extraAsText); d != "" {
			t.Fatalf("the answer changed (-want +got):\n%s", d)
		}
		if u, ok := anthropic.ResponseUsage(body); !ok || u != want.Usage {
			t.Fatalf("usage read in passing is %+v", u)
		}
	})
}

// extraAsText compares what is kept verbatim without regard to the order of members.
var extraAsText = cmp.Transformer("canonical", func(o model.Opaque) string {
	v := jsontext.Value(bytes.Clone(o.Raw))
	if err := v.Canonicalize(); err != nil {
		return "not JSON: " + string(o.Raw)
	}
	return string(o.Dialect) + " " + string(v)
})

func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := response(t)
		enc := anthropic.NewEncoder(anthropic.ResponseOptions{})
		var buf []byte
		var err error
		for _, ev := range model.ExplodeResponse(want) {
			if buf, err = enc.Append(buf, ev); err != nil {
				t.Fatal(err)
			}
		}
		buf = enc.Finish(buf)
		got, err := model.Collect(anthropic.DecodeEvents(golden.Split(buf, rapid.IntRange(1, 90).Draw(t, "split"))))
		if err != nil {
			t.Fatalf("decoding %s: %v", buf, err)
		}
		if d := cmp.Diff(want, got, extraAsText); d != "" {
			t.Fatalf("the answer changed (-want +got):\n%s\n%s", d, buf)
		}
		var scan anthropic.UsageScanner
		for _, b := range strings.SplitAfter(string(buf), "e") {
			_, _ = scan.Write([]byte(b))
		}
		if u, ok := scan.Usage(); !ok || u != want.Usage || !scan.Final() {
			t.Fatalf("usage read in passing is %+v (final: %t), not %+v", u, scan.Final(), want.Usage)
		}
		var begun anthropic.UsageScanner
		start, _, _ := strings.Cut(string(buf), "event: message_delta")
		if _, _ = begun.Write([]byte(start)); begun.Final() {
			t.Fatalf("the usage of an answer that only began is called final: %s", start)
		}
	})
}
