package openai_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/openai"
)

// served answers the official client out of this package, without a network.
type served struct {
	t      *testing.T
	answer *model.Response
	vector *model.EmbedResponse
	got    *model.Request
	opts   openai.Options
	fail   *model.Error
}

func (s *served) client() sdk.Client {
	return sdk.NewClient(option.WithAPIKey("k"), option.WithBaseURL("http://craton.test/v1/"),
		option.WithMaxRetries(0), option.WithHTTPClient(&http.Client{Transport: s}))
}

// RoundTrip implements http.RoundTripper.
func (s *served) RoundTrip(r *http.Request) (*http.Response, error) {
	status, kind, body := s.serve(r)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

func (s *served) serve(r *http.Request) (status int, kind string, body []byte) {
	const js = "application/json"
	if s.fail != nil {
		status, body = openai.EncodeError(s.fail)
		return status, js, body
	}
	var in []byte
	if r.Body != nil {
		in, _ = io.ReadAll(r.Body)
	}
	switch r.URL.Path {
	case "/v1/models":
		return 200, js, openai.EncodeModels([]model.Card{{ID: "a", Vendor: "v", Created: 7}})
	case "/v1/models/a":
		return 200, js, openai.EncodeModel(&model.Card{ID: "a", Vendor: "v", Created: 7})
	case "/v1/embeddings":
		_, opts, err := openai.DecodeEmbedRequest(in)
		if err != nil {
			s.t.Error(err)
		}
		return 200, js, openai.EncodeEmbedResponse(s.vector, opts)
	}
	var err error
	if s.got, s.opts, err = openai.DecodeRequest(in); err != nil {
		status, body = openai.EncodeError(model.AsError(err))
		return status, js, body
	}
	if !s.got.Stream {
		body, _, err = openai.EncodeResponse(s.answer, openai.EncoderOptions{})
		if err != nil {
			s.t.Error(err)
		}
		return 200, js, body
	}
	enc := openai.NewEncoder(openai.EncoderOptions{IncludeUsage: s.opts.IncludeUsage})
	for _, ev := range append(model.ExplodeResponse(s.answer), model.Event{Kind: model.EventPing}) {
		if body, err = enc.Append(body, ev); err != nil {
			s.t.Error(err)
		}
	}
	return 200, "text/event-stream", enc.Finish(body)
}

func sampleAnswer() *model.Response {
	return &model.Response{
		ID: "chatcmpl-1", Model: "m", Created: 1700000000,
		Choices: []model.Choice{{
			Message: model.Message{Role: model.RoleAssistant, Parts: []model.Part{
				&model.Reasoning{Text: "hm"}, &model.Text{Text: "Hello <world> 世界"},
				&model.ToolCall{ID: "1", Name: "f", Arguments: `{"a":1}`}, &model.ToolCall{ID: "2", Name: "g", Arguments: `{}`},
			}},
			Stop:     model.StopToolUse,
			Logprobs: []model.TokenLogprob{{Token: "Hello", Logprob: -0.5, Bytes: []byte("Hello")}},
		}},
		Usage: model.Usage{Input: 10, CacheRead: 5, Output: 7, Reasoning: 2},
	}
}

func sampleParams() sdk.ChatCompletionNewParams {
	return sdk.ChatCompletionNewParams{
		Model: "m",
		Messages: []sdk.ChatCompletionMessageParamUnion{
			sdk.DeveloperMessage("D"),
			sdk.UserMessage([]sdk.ChatCompletionContentPartUnionParam{
				sdk.TextContentPart("look"), sdk.ImageContentPart(sdk.ChatCompletionContentPartImageImageURLParam{URL: "data:image/png;base64,iVBORw0KGgo="}),
			}),
			sdk.AssistantMessage("A"), sdk.ToolMessage("r", "1"),
		},
		Tools: []sdk.ChatCompletionToolUnionParam{
			sdk.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "f", Strict: sdk.Bool(true), Parameters: shared.FunctionParameters{"type": "object"}}),
			sdk.ChatCompletionCustomTool(sdk.ChatCompletionCustomToolCustomParam{Name: "c"}),
		},
		MaxCompletionTokens: sdk.Int(9), Temperature: sdk.Float(0.5), Seed: sdk.Int(3), N: sdk.Int(1),
		Stop:            sdk.ChatCompletionNewParamsStopUnion{OfString: sdk.String("END")},
		ReasoningEffort: shared.ReasoningEffortXhigh,
		StreamOptions:   sdk.ChatCompletionStreamOptionsParam{IncludeUsage: sdk.Bool(true)},
	}
}

func TestClientChat(t *testing.T) {
	t.Parallel()
	s := &served{t: t, answer: sampleAnswer()}
	client := s.client()
	got, err := client.Chat.Completions.New(context.Background(), sampleParams())
	if err != nil {
		t.Fatal(err)
	}
	checkCompletion(t, got)
	if len(got.Choices[0].Logprobs.Content) != 1 || got.Choices[0].Logprobs.Content[0].Token != "Hello" {
		t.Errorf("logprobs are %+v", got.Choices[0].Logprobs)
	}
	r := s.got
	yes := true
	if diff := cmp.Diff([]model.Tool{{Name: "f", Strict: &yes, Schema: []byte(`{"type":"object"}`)}, {Name: "c", Custom: true}}, r.Tools); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	want := []model.Message{
		{Role: model.RoleDeveloper, Parts: []model.Part{&model.Text{Text: "D"}}},
		{Role: model.RoleUser, Parts: []model.Part{&model.Text{Text: "look"}, &model.Image{Source: model.Source{MIME: "image/png", Data: []byte("\x89PNG\r\n\x1a\n")}}}},
		{Role: model.RoleAssistant, Parts: []model.Part{&model.Text{Text: "A"}}},
		{Role: model.RoleUser, Parts: []model.Part{&model.ToolResult{CallID: "1", Content: []model.Part{&model.Text{Text: "r"}}}}},
	}
	if diff := cmp.Diff(want, r.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if *r.MaxTokens != 9 || *r.Temperature != 0.5 || *r.Seed != 3 || r.Stop[0] != "END" || r.Reasoning.Effort != "xhigh" || !s.opts.IncludeUsage {
		t.Errorf("request is %s, options %+v", dump(r), s.opts)
	}
}

func checkCompletion(t *testing.T, got *sdk.ChatCompletion) {
	t.Helper()
	m := got.Choices[0].Message
	if got.ID != "chatcmpl-1" || m.Content != "Hello <world> 世界" || got.Choices[0].FinishReason != "tool_calls" || len(m.ToolCalls) != 2 {
		t.Fatalf("answer is %+v", got)
	}
	if c := m.ToolCalls[0]; c.ID != "1" || c.Function.Name != "f" || c.Function.Arguments != `{"a":1}` {
		t.Errorf("first call is %+v", c)
	}
	u := got.Usage
	if u.PromptTokens != 15 || u.PromptTokensDetails.CachedTokens != 5 || u.CompletionTokens != 7 || u.CompletionTokensDetails.ReasoningTokens != 2 || u.TotalTokens != 22 {
		t.Errorf("usage is %+v", u)
	}
}

func TestClientStream(t *testing.T) {
	t.Parallel()
	s := &served{t: t, answer: sampleAnswer()}
	client := s.client()
	stream := client.Chat.Completions.NewStreaming(context.Background(), sampleParams())
	var acc sdk.ChatCompletionAccumulator
	thinking := ""
	for stream.Next() {
		chunk := stream.Current()
		if !acc.AddChunk(chunk) {
			t.Errorf("the accumulator refuses %s", chunk.RawJSON())
		}
		if len(chunk.Choices) > 0 {
			f := chunk.Choices[0].Delta.JSON.ExtraFields["reasoning_content"]
			thinking += f.Raw()
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	checkCompletion(t, &acc.ChatCompletion)
	if thinking != `"hm"` {
		t.Errorf("thinking is %s", thinking)
	}
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	s := &served{t: t, fail: model.Errorf(model.RateLimited, "", "Slow down.").WithHint("Wait.")}
	client := s.client()
	_, err := client.Chat.Completions.New(context.Background(), sampleParams())
	var known *sdk.Error
	if !errors.As(err, &known) || known.StatusCode != 429 || known.Message != "Slow down. Wait." || known.Code != "rate_limit_exceeded" {
		t.Errorf("error is %v", err)
	}
	s.fail = nil
	_, err = client.Chat.Completions.New(context.Background(), sdk.ChatCompletionNewParams{Model: "m"})
	if !errors.As(err, &known) || known.StatusCode != 400 || known.Param != "messages" || known.Code != "missing_required_parameter" {
		t.Errorf("error is %v: %+v", err, known)
	}
}

// TestClientStreamError: the client stops at an error after the first byte.
func TestClientStreamError(t *testing.T) {
	t.Parallel()
	enc := openai.NewEncoder(openai.EncoderOptions{ID: "x"})
	body, err := enc.Append(nil, model.Event{Kind: model.EventPartStart, Part: &model.Text{Text: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	body = enc.AppendError(body, &model.Error{Kind: model.Internal, Err: errors.New("secret")})
	if bytes.Contains(body, []byte("secret")) {
		t.Errorf("%s shows the cause", body)
	}
	_, err = model.Collect(openai.DecodeEvents(io.NopCloser(bytes.NewReader(body))))
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamDown {
		t.Errorf("reading it again gives %v", err)
	}
}

func TestClientEmbeddingsAndModels(t *testing.T) {
	t.Parallel()
	s := &served{t: t, vector: &model.EmbedResponse{Model: "m", Vectors: [][]float32{{0.5, -1}}, Usage: model.Usage{Input: 3}}}
	client := s.client()
	got, err := client.Embeddings.New(context.Background(), sdk.EmbeddingNewParams{Model: "m", Input: sdk.EmbeddingNewParamsInputUnion{OfString: sdk.String("x")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{0.5, -1}, got.Data[0].Embedding); diff != "" || got.Usage.PromptTokens != 3 {
		t.Errorf("vector (-want +got):\n%s\nusage %+v", diff, got.Usage)
	}
	list, err := client.Models.List(context.Background())
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "a" || list.Data[0].OwnedBy != "v" || list.Data[0].Created != 7 {
		t.Errorf("models are %+v, %v", list, err)
	}
	one, err := client.Models.Get(context.Background(), "a")
	if err != nil || one.ID != "a" {
		t.Errorf("model is %+v, %v", one, err)
	}
}
