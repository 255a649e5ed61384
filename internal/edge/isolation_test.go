package edge_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
)

// TestMetricsAreTheRootTenants asks for the installation's figures as another
// tenant: they name upstreams it must not know of, and everybody's cost.
func TestMetricsAreTheRootTenants(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret_upstream 1\n") })
	}})
	w.Run(t, []edgetest.Scenario{
		{Name: "root", Method: http.MethodGet, Path: "/metrics", Want: []string{"secret_upstream"}},
		{Name: "other", Method: http.MethodGet, Path: "/metrics", As: "other", Status: http.StatusForbidden, Not: []string{"secret_upstream"}},
		{Name: "nobody", Method: http.MethodGet, Path: "/metrics", As: edgetest.Nobody, Status: http.StatusUnauthorized},
	})
}

// TestAsyncNeedsObjectWrite starts an invocation with a key that may call
// models but not write objects, which its answer would be.
func TestAsyncNeedsObjectWrite(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.AddKey(t, "caller", identity.KeySpec{Kind: identity.KindAWS, Scopes: []identity.Scope{"model:*"}})
	w.AddKey(t, "writer", identity.KeySpec{Kind: identity.KindAWS, Scopes: []identity.Scope{"model:*", "object:write"}})
	if err := w.Objects.CreateBucket(t.Context(), w.Root.ID, "results"); err != nil {
		t.Fatal(err)
	}
	body := `{"modelId":"script/script-chat","modelInput":{"messages":[]},"outputDataConfig":{"s3OutputDataConfig":{"s3Uri":"s3://results/x"}}}`
	w.Run(t, []edgetest.Scenario{
		{Name: "may not write", Method: http.MethodPost, Path: "/async-invoke", As: "caller", Body: body, Status: http.StatusForbidden, Want: []string{"object:write"}},
		{Name: "may write", Method: http.MethodPost, Path: "/async-invoke", As: "writer", Body: body, Want: []string{"invocationArn"}},
	})
}

// TestUnprovenDelete replaces the signed body of DeleteObjects on the way by
// one so long that its end lies beyond the bound of what is read.
func TestUnprovenDelete(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.MaxBodyBytes = 8 << 20 }})
	if err := w.Objects.CreateBucket(t.Context(), w.Root.ID, "results"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"mine", "victim"} {
		if _, err := w.Objects.Put(t.Context(), w.Root.ID, "results", key, strings.NewReader(key), blob.Attributes{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	forged := "<Delete><Object><Key>victim</Key></Object></Delete>"
	for _, size := range []int{len(forged), 2 << 20, 2<<20 + 1} {
		list := []edgetest.Scenario{{Name: "forged", Method: http.MethodPost, Path: "/results?delete", As: "aws", Chunked: true,
			Body: "<Delete><Object><Key>mine</Key></Object></Delete>", Status: http.StatusBadRequest,
			Sign: &edgetest.Signing{Service: "s3", Tamper: func(r *http.Request) {
				body := append([]byte(forged), bytes.Repeat([]byte(" "), size-len(forged))...)
				r.Body, r.GetBody = io.NopCloser(bytes.NewReader(body)), nil
			}},
		}}
		w.Run(t, list)
		if _, err := w.Objects.Head(t.Context(), w.Root.ID, "results", "victim"); err != nil {
			t.Fatalf("a forged body of %d bytes took effect: %v", size, err)
		}
	}
}

// TestCountingIsLimited counts tokens with a key that may send one request a
// minute: the upstream's tokenizer is not there for everybody to keep busy.
func TestCountingIsLimited(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	w.AddKey(t, "slow", identity.KeySpec{Limits: identity.Limits{RequestsPerMinute: 1}})
	count := edgetest.Scenario{Method: http.MethodPost, Path: "/v1/messages/count_tokens", As: "slow",
		Body: `{"model":"script/script-chat","messages":[{"role":"user","content":"Hello"}]}`}
	first, second := count, count
	first.Name, first.Want = "first", []string{"input_tokens"}
	second.Name, second.Status = "second", http.StatusTooManyRequests
	w.Run(t, []edgetest.Scenario{first, second})
}
