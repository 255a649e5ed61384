package sdks

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// serving starts a server of the test's own, and returns its address and how to
// kill it.
func serving(t *testing.T, dir string) (string, func()) {
	t.Helper()
	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("upstreams: [{name: script, kind: script}]\nengine: {disabled: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(setting(t, "CRATON_BIN"), "serve", "--listen", "127.0.0.1:0", "--data", dir, "--config", config)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended
		_ = cmd.Wait()
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := regexp.MustCompile(`serves (https?://\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			return m[1], stop
		}
	}
	stop()
	t.Fatal("the server did not start")
	return "", nil
}

// sessionResumes kills a server under a stream, and goes on reading where it
// ended.
func sessionResumes(t *testing.T) {
	dir := t.TempDir()
	url, kill := serving(t, dir)
	params := sessionParams("slow 40")
	stream := agentSessions(t, option.WithBaseURL(url+"/v1/")).NewStreaming(t.Context(), params)
	var id, last string
	var text strings.Builder
	for deltas := 0; deltas < 3 && stream.Next(); {
		event := stream.Current()
		last = event.EventID
		switch event.Type {
		case "agent.session.created":
			id = event.Session.ID
		case "agent.session.turn.output_text.delta":
			text.WriteString(event.Delta)
			deltas++
		}
	}
	kill()
	stream.Close()
	url, kill = serving(t, dir)
	defer kill()
	sessions := agentSessions(t, option.WithBaseURL(url+"/v1/"))
	seen := map[string]bool{last: true}
	rest := sessions.Events.StreamStreaming(t.Context(), id, option.WithHeader("Last-Event-ID", last))
	defer rest.Close()
	var kinds []string
	for rest.Next() {
		event := rest.Current()
		if seen[event.EventID] {
			t.Errorf("%s was told twice", event.EventID)
		}
		seen[event.EventID] = true
		if n := len(kinds); n == 0 || kinds[n-1] != event.Type {
			kinds = append(kinds, event.Type)
		}
		if event.Type == "agent.session.idle" {
			break
		}
	}
	if rest.Err() != nil {
		t.Fatal(rest.Err())
	}
	if !slices.Contains(kinds, "agent.session.turn.completed") {
		t.Errorf("the rest is %v", kinds)
	}
	page, err := sessions.Items.List(t.Context(), id, openai.BetaAgentSessionItemListParams{Limit: openai.Int(1)})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, outline(t, page.Data)[0], "word40")
	contains(t, "assistant: "+text.String(), "word1 ")
}
