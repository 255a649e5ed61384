package sdks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth/bearer"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// overTLS reaches the server that has a certificate of its own, with a bearer
// key, which this SDK sends over TLS only.
func overTLS(t *testing.T) runtime {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(must[[]byte](t)(os.ReadFile(setting(t, "CRATON_CONFORMANCE_CA")))) {
		t.Fatal("the server's certificate cannot be read")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	key := func(token string) func(*bedrockruntime.Options) {
		return func(o *bedrockruntime.Options) {
			o.BearerAuthTokenProvider = bearer.StaticTokenProvider{Token: bearer.Token{Value: token}}
		}
	}
	return runtime{
		client: func(t *testing.T, edit ...func(*bedrockruntime.Options)) *bedrockruntime.Client {
			return bedrockruntime.New(bedrockruntime.Options{
				Region: "us-east-1", BaseEndpoint: aws.String(setting(t, "CRATON_CONFORMANCE_TLS_URL")), RetryMaxAttempts: 1,
				HTTPClient: &http.Client{Transport: transport}, AuthSchemePreference: []string{"httpBearerAuth"},
			}, append([]func(*bedrockruntime.Options){key(apiKey(t))}, edit...)...)
		},
		stranger: key("wrong"),
	}
}

// all runs the cases that do not ask the other server for its records.
func (r runtime) all(t *testing.T) {
	cases := r.cases()
	delete(cases, "cancellation")
	for name, body := range cases {
		t.Run(name, body)
	}
}

func (r runtime) counting(t *testing.T) {
	in := converseInput("one two three")
	count := must[*bedrockruntime.CountTokensOutput](t)(r.client(t).CountTokens(t.Context(), &bedrockruntime.CountTokensInput{
		ModelId: in.ModelId, Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: in.Messages}},
	}))
	equal(t, "the count", *count.InputTokens, int32(3))
}

func (r runtime) embeddings(t *testing.T) {
	out := must[*bedrockruntime.InvokeModelOutput](t)(r.client(t).InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{
		ModelId: aws.String(embedModel), ContentType: aws.String("application/json"),
		Body: []byte(`{"inputText": "red fox", "dimensions": 256, "normalize": true}`),
	}))
	var v struct {
		Embedding           []float64
		InputTextTokenCount int
	}
	if err := json.Unmarshal(out.Body, &v); err != nil {
		t.Fatal(err)
	}
	equal(t, "dimensions", len(v.Embedding), 256)
	equal(t, "the count", v.InputTextTokenCount, 2)
}

// native is a body of the Anthropic family.
func native(prompt string) []byte {
	body, _ := json.Marshal(map[string]any{
		"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1000,
		"messages": []map[string]any{{"role": "user", "content": prompt}},
	})
	return body
}

func (r runtime) invoke(t *testing.T) {
	out := must[*bedrockruntime.InvokeModelOutput](t)(r.client(t).InvokeModel(t.Context(), &bedrockruntime.InvokeModelInput{
		ModelId: aws.String(chatModel), ContentType: aws.String("application/json"), Body: native("Say hello"),
	}))
	var v struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(out.Body, &v); err != nil || len(v.Content) != 1 || v.Content[0].Text != "hello" {
		t.Errorf("the body is %s (%v)", out.Body, err)
	}
}

func (r runtime) invokeStream(t *testing.T) {
	out := must[*bedrockruntime.InvokeModelWithResponseStreamOutput](t)(r.client(t).InvokeModelWithResponseStream(t.Context(),
		&bedrockruntime.InvokeModelWithResponseStreamInput{
			ModelId: aws.String(chatModel), ContentType: aws.String("application/json"), Body: native("Count to 5"),
		}))
	s := out.GetStream()
	defer s.Close()
	var deltas []string
	for event := range s.Events() {
		chunk, ok := event.(*types.ResponseStreamMemberChunk)
		if !ok {
			t.Errorf("an event is %T", event)
			continue
		}
		var v struct{ Delta struct{ Text string } }
		if err := json.Unmarshal(chunk.Value.Bytes, &v); err != nil {
			t.Error(err)
		}
		if v.Delta.Text != "" {
			deltas = append(deltas, v.Delta.Text)
		}
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
	counted(t, deltas)
}

func (r runtime) names(t *testing.T) {
	for _, name := range names {
		out := must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "Say yes", func(in *bedrockruntime.ConverseInput) { in.ModelId = aws.String(name) }))
		equal(t, name, spoken(t, out), "yes")
	}
	_, err := r.ask(t, "hi", func(in *bedrockruntime.ConverseInput) { in.ModelId = aws.String(twoHave) })
	contains(t, apiError(t, err, "").ErrorMessage(), "viaopenai/"+twoHave)
}

func (r runtime) others(t *testing.T) {
	for _, name := range others {
		of := func(in *bedrockruntime.ConverseInput) { in.ModelId = aws.String(name) }
		got, err := r.stream(t, converseInput("Count to 5", of))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		counted(t, got.deltas)
		_, where := toolUses(t, must[*bedrockruntime.ConverseOutput](t)(r.ask(t, "How is the weather in Paris and London?", runtimeTools, of)))
		equal(t, name, where, []string{"Paris", "London"})
	}
}

// apiError returns the SDK's error, which must have the code unless it is "".
func apiError(t *testing.T, err error, code string) smithy.APIError {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("the error is %T: %v", err, err)
	}
	if code != "" {
		equal(t, "the code", e.ErrorCode(), code)
	}
	return e
}

func status(err error) int {
	var e *smithyhttp.ResponseError
	if !errors.As(err, &e) {
		return 0
	}
	return e.HTTPStatusCode()
}

func (r runtime) wrongKey(t *testing.T) {
	_, err := r.client(t, r.stranger).Converse(t.Context(), converseInput("hi"))
	if e := apiError(t, err, ""); e.ErrorMessage() == "" {
		t.Error("the error says nothing")
	}
	equal(t, "the status", status(err), http.StatusForbidden)
}

func (r runtime) unknownModel(t *testing.T) {
	_, err := r.ask(t, "hi", func(in *bedrockruntime.ConverseInput) { in.ModelId = aws.String("script/none") })
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) {
		t.Fatalf("the error is %v", err)
	}
	contains(t, invalid.ErrorMessage(), "script/none")
}

func (r runtime) malformed(t *testing.T) {
	_, err := r.ask(t, "hi", func(in *bedrockruntime.ConverseInput) { in.Messages[0].Role = "somebody" })
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) {
		t.Fatalf("the error is %v", err)
	}
	contains(t, invalid.ErrorMessage(), "messages.1.member.role")
	equal(t, "the status", status(err), http.StatusBadRequest)
}

func (r runtime) oversized(t *testing.T) {
	_, err := r.ask(t, tooLarge())
	apiError(t, err, "")
	if code := status(err); code != http.StatusBadRequest && code != http.StatusRequestEntityTooLarge {
		t.Errorf("the status is %d: %v", code, err)
	}
}

func (r runtime) unsupported(t *testing.T) {
	_, err := r.client(t).ApplyGuardrail(t.Context(), &bedrockruntime.ApplyGuardrailInput{
		GuardrailIdentifier: aws.String("abc"), GuardrailVersion: aws.String("1"), Source: types.GuardrailContentSourceInput,
		Content: []types.GuardrailContentBlock{&types.GuardrailContentBlockMemberText{Value: types.GuardrailTextBlock{Text: aws.String("hi")}}},
	})
	contains(t, apiError(t, err, "").ErrorMessage(), "ApplyGuardrail")
}

func (r runtime) rateLimit(t *testing.T) {
	_, err := r.ask(t, "fail 429")
	var throttled *types.ThrottlingException
	if !errors.As(err, &throttled) {
		t.Fatalf("the error is %v", err)
	}
	equal(t, "the status", status(err), http.StatusTooManyRequests)
	var e *smithyhttp.ResponseError
	if errors.As(err, &e) {
		equal(t, "the hint", e.Response.Header.Get("Retry-After"), "1")
	}
}

func (r runtime) midStream(t *testing.T) {
	got, err := r.stream(t, converseInput("fail 500 after 3"))
	contains(t, apiError(t, err, "").ErrorMessage(), "asked to fail: 500")
	equal(t, "the text", strings.Join(got.deltas, ""), "word1 word2 word3")
}

func (r runtime) cancellation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tag := newTag()
	tagged := func(o *bedrockruntime.Options) {
		o.APIOptions = append(o.APIOptions, smithyhttp.AddHeaderValue(tagHeader, tag))
	}
	out, err := r.client(t, tagged).ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{
		ModelId: aws.String(chatModel), Messages: converseInput("slow 500").Messages,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := out.GetStream()
	for n := 0; n < 7; n++ {
		<-s.Events()
	}
	cancel()
	s.Close()
	abandoned(t, tag, "bedrock.converse")
}
