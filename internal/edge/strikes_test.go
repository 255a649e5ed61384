package edge_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/secret"
)

// countedStore counts the reads that credentials cost.
type countedStore struct {
	identity.Store
	reads atomic.Int64
}

func (s *countedStore) Credentials(ctx context.Context, f identity.CredentialFilter) ([]identity.Credential, error) {
	s.reads.Add(1)
	return s.Store.Credentials(ctx, f)
}

// TestGuessing sends many credentials that nobody knows from one address: they
// stop costing reads, and who has a key in use there goes on.
func TestGuessing(t *testing.T) {
	t.Parallel()
	store := &countedStore{}
	var w *edgetest.World
	n, now := 0, func() time.Time { return w.Now() }
	options := edgetest.Options{Edge: func(o *edge.Options) {
		key, err := secret.NewMasterKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		sealer, err := secret.NewSealer(key)
		if err != nil {
			t.Fatal(err)
		}
		if o.Directory, err = identity.NewDirectory(identity.Config{Store: store, Sealer: sealer, Now: now, Random: rand.Reader}); err != nil {
			t.Fatal(err)
		}
	}}
	w = edgetest.New(t, options)
	store.Store = w.Store
	ask := func(from string, credential func(*http.Request)) *httptest.ResponseRecorder {
		n++
		req := w.Request(t, &edgetest.Scenario{Method: "GET", Path: "/v1/models", Header: map[string]string{"X-Number": fmt.Sprint(n)}})
		req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), from
		if credential != nil {
			credential(req)
		}
		rec := httptest.NewRecorder()
		w.Handler.ServeHTTP(rec, req)
		return rec
	}
	guess := func(r *http.Request) { r.Header.Set("Authorization", fmt.Sprintf("Bearer sk-craton-%043d", n)) }
	forge := func(r *http.Request) {
		r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=AKIA%016d/20260314/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=%064d", n, n))
	}
	if got := ask("192.0.2.7:1", nil); got.Code != 200 {
		t.Fatalf("the key: %d", got.Code)
	}
	for i := range 60 {
		try := guess
		if i%2 == 1 {
			try = forge
		}
		if got := ask("192.0.2.7:1", try); got.Code != 401 && got.Code != 403 {
			t.Fatalf("guess %d: %d %s", i, got.Code, got.Body)
		}
	}
	reads := store.reads.Load()
	for _, try := range []func(*http.Request){guess, forge} {
		for range 20 {
			if got := ask("192.0.2.7:1", try); got.Code != 429 || got.Header().Get("Retry-After") == "" {
				t.Fatalf("beyond the limit: %d %v", got.Code, got.Header())
			}
		}
	}
	if got := ask("192.0.2.7:1", nil); got.Code != 200 || store.reads.Load() != reads {
		t.Errorf("a key in use from there: %d; %d reads", got.Code, store.reads.Load()-reads)
	}
	if got := ask("192.0.2.8:1", guess); got.Code != 401 {
		t.Errorf("another address: %d", got.Code)
	}
	for _, c := range []struct {
		from string
		code int
	}{{"[2001:db8::1]:1", 401}, {"[2001:db8::ffff]:1", 429}} {
		for range 60 {
			if got := ask(c.from, guess); got.Code != c.code {
				t.Fatalf("%s: %d, want %d", c.from, got.Code, c.code)
			}
		}
	}
	w.Advance(time.Second)
	if first, second := ask("192.0.2.7:1", guess).Code, ask("192.0.2.7:1", guess).Code; first != 401 || second != 429 {
		t.Errorf("a second later: %d and %d", first, second)
	}
	w.Advance(time.Minute)
	if got := ask("192.0.2.7:1", guess); got.Code != 401 {
		t.Errorf("a minute later: %d", got.Code)
	}
}
