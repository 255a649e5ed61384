package contract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// answer serves the SDK's requests without a network.
type answer func(*http.Request) *http.Response

func (a answer) Do(r *http.Request) (*http.Response, error) { return a(r), nil }

func sdkClient(a answer) *bedrockruntime.Client {
	return bedrockruntime.New(bedrockruntime.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://127.0.0.1:8420"), HTTPClient: a, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}, nil
		}),
	})
}

// TestSDKRequestsAreValid: what the official SDK sends is routed to the
// operation that was called, and satisfies its model.
func TestSDKRequestsAreValid(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	router, err := NewRouter(s)
	if err != nil {
		t.Fatal(err)
	}
	const model = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
	var seen Match
	var found []Violation
	client := sdkClient(func(r *http.Request) *http.Response {
		body := []byte{}
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		if seen, err = router.Match(r.Method, r.URL.EscapedPath(), Hint{SigningName: "bedrock"}); err == nil {
			found, err = seen.Operation.Validate(Input{Labels: seen.Labels, Query: r.URL.Query(), Header: r.Header, Body: body})
		}
		return &http.Response{StatusCode: 418, Header: http.Header{}, Body: http.NoBody}
	})
	message := types.Message{Role: types.ConversationRoleUser, Content: []types.ContentBlock{
		&types.ContentBlockMemberText{Value: "hi"},
		&types.ContentBlockMemberImage{Value: types.ImageBlock{Format: types.ImageFormatPng, Source: &types.ImageSourceMemberBytes{Value: []byte("png")}}},
		&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: aws.String("tooluse_1"), Content: []types.ToolResultContentBlock{
			&types.ToolResultContentBlockMemberJson{Value: document.NewLazyDocument(map[string]any{"a": nil})}}}},
	}}
	inference := &types.InferenceConfiguration{MaxTokens: aws.Int32(5), Temperature: aws.Float32(0.5), StopSequences: []string{"x"}}
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Converse": func() error {
			_, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: aws.String(model), Messages: []types.Message{message}, InferenceConfig: inference,
				RequestMetadata:              map[string]string{"team": "a"},
				AdditionalModelRequestFields: document.NewLazyDocument(map[string]any{"top_k": 5})})
			return err
		},
		"ConverseStream": func() error {
			_, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: aws.String("amazon.nova-lite-v1:0"), Messages: []types.Message{message}})
			return err
		},
		"CountTokens": func() error {
			_, err := client.CountTokens(ctx, &bedrockruntime.CountTokensInput{ModelId: aws.String("m"), Input: &types.CountTokensInputMemberConverse{Value: types.ConverseTokensRequest{Messages: []types.Message{message}}}})
			return err
		},
		"InvokeModel": func() error {
			_, err := client.InvokeModel(ctx, &bedrockruntime.InvokeModelInput{ModelId: aws.String(model), Body: []byte(`{}`), Trace: types.TraceEnabled})
			return err
		},
		"InvokeModelWithResponseStream": func() error {
			_, err := client.InvokeModelWithResponseStream(ctx, &bedrockruntime.InvokeModelWithResponseStreamInput{ModelId: aws.String("a/b"), Body: []byte(`{}`)})
			return err
		},
		"StartAsyncInvoke": func() error {
			_, err := client.StartAsyncInvoke(ctx, &bedrockruntime.StartAsyncInvokeInput{ModelId: aws.String("amazon.nova-reel-v1:0"), ModelInput: document.NewLazyDocument(map[string]any{"x": 1}),
				OutputDataConfig: &types.AsyncInvokeOutputDataConfigMemberS3OutputDataConfig{Value: types.AsyncInvokeS3OutputDataConfig{S3Uri: aws.String("s3://bucket/prefix")}}})
			return err
		},
		"GetAsyncInvoke": func() error {
			_, err := client.GetAsyncInvoke(ctx, &bedrockruntime.GetAsyncInvokeInput{InvocationArn: aws.String("arn:aws:bedrock:us-east-1:123456789012:async-invoke/abcdefghijkl")})
			return err
		},
		"ListAsyncInvokes": func() error {
			_, err := client.ListAsyncInvokes(ctx, &bedrockruntime.ListAsyncInvokesInput{MaxResults: aws.Int32(5), StatusEquals: types.AsyncInvokeStatusFailed, SubmitTimeAfter: aws.Time(time.Unix(1767225600, 123e6))})
			return err
		},
		"ApplyGuardrail": func() error {
			_, err := client.ApplyGuardrail(ctx, &bedrockruntime.ApplyGuardrailInput{GuardrailIdentifier: aws.String("abc"), GuardrailVersion: aws.String("DRAFT"), Source: types.GuardrailContentSourceInput,
				Content: []types.GuardrailContentBlock{&types.GuardrailContentBlockMemberText{Value: types.GuardrailTextBlock{Text: aws.String("t")}}}})
			return err
		},
	} {
		seen, found, err = Match{}, nil, nil
		if call() == nil {
			t.Errorf("%s: the SDK took 418 for success", name)
		}
		if name == "InvokeModelWithResponseStream" { // "a/b" routes, but is no Bedrock model id
			if err != nil || len(found) != 1 || found[0].Path != "modelId" || found[0].Value != "a/b" {
				t.Errorf("%s: %v, %v", name, found, err)
			}
			found = nil
		}
		if err != nil || seen.Operation == nil || seen.Operation.Name != name || len(found) > 0 {
			t.Errorf("%s: matched %v, violations %v, error %v", name, seen.Operation, found, err)
		}
	}
}

// writeError answers with e as the edge does: status, x-amzn-RequestId,
// x-amzn-ErrorType and the body. Both places name the code because SDKs look at
// one or the other.
func writeError(w http.ResponseWriter, requestID string, e *Error) {
	body := AppendError(nil, e)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Errortype", e.Code)
	h.Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // a client that is gone cannot be told
}

// TestSDKReadsErrors: the bodies of AppendError become the SDK's typed errors.
func TestSDKReadsErrors(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	call := func(e *Error) (*httptest.ResponseRecorder, error) {
		rec := httptest.NewRecorder()
		writeError(rec, "11111111-2222-3333-4444-555555555555", e)
		client := sdkClient(func(*http.Request) *http.Response { return rec.Result() })
		_, err := client.Converse(t.Context(), &bedrockruntime.ConverseInput{ModelId: aws.String("m")})
		return rec, err
	}
	e := s.Error("ModelErrorException", "the model \"failed\" \xff")
	e.Extra = []Field{{"originalStatusCode", 503}, {"resourceName", "r"}, {"broken", func() {}}}
	rec, err := call(e)
	var typed *types.ModelErrorException
	if !errors.As(err, &typed) || typed.ErrorMessage() != "the model \"failed\" \ufffd" || *typed.OriginalStatusCode != 503 || *typed.ResourceName != "r" {
		t.Errorf("the SDK reads %v", err)
	}
	if !strings.Contains(err.Error(), "11111111-2222-3333-4444-555555555555") || rec.Code != 424 {
		t.Errorf("status %d, %v", rec.Code, err)
	}
	rec, err = call(s.Error("UnrecognizedClientException", "The security token included in the request is invalid."))
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnrecognizedClientException" || api.ErrorMessage() != "The security token included in the request is invalid." {
		t.Errorf("the SDK reads %v", err)
	}
	if body := rec.Body.String(); body != `{"__type":"UnrecognizedClientException","Message":"The security token included in the request is invalid."}` {
		t.Errorf("body %s", body)
	}
	op := operation(t, s, "Converse")
	for _, shape := range op.Errors {
		rec, err := call(s.Error(shape.Name, "m"))
		if p := op.CheckError(rec.Code, rec.Header(), rec.Body.Bytes()); p != nil || err == nil {
			t.Errorf("%s: %v, %v", shape.Name, p, err)
		}
	}
}

func answerHeader() http.Header {
	return http.Header{"Content-Type": {"application/json"}, "X-Amzn-Requestid": {"r"}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	const good = `{"output":{"message":{"role":"assistant","content":[{"text":"hi"},{"toolUse":{"toolUseId":"t","name":"n","input":{"a":[null]}}}]}},` +
		`"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3},"metrics":{"latencyMs":5}}`
	for name, c := range map[string]struct {
		op, old, fresh string
		want           []string
	}{
		"good":           {"Converse", "", "", nil},
		"null":           {"Converse", `"metrics"`, `"trace":null,"metrics"`, nil},
		"missing":        {"Converse", `,"totalTokens":3`, ``, []string{"usage.totalTokens: Member must not be null"}},
		"all missing":    {"Converse", good, `{}`, []string{"output: Member must not be null", "stopReason: Member must not be null", "usage: Member must not be null", "metrics: Member must not be null"}},
		"unknown enum":   {"Converse", `end_turn`, `finished`, []string{"stopReason: Member must satisfy enum value set: [" + enum(s, "StopReason") + "]"}},
		"fraction":       {"Converse", `"latencyMs":5`, `"latencyMs":5.0`, []string{`metrics.latencyMs: "5.0" is not a Long`}},
		"text as number": {"Converse", `"latencyMs":5`, `"latencyMs":"5"`, []string{`metrics.latencyMs: string is not a Long`}},
		"extra member":   {"Converse", `"latencyMs":5`, `"latencyMs":5,"tokens":[1]`, []string{`metrics.tokens: the model has no such member`}},
		"union of two":   {"Converse", `{"text":"hi"}`, `{"text":"hi","cachePoint":{"type":"default"}}`, []string{"output.message.content.1.member: the union has 2 members, want 1"}},
		"unknown block":  {"Converse", `{"text":"hi"}`, `{"song":{}}`, []string{"output.message.content.1.member.song: the model has no such member", "output.message.content.1.member: the union has 0 members, want 1"}},
		"cut":            {"Converse", `5}}`, ``, []string{"the body is not JSON"}},
		"array":          {"Converse", good, `[]`, []string{"[ is not a Structure"}},
		"a stream":       {"ConverseStream", "", "", []string{"ConverseStream answers with a stream; check its events"}},
		"header missing": {"InvokeModel", "", "", nil},
		"header, body":   {"InvokeModel", good, "", []string{"body: the body is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range operation(t, s, c.op).Check(200, answerHeader(), []byte(strings.Replace(good, c.old, c.fresh, 1))) {
				text := p.String()
				if i := strings.Index(text, "not JSON"); i >= 0 {
					text = text[:i+len("not JSON")]
				}
				got = append(got, text)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	got := operation(t, s, "InvokeModel").Check(500, http.Header{}, []byte("x"))
	want := []Problem{{"", "status 500, want 200"}, {"", "no x-amzn-RequestId header"}, {"", "no Content-Type header"}, {"contentType", "the header Content-Type is missing"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	h := answerHeader()
	h.Set("X-Amzn-Bedrock-Service-Tier", "gold")
	if got := operation(t, s, "InvokeModel").Check(200, h, []byte("x")); len(got) != 1 || got[0].Path != "serviceTier" {
		t.Errorf("an unknown tier: %v", got)
	}
}

func enum(s *Service, shape string) string {
	sh, _ := s.Shape(shape)
	return strings.Join(sh.Enum, ", ")
}

func TestCheckEventsAndErrors(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	stream := operation(t, s, "ConverseStream")
	for name, c := range map[string]struct {
		payload string
		bad     int
	}{
		"messageStart": {`{"role":"assistant"}`, 0}, "contentBlockDelta": {`{"delta":{"text":"x"},"contentBlockIndex":0}`, 0},
		"messageStop": {`{"messageStop":{"stopReason":"end_turn"}}`, 2}, "metadata": {`{}`, 2},
		"throttlingException": {`{"__type":"ThrottlingException","message":"m"}`, 0}, "throttlingexception": {`{}`, 1},
	} {
		if got := stream.CheckEvent(name, []byte(c.payload)); len(got) != c.bad {
			t.Errorf("%s %s: %v", name, c.payload, got)
		}
	}
	op := operation(t, s, "Converse")
	if got := op.CheckEvent("messageStart", nil); len(got) != 1 {
		t.Errorf("an event of no stream: %v", got)
	}
	h := answerHeader()
	h.Set("X-Amzn-Errortype", "ThrottlingException")
	for body, status := range map[string]int{
		`{"__type":"ThrottlingException","message":"m"}`:       400, // wrong status
		`{"__type":"ValidationException","message":"m"}`:       429, // header and body differ
		`{"__type":"ThrottlingException"}`:                     429, // no message
		`{"__type":"ThrottlingException","message":"m","x":1}`: 429, // unknown member
	} {
		if got := op.CheckError(status, h, []byte(body)); len(got) != 1 {
			t.Errorf("%d %s: %v", status, body, got)
		}
	}
	h.Set("X-Amzn-Errortype", "Unheard")
	if got := op.CheckError(500, h, []byte(`{"__type":"Unheard","message":"m"}`)); len(got) != 1 {
		t.Errorf("an unknown error: %v", got)
	}
	if !bytes.Equal(AppendError([]byte("x"), &Error{Code: "A", Message: "b"}), []byte(`x{"__type":"A","message":"b"}`)) {
		t.Error("AppendError does not append")
	}
}
