package responses_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/model/modeltest/golden"
	"github.com/craton-ai/craton/internal/wire/responses"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var words = rapid.StringMatching(`[a-zA-Z0-9_-]{1,12}`)

func text(t *rapid.T) string { return rapid.StringN(1, 20, 60).Draw(t, "text") }

func flag(t *rapid.T) bool { return rapid.Bool().Draw(t, "flag") }

func opaque(raw string) *model.Opaque {
	return &model.Opaque{Dialect: model.DialectOpenAIResponses, Raw: []byte(raw)}
}

// assistant makes the parts of an assistant's message as decoding gives them:
// items have unique ids, texts of one item stand together. The last of the
// five kinds is another vendor's thinking, which an answer seals.
func assistant(t *rapid.T, n *int, kinds int) []model.Part {
	var parts []model.Part
	for range rapid.IntRange(1, 4).Draw(t, "items") {
		*n++
		switch rapid.IntRange(0, kinds-1).Draw(t, "item") {
		case 0:
			id, phase := fmt.Sprintf("msg_%d", *n), rapid.SampledFrom([]string{"", "commentary"}).Draw(t, "phase")
			for range rapid.IntRange(1, 3).Draw(t, "texts") {
				parts = append(parts, said(t, id, phase))
			}
		case 1:
			id := fmt.Sprintf("rs_%d", *n)
			for range rapid.IntRange(1, 3).Draw(t, "thoughts") {
				parts = append(parts, &model.Reasoning{ID: id, Text: text(t), Summary: true})
			}
			if flag(t) {
				parts = append(parts, &model.Reasoning{ID: id, Text: text(t)})
			}
			parts[len(parts)-1].(*model.Reasoning).Signature = words.Draw(t, "sealed")
		case 2:
			c := &model.ToolCall{ID: words.Draw(t, "call"), ItemID: fmt.Sprintf("fc_%d", *n), Name: words.Draw(t, "name"), Arguments: text(t), Custom: flag(t)}
			if flag(t) {
				c.Extra = opaque(`{"namespace":"n"}`)
			}
			parts = append(parts, c)
		case 3:
			parts = append(parts, opaque(fmt.Sprintf(`{"id":"ws_%d","type":"web_search_call","status":"completed"}`, *n)))
		case 4:
			if flag(t) {
				parts = append(parts, &model.Reasoning{Redacted: []byte(text(t))})
			} else {
				parts = append(parts, &model.Reasoning{Text: text(t), Signature: text(t)})
			}
		}
	}
	return parts
}

func said(t *rapid.T, id, phase string) model.Part {
	p := &model.Text{Text: text(t), ItemID: id, Phase: phase}
	for range rapid.IntRange(0, 2).Draw(t, "citations") {
		c := model.Citation{Kind: "web", Source: "https://a.example/" + words.Draw(t, "path"), Title: text(t), TextStart: 1, TextEnd: 2}
		if flag(t) {
			c = model.Citation{Kind: "chunk", FileID: "f", Title: "n", Raw: opaque(`{"type":"file_citation","file_id":"f","filename":"n","index":1}`)}
		}
		p.Citations = append(p.Citations, c)
	}
	return p
}

func source(t *rapid.T) model.Source {
	switch rapid.IntRange(0, 2).Draw(t, "source") {
	case 0:
		return model.Source{MIME: "image/png", Data: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data")}
	case 1:
		return model.Source{URL: "https://a.example/" + words.Draw(t, "path")}
	}
	return model.Source{FileID: words.Draw(t, "file")}
}

func userParts(t *rapid.T) (parts []model.Part) {
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		switch rapid.IntRange(0, 4).Draw(t, "part") {
		case 0:
			parts = append(parts, &model.Text{Text: text(t)})
		case 1:
			parts = append(parts, &model.Image{Source: source(t), Detail: rapid.SampledFrom([]string{"", "low", "high"}).Draw(t, "detail")})
		case 2:
			parts = append(parts, &model.Document{Source: source(t), Name: words.Draw(t, "name")})
		case 3:
			parts = append(parts, &model.Audio{Source: model.Source{MIME: "audio/wav", Data: []byte(text(t))}})
		case 4:
			parts = append(parts, opaque(`{"type":"input_novel","x":[1]}`))
			continue
		}
		if rapid.IntRange(0, 3).Draw(t, "cache") == 0 {
			parts = append(parts, &model.CachePoint{TTL: "30m"})
		}
	}
	return parts
}

func messages(t *rapid.T) (msgs []model.Message) {
	n := 0
	for range rapid.IntRange(1, 3).Draw(t, "turns") {
		role := rapid.SampledFrom([]model.Role{model.RoleUser, model.RoleSystem, model.RoleDeveloper}).Draw(t, "role")
		msgs = append(msgs, model.Message{Role: role, Parts: userParts(t), ID: words.Draw(t, "id")})
		msgs = append(msgs, model.Message{Role: model.RoleAssistant, Parts: assistant(t, &n, 5)})
		if !flag(t) {
			continue
		}
		var results []model.Part
		for range rapid.IntRange(1, 2).Draw(t, "results") {
			r := &model.ToolResult{CallID: words.Draw(t, "call"), ItemID: words.Draw(t, "id"), Custom: flag(t)}
			switch rapid.IntRange(0, 2).Draw(t, "output") {
			case 0:
				r.Content = []model.Part{&model.Text{Text: text(t)}}
			case 1:
				r.Content = []model.Part{&model.Text{Text: text(t)}, &model.Image{Source: source(t)}}
			}
			results = append(results, r)
		}
		msgs = append(msgs, model.Message{Role: model.RoleUser, Parts: results})
	}
	return msgs
}

// A message's own ID repeats the id of its first item.
var sameParts = cmpopts.IgnoreFields(model.Message{}, "ID")

func TestItemsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := messages(t)
		items, losses, err := responses.EncodeItems(want)
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		got, err := responses.DecodeItems(items, nil)
		if err != nil {
			t.Fatalf("decoding %s: %v", items, err)
		}
		if d := cmp.Diff(want, got, sameParts); d != "" {
			t.Fatalf("the messages changed (-want +got):\n%s\n%s", d, items)
		}
	})
}

// TestContinueItems: cut anywhere, decoding the rest after the first part comes
// to what decoding everything does, and the first part stays as it was.
func TestContinueItems(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw, _, err := responses.EncodeItems(messages(t))
		if err != nil {
			t.Fatal(err)
		}
		items, err := responses.SplitItems(raw)
		if err != nil {
			t.Fatal(err)
		}
		decode := func(before []model.Message, items [][]byte) []model.Message {
			out, err := responses.ContinueItems(before, fmt.Appendf(nil, "[%s]", bytes.Join(items, []byte(","))))
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		want := decode(nil, items)
		n := rapid.IntRange(0, len(items)).Draw(t, "cut")
		first := decode(nil, items[:n])
		for range 2 { // two may continue the same
			if diff := cmp.Diff(want, decode(first, items[n:]), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
		if diff := cmp.Diff(decode(nil, items[:n]), first, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("what was before has changed: %s", diff)
		}
	})
}

func TestRequestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, f, yes := rapid.IntRange(1, 100).Draw(t, "n"), rapid.Float64Range(0, 1).Draw(t, "f"), flag(t)
		want := &model.Request{
			Model: words.Draw(t, "model"), Messages: []model.Message{model.SystemText(text(t)), model.UserText(text(t))},
			MaxTokens: &n, Temperature: &f, TopP: &f, ParallelTools: &yes, Stream: yes, User: words.Draw(t, "user"), CacheKey: "k",
			Tools:     []model.Tool{{Name: "a", Description: text(t), Schema: []byte(`{"type":"object"}`), Strict: &yes}, {Name: "b", Custom: true, Format: []byte(`{"type":"text"}`)}},
			Format:    &model.Format{Kind: model.FormatSchema, Name: "n", Schema: []byte(`{}`), Strict: &yes},
			Reasoning: &model.ReasoningConfig{Effort: "high", Summary: "auto", Encrypted: true},
			Metadata:  map[string]string{"a": text(t)}, Extra: opaque(`{"novel":{"x":1}}`),
		}
		want.Messages[0].Transient = true
		if flag(t) {
			want.ToolChoice = model.ToolChoice{Mode: model.ChoiceAuto, Allowed: []string{"a"}}
		} else {
			want.ToolChoice = model.ToolChoice{Mode: model.ChoiceNamed, Name: "b"}
		}
		body, losses, err := responses.EncodeRequest(want, nil)
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		got, opts, err := responses.DecodeRequest(body, nil)
		if err != nil || opts.Stored() {
			t.Fatalf("stored %t, error %v, decoding %s", opts.Stored(), err, body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("the request changed (-want +got):\n%s\n%s", d, body)
		}
	})
}

func answer(t *rapid.T) *model.Response {
	n := 0
	r := &model.Response{ID: "resp_1", Model: words.Draw(t, "model"), Created: 7}
	parts := assistant(t, &n, 4)
	stop := model.StopEnd
	for _, p := range parts {
		if _, call := p.(*model.ToolCall); call {
			stop = model.StopToolUse
		}
	}
	r.Choices = []model.Choice{{Stop: stop, Message: model.Message{Role: model.RoleAssistant, Parts: parts}}}
	if flag(t) {
		r.Choices[0].Stop = model.StopMaxTokens
	}
	r.Usage = model.Usage{Input: 5, CacheRead: 3, CacheWrite5m: 2, Output: 9, Reasoning: 4, ServiceTier: "flex"}
	return r
}

// unfinished is the status of a call cut short, which only the dialect has.
var unfinished = cmp.Transformer("finished", func(c model.ToolCall) model.ToolCall {
	c.Extra = nil
	return c
})

func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := answer(t)
		opts := responses.ResponseOptions{ID: "resp_1", Created: 7, Completed: 9}
		body, losses, err := responses.EncodeResponse(want, opts)
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		got, err := responses.DecodeResponse(body)
		if err != nil {
			t.Fatalf("decoding %s: %v", body, err)
		}
		if d := cmp.Diff(want, got, cmp.FilterValues(cut(want), unfinished)); d != "" {
			t.Fatalf("the answer changed (-want +got):\n%s\n%s", d, body)
		}
		if u, ok := responses.ResponseUsage(body); !ok || u.Total() != want.Usage.Total() {
			t.Fatalf("usage read in passing is %+v", u)
		}
		stream := encodeStream(t, model.ExplodeResponse(want), nil)
		streamed, err := model.Collect(responses.DecodeEvents(golden.Split(stream, rapid.IntRange(1, 90).Draw(t, "split"))))
		if err != nil {
			t.Fatalf("decoding %s: %v", stream, err)
		}
		want.ID = "resp_2"
		if d := cmp.Diff(want, streamed, cmp.FilterValues(cut(want), unfinished)); d != "" {
			t.Fatalf("the streamed answer changed (-want +got):\n%s\n%s", d, stream)
		}
	})
}

// cut filters the calls of an answer that ended early.
func cut(r *model.Response) func(a, b model.ToolCall) bool {
	return func(a, b model.ToolCall) bool {
		return r.Choices[0].Stop == model.StopMaxTokens && (a.Extra != nil || b.Extra != nil)
	}
}
