package edge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestStreamsCutWithinAnEvent: a stream that breaks off in the middle of an
// event ends with an error event that a client can read, and with no other that
// it cannot, unless that one was too big to hold back.
func TestStreamsCutWithinAnEvent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, model, rest, start, half string
		unreadable                     int
	}{
		"chat":                 {"/v1/chat/completions", "openai/m", "", openAIStart, `data: {"id":"x","object":"chat.completio`, 0},
		"chat, usage asked":    {"/v1/chat/completions", "openai/m", `,"stream_options":{"include_usage":true}`, openAIStart, `data: {"id":"x","object":"chat.completio`, 0},
		"chat, a line in full": {"/v1/chat/completions", "openai/m", `,"stream_options":{"include_usage":true}`, openAIStart, "data: {\"id\":\"x\",\n", 0},
		"chat, big":            {"/v1/chat/completions", "openai/m", "", openAIStart, `data: {"id":"` + strings.Repeat("x", 100<<10), 1},
		"messages":             {"/v1/messages", "anthropic/m", `,"max_tokens":9`, anthropicStart, "event: content_block_delta\ndata: {\"type\":\"conte", 0},
		"messages, big":        {"/v1/messages", "anthropic/m", `,"max_tokens":9`, anthropicStart, "event: x\ndata: {\"type\":\"" + strings.Repeat("x", 100<<10), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := rude(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, c.start+c.half)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: c.path,
				Body: `{"model":"` + c.model + `","stream":true,"messages":[{"role":"user","content":"hi"}]` + c.rest + `}`})
			unreadable, last := 0, ""
			for event := range strings.SplitSeq(strings.TrimSpace(a.Body), "\n\n") {
				_, last, _ = strings.Cut(event, "data: ")
				if !jsontext.Value(last).IsValid() {
					unreadable++
				}
			}
			if unreadable != c.unreadable || !strings.Contains(last, `"error"`) || !strings.Contains(a.Body, "one ") {
				t.Errorf("%d events cannot be read, and the last is %.200s", unreadable, last)
			}
			if r := w.Record(t, a.Header.Get("X-Request-Id")); r.Status != 502 || r.Attempts != 1 {
				t.Errorf("recorded as %+v", r)
			}
		})
	}
}
