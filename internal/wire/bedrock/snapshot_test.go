package bedrock

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// sdkModule ships golden requests and responses of every operation.
const sdkModule = "github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

// snapshot reads one of the SDK's golden files: a first line, headers, an empty
// line and the body.
func snapshot(t *testing.T, name string) (first string, header http.Header, body []byte) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", sdkModule).Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v (it is in go.mod; run go mod download)", sdkModule, err)
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(raw), "\n")
	header = http.Header{}
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		if k, v, ok := strings.Cut(line, ": "); ok {
			header.Set(k, v)
		} else if len(header) > 0 {
			break
		}
	}
	return first, header, []byte(rest)
}

// sameJSON fails unless two JSON texts mean the same.
func sameJSON(t *testing.T, got, want []byte) {
	t.Helper()
	canonical := func(b []byte) string {
		v := jsontext.Value(bytes.Clone(b))
		if err := v.Canonicalize(); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, b)
		}
		if err := v.Indent(); err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	if d := cmp.Diff(canonical(want), canonical(got)); d != "" {
		t.Errorf("JSON differs (-want +got):\n%s", d)
	}
}

func TestSnapshotConverseRequest(t *testing.T) {
	t.Parallel()
	_, _, body := snapshot(t, "request_snapshot/Converse.request.snap")
	req, err := DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	// The snapshot repeats a role, which EncodeRequest would join.
	got, losses, err := encodeRequest(req, false)
	if err != nil || len(losses) > 0 {
		t.Fatalf("losses %v, err %v", losses, err)
	}
	sameJSON(t, got, body)
}

func TestSnapshotConverseResponse(t *testing.T) {
	t.Parallel()
	_, _, body := snapshot(t, "response_snapshot/Converse.response.snap")
	resp, err := DecodeResponse(body)
	if err != nil {
		t.Fatal(err)
	}
	got, losses, err := EncodeResponse(resp, Options{Elapsed: func() time.Duration { return time.Millisecond }})
	if err != nil || len(losses) > 0 {
		t.Fatalf("losses %v, err %v", losses, err)
	}
	sameJSON(t, got, body)
}

func TestSnapshotCountTokens(t *testing.T) {
	t.Parallel()
	_, _, body := snapshot(t, "request_snapshot/CountTokens.request.snap")
	in, err := DecodeCountTokens(body)
	if err != nil {
		t.Fatal(err)
	}
	got, losses, err := EncodeCountTokens(in)
	if err != nil || len(losses) > 0 {
		t.Fatalf("losses %v, err %v", losses, err)
	}
	sameJSON(t, got, body)
	_, _, body = snapshot(t, "response_snapshot/CountTokens.response.snap")
	n, err := DecodeCount(body)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, EncodeCount(n), body)
}

func TestSnapshotErrors(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"ConflictException", "ModelTimeoutException", "ModelNotReadyException", "ServiceUnavailableException",
		"ThrottlingException", "ValidationException", "InternalServerException", "ModelErrorException",
		"ResourceNotFoundException", "ServiceQuotaExceededException", "AccessDeniedException",
	} {
		first, header, body := snapshot(t, "response_snapshot/"+name+".error.snap")
		status, err := strconv.Atoi(strings.TrimSpace(first))
		if err != nil {
			t.Fatal(err)
		}
		e := DecodeError(status, header, body)
		if e.Code != name || e.UpstreamStatus != status {
			t.Errorf("%s: decoded as %q, status %d", name, e.Code, e.UpstreamStatus)
		}
		if got := kinds[name]; e.Kind != got {
			t.Errorf("%s: kind %v, want %v", name, e.Kind, got)
		}
		// Every modelled exception that we send has the modelled status.
		for kind, row := range exceptions {
			if row.name == name && row.status != status && row.status != 508 {
				t.Errorf("kind %v: %s has status %d, the contract says %d", kind, name, row.status, status)
			}
		}
	}
}
