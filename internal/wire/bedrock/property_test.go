package bedrock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"github.com/craton-ai/craton/internal/model"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyText draws text that is not blank.
func anyText(t *rapid.T) string { return "x" + rapid.String().Draw(t, "text") }

func anyBytes(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "bytes") }

// anyPart draws content that Converse expresses without loss.
func anyPart(t *rapid.T, n int) model.Part {
	src := model.Source{Data: anyBytes(t)}
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		src.MIME = rapid.SampledFrom([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}).Draw(t, "mime")
		return &model.Image{Source: src}
	case 1:
		src.MIME = rapid.SampledFrom([]string{"application/pdf", "text/csv", "text/plain", "text/markdown"}).Draw(t, "mime")
		return &model.Document{Name: fmt.Sprintf("doc-%d", n), Source: src, Citations: rapid.Bool().Draw(t, "cite")}
	case 2:
		return &model.ToolCall{ID: "c", Name: "f", Arguments: `{"a":` + rapid.SampledFrom([]string{"1", "null", `"b"`, "[]"}).Draw(t, "arg") + `}`}
	case 3:
		return &model.ToolResult{CallID: "c", Error: rapid.Bool().Draw(t, "error"), Content: []model.Part{
			&model.Text{Text: rapid.String().Draw(t, "result")}, &model.Structured{JSON: []byte(`{"a":[1]}`)},
		}}
	case 4:
		return &model.Reasoning{Text: anyText(t), Signature: rapid.String().Draw(t, "signature")}
	case 5:
		return &model.Reasoning{Redacted: anyBytes(t)}
	case 6:
		return &model.CachePoint{TTL: rapid.SampledFrom([]string{"", "5m", "1h"}).Draw(t, "ttl")}
	case 7:
		return &model.Text{Text: anyText(t), Citations: []model.Citation{{
			Kind: "char", Title: rapid.String().Draw(t, "title"), CitedText: anyText(t), Document: 1, Start: 2, End: rapid.IntRange(0, 99).Draw(t, "end"),
		}}}
	case 8:
		return &model.Guard{Text: anyText(t), Qualifiers: []string{"query"}}
	}
	return &model.Text{Text: anyText(t)}
}

func anyParts(t *rapid.T, n *int) []model.Part {
	var parts []model.Part
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		*n++
		parts = append(parts, anyPart(t, *n))
	}
	return parts
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], label string) *T {
	return rapid.Ptr(g, true).Draw(t, label)
}

// anyRequest draws a request that Converse expresses without loss.
func anyRequest(t *rapid.T) *model.Request {
	n := 0
	req := &model.Request{
		MaxTokens:   maybe(t, rapid.IntRange(1, 1e6), "max"),
		Temperature: maybe(t, rapid.Float64Range(0, 1), "temperature"),
		TopP:        maybe(t, rapid.Float64Range(0, 1), "topP"),
		TopK:        maybe(t, rapid.IntRange(1, 500), "topK"),
		Latency:     rapid.SampledFrom([]string{"", "optimized"}).Draw(t, "latency"),
		ServiceTier: rapid.SampledFrom([]string{"", "flex", "default"}).Draw(t, "tier"),
	}
	if rapid.Bool().Draw(t, "system") {
		req.Messages = append(req.Messages, model.SystemText(anyText(t)))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "turns") {
		role := []model.Role{model.RoleUser, model.RoleAssistant}[i%2]
		req.Messages = append(req.Messages, model.Message{Role: role, Parts: anyParts(t, &n)})
	}
	if rapid.Bool().Draw(t, "tools") {
		req.Tools = []model.Tool{{
			Name: "f", Description: rapid.String().Draw(t, "description"), Schema: []byte(`{"type":"object"}`),
			Strict: maybe(t, rapid.Bool(), "strict"),
		}}
		req.ToolChoice = rapid.SampledFrom([]model.ToolChoice{
			{}, {Mode: model.ChoiceAuto}, {Mode: model.ChoiceRequired}, {Mode: model.ChoiceNamed, Name: "f"},
		}).Draw(t, "choice")
	}
	if rapid.Bool().Draw(t, "reason") {
		req.Reasoning = &model.ReasoningConfig{Mode: "enabled", BudgetTokens: 1024, Effort: rapid.SampledFrom([]string{"", "low"}).Draw(t, "effort")}
	}
	if rapid.Bool().Draw(t, "extra") {
		req.Extra = opaque([]byte(`{"promptVariables":{"a":{"text":"b"}},"additionalModelRequestFields":{"k":[1]}}`))
	}
	return req
}

func TestDecodeUndoesEncode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyRequest(t)
		body, losses, err := EncodeRequest(want)
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, err %v", losses, err)
		}
		got, err := DecodeRequest(body)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("differs after %s (-want +got):\n%s", body, d)
		}
		again, _, err := EncodeRequest(got)
		if err != nil || !bytes.Equal(again, body) {
			t.Fatalf("encoding again differs: %v\n%s\n%s", err, body, again)
		}
	})
}

func TestStreamUndoesEncoder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := &model.Response{Choices: []model.Choice{{Stop: model.StopEnd, Message: model.Message{Role: model.RoleAssistant}}}}
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			p := rapid.SampledFrom([]model.Part{
				&model.Text{Text: anyText(t)}, &model.Reasoning{Text: anyText(t), Signature: "s"}, &model.Reasoning{Redacted: anyBytes(t)},
				&model.ToolCall{ID: "c", Name: "f", Arguments: `{"a":1}`}, &model.Image{Source: model.Source{MIME: "image/png", Data: anyBytes(t)}},
			}).Draw(t, "part")
			want.Choices[0].Message.Parts = append(want.Choices[0].Message.Parts, p)
		}
		want.Usage = model.Usage{Input: rapid.Int64Range(0, 1e9).Draw(t, "in"), CacheRead: 7, CacheWrite1h: 9, Output: 3}
		enc := NewEncoder(Options{})
		var dst []byte
		var err error
		for _, ev := range model.ExplodeResponse(want) {
			if dst, err = enc.Append(dst, ev); err != nil {
				t.Fatal(err)
			}
		}
		got, err := model.Collect(DecodeEvents(bytes.NewReader(enc.Finish(dst))))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("differs (-want +got):\n%s", d)
		}
	})
}

func FuzzDecodeRequest(f *testing.F) {
	for _, b := range blocks {
		f.Add([]byte(`{"messages":[{"role":"user","content":[` + b + `]}],"system":[` + b + `]}`))
	}
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"video":{"format":"mp4","source":{"s3Location":{"uzi":"s3://b/k"}}}}]}]}`))
	f.Add([]byte(`{"toolConfig":{"tools":[{"cachePoint":{}},{"systemTool":{"name":"x"}}],"toolChoice":{"any":{}}},"x":1}`))
	f.Add([]byte(`{"additionalModelRequestFields":{"top_k":1,"thinking":{"type":"a"},"inferenceConfig":{"topK":2}},"outputConfig":{"effort":"x"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := DecodeRequest(body)
		if err != nil {
			if model.AsError(err).Kind != model.Invalid {
				t.Fatalf("got %v", err)
			}
			return
		}
		_ = Check(req)
		out, _, err := EncodeRequest(req)
		if err != nil {
			t.Fatalf("a decoded request does not encode: %v", err)
		}
		again, err := DecodeRequest(out)
		if err != nil {
			t.Fatalf("an encoded request does not decode: %v\n%s", err, out)
		}
		stable, _, err := EncodeRequest(again)
		if err != nil || !bytes.Equal(stable, out) {
			t.Fatalf("encoding is not stable: %v\n%s\n%s", err, out, stable)
		}
	})
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add([]byte(`{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn","usage":{"inputTokens":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeResponse(body)
		if err != nil {
			return
		}
		if _, _, err := EncodeResponse(r, Options{}); err != nil {
			t.Fatalf("a decoded answer does not encode: %v", err)
		}
		DecodeError(400, nil, body)
	})
}

// drain lists a stream's events and its end.
func drain(r io.Reader) (events []model.Event, err error) {
	s := DecodeEvents(r)
	for {
		ev, err := s.Next()
		if err != nil {
			return events, err
		}
		events = append(events, ev)
	}
}

// FuzzDecodeEvents compares a stream read whole with one read byte by byte, and
// checks the hub's order through the Collector.
func FuzzDecodeEvents(f *testing.F) {
	f.Add(frames(liveStream...))
	f.Add(frames(liveStream[:4]...))
	f.Add(frames(liveStream[0], `!throttlingException {"message":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzEvents(t, data)
	})
}

// FuzzEventPayloads mutates payloads inside well-formed frames.
func FuzzEventPayloads(f *testing.F) {
	f.Add(`{"contentBlockIndex":0,"start":{"image":{"format":"png"}}}`, `{"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"AA=="}}}}`, `{"stopReason":"x"}`)
	f.Add(`{"contentBlockIndex":1,"start":{"toolUse":{}}}`, `{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}}`, `{}`)
	f.Add(`{"start":{"toolResult":{}}}`, `{"delta":{"toolResult":[{"text":"x"}]}}`, `{}`)
	f.Fuzz(func(t *testing.T, start, delta, stop string) {
		fuzzEvents(t, frames("messageStart {}", "contentBlockStart "+start, "contentBlockDelta "+delta, "contentBlockStop "+start,
			"messageStop "+stop, "metadata "+stop))
	})
}

func fuzzEvents(t *testing.T, data []byte) {
	whole, errWhole := drain(bytes.NewReader(data))
	split, errSplit := drain(iotest.OneByteReader(bytes.NewReader(data)))
	if !reflect.DeepEqual(whole, split) || fmt.Sprint(errWhole) != fmt.Sprint(errSplit) {
		t.Fatalf("split points matter:\n%+v %v\n%+v %v", whole, errWhole, split, errSplit)
	}
	var c model.Collector
	enc := NewEncoder(Options{})
	for _, ev := range whole {
		if err := c.Add(ev); err != nil {
			t.Fatalf("the hub's order is broken: %v", err)
		}
		_, _ = enc.Append(nil, ev)
	}
	enc.Finish(nil)
	var e *model.Error
	if !errors.Is(errWhole, io.EOF) && !errors.As(errWhole, &e) {
		t.Fatalf("got %v, want an *model.Error", errWhole)
	}
}

func BenchmarkEncoderDelta(b *testing.B) {
	enc := NewEncoder(Options{})
	buf, err := enc.Append(nil, model.Event{Kind: model.EventPartStart, Part: &model.Text{}})
	if err != nil {
		b.Fatal(err)
	}
	ev := model.Event{Kind: model.EventDelta, Text: " of the \"token\""}
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = enc.Append(buf[:0], ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEvents(b *testing.B) {
	lines := []string{`messageStart {"role":"assistant"}`}
	for range 1000 {
		lines = append(lines, `contentBlockDelta {"contentBlockIndex":0,"delta":{"text":" word"},"p":"abcdefgh"}`)
	}
	data := frames(append(lines, liveStream[len(liveStream)-2:]...)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := model.Collect(DecodeEvents(bytes.NewReader(data))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":[{"text":"Hello there, how are you today?"}]}],"system":[{"text":"Be brief."}],` +
		`"inferenceConfig":{"maxTokens":100,"temperature":0.5},` + toolsJSON + `}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRequest(body); err != nil {
			b.Fatal(err)
		}
	}
}
