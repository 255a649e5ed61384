package openai_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
)

func TestCountTokens(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /good/chat/count_tokens", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"input_tokens":7}`)) })
	mux.HandleFunc("POST /odd/chat/count_tokens", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"input_tokens":"7"}`)) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for base, want := range map[string]struct {
		n    int64
		kind model.Kind
	}{"/good": {n: 7}, "/odd": {kind: model.UpstreamGarbage}, "/none": {kind: model.Unsupported}} {
		p := openai.Counting{Provider: connect(t, provider.Config{Kind: "openai", BaseURL: server.URL + base})}
		n, err := p.CountTokens(t.Context(), &model.Request{Model: "m", Messages: []model.Message{model.UserText("hi")}})
		if n != want.n || (err != nil) != (want.kind != 0) || err != nil && model.AsError(err).Kind != want.kind {
			t.Errorf("%s: %d, %v", base, n, err)
		}
	}
}
