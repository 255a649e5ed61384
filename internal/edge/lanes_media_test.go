package edge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// TestFastLaneReservesPictures: a picture is no text of as many bytes, which
// would be more tokens than the key may use in a minute.
func TestFastLaneReservesPictures(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("A", 75<<10)
	for path, c := range map[string]struct{ model, content, answer string }{
		"/v1/chat/completions": {"openai/m", `[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + data + `"}}]`, goodAnswer},
		"/v1/messages": {"anthropic/m", `[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + data + `"}}]`,
			`{"id":"x","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"good"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}`},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			read := make(chan string, 1)
			w := rude(t, func(w http.ResponseWriter, r *http.Request) {
				raw, _ := io.ReadAll(r.Body)
				read <- string(raw)
				_, _ = io.WriteString(w, c.answer)
			})
			w.AddKey(t, "limited", identity.KeySpec{Limits: identity.Limits{TokensPerMinute: 20_000}})
			for _, content := range []string{`"hi"`, c.content} {
				const odd = ` ,"max_tokens" :9}`
				a := w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: path, As: "limited",
					Body: `{"model":"` + c.model + `","messages":[{"role":"user","content":` + content + `}]` + odd})
				if a.Status != 200 {
					t.Fatalf("%.20s: %d %s", content, a.Status, a.Body)
				}
				if !strings.HasSuffix(<-read, odd) {
					t.Error("it went by the slow lane")
				}
			}
		})
	}
}
