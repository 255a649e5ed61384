//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/craton-ai/craton/internal/store/postgres/postgrestest"
)

const demo = `
upstreams:
  - name: demo
    kind: script
prices:
  script-chat: {input: "1000", output: "1000"}
`

// launch starts a server in dir with the demonstration's configuration.
func launch(t *testing.T, dir string, env []string, args ...string) *child {
	t.Helper()
	path := filepath.Join(dir, "craton.yaml")
	if err := os.WriteFile(path, []byte(demo), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := startServer(dir, append(scriptEnv(dir), env...), append([]string{"--config", path, "--data", filepath.Join(dir, "data")}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			_, log := s.text()
			t.Log(regexp.MustCompile(`(?m)^.*"msg":"request".*\n`).ReplaceAllString(log, ""))
		}
	})
	return s
}

// ask posts JSON and returns the open answer.
func ask(t *testing.T, s *child, key, method, path, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// answer is ask for a whole answer.
func answer(t *testing.T, s *child, key, method, path, body string, out any) (int, string) {
	t.Helper()
	resp := ask(t, s, key, method, path, body)
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return resp.StatusCode, string(raw)
}

// respond makes a stored response and returns its id and body.
func respond(t *testing.T, s *child, key, text, previous string) (id, body string) {
	t.Helper()
	var r struct{ ID string }
	status, body := answer(t, s, key, "POST", "/v1/responses", fmt.Sprintf(`{"model":"demo/script-chat","max_output_tokens":50,"input":%q,"previous_response_id":%s}`, text, quoted(previous)), &r)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return r.ID, body
}

func quoted(s string) string {
	if s == "" {
		return "null"
	}
	return `"` + s + `"`
}

// TestChainSurvivesKill kills the server again and again: every response that
// was answered is there, and the chain goes on.
func TestChainSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, nil)
	key := s.key
	last, _ := respond(t, s, key, "My name is Ada.", "")
	ids := []string{last}
	for round := range 3 {
		if err := s.end(syscall.SIGKILL); err == nil {
			t.Fatal("a killed server ended well")
		}
		s = launch(t, dir, nil)
		if s.key != "" {
			t.Error("a later start showed credentials")
		}
		var body string
		last, body = respond(t, s, key, "What is my name?", last)
		if !strings.Contains(body, `name is Ada`) {
			t.Errorf("round %d: the chain was forgotten: %s", round, body)
		}
		ids = append(ids, last)
		for _, id := range ids {
			if status, body := answer(t, s, key, "GET", "/v1/responses/"+id, "", nil); status != http.StatusOK {
				t.Errorf("round %d: %s: %d %s", round, id, status, body)
			}
		}
	}
}

// TestGentleStop sends SIGTERM while a stream is under way: it is finished,
// metered and told apart from new requests, which are not taken.
func TestGentleStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := launch(t, dir, nil)
	key := s.key
	resp := ask(t, s, key, "POST", "/v1/chat/completions", `{"model":"demo/script-chat","stream":true,"messages":[{"role":"user","content":"slow 10"}]}`)
	lines := bufio.NewReader(resp.Body)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.Contains(string(rest), "word10") || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream was cut: %v\n%s", err, rest)
	}
	<-s.done
	if s.err != nil {
		t.Errorf("the server ended with %v", s.err)
	}
	again := launch(t, dir, nil)
	var used struct {
		Data []struct{ Requests, Errors, Estimated int64 }
	}
	if _, body := answer(t, again, key, "GET", "/admin/v1/usage?by=model", "", &used); len(used.Data) != 1 || used.Data[0].Requests != 1 || used.Data[0].Errors+used.Data[0].Estimated != 0 {
		t.Errorf("the last request was metered as %s", body)
	}
}

// TestReplicas runs two servers on one PostgreSQL: a key made on one works on
// the other, a response stored on one is continued on the other, and a budget
// holds across both.
func TestReplicas(t *testing.T) {
	t.Parallel()
	dirs := []string{t.TempDir(), t.TempDir()}
	env := []string{"DATABASE_URL=" + postgrestest.Database(t)}
	first := launch(t, dirs[0], env, "--postgres", "DATABASE_URL")
	master, err := os.ReadFile(filepath.Join(dirs[0], "data", "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	second := launch(t, dirs[1], append(env, "CRATON_MASTER_KEY="+strings.TrimSpace(string(master))), "--postgres", "DATABASE_URL")
	if first.key == "" || second.key != "" {
		t.Fatalf("the servers told the keys %q and %q", first.key, second.key)
	}
	both := []*child{first, second}

	// About 100 words for a cent each: a budget of a dollar.
	var made struct{ Token string }
	answer(t, second, first.key, "POST", "/admin/v1/keys", `{"name":"app","roles":["developer"],"budgets":{"daily_nano_usd":1000000000}}`, &made)
	if made.Token == "" {
		t.Fatal("no key was made")
	}
	id, _ := respond(t, first, made.Token, "My name is Ada.", "")
	if _, body := respond(t, second, made.Token, "What is my name?", id); !strings.Contains(body, `name is Ada`) {
		t.Errorf("the other server does not know the chain: %s", body)
	}
	answered := 0
	for n := range 1000 {
		status, body := answer(t, both[n%2], made.Token, "POST", "/v1/chat/completions",
			`{"model":"demo/script-chat","max_tokens":50,"messages":[{"role":"user","content":"count to 10"}]}`, nil)
		if status != http.StatusOK {
			if status != http.StatusTooManyRequests || !strings.Contains(body, "insufficient_quota") {
				t.Errorf("refused with %d %s", status, body)
			}
			break
		}
		answered++
	}
	for _, s := range both {
		if status, _ := answer(t, s, made.Token, "POST", "/v1/chat/completions",
			`{"model":"demo/script-chat","max_tokens":900,"messages":[{"role":"user","content":"count to 10"}]}`, nil); status != http.StatusTooManyRequests {
			t.Errorf("a server does not know that the budget is spent: %d", status)
		}
	}
	var used struct {
		Data []struct {
			Group       []string `json:"group"`
			CostNanoUSD int64    `json:"cost_nano_usd"`
		}
	}
	for _, s := range both {
		if err := s.end(syscall.SIGTERM); err != nil {
			t.Errorf("a server ended with %v", err)
		}
	}
	third := launch(t, dirs[0], env, "--postgres", "DATABASE_URL")
	_, body := answer(t, third, first.key, "GET", "/admin/v1/usage?by=key", "", &used)
	if len(used.Data) != 1 || used.Data[0].CostNanoUSD > 1_000_000_000 || used.Data[0].CostNanoUSD < 500_000_000 || answered < 10 {
		t.Errorf("of a budget of 1 USD, after %d answers, were spent: %s", answered, body)
	}
}
