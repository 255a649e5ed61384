package sigv4

import (
	"context"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// vectorContext is the context.json of a published vector.
type vectorContext struct {
	Credentials struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		Token           string `json:"token"`
	} `json:"credentials"`
	Normalize        bool      `json:"normalize"`
	Service          string    `json:"service"`
	Region           string    `json:"region"`
	Timestamp        time.Time `json:"timestamp"`
	OmitSessionToken bool      `json:"omit_session_token"`
}

// TestPublishedVectors runs the vectors of awslabs/aws-c-auth
// (tests/aws-signing-test-suite/v4), signed requests in both forms.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("CRATON_SIGV4_VECTORS")
	if dir == "" {
		t.Skip("set CRATON_SIGV4_VECTORS to the directory tests/aws-signing-test-suite/v4 of github.com/awslabs/aws-c-auth")
	}
	contexts, err := filepath.Glob(filepath.Join(dir, "*", "context.json"))
	if err != nil || len(contexts) < 38 {
		t.Fatalf("%s holds %d vectors, want at least 38 (%v)", dir, len(contexts), err)
	}
	for _, path := range contexts {
		name := filepath.Base(filepath.Dir(path))
		for _, form := range []string{"header", "query"} {
			t.Run(name+"/"+form, func(t *testing.T) {
				t.Parallel()
				var c vectorContext
				b, err := os.ReadFile(path)
				if err == nil {
					err = json.Unmarshal(b, &c)
				}
				if err != nil {
					t.Fatal(err)
				}
				raw, err := os.ReadFile(filepath.Join(filepath.Dir(path), form+"-signed-request.txt"))
				if err != nil {
					t.Fatal(err)
				}
				verifyVector(t, &c, string(raw))
			})
		}
	}
}

func verifyVector(t *testing.T, c *vectorContext, raw string) {
	t.Helper()
	v := New(Config{
		Now: func() time.Time { return c.Timestamp },
		Lookup: func(_ context.Context, id string) (Credential, error) {
			if id != c.Credentials.AccessKeyID {
				return Credential{}, ErrUnknownKey
			}
			return Credential{Secret: c.Credentials.SecretAccessKey, SessionToken: c.Credentials.Token}, nil
		},
	})
	rule := Generic(c.Service)
	rule.Path = NormalizeNever
	if c.Normalize {
		rule.Path = NormalizeAlways
	}
	rule.UnsignedToken = c.OmitSessionToken
	req := parseVector(raw)
	res, err := v.Verify(t.Context(), req, rule)
	if err != nil {
		t.Fatal(err)
	}
	if res.AccessKeyID != c.Credentials.AccessKeyID || res.Region != c.Region || res.Service != c.Service {
		t.Errorf("result %+v", res)
	}
	either := rule
	either.Path = NormalizeEither
	if _, err := v.Verify(t.Context(), req, either); err != nil {
		t.Errorf("NormalizeEither: %v", err)
	}
	req.Method += "X"
	if _, err := v.Verify(t.Context(), req, either); err == nil {
		t.Error("another method was accepted")
	}
}

// parseVector reads a vector as it stands: net/http refuses the raw spaces of
// some request lines.
func parseVector(raw string) Request {
	head, body, _ := strings.Cut(raw, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	target = strings.TrimSuffix(target, " HTTP/1.1")
	req := Request{Method: method, Header: http.Header{}, Body: func() ([]byte, error) { return []byte(body), nil }}
	req.Path, req.Query, _ = strings.Cut(target, "?")
	last := ""
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, " ") { // a folded header, joined as textproto does
			v := req.Header[last]
			v[len(v)-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = textproto.CanonicalMIMEHeaderKey(name)
		if last == "Host" {
			req.Host = value
			continue
		}
		req.Header[last] = append(req.Header[last], value)
	}
	return req
}
