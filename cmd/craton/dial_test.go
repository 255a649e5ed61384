package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// TestEngineTakesPredictions: the engine's child refuses what it does not know;
// a prediction only makes answers faster, so that it is left out and told.
func TestEngineTakesPredictions(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 1)
	child := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		bodies <- string(raw)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(child.Close)
	engine, err := dialEngine(child.URL, "token")
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Generate(t.Context(), &model.Request{Model: "m", Messages: []model.Message{model.UserText("q")},
		Extra: &model.Opaque{Dialect: model.DialectOpenAIChat, Raw: []byte(`{"prediction":{"type":"content","content":"p"}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if body := <-bodies; strings.Contains(body, "prediction") {
		t.Errorf("sent %s", body)
	}
	if lost := model.LossesOf(s); len(lost) != 1 || lost[0].Path != "prediction" || lost[0].Severity != model.LossMinor {
		t.Errorf("told as lost: %+v", lost)
	}
}
