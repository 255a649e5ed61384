package invoke

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// chats are the families that answer with text.
var chats = []Family{
	family.Anthropic, family.OpenAI, family.Nova, family.Llama, family.Mistral, family.MistralChat, family.TitanText,
}

// bodies is a request of each family, in its canonical form.
var bodies = map[Family]string{
	family.Anthropic: `{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"system":"be brief","top_k":5,"anthropic_beta":["b"]}`,
	family.OpenAI:    `{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}],"max_completion_tokens":9,"reasoning_effort":"low"}`,
	family.Nova: `{"schemaVersion":"messages-v1","system":[{"text":"be brief"}],"messages":[{"role":"user","content":[{"text":"hi"},` +
		`{"image":{"format":"png","source":{"bytes":"AAEC"}}}]}],"inferenceConfig":{"maxTokens":9,"topP":0.5,"topK":20},` +
		`"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object"}}}}]},"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"},"later":1}`,
	family.Llama: `{"prompt":"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nbe brief<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>` +
		`<|start_header_id|>assistant<|end_header_id|>\n\n","max_gen_len":9,"temperature":0.5,"later":1}`,
	family.Mistral:     `{"prompt":"<s>[INST] be brief\n\nhi [/INST]","max_tokens":9,"top_k":20,"stop":["."]}`,
	family.MistralChat: `{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"tool_choice":"any","max_tokens":9}`,
	family.TitanText:   `{"inputText":"User: hi\nBot:","textGenerationConfig":{"maxTokenCount":9,"stopSequences":["User:"]}}`,
}

func canonical(t testing.TB, b []byte) string {
	t.Helper()
	v := jsontext.Value(bytes.Clone(b))
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	if err := v.Indent(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func TestRequestsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			req, err := DecodeRequest(f, []byte(bodies[f]))
			if err != nil {
				t.Fatal(err)
			}
			last := req.Messages[len(req.Messages)-1]
			if req.MaxTokens == nil || *req.MaxTokens != 9 || last.Role != model.RoleUser || !strings.Contains(last.Text(), "hi") || req.Model != "" || req.Stream {
				t.Errorf("decoded %+v", req)
			}
			got, losses, err := EncodeRequest(f, req)
			if err != nil || len(losses) > 0 {
				t.Fatalf("losses %v, err %v", losses, err)
			}
			again, err := DecodeRequest(f, got)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(req, again); d != "" {
				t.Errorf("the request changed (-want +got):\n%s", d)
			}
			if f == family.Anthropic || f == family.OpenAI || f == family.MistralChat {
				return // those dialects' own tests say which spelling is canonical
			}
			if d := cmp.Diff(canonical(t, []byte(bodies[f])), canonical(t, got)); d != "" {
				t.Errorf("JSON differs (-want +got):\n%s", d)
			}
		})
	}
}

func answer(parts ...model.Part) *model.Response {
	return &model.Response{
		Choices: []model.Choice{{Message: model.Message{Role: model.RoleAssistant, Parts: parts}, Stop: model.StopMaxTokens}},
		Usage:   model.Usage{Input: 16, Output: 337},
	}
}

var options = Options{ID: "id-1", Model: "m", Created: 7, Elapsed: func() time.Duration { return 4151 * time.Millisecond }}

// said compares what matters in every family: text, stop reason and tokens.
func sameAnswer(t *testing.T, got *model.Response, usage bool) {
	t.Helper()
	if len(got.Choices) != 1 || got.Choices[0].Message.Text() != "Hello there" || got.Choices[0].Stop != model.StopMaxTokens {
		t.Errorf("got %+v", got.Choices)
	}
	if u := got.Usage; usage && (u.Absent || u.Input != 16 || u.Output != 337) {
		t.Errorf("usage %+v", u)
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			body, losses, err := EncodeResponse(f, answer(&model.Text{Text: "Hello there"}), options)
			if err != nil || len(losses) > 0 {
				t.Fatalf("losses %v, err %v", losses, err)
			}
			got, err := DecodeResponse(f, body)
			if err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			sameAnswer(t, got, f != family.Mistral)
		})
	}
}

// encodeStream writes an answer in deltas of a few bytes each.
func encodeStream(t testing.TB, f Family, r *model.Response) []byte {
	t.Helper()
	enc, err := NewEncoder(f, options)
	if err != nil {
		t.Fatal(err)
	}
	var dst []byte
	for _, ev := range model.ExplodeResponse(r) {
		pieces := []model.Event{ev}
		if ev.Kind == model.EventDelta && len(ev.Text) > 5 {
			head, tail := ev, ev
			head.Text, tail.Text = ev.Text[:5], ev.Text[5:]
			pieces = []model.Event{head, tail}
		}
		for _, p := range pieces {
			if dst, err = enc.Append(dst, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	return enc.Finish(dst)
}

// natives takes the native objects out of chunk frames.
func natives(t testing.TB, data []byte) []string {
	t.Helper()
	r := frame.NewReader(bytes.NewReader(data))
	var out []string
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil || m.Name != "chunk" {
			t.Fatalf("%v %s", err, m.Name)
		}
		b, err := base64.StdEncoding.DecodeString(gjson.GetBytes(m.Payload, "bytes").String())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
}

func TestStreamsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			data := encodeStream(t, f, answer(&model.Text{Text: "Hello there"}))
			list := natives(t, data)
			for i, n := range list {
				m := gjson.Get(n, metricsName)
				if last := i == len(list)-1; m.Exists() != last {
					t.Errorf("object %d of %d: metrics %v in %s", i, len(list), m.Exists(), n)
				} else if last && (m.Get("inputTokenCount").Int() != 16 || m.Get("outputTokenCount").Int() != 337 ||
					m.Get("invocationLatency").Int() != 4151 || !m.Get("firstByteLatency").Exists()) {
					t.Errorf("metrics %s", m.Raw)
				}
			}
			s, err := DecodeEvents(f, io.NopCloser(iotest.OneByteReader(bytes.NewReader(data))))
			if err != nil {
				t.Fatal(err)
			}
			got, err := model.Collect(s)
			if err != nil {
				t.Fatal(err)
			}
			sameAnswer(t, got, true)
		})
	}
}

// TestDeltasDoNotWait wants each delta on the wire before the next event.
func TestDeltasDoNotWait(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		enc, err := NewEncoder(f, options)
		if err != nil {
			t.Fatal(err)
		}
		var dst []byte
		for _, ev := range []model.Event{{Kind: model.EventStart}, {Kind: model.EventPartStart, Part: &model.Text{}}} {
			if dst, err = enc.Append(dst, ev); err != nil {
				t.Fatal(err)
			}
		}
		if dst, err = enc.Append(dst[:0], model.Event{Kind: model.EventDelta, Text: "now"}); err != nil {
			t.Fatal(err)
		}
		if list := natives(t, dst); len(list) == 0 || !strings.Contains(list[len(list)-1], "now") {
			t.Errorf("%s: the delta waits: %q", f, list)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		whole := encodeStream(t, f, answer(&model.Text{Text: "Hello there"}))
		list := natives(t, whole)
		cut := appendChunk(nil, []byte(list[0]))
		throttled, start := frame.Open(bytes.Clone(cut), frame.Exception, "throttlingException")
		throttled = frame.Close(append(throttled, `{"message":"Too many requests"}`...), start)
		for name, c := range map[string]struct {
			data []byte
			want model.Kind
		}{
			"empty":     {nil, model.UpstreamGarbage},
			"cut":       {cut, model.UpstreamGarbage},
			"mid frame": {whole[:len(whole)-3], model.UpstreamGarbage},
			"not json":  {appendChunk(nil, []byte("oops")), model.UpstreamGarbage},
			"throttled": {throttled, model.RateLimited},
		} {
			s, err := DecodeEvents(f, io.NopCloser(bytes.NewReader(c.data)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = model.Collect(s)
			if e := model.AsError(err); e == nil || e.Kind != c.want {
				t.Errorf("%s, %s: got %v, want kind %v", f, name, err, c.want)
			}
		}
	}
}

func TestErrorAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	for _, f := range chats {
		enc, err := NewEncoder(f, options)
		if err != nil {
			t.Fatal(err)
		}
		dst := enc.AppendError(nil, &model.Error{Kind: model.Timeout, Message: "Slow."})
		m, err := frame.NewReader(bytes.NewReader(enc.Finish(dst))).Next()
		if err != nil || m.Type != frame.Exception || m.Name != "modelTimeoutException" || string(m.Payload) != `{"message":"Slow."}` {
			t.Errorf("%s: got %+v, %v", f, m, err)
		}
	}
}

func TestFamiliesRefuse(t *testing.T) {
	t.Parallel()
	for f, body := range map[Family]string{
		family.Anthropic: `{"max_tokens":1,"messages":[]}`, family.Llama: `{}`, family.Mistral: `{}`, family.TitanText: `{}`, family.Nova: `{}`,
		family.OpenAI: `[]`, family.MistralChat: `7`,
	} {
		for _, b := range []string{body, `{"`, ``, `{"messages":7,"prompt":7,"inputText":7,"anthropic_version":"x","max_tokens":1}`, strings.Repeat(`{"a":`, 500)} {
			_, err := DecodeRequest(f, []byte(b))
			if e := model.AsError(err); e == nil || e.Kind != model.Invalid {
				t.Errorf("%s %.30s: got %v", f, b, err)
			}
		}
	}
	for _, f := range []Family{family.Unknown, family.TitanEmbed, "other"} {
		if _, err := DecodeRequest(f, []byte(`{}`)); model.AsError(err).Kind != model.Unsupported {
			t.Errorf("%q: got %v", f, err)
		}
	}
}

func TestReasoningOfOpenAI(t *testing.T) {
	t.Parallel()
	body, _, err := EncodeResponse(family.OpenAI, answer(&model.Reasoning{Text: "hm"}, &model.Text{Text: "Hello"}), options)
	if err != nil {
		t.Fatal(err)
	}
	if got := gjson.GetBytes(body, "choices.0.message.content").String(); got != "<reasoning>hm</reasoning>Hello" {
		t.Errorf("content %q", got)
	}
	r, err := DecodeResponse(family.OpenAI, body)
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Part{&model.Reasoning{Text: "hm"}, &model.Text{Text: "Hello"}}
	if d := cmp.Diff(want, r.Choices[0].Message.Parts); d != "" {
		t.Errorf("parts differ (-want +got):\n%s", d)
	}
}

func TestNovaTools(t *testing.T) {
	t.Parallel()
	want := answer(&model.Text{Text: "Hello there"}, &model.ToolCall{ID: "a", Name: "f", Arguments: `{"x":1}`})
	want.Usage.CacheRead = 5
	data := encodeStream(t, family.Nova, want)
	list := natives(t, data)
	if !strings.HasPrefix(list[0], `{"messageStart":`) || !strings.HasPrefix(list[len(list)-1], `{"metadata":`) ||
		!strings.Contains(list[len(list)-1], `"cacheReadInputTokenCount":5`) {
		t.Errorf("objects %q", list)
	}
	s, err := DecodeEvents(family.Nova, io.NopCloser(bytes.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := model.Collect(s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answer differs (-want +got):\n%s", d)
	}
}
