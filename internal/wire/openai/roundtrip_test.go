package openai_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// full are quirks under which nothing the generators make is lost.
var full = openai.Quirks{Reasoning: "reasoning_content", CacheBreakpoints: true}

// sameHub compares values of the hub; no elements and none given are the same.
var sameHub = cmp.Options{cmpopts.EquateEmpty()}

func TestRequestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		body, losses, err := full.EncodeRequest(want)
		if err != nil || len(losses) > 0 {
			t.Fatalf("encode: %v, losses %+v", err, losses)
		}
		got, opts, err := openai.DecodeRequest(body)
		if err != nil {
			t.Fatalf("decode: %v\nof %s", err, body)
		}
		if opts.IncludeUsage != want.Stream {
			t.Fatalf("include_usage is %v of a request with stream %v", opts.IncludeUsage, want.Stream)
		}
		if diff := cmp.Diff(want, got, sameHub); diff != "" {
			t.Fatalf("request (-want +got):\n%s\nof %s", diff, body)
		}
	})
}

func TestResponseRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawResponse(t)
		body, losses, err := openai.EncodeResponse(want, openai.EncoderOptions{})
		if err != nil || len(losses) > 0 {
			t.Fatalf("encode: %v, losses %+v", err, losses)
		}
		got, err := openai.DecodeResponse(body)
		if err != nil {
			t.Fatalf("decode: %v\nof %s", err, body)
		}
		if diff := cmp.Diff(want, got, sameHub); diff != "" {
			t.Fatalf("response (-want +got):\n%s\nof %s", diff, body)
		}
	})
}

// TestStreamRoundTrip: an answer streamed and read again at any split is the
// answer. The tier is not part of a chunk made by the Encoder.
func TestStreamRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawResponse(t)
		want.Usage.ServiceTier = ""
		for i := range want.Choices {
			if len(want.Choices[i].Message.Parts) == 0 {
				want.Choices[i].Logprobs = nil
			}
		}
		enc := openai.NewEncoder(openai.EncoderOptions{IncludeUsage: true})
		var stream []byte
		for _, ev := range model.ExplodeResponse(want) {
			var err error
			if stream, err = enc.Append(stream, ev); err != nil {
				t.Fatal(err)
			}
		}
		stream = enc.Finish(stream)
		if losses := enc.Losses(); len(losses) > 0 {
			t.Fatalf("losses %+v", losses)
		}
		size := rapid.IntRange(1, len(stream)).Draw(t, "split")
		got, err := model.Collect(openai.DecodeEvents(io.NopCloser(&stutter{stream, size})))
		if err != nil {
			t.Fatalf("%v\nof %s", err, stream)
		}
		if diff := cmp.Diff(want, got, sameHub); diff != "" {
			t.Fatalf("response (-want +got):\n%s\nof %s", diff, stream)
		}
	})
}

// stutter reads size bytes at a time.
type stutter struct {
	rest []byte
	size int
}

func (s *stutter) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.size, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}

func TestEmbedRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := &model.EmbedResponse{Model: "m", Usage: model.Usage{Input: rapid.Int64Range(0, 1000).Draw(t, "tokens")}}
		n := rapid.IntRange(1, 4).Draw(t, "vectors")
		for range n {
			want.Vectors = append(want.Vectors, rapid.SliceOfN(rapid.Float32(), 1, 5).Draw(t, "vector"))
		}
		body := openai.EncodeEmbedResponse(want, openai.EmbedOptions{Base64: rapid.Bool().Draw(t, "base64")})
		got, err := openai.DecodeEmbedResponse(body, n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("vectors (-want +got):\n%s", diff)
		}
		if _, err := openai.DecodeEmbedResponse(body, n+1); err == nil {
			t.Fatal("an answer with a vector too few was accepted")
		}
	})
}

func TestModels(t *testing.T) {
	t.Parallel()
	cards := []model.Card{{ID: "a/b", Vendor: "v", Created: 5}, {ID: "c", Upstream: "u"}}
	list := openai.EncodeModels(cards)
	want := `{"object":"list","data":[{"id":"a/b","object":"model","created":5,"owned_by":"v"},{"id":"c","object":"model","created":0,"owned_by":"u"}]}`
	if string(list) != want {
		t.Errorf("list is %s, want %s", list, want)
	}
	if one := openai.EncodeModel(&cards[0]); !bytes.Contains(list, one) {
		t.Errorf("%s is not an element of %s", one, list)
	}
	for body, want := range map[string]model.Card{
		`{"data":[{"id":"q","object":"model","created":1.7e9,"owned_by":"vllm","max_model_len":4096}]}`: {ID: "q", Vendor: "vllm", Created: 1700000000, ContextTokens: 4096},
		`{"data":[{"id":"q","meta":{"n_ctx_train":2048}}]}`:                                             {ID: "q", ContextTokens: 2048},
		`{"data":[{"id":"q","name":"Q","context_length":10,"max_completion_tokens":5}]}`:                {ID: "q", Name: "Q", ContextTokens: 10, MaxOutputTokens: 5},
	} {
		want.Dialects = []model.Dialect{model.DialectOpenAIChat}
		got, err := openai.DecodeModels([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]model.Card{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"data":5}`, `<html>`} {
		if _, err := openai.DecodeModels([]byte(bad)); model.AsError(err) == nil || model.AsError(err).Kind != model.UpstreamGarbage {
			t.Errorf("%q gives %v", bad, err)
		}
	}
}
