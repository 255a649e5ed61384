//go:build unix

package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

// TestHostileText sends text that databases do not take, wherever a client's
// text is stored or looked up. No request may fail for it in a way that is the
// server's fault, and no usage record may be lost with it.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"sqlite": nil, "postgres": {"--postgres", "DATABASE_URL"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var env []string
			if args != nil {
				env = []string{"DATABASE_URL=" + postgrestest.Database(t)}
			}
			dir := t.TempDir()
			s := launch(t, dir, env, args...)
			key := s.key
			paid := 0
			for _, c := range []struct{ method, path, body, tag string }{
				{"POST", "/v1/chat/completions", `{"model":"demo/script-chat","messages":[{"role":"user","content":"Hello"}]}`, "bad \xff UTF-8"},
				{"POST", "/v1/chat/completions", `{"model":"demo/script-chat","messages":[{"role":"user","content":"Hello"}]}`, strings.Repeat("a", 255) + "ü"},
				{"POST", "/v1/chat/completions", `{"model":"demo/script-chat","messages":[{"role":"user","content":"zero \u0000 byte"}]}`, ""},
				{"POST", "/v1/responses", `{"model":"demo/script-chat","input":"zero \u0000 byte"}`, ""},
				{"POST", "/v1/responses", `{"model":"demo/script-chat","input":"Hello","previous_response_id":"resp_\u0000"}`, ""},
				{"POST", "/v1/chat/completions", `{"model":"demo/scr\u0000ipt","messages":[{"role":"user","content":"Hello"}]}`, ""},
				{"POST", "/v1/chat/completions", `{"model":"\ud800","messages":[{"role":"user","content":"Hello"}]}`, ""},
				{"GET", "/v1/responses/resp_%00", "", ""}, {"GET", "/v1/responses/resp_%FF", "", ""},
				{"GET", "/v1/models/%00", "", ""}, {"GET", "/v1/models/%FF", "", ""},
				{"GET", "/aws/s3/bucket/%00", "", ""}, {"PUT", "/aws/s3/bucket/%FF", "x", ""}, {"GET", "/aws/s3/bucket?list-type=2&prefix=%00&start-after=%FF", "", ""},
				{"GET", "/aws/s3/%00?list-type=2", "", ""}, {"PUT", "/aws/s3/%00", "", ""}, {"GET", "/aws/s3/bucket/k?uploadId=%00", "", ""},
				{"GET", "/async-invoke/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aasync-invoke%2F%00", "", ""}, {"GET", "/async-invoke?nextToken=%FF%00", "", ""},
				{"POST", "/admin/v1/keys", `{"name":"a\u0000b"}`, ""}, {"DELETE", "/admin/v1/keys/%00", "", ""}, {"POST", "/admin/v1/keys/%FF/rotate", "", ""},
				{"GET", "/admin/v1/keys?tenant=%00", "", ""}, {"POST", "/admin/v1/tenants", `{"name":"a\u0000b"}`, ""}, {"GET", "/admin/v1/usage?by=tag:%00", "", ""},
				{"GET", "/admin/v1/usage?by=tag:%FF", "", ""}, {"POST", "/admin/v1/keys", `{"tenant":"\u0000"}`, ""},
				{"POST", "/admin/v1/keys", `{"name":"ok","tags":{"a\u0000":"b\u0000"}}`, ""}, {"GET", "/admin/v1/usage?by=%zz", "", ""},
			} {
				req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+key)
				if c.tag != "" {
					req.Header.Set("X-Craton-Tag-Project", c.tag)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented {
					t.Errorf("%s %s %s: status %d", c.method, c.path, c.body, resp.StatusCode)
				}
				if resp.StatusCode == http.StatusOK && c.method == "POST" && strings.HasPrefix(c.path, "/v1/") {
					paid++
				}
			}
			if err := s.end(syscall.SIGTERM); err != nil {
				t.Errorf("the server ended with %v", err)
			}
			if _, log := s.text(); strings.Contains(log, `"level":"ERROR"`) {
				t.Error("the server logged errors")
			}
			s = launch(t, dir, env, args...)
			var used struct {
				Data []struct{ Requests, Errors int64 }
			}
			if _, body := answer(t, s, key, "GET", "/admin/v1/usage", "", &used); len(used.Data) != 1 || used.Data[0].Requests-used.Data[0].Errors != int64(paid) || paid < 4 {
				t.Errorf("%d requests were answered, and metered as %s", paid, body)
			}
		})
	}
}
