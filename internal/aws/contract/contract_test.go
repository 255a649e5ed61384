package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mustLoad loads a built-in service.
func mustLoad(t testing.TB, name string) *Service {
	t.Helper()
	s, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func operation(t testing.TB, s *Service, name string) *Operation {
	t.Helper()
	op, ok := s.Operation(name)
	if !ok {
		t.Fatalf("%s has no operation %s", s.Name, name)
	}
	return op
}

func TestBedrockRuntime(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	if s.SigningName != "bedrock" || !s.Bearer || s.APIVersion != "2023-09-30" || !strings.HasPrefix(s.Source, "botocore ") {
		t.Errorf("service %+v", s)
	}
	var got []string
	for _, op := range s.Operations {
		got = append(got, op.Method+" "+op.URI+" "+op.Name)
	}
	want := []string{
		"POST /guardrail/{guardrailIdentifier}/version/{guardrailVersion}/apply ApplyGuardrail",
		"POST /model/{modelId}/converse Converse",
		"POST /model/{modelId}/converse-stream ConverseStream",
		"POST /model/{modelId}/count-tokens CountTokens",
		"GET /async-invoke/{invocationArn} GetAsyncInvoke",
		"POST /guardrail-checks/invoke InvokeGuardrailChecks",
		"POST /model/{modelId}/invoke InvokeModel",
		"POST /model/{modelId}/invoke-with-bidirectional-stream InvokeModelWithBidirectionalStream",
		"POST /model/{modelId}/invoke-with-response-stream InvokeModelWithResponseStream",
		"GET /async-invoke ListAsyncInvokes",
		"POST /async-invoke StartAsyncInvoke",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	stream := operation(t, s, "ConverseStream")
	if stream.InputStream() != nil || stream.OutputStream() == nil || operation(t, s, "Converse").OutputStream() != nil {
		t.Error("ConverseStream's output, and only that, is a stream")
	}
	if bidi := operation(t, s, "InvokeModelWithBidirectionalStream"); bidi.InputStream() == nil || bidi.OutputStream() == nil {
		t.Error("the bidirectional operation lacks a stream")
	}
	for code, want := range map[string]string{"ThrottlingException": "throttlingException", "ModelStreamErrorException": "modelStreamErrorException", "ModelTimeoutException": "", "ContentBlockDeltaEvent": ""} {
		if got, ok := stream.ExceptionEvent(code); got != want || ok != (want != "") {
			t.Errorf("%s goes into the stream as %q", code, got)
		}
	}
	if _, ok := operation(t, s, "Converse").ExceptionEvent("ThrottlingException"); ok {
		t.Error("Converse has no stream to put an exception into")
	}
	if sh, ok := s.Shape("ToolName"); !ok || sh.Pattern() != "[a-zA-Z0-9_-]+" || *sh.Min != 1 || *sh.Max != 64 {
		t.Errorf("shape ToolName: %+v", sh)
	}
}

// TestStatuses: the statuses that clients branch on, per model.
func TestStatuses(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "bedrock-runtime")
	for code, want := range map[string]int{
		"ValidationException": 400, "ServiceQuotaExceededException": 400, "AccessDeniedException": 403, "ResourceNotFoundException": 404,
		"ConflictException": 400, "ModelTimeoutException": 408, "ModelErrorException": 424, "ModelStreamErrorException": 424,
		"ThrottlingException": 429, "ModelNotReadyException": 429, "InternalServerException": 500, "ServiceUnavailableException": 503,
		"UnrecognizedClientException": 403, "InvalidSignatureException": 403, "ExpiredTokenException": 403, "MissingAuthenticationTokenException": 403,
		"IncompleteSignatureException": 400, "UnknownOperationException": 404, "SerializationException": 400, "RequestEntityTooLargeException": 413,
		"Unheard": 500,
	} {
		if e := s.Error(code, "m"); e.Status != want {
			t.Errorf("%s has status %d, want %d", code, e.Status, want)
		}
	}
	if s.Error("AccessDeniedException", "").Capital || !s.Error("InvalidSignatureException", "").Capital {
		t.Error("only errors of the authorisation layer write Message with a capital")
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Load("bedrok"); err == nil || !strings.Contains(err.Error(), "bedrock-runtime") {
		t.Errorf("an unknown service: %v", err)
	}
	const head = `{"format":1,"source":"","name":"x","id":"","apiVersion":"","signingName":"",`
	for name, in := range map[string]string{
		"no JSON":          `{`,
		"another format":   strings.Replace(head, `"format":1`, `"format":9`, 1) + `"operations":[],"shapes":[]}`,
		"unknown member":   head + `"colour":"red","operations":[],"shapes":[]}`,
		"unknown shape":    head + `"operations":[{"n":"A","m":"GET","u":"/","i":"Gone"}],"shapes":[]}`,
		"unknown type":     head + `"operations":[],"shapes":[{"n":"S","t":"quaternion"}]}`,
		"unknown location": head + `"operations":[],"shapes":[{"n":"S","t":"structure","m":[{"n":"a","s":"S","l":"aether"}]}]}`,
	} {
		if s, err := Parse([]byte(in)); err == nil {
			t.Errorf("%s: parsed as %+v", name, s)
		}
	}
}

// TestModelHasNoProse: the models' documentation stays out of the tables.
func TestModelHasNoProse(t *testing.T) {
	t.Parallel()
	b, err := tables.ReadFile("tables/bedrock-runtime.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<p>", "</", "documentation", "Amazon Bedrock User Guide"} {
		if strings.Contains(string(b), bad) {
			t.Errorf("the table holds %q", bad)
		}
	}
}
