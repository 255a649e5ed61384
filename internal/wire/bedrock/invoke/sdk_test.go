package invoke

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/family"
	"github.com/craton-ai/craton/internal/wire/bedrock/frame"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// TestSnapshotInvokeModel reads the headers of the SDK's golden request and
// answer and writes them again. Their bodies are opaque to the contract.
func TestSnapshotInvokeModel(t *testing.T) {
	t.Parallel()
	want := snapshotHeader(t, "request_snapshot/InvokeModel.request.snap")
	req := &model.Request{}
	DecodeHeader(want, req)
	got := http.Header{"Accept": want["Accept"], "Content-Type": want["Content-Type"]} // the caller's
	EncodeHeader(got, req)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("request headers differ (-want +got):\n%s", d)
	}
	want = snapshotHeader(t, "response_snapshot/InvokeModel.response.snap")
	u := UsageOf(want, model.Usage{Absent: true})
	if u.ServiceTier != want.Get(headerTier) || !u.Absent {
		t.Errorf("usage %+v of %v", u, want)
	}
	h := http.Header{}
	SetUsage(h, &u, options)
	if h.Get(headerTier) != want.Get(headerTier) || h.Get(headerInput) != "" {
		t.Errorf("response headers %v", h)
	}
}

func snapshotHeader(t *testing.T, name string) http.Header {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/bedrockruntime").Output()
	if err != nil {
		t.Fatalf("go list -m: %v (the SDK is in go.mod; run go mod download)", err)
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for line := range strings.Lines(string(raw)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			h.Set(k, v)
		}
	}
	return h
}

func TestHeadersRoundTrip(t *testing.T) {
	t.Parallel()
	want := &model.Request{
		Guardrail: &model.GuardrailConfig{ID: "g", Version: "1", Trace: "enabled_full"}, Latency: "optimized", ServiceTier: "flex",
		Metadata: map[string]string{"a": "b", "c": `d"e`},
	}
	h := http.Header{}
	EncodeHeader(h, want)
	got := &model.Request{}
	DecodeHeader(h, got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("differs (-want +got):\n%s", d)
	}
	u := model.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite5m: 4, ServiceTier: "flex"}
	h = http.Header{}
	SetUsage(h, &u, options)
	if got := UsageOf(h, model.Usage{Absent: true}); got != u {
		t.Errorf("usage %+v, want %+v", got, u)
	}
	if got := UsageOf(h, model.Usage{Input: 9}); got.Input != 9 || got.Output != 0 {
		t.Errorf("headers replaced what the body told: %+v", got)
	}
}

type transport func(*http.Request) []byte

func (f transport) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {frame.ContentType}}, Body: io.NopCloser(bytes.NewReader(f(r))), Request: r,
	}, nil
}

// TestOfficialStream lets the SDK read a streamed answer.
func TestOfficialStream(t *testing.T) {
	t.Parallel()
	keys := func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret"}, nil
	}
	client := bedrockruntime.New(bedrockruntime.Options{
		Region: "eu-central-1", Credentials: aws.CredentialsProviderFunc(keys), Retryer: aws.NopRetryer{},
		HTTPClient: transport(func(*http.Request) []byte {
			return encodeStream(t, family.Anthropic, answer(&model.Text{Text: "Hello there"}))
		}),
	})
	out, err := client.InvokeModelWithResponseStream(context.Background(), &bedrockruntime.InvokeModelWithResponseStreamInput{
		ModelId: aws.String("m"), Body: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := out.GetStream()
	defer s.Close()
	var text, last string
	for ev := range s.Events() {
		chunk, ok := ev.(*types.ResponseStreamMemberChunk)
		if !ok {
			t.Fatalf("the SDK does not know %T", ev)
		}
		last = string(chunk.Value.Bytes)
		text += gjson.Get(last, "delta.text").String()
	}
	if s.Err() != nil || text != "Hello there" || gjson.Get(last, "type").String() != "message_stop" || !gjson.Get(last, metricsName).Exists() {
		t.Errorf("text %q, last %s, err %v", text, last, s.Err())
	}
}
