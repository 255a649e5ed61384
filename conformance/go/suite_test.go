package sdks

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The script model, under its whole name and the others it has; twoHave is
// served by two upstreams, so it must be refused.
const (
	chatModel  = "script/script-chat"
	embedModel = "script/script-embed"
	twoHave    = "twin"
)

var (
	names = []string{chatModel, "script-chat", "house-chat"}
	// others are the script model of another server, reached over each contract.
	others = []string{"viaopenai/chat-openai", "viaanthropic/chat-anthropic", "viabedrock/chat-bedrock"}
)

// setting reads what conformance/stage put into the environment.
func setting(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run conformance/run.sh go", name)
	}
	return v
}

func serverURL(t testing.TB) string { return setting(t, "CRATON_CONFORMANCE_URL") }
func apiKey(t testing.TB) string    { return setting(t, "CRATON_API_KEY") }

// suite writes what came of one client's cases, one JSON line each.
type suite struct {
	client, version string

	mu  sync.Mutex
	out io.Writer
}

// newSuite begins the cases of a client; module is the Go module whose version it has.
func newSuite(t *testing.T, client, module string) *suite {
	t.Helper()
	pins := must[[]byte](t)(os.ReadFile("go.mod")) // a test binary's build info does not tell versions
	pin := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(module) + ` v(\S+)`).FindSubmatch(pins)
	if pin == nil {
		t.Fatalf("go.mod does not require %s", module)
	}
	s := &suite{client: client, version: string(pin[1]), out: io.Discard}
	if dir := os.Getenv("CRATON_CONFORMANCE_OUT"); dir != "" {
		file, err := os.Create(filepath.Join(dir, "go-"+regexp.MustCompile(`\W+`).ReplaceAllString(client, "-")+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		s.out = file
	}
	return s
}

// run runs the cases side by side.
func (s *suite) run(t *testing.T, cases map[string]func(*testing.T)) {
	t.Helper()
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { s.write(t, map[string]any{"case": name, "ok": !t.Failed()}) })
			body(t)
		})
	}
}

// absent tells of a case that the contract or the SDK does not have.
func (s *suite) absent(t *testing.T, name, reason string) {
	t.Helper()
	s.write(t, map[string]any{"case": name, "na": reason})
}

func (s *suite) write(t *testing.T, outcome map[string]any) {
	outcome["sdk"], outcome["version"] = s.client+" (Go)", s.version
	line, err := json.Marshal(outcome)
	if err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%s\n", line)
}

// equal fails the test when what is wanted and got differ.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// contains fails the test when text lacks part.
func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q lacks %q", text, part)
	}
}

// must fails the test at once on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// counted checks the pieces of the answer to "Count to 5".
func counted(t *testing.T, deltas []string) {
	t.Helper()
	if len(deltas) < 3 {
		t.Errorf("%d deltas, want several", len(deltas))
	}
	equal(t, "the text", strings.Join(deltas, ""), "1, 2, 3, 4, 5")
}

// cities reads the city of each call's arguments.
func cities(t *testing.T, arguments ...string) []string {
	t.Helper()
	var all []string
	for _, a := range arguments {
		var v struct{ City string }
		if err := json.Unmarshal([]byte(a), &v); err != nil {
			t.Errorf("arguments %q: %v", a, err)
		}
		all = append(all, v.City)
	}
	return all
}

// tooLarge is a text longer than the servers take a body to be.
func tooLarge() string { return strings.Repeat("x", 8<<20+1) }

// tagHeader labels a request, so that its usage can be told from the rest.
const tagHeader = "X-Craton-Tag-Case"

// newTag is a label, or part of a name, that nothing else has.
func newTag() string { return strings.ToLower(rand.Text()) }

// abandoned checks what was metered of one request of "slow 500" whose client
// went away after a few words.
func abandoned(t *testing.T, tag, dialect string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		row := metered(t, tag)
		if row == nil {
			<-time.After(100 * time.Millisecond)
			continue
		}
		equal(t, "the group", row.Group, []string{tag, dialect})
		equal(t, "requests", row.Requests, 1)
		equal(t, "input tokens", row.Tokens.Input, 2)
		if n := row.Tokens.Output; n < 3 || n >= 500 {
			t.Errorf("%d tokens were written", n)
		}
		return
	}
	t.Error("the request never came into the usage records")
}

type usageRow struct {
	Group    []string
	Requests int
	Tokens   struct{ Input, Output int }
}

// metered returns the usage of the requests with a tag, nil when there is none yet.
func metered(t *testing.T, tag string) *usageRow {
	t.Helper()
	req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", serverURL(t)+"/admin/v1/usage?by=tag:case,dialect", nil))
	req.Header.Set("Authorization", "Bearer "+apiKey(t))
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	var list struct{ Data []usageRow }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("usage: %s, %v", resp.Status, err)
	}
	for _, row := range list.Data {
		if row.Group[0] == tag {
			return &row
		}
	}
	return nil
}

// dot is a PNG of one pixel, in base64.
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

// dotBytes is that image; seen is what the script model says of it.
func dotBytes() []byte {
	raw, _ := base64.StdEncoding.DecodeString(dot)
	return raw
}

func seen() string { return fmt.Sprintf("I received 1 image (image/png, %d bytes).", len(dotBytes())) }

// weather is the schema of a tool's arguments, person of a structured answer.
func weather() map[string]any {
	return map[string]any{
		"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}},
		"required": []string{"city"}, "additionalProperties": false,
	}
}

func person() map[string]any {
	return map[string]any{
		"type":       "object",
		"properties": map[string]any{"name": map[string]any{"type": "string"}, "age": map[string]any{"type": "integer"}},
		"required":   []string{"name", "age"}, "additionalProperties": false,
	}
}

// aPerson checks a structured answer to "A person, name: Ada, 36 years old".
func aPerson(t *testing.T, text string) {
	t.Helper()
	var v struct {
		Name string
		Age  int
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil || v.Name != "Ada" || v.Age != 36 {
		t.Errorf("%s is not Ada, 36: %v", text, err)
	}
}
