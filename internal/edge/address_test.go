package edge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
)

// TestAddressesStayHere sends addresses to an upstream of the operator's own,
// by every contract: none may arrive, on either lane.
func TestAddressesStayHere(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			asked.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"seen"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	}))
	t.Cleanup(server.Close)
	p, err := openai.New(provider.Config{Name: "oa", Kind: "openai", BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	own := gateway.Upstream{Name: "own", Provider: p, Dialects: []model.Dialect{model.DialectOpenAIChat}, Cards: []model.Card{{ID: "m"}}}
	vendor := own
	vendor.Name, vendor.FetchURLs = "vendor", gateway.FetchPass
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{own, vendor}})
	chat := func(name, model, part string, status int) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/chat/completions", Status: status,
			Body: `{"model":"` + model + `","messages":[{"role":"user","content":[` + part + `]}]}`}
	}
	picture := `{"type":"image_url","image_url":{"url":"http://169.254.169.254/latest/"}}`
	w.Run(t, []edgetest.Scenario{
		chat("a picture", "own/m", picture, 400),
		chat("a film nobody knows", "own/m", `{"type":"video_url","video_url":{"url":"http://169.254.169.254/"}}`, 400),
		chat("hidden", "own/m", `{"type":"image_url","image_url":{"\u0075rl":"\u0068ttp://169.254.169.254/"}}`, 400),
		{Name: "responses", Method: http.MethodPost, Path: "/v1/responses", Status: 400,
			Body: `{"model":"own/m","input":[{"role":"user","content":[{"type":"input_file","file_url":"http://169.254.169.254/"}]}]}`},
		{Name: "messages", Method: http.MethodPost, Path: "/v1/messages", Status: 400,
			Body: `{"model":"own/m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"http://169.254.169.254/"}}]}]}`},
	})
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests with addresses reached the upstream", n)
	}
	w.Run(t, []edgetest.Scenario{
		chat("a vendor fetches itself", "vendor/m", picture, 200),
		chat("text is no address", "own/m", `{"type":"text","text":"https://example.com is a site"}`, 200),
		chat("content itself", "own/m", `{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}`, 200),
	})
	if n := asked.Load(); n != 3 {
		t.Errorf("%d requests reached the upstreams, want 3", n)
	}
}
