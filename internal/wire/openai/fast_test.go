package openai_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

func TestRewriteModel(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"model":"a","x":1}`:                          `{"model":"new\"one","x":1}`,
		`{"x":{"model":"in"},"model" : "a" }`:          `{"x":{"model":"in"},"model" : "new\"one" }`,
		`{"model":"a","model":"b"}`:                    `{"model":"new\"one","model":"new\"one"}`,
		"\n {\"mod\\u0065l\":\"a\"} ":                  "\n {\"mod\\u0065l\":\"new\\\"one\"} ",
		`{"x":1}`:                                      `{"model":"new\"one","x":1}`,
		`{ }`:                                          `{"model":"new\"one" }`,
		`{"model":null,"y":"model"}`:                   `{"model":"new\"one","y":"model"}`,
		`{"messages":["{\"model\":\"a\"}"],"model":1}`: `{"messages":["{\"model\":\"a\"}"],"model":"new\"one"}`,
	} {
		before := in
		got, err := openai.RewriteModel([]byte(in), `new"one`)
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s, %v; want %s", in, got, err, want)
		}
		if in != before {
			t.Errorf("the body itself was changed: %s", in)
		}
	}
	for _, bad := range []string{``, `[]`, `"model"`, `x{}`} {
		if _, err := openai.RewriteModel([]byte(bad), "m"); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"model":"a","x":1}`:                        `{"model":"new\"one","x":1}`,
		" \r\n\t{ \"x\" : [1], \"model\" : \"a\" } ": " \r\n\t{ \"x\" : [1], \"model\" : \"new\\\"one\" } ",
		`{"mod\u0065l":"\u0061"}`:                    `{"mod\u0065l":"new\"one"}`,
		`{"x":{"model":"b"},"model":"a"}`:            `{"x":{"model":"b"},"model":"new\"one"}`,
	} {
		peeked, err := openai.Peek([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(in)
		got, err := peeked.Rename(body, `new"one`)
		if err != nil || string(got) != want || string(body) != in {
			t.Errorf("%s became %s, %v", in, got, err)
		}
		if same, _ := peeked.Rename(body, peeked.Model); strings.Contains(in, `"a"`) && &same[0] != &body[0] {
			t.Errorf("%s was copied for its own name", in)
		}
	}
}

// mediaIn counts what gateways count as pictures.
func mediaIn(req *model.Request) (n int) {
	for _, m := range req.Messages {
		for _, part := range m.Parts {
			switch part := part.(type) {
			case *model.Image:
				n++
			case *model.Opaque:
				n += bytes.Count(part.Raw, []byte(`"url":`)) // a video
			case *model.Audio:
				if m.Role != model.RoleAssistant { // where it is named by its id
					n++
				}
			}
		}
	}
	return n
}

// TestPeekWeighsMedia: what a model sees or hears is told from what it reads.
func TestPeekWeighsMedia(t *testing.T) {
	t.Parallel()
	part := func(p string) string { return `{"role":"user","content":[` + p + `]}` }
	for _, c := range []struct {
		body         string
		media, bytes int
	}{
		{`"messages":[` + part(`{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}`) + `]`, 1, 28},
		{`"messages":[` + part(`{"image_url":{"detail":"low","url" : "data:image/png;base64,"}},{"input_audio":{"data":"AAAA"}}`) + `]`, 2, 30},
		{`"messages":[` + part(`{"image_url":{"url":"https://example.com/a.png"}}`) + `]`, 1, 0},
		{`"tools":[{"function":{"parameters":{"url":"data:image/png;base64,AAAA"}}}],"messages":[` + part(`{"text":"a"}`) + `]`, 0, 0},
		{`"tools":[{"function":{"parameters":{"a":{"url":"data:image/png;base64,AAAA","data":"AAAA"}}}}],"messages":[]`, 0, 0},
		{`"messages":[{"content":"data:image/png;base64,AAAA"},` + part(`{"text":"data:image/png;base64,AAAA","url":"data:image/png;base64,AAAA"}`) + `]`, 0, 0},
		{`"messages":[` + part(`{"file":{"file_data":"data:application/pdf;base64,AAAA"}},{"image_url":{"url":null,"data":{"data":"AAAA"}}}`) + `]`, 0, 0},
		{`"messages":[{"tool_calls":[{"function":{"arguments":"{\"url\":\"data:image/png;base64,AAAA\"}"}}]}]`, 0, 0},
	} {
		p, err := openai.Peek([]byte(`{"model":"m",` + c.body + `}`))
		if err != nil || p.Media != c.media || p.MediaBytes != c.bytes {
			t.Errorf("%s: got %d of %d bytes, %v; want %d of %d", c.body, p.Media, p.MediaBytes, err, c.media, c.bytes)
		}
	}
}

// TestRewriteIsDecode: the fast lane and the slow lane understand the same
// request, but for the model.
func TestRewriteIsDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body, _, err := full.EncodeRequest(drawRequest(t))
		if err != nil {
			t.Fatal(err)
		}
		want, opts, err := openai.DecodeRequest(body)
		if err != nil {
			t.Fatal(err)
		}
		peeked, err := openai.Peek(body)
		if err != nil {
			t.Fatal(err)
		}
		maxTokens := 0
		if want.MaxTokens != nil {
			maxTokens = *want.MaxTokens
		}
		if diff := cmp.Diff(openai.Peeked{
			Model: want.Model, Stream: want.Stream, IncludeUsage: opts.IncludeUsage, HasTools: len(want.Tools) > 0,
			HasFormat: want.Format != nil, N: max(want.N, 1), MaxTokens: maxTokens, User: want.User,
			CacheKey: want.CacheKey, ServiceTier: want.ServiceTier, Store: opts.Store != nil, Media: mediaIn(want),
		}, peeked, cmpopts.IgnoreUnexported(openai.Peeked{}), cmpopts.IgnoreFields(openai.Peeked{}, "MediaBytes")); diff != "" {
			t.Fatalf("peeked (-want +got):\n%s\nof %s", diff, body)
		}
		rewritten, err := openai.RewriteModel(body, "other/model")
		if err != nil {
			t.Fatal(err)
		}
		if renamed, err := peeked.Rename(body, "other/model"); err != nil || !bytes.Equal(renamed, rewritten) {
			t.Fatalf("renamed to %s, %v, rewritten to %s", renamed, err, rewritten)
		}
		got, _, err := openai.DecodeRequest(rewritten)
		if err != nil {
			t.Fatal(err)
		}
		want.Model = "other/model"
		if diff := cmp.Diff(want, got, sameHub); diff != "" {
			t.Fatalf("rewritten (-want +got):\n%s", diff)
		}
	})
}

func TestAskUsage(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"model":"m"}`:                                            `{"stream_options":{"include_usage":true},"model":"m"}`,
		`{"stream_options":null,"a":1}`:                            `{"stream_options":{"include_usage":true},"a":1}`,
		`{"stream_options":{"include_usage":false,"x":2}}`:         `{"stream_options":{"include_usage":true,"x":2}}`,
		`{"stream_options":{"include_obfuscation":false},"m":"é"}`: `{"stream_options":{"include_obfuscation":false,"include_usage":true},"m":"é"}`,
	} {
		got, err := openai.AskUsage([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestPeekRefuses(t *testing.T) {
	t.Parallel()
	for body, subject := range map[string]string{
		`{`: "", `[]`: "", `{"messages":[]}`: "model", `{"model":5}`: "model", `{"model":"a","model":"b"}`: "model",
		`{"model":"a","stream":"yes"}`: "stream", `{"model":"a","n":0}`: "n", `{"model":"a","n":1.5}`: "n", `{"model":"a","n":500}`: "n",
		`{"model":"a","stream_options":{"include_usage":1}}`:                            "stream_options.include_usage",
		`{"model":"a","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: "",
	} {
		_, err := openai.Peek([]byte(body))
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || e.Subject != subject {
			t.Errorf("%.60s gives %v; want an invalid %q", body, err, subject)
		}
	}
}

const passing = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n" +
	": ping\n\n" +
	"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"the \\\"usage\\\": {}\"},\"finish_reason\":null}],\"usage\":null}\n\n" +
	"data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"service_tier\":\"flex\"}\n\n"

const usageChunk = "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,\"total_tokens\":27,\"prompt_tokens_details\":{\"cached_tokens\":5}}}\n\n"

func TestUsageScanner(t *testing.T) {
	t.Parallel()
	for size := 1; size < 40; size++ {
		firsts := 0
		s := openai.NewUsageScanner(func() { firsts++ })
		stream := passing + usageChunk + "data: [DONE]\n\n"
		for p := []byte(stream); len(p) > 0; {
			n := min(size, len(p))
			s.Scan(p[:n])
			p = p[n:]
		}
		usage, told := s.Usage()
		want := model.Usage{Input: 15, CacheRead: 5, Output: 7, ServiceTier: "flex"}
		if usage != want || !told || firsts != 1 || s.Stop() != model.StopMaxTokens || !s.Done() || s.Deltas() != 1 || s.Err() != nil {
			t.Fatalf("split %d: usage %+v %v, first %d times, stop %q, done %v, deltas %d, error %v", size, usage, told, firsts, s.Stop(), s.Done(), s.Deltas(), s.Err())
		}
	}
	s := openai.NewUsageScanner(nil)
	s.Scan([]byte(passing + "data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n"))
	if _, told := s.Usage(); told || s.Done() || s.Err() == nil || s.Err().Kind != model.RateLimited {
		t.Errorf("a stream that failed: told %v, done %v, error %v", told, s.Done(), s.Err())
	}
}

func TestUsageOf(t *testing.T) {
	t.Parallel()
	u, ok := openai.UsageOf([]byte(`{"choices":[{"message":{"content":"\"usage\":{}"}}],"usage":{"prompt_tokens":9,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2}},"service_tier":"default"}`))
	if want := (model.Usage{Input: 9, Output: 3, Reasoning: 2, ServiceTier: "default"}); !ok || u != want {
		t.Errorf("usage is %+v, %v; want %+v", u, ok, want)
	}
	for _, body := range []string{`{}`, `{"usage":null}`, `oops`, ``} {
		if _, ok := openai.UsageOf([]byte(body)); ok {
			t.Errorf("%q has a usage", body)
		}
	}
}

// TestUsageFilter: at any split and with any line end, just the usage chunk is
// taken out.
func TestUsageFilter(t *testing.T) {
	t.Parallel()
	big := "data: {\"choices\":[],\"x\":\"" + strings.Repeat("y", 100<<10) + "\"}\n\n"
	for _, c := range []struct{ in, want string }{
		{passing + usageChunk + "data: [DONE]\n\n", passing + "data: [DONE]\n\n"},
		{passing + "event: message\nid: 3\n" + usageChunk + "data: [DONE]\n\n", passing + "data: [DONE]\n\n"},
		{passing + "data: [DONE]\n\n", passing + "data: [DONE]\n\n"},
		{passing + "data: {\"choices\":[{}],\"usage\":{}}\n\ndata: {\"choi", passing + "data: {\"choices\":[{}],\"usage\":{}}\n\ndata: {\"choi"},
		{": lone comment\n" + usageChunk, ": lone comment\n"},
		{big + usageChunk + big, big + big},
		{"\n\n\n" + usageChunk, "\n\n\n"},
	} {
		for _, end := range []string{"\n", "\r\n", "\r"} {
			in, want := strings.ReplaceAll(c.in, "\n", end), strings.ReplaceAll(c.want, "\n", end)
			for _, size := range []int{1, 2, 3, 7, 100, 1 << 20} {
				var f openai.UsageFilter
				var out []byte
				for p := []byte(in); len(p) > 0; {
					n := min(size, len(p))
					out = f.Append(out, p[:n])
					p = p[n:]
				}
				if out = f.Flush(out); string(out) != want {
					t.Errorf("end %q, split %d: %.2000q\nwant %.2000q", end, size, out, want)
				}
			}
		}
	}
}

// TestUsageFilterDoesNotHold: an event passes as soon as its last byte has come.
func TestUsageFilterDoesNotHold(t *testing.T) {
	t.Parallel()
	var f openai.UsageFilter
	for i, part := range []string{"data: {\"choices\":[{}]}\n\n", ": ping\n", "data: {\"usage\":null}\n\n"} {
		if out := f.Append(nil, []byte(part)); string(out) != part {
			t.Errorf("part %d: %q passed of %q", i, out, part)
		}
	}
}

func TestErrorTable(t *testing.T) {
	t.Parallel()
	for kind := model.Internal; kind <= model.NotReady; kind++ {
		status, body := openai.EncodeError(&model.Error{Kind: kind, Subject: "messages.0.content", Err: fmt.Errorf("secret")})
		if status < 400 || status > 599 {
			t.Errorf("%v has status %d", kind, status)
		}
		if bytes.Contains(body, []byte("secret")) || !bytes.Contains(body, []byte(`"message":"`)) {
			t.Errorf("%v is shown as %s", kind, body)
		}
	}
	_, body := openai.EncodeError(&model.Error{Kind: model.ModelNotFound, Message: "No model x.", Candidates: []string{"a/x", "b/x"}})
	if want := `{"error":{"message":"No model x. Candidates: a/x, b/x.","type":"invalid_request_error","param":"model","code":"model_not_found"}}`; string(body) != want {
		t.Errorf("shown as %s, want %s", body, want)
	}
}
