package edge_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
	"github.com/craton-ai/craton/internal/provider/openai"
	"github.com/craton-ai/craton/internal/route"
)

// embedding is an upstream that makes one vector and tells as its usage what is given.
func embedding(t *testing.T, name, usage string) gateway.Upstream {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":[{"index":0,"embedding":[0.5]}]`+usage+`}`)
	}))
	t.Cleanup(server.Close)
	p, err := openai.New(provider.Config{Name: name, Kind: "openai", BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Upstream{Name: name, Provider: p, Cards: []model.Card{{ID: "m", Capabilities: []model.Capability{model.CanEmbed}}}}
}

// TestSilentEmbeddingsAreNotFree spends a key's budget at an upstream that does
// not tell what it used.
func TestSilentEmbeddingsAreNotFree(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{embedding(t, "mute", "")}})
	w.AddKey(t, "limited", identity.KeySpec{Limits: identity.Limits{TokensPerMinute: 1000}})
	for _, c := range []struct {
		input string
		want  int64
	}{{`"four bytes a token"`, 5}, {`[[1,2,3,4,5,6,7]]`, 7}} {
		answer := w.Do(t, &edgetest.Scenario{Name: "mute", Method: http.MethodPost, Path: "/v1/embeddings", As: "limited", Body: `{"model":"mute/m","input":` + c.input + `}`})
		r := w.Record(t, answer.Header.Get("X-Request-Id"))
		if answer.Status != 200 || r.Tokens.Input != c.want || !r.Estimated {
			t.Errorf("%s: status %d, recorded as %+v", c.input, answer.Status, r)
		}
	}
}

// TestLostHintsOfEmbeddings tells what an upstream could not be told, and
// refuses it in strict mode, which is metered as the upstream worked for it.
func TestLostHintsOfEmbeddings(t *testing.T) {
	t.Parallel()
	const cohere = "cohere.embed-english-v3"
	w := edgetest.New(t, edgetest.Options{Upstreams: []gateway.Upstream{embedding(t, "oa", `,"usage":{"prompt_tokens":3,"total_tokens":3}`)},
		Names: gateway.Names{Aliases: map[string][]route.Target{cohere: {{Model: "oa/m"}}}}})
	ask := func(name, strict string, status int, want, losses string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/model/" + cohere + "/invoke", As: "aws", Status: status,
			Body:   `{"texts":["a"],"input_type":"search_document","truncate":"END"}`,
			Header: map[string]string{edge.StrictHeader: strict}, Want: []string{want}, WantHeader: map[string]string{edge.LossHeader: losses}}
	}
	w.Run(t, []edgetest.Scenario{
		ask("told", "", 200, `"embeddings":[[0.5]]`, "*"),
		ask("refused", "true", 400, "In strict mode nothing may be lost", ""),
		{Name: "nothing is lost", Method: http.MethodPost, Path: "/v1/embeddings", Status: 200, Body: `{"model":"oa/m","input":"a"}`,
			Header: map[string]string{edge.StrictHeader: "true"}, WantHeader: map[string]string{edge.LossHeader: ""}},
	})
	records := w.Usage(t, w.Root)
	for _, r := range records {
		if r.Tokens.Input != 3 || r.Estimated {
			t.Errorf("recorded as %+v", r)
		}
	}
	if len(records) != 3 {
		t.Errorf("%d usage records of 3 requests", len(records))
	}
}
