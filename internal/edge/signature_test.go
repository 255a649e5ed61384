package edge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// signed are the contracts that a signature may prove the caller of, with how
// each refuses.
var signed = []struct {
	name, path, body string
	status           int
	mismatch, scope  string
}{
	{"converse", "/model/script%2Fscript-chat/converse", `{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}`, 403, "InvalidSignatureException", "InvalidSignatureException"},
	{"invoke", "/model/script%2Fscript-chat/invoke", `{"messages":[{"role":"user","content":"Hello"}]}`, 403, "InvalidSignatureException", "InvalidSignatureException"},
	{"chat", "/openai/v1/chat/completions", hello, 401, "invalid_api_key", "invalid_api_key"},
	{"messages", "/anthropic/v1/messages", `{"max_tokens":9,"model":"script/script-chat","messages":[{"role":"user","content":"Hello"}]}`, 401, "authentication_error", "authentication_error"},
}

// TestSignatures refuses whatever a signature does not prove, before anything
// happens.
func TestSignatures(t *testing.T) {
	t.Parallel()
	for _, c := range signed {
		w := faultyWorld(t)
		ask := func(name string, how *edgetest.Signing, status int, want string) edgetest.Scenario {
			return edgetest.Scenario{Name: c.name + " " + name, Method: http.MethodPost, Path: c.path, As: "aws", Sign: how, Body: c.body,
				Status: status, Want: []string{want}}
		}
		tamper := func(f func(r *http.Request)) *edgetest.Signing { return &edgetest.Signing{Tamper: f} }
		other := strings.Replace(c.body, "Hello", "Adieu", 1)
		huge := ask("oversized", nil, 400, "65536")
		huge.Body = strings.Replace(c.body, "Hello", strings.Repeat("a", 65<<10), 1)
		if c.status == 401 {
			huge.Status = 413
		}
		good := []edgetest.Scenario{
			ask("good", nil, 200, "You said: Hello"), ask("fourteen minutes old", &edgetest.Signing{Late: 14 * time.Minute}, 200, "Hello"),
			ask("fourteen minutes early", &edgetest.Signing{Late: -14 * time.Minute}, 200, "Hello"),
			ask("presigned", &edgetest.Signing{Presign: true}, 200, "Hello"),
		}
		bad := []edgetest.Scenario{
			ask("sixteen minutes old", &edgetest.Signing{Late: 16 * time.Minute}, c.status, "Signature expired"),
			ask("sixteen minutes early", &edgetest.Signing{Late: -16 * time.Minute}, c.status, c.mismatch),
			ask("presigned and late", &edgetest.Signing{Presign: true, Late: 2 * time.Minute}, c.status, "xpired"),
			ask("another service", &edgetest.Signing{Service: "dynamodb"}, c.status, c.scope),
			ask("another body", tamper(edgetest.Replace(other)), c.status, c.mismatch),
			ask("a longer body", tamper(edgetest.Replace(c.body+" ")), c.status, c.mismatch),
			ask("another path", tamper(func(r *http.Request) { r.URL.RawPath, r.URL.Path = "", "/v1/chat/completions" }), 401, "invalid_api_key"),
			ask("another query", tamper(func(r *http.Request) { r.URL.RawQuery = "x=1" }), c.status, c.mismatch),
			ask("another signature", tamper(func(r *http.Request) {
				auth := r.Header.Get("Authorization")
				r.Header.Set("Authorization", auth[:len(auth)-4]+"0000")
			}), c.status, c.mismatch),
			ask("an unknown access key", tamper(func(r *http.Request) {
				r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=", "Credential=X", 1))
			}), c.status, "security token"),
			ask("another signed header", tamper(func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), c.status, c.mismatch),
			ask("no scope", tamper(func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 nonsense") }), map[int]int{403: 400, 401: 401}[c.status], "nonsense"),
			huge,
		}
		w.Run(t, good)
		w.Run(t, bad)
		if n := len(w.Usage(t, w.Root)); n != len(good) {
			t.Errorf("%s: %d usage records after %d good requests: a refused one had an effect", c.name, n, len(good))
		}
	}
}

// TestBodyIsProvenBeforeEffects sends signed writes whose body is another.
func TestBodyIsProvenBeforeEffects(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	s3 := func(name, method, path, body string, how edgetest.Signing, status int, want ...string) edgetest.Scenario {
		how.Service = "s3"
		return edgetest.Scenario{Name: name, Method: method, Path: path, As: "aws", Body: body, Sign: &how, Status: status, Want: want}
	}
	job := `{"modelId":"script/script-chat","modelInput":{"messages":[]},"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://results/a"}}}`
	w.Run(t, []edgetest.Scenario{
		s3("a bucket", http.MethodPut, "/results", "", edgetest.Signing{}, 200),
		s3("an object", http.MethodPut, "/results/a", "first", edgetest.Signing{}, 200),
		s3("another body", http.MethodPut, "/results/a", "first", edgetest.Signing{Tamper: edgetest.Replace("other")}, 400, "XAmzContentSHA256Mismatch"),
		s3("it is as it was", http.MethodGet, "/results/a", "", edgetest.Signing{}, 200, "first"),
		{Name: "another job", Method: http.MethodPost, Path: "/async-invoke", As: "aws", Body: job, Status: 403,
			Sign: &edgetest.Signing{Tamper: edgetest.Replace(strings.Replace(job, "results/a", "results/b", 1))}, Want: []string{"InvalidSignatureException"}},
		{Name: "no job was made", Method: http.MethodGet, Path: "/async-invoke", As: "aws", Want: []string{`"asyncInvokeSummaries":[]`}},
		{Name: "another key to make", Method: http.MethodPost, Path: "/admin/v1/keys", As: "aws", Body: `{"name":"a","roles":["auditor"]}`, Status: 403,
			Sign: &edgetest.Signing{Tamper: edgetest.Replace(`{"name":"b","roles":["auditor"]}`)}, Want: []string{"InvalidSignatureException"}},
		{Name: "no key was made", Method: http.MethodGet, Path: "/admin/v1/keys", Not: []string{`"name":"b"`}},
	})
}
