package edge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/observe"
)

// TestTraceReachesUpstreams follows a caller's trace through every dialect.
func TestTraceReachesUpstreams(t *testing.T) {
	t.Parallel()
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(collector.Close)
	tel, err := observe.NewTelemetry(t.Context(), observe.TelemetryConfig{Endpoint: collector.URL, Sample: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tel.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	asked := make(chan string, 1)
	w := edgetest.New(t, edgetest.Options{
		Upstreams: []gateway.Upstream{edgetest.Upstream("one", "traced", func(ctx context.Context, _ *model.Request) (model.Stream, error) {
			onward := http.Header{}
			tel.Inject(ctx, onward)
			asked <- onward.Get("Traceparent")
			return nil, model.Errorf(model.Invalid, "", "Enough was seen.")
		})},
		Edge: func(o *edge.Options) { o.Telemetry = tel },
	})
	const id = "0af7651916cd43dd8448eb211c80319c"
	for path, body := range map[string]string{
		"/v1/chat/completions":   `{"model":"traced","messages":[{"role":"user","content":"x"}]}`,
		"/v1/responses":          `{"model":"traced","input":"x"}`,
		"/v1/messages":           `{"model":"traced","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`,
		"/model/traced/converse": `{"messages":[{"role":"user","content":[{"text":"x"}]}]}`,
	} {
		r := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+w.Key("").Token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Traceparent", "00-"+id+"-b7ad6b7169203331-01")
		answer := httptest.NewRecorder()
		w.Handler.ServeHTTP(answer, r)
		select {
		case got := <-asked:
			if !strings.HasPrefix(got, "00-"+id) {
				t.Errorf("%s: the upstream's trace is %q", path, got)
			}
		default:
			t.Errorf("%s: the upstream was not asked: %d %s", path, answer.Code, answer.Body)
		}
	}
}
