package edge_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// slowClient takes nothing of its answer until it is told to read.
type slowClient struct {
	*httptest.ResponseRecorder
	read chan struct{}
}

func (s *slowClient) Write(p []byte) (int, error) {
	<-s.read
	return s.ResponseRecorder.Write(p)
}

// elsewhere is a World whose sessions are finished by another instance than the
// one that serves the clients: the test.
type elsewhere struct {
	*edgetest.World
	other *edge.Handler
	// ended are the sessions that are to be published.
	ended chan *agent.State
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{ended: make(chan *agent.State, 1)}
	var once sync.Once
	var opts edge.Options
	over := make(chan struct{})
	e.World = edgetest.New(t, edgetest.Options{Drive: true, Tools: &shop{}, Edge: func(o *edge.Options) { opts = *o },
		Publish: func(ctx context.Context, _ string, s *agent.State) error {
			once.Do(func() { e.ended <- s })
			select {
			case <-ctx.Done():
			case <-over:
			}
			return ctx.Err()
		}})
	t.Cleanup(func() { close(over) })
	opts.Instance, opts.Sessions = "another-instance", e.Sessions
	var err error
	if e.other, err = edge.New(opts); err != nil {
		t.Fatal(err)
	}
	return e
}

// begin asks for a response that is not kept, and returns its session when that
// has ended. The client has read nothing of it; read lets it, and returns what
// it got.
func (e *elsewhere) begin(t *testing.T) (ended *agent.State, read func() string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, e.URL+"/v1/responses",
		strings.NewReader(`{"model":"script/script-chat","input":"the price of tea","stream":true,"store":false,"tools":[`+shopTool+`]}`))
	r.Header.Set("Authorization", "Bearer "+e.Key("").Token)
	client := &slowClient{httptest.NewRecorder(), make(chan struct{})}
	served := make(chan struct{})
	go func() { defer close(served); e.Handler.ServeHTTP(client, r) }()
	var once sync.Once
	read = func() string {
		once.Do(func() { close(client.read) })
		<-served
		return client.Body.String()
	}
	t.Cleanup(func() { read() })
	select {
	case ended = <-e.ended:
	case <-served:
		t.Fatal(client.Body)
	case <-time.After(10 * time.Second):
		t.Fatal("the response has not ended")
	}
	return ended, read
}

func (e *elsewhere) kept(t *testing.T, ended *agent.State) bool {
	t.Helper()
	head, err := e.Store.Head(t.Context(), e.Root.ID, ended.Session)
	if err != nil {
		t.Fatal(err)
	}
	return head.Key != nil
}

// TestUnstoredServedElsewhere: who finished a response that is not kept leaves
// it to the instance that serves it, whose client has read the whole of it when
// it is removed.
func TestUnstoredServedElsewhere(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	ended, read := e.begin(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.other.PublishResponse(ctx, e.Root.ID, ended); err == nil || !e.kept(t, ended) {
		t.Errorf("the response was removed before its client had read it: %v", err)
	}
	if body := read(); !strings.Contains(body, "response.completed") || !strings.Contains(body, "7 euros") {
		t.Error(body)
	}
	if err := e.other.PublishResponse(t.Context(), e.Root.ID, ended); err != nil || e.kept(t, ended) {
		t.Errorf("the response was not removed with its last reader: %v", err)
	}
}

// TestUnstoredServerGone: a response that is not kept does not stay because the
// instance that served it is gone.
func TestUnstoredServerGone(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	ended, _ := e.begin(t)
	e.Advance(5 * time.Minute)
	if err := e.other.PublishResponse(t.Context(), e.Root.ID, ended); err != nil || e.kept(t, ended) {
		t.Errorf("the response stays: %v", err)
	}
}

// TestUnstoredReadHere: who finished a response waits for the clients of its own
// instance.
func TestUnstoredReadHere(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	ended, read := e.begin(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := e.Handler.PublishResponse(ctx, e.Root.ID, ended); err == nil || !e.kept(t, ended) {
		t.Errorf("the response was removed before its client had read it: %v", err)
	}
	if body := read(); !strings.Contains(body, "response.completed") {
		t.Error(body)
	}
	if err := e.Handler.PublishResponse(t.Context(), e.Root.ID, ended); err != nil || e.kept(t, ended) {
		t.Errorf("the response was not removed with its last reader: %v", err)
	}
}
