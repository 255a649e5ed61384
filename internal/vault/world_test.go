package vault_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/document"
	"github.com/craton-ai/craton/internal/secret"
	"github.com/craton-ai/craton/internal/store/mem"
	"github.com/craton-ai/craton/internal/vault"
)

const server = "https://mcp.example.com/mcp"

// world is one document store with as many replicas over it as are asked for.
type world struct {
	docs   document.Store
	master secret.MasterKey
	sealer *secret.Sealer
	now    func() time.Time
	log    *lines
	ids    atomic.Int64
	// endpoint is every token endpoint; its requests come as forms.
	endpoint func(r *http.Request) *http.Response
}

// lines is a log that may be written from several goroutines.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := secret.NewMasterKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	return &world{docs: mem.New(), master: key, sealer: sealer, now: time.Now, log: &lines{}}
}

// replica is a store of its own over the world's documents.
func (w *world) replica() *vault.Store {
	return vault.New(vault.Config{
		Documents: w.docs, Sealer: w.sealer, Now: func() time.Time { return w.now() },
		Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return w.endpoint(r), nil })},
		NewID:  func() string { return fmt.Sprintf("%08d-0000-7000-8000-000000000000", w.ids.Add(1)) },
		Log:    slog.New(slog.NewJSONHandler(w.log, nil)),
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is what a token endpoint says.
func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
}

func (w *world) vault(t *testing.T, s *vault.Store) string {
	t.Helper()
	v, err := s.Create(t.Context(), "t1", vault.Change{})
	if err != nil {
		t.Fatal(err)
	}
	return v.ID
}

func bearerSpec(token, url string) vault.Spec {
	return vault.Spec{Name: "one", Auth: vault.Auth{Kind: vault.Bearer, ServerURL: url}, Secrets: vault.Secrets{Token: token}}
}

func oauthSpec(expires time.Time) vault.Spec {
	return vault.Spec{Name: "oauth",
		Auth: vault.Auth{Kind: vault.OAuth, ServerURL: server, ExpiresAt: expires,
			Refresh: &vault.Refresh{ClientID: "client", TokenEndpoint: "https://auth.example.com/token", ClientAuth: vault.ClientNone}},
		Secrets: vault.Secrets{Token: "access-0", RefreshToken: "refresh-0"}}
}

func create(t *testing.T, s *vault.Store, vaultID string, spec vault.Spec) vault.Credential {
	t.Helper()
	c, err := s.CreateCredential(t.Context(), "t1", vaultID, spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
