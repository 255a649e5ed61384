package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/mcp"
)

// onCall answers tools/call by itself and leaves the rest to a real server.
func onCall(answer http.HandlerFunc) *wire {
	w := streamable(tools(), nil)
	w.before = func(rw http.ResponseWriter, r *http.Request, method string) bool {
		if method == "tools/call" {
			answer(rw, r)
			return true
		}
		return legacy(rw, r, method)
	}
	return w
}

func answer(rw http.ResponseWriter, kind, body string) {
	rw.Header().Set("Content-Type", kind)
	_, _ = io.WriteString(rw, body)
}

// TestHostileAnswers has servers break the protocol in the middle of a call.
// Each is told apart, and the session works again afterwards.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	metadata := "http://169.254.169.254/latest/meta-data"
	cases := map[string]struct {
		answer  http.HandlerFunc
		kind    model.Kind
		notSent bool
	}{
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { answer(w, "application/json", "<html>") }, model.UpstreamGarbage, false},
		"no event": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, "text/event-stream", "data: nonsense\n\n")
		}, model.UpstreamGarbage, false},
		"another type": {func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/html", "hi") }, model.UpstreamGarbage, false},
		"ends early":   {func(w http.ResponseWriter, _ *http.Request) { answer(w, "text/event-stream", ": hm\n\n") }, model.UpstreamGarbage, false},
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			answer(w, "application/json", `{"jsonrpc":"2.0","id":2,"result":"`+strings.Repeat("x", 200<<10)+`"}`)
		}, model.TooLarge, false},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for r.Context().Err() == nil {
				if _, err := fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":%q}}\n\n", strings.Repeat("y", 1<<10)); err != nil {
					return
				}
			}
		}, model.TooLarge, false},
		"silent":   {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, model.Timeout, false},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, model.UpstreamDown, false},
		"error 500": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "secret stack trace", http.StatusInternalServerError)
		}, model.UpstreamDown, false},
		"error 403": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }, model.UpstreamDenied, true},
		"error 401": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusUnauthorized) }, model.UpstreamDenied, true},
		"error 429": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}, model.RateLimited, true},
		"to metadata": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, metadata, http.StatusTemporaryRedirect)
		}, model.UpstreamGarbage, true},
		"to another method": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, model.UpstreamGarbage, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onCall(c.answer)
			limits := mcp.Limits{}
			if c.kind == model.Timeout {
				limits.Call = time.Second
			}
			s := remote(t, pool(t, mcp.Config{Client: client(t, egress.Policy{MaxBody: 100 << 10}), Limits: limits}), serve(t, w))
			if _, err := s.List(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := call(t, s, "send")
			e := model.AsError(err)
			if e == nil || e.Kind != c.kind || tool.IsNotSent(err) != c.notSent || e.Subject != "wiki" {
				t.Errorf("got %v (not sent: %v), want kind %v (%v)", err, tool.IsNotSent(err), c.kind, c.notSent)
			}
			if e != nil && (e.Message == "" || strings.Contains(e.Public(), "secret") || strings.Contains(e.Public(), "169.254")) {
				t.Errorf("the client reads %q", e.Public())
			}
			if specs, err := s.List(t.Context()); err != nil || len(specs) == 0 {
				t.Errorf("afterwards the server cannot be listed: %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	p := pool(t, mcp.Config{})
	for address, kind := range map[string]model.Kind{
		closed.URL: model.UpstreamDown, serve(t, http.NotFoundHandler()): model.UpstreamGarbage,
		"https://10.1.2.3/mcp": model.Invalid, "http://169.254.169.254/mcp": model.Invalid,
	} {
		s := remote(t, p, address)
		_, err := s.List(t.Context())
		if e := model.AsError(err); e == nil || e.Kind != kind || e.Subject != "wiki" {
			t.Errorf("%s: listing: got %v, want kind %v", address, err, kind)
		}
		if _, err := call(t, s, "send"); !tool.IsNotSent(err) {
			t.Errorf("%s: a call that was not sent: got %v", address, err)
		}
	}
	for _, server := range []tool.Server{
		{URL: "ftp://example.com"}, {URL: "https://user:pw@example.com/"}, {URL: "craton:builtin"}, {URL: "://"},
		{URL: "https://example.com", Headers: map[string]string{"Host": "inside"}},
		{URL: "https://example.com", Headers: map[string]string{"mcp-session-id": "1"}},
		{URL: "https://example.com", Headers: map[string]string{"A": "b\r\nc: d"}},
	} {
		if _, err := p.Remote("acme", server); model.AsError(err) == nil || model.AsError(err).Kind != model.Invalid {
			t.Errorf("%+v: got %v", server, err)
		}
	}
}

// TestChangingList has a server whose tools are never the same, and one whose
// list does not end.
func TestChangingList(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	endless := false
	w := streamable(tools(), nil)
	w.before = func(rw http.ResponseWriter, r *http.Request, method string) bool {
		if method != "tools/list" {
			return legacy(rw, r, method)
		}
		var in struct{ ID any }
		_ = json.NewDecoder(r.Body).Decode(&in)
		k := n.Add(1)
		result := map[string]any{"tools": []any{
			map[string]any{"name": "a", "description": fmt.Sprint("version ", k), "inputSchema": map[string]any{"type": "object"}},
			map[string]any{"name": "a", "description": "a second of the name", "inputSchema": map[string]any{"type": "object"}},
			map[string]any{"name": "", "inputSchema": true}, map[string]any{"name": "b", "inputSchema": []any{}}, nil,
		}}
		if endless {
			result["nextCursor"] = fmt.Sprint("c", k)
		}
		raw, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": in.ID, "result": result})
		answer(rw, "application/json", string(raw))
		return true
	}
	s := remote(t, pool(t, mcp.Config{Limits: mcp.Limits{Tools: 50}}), serve(t, w))
	for k := 1; k <= 3; k++ {
		specs, err := s.List(t.Context())
		if err != nil || len(specs) != 2 || specs[0].Description != fmt.Sprint("version ", k) || specs[1].Parameters != nil {
			t.Fatalf("got %+v, %v", specs, err)
		}
	}
	endless = true
	if _, err := s.List(t.Context()); model.AsError(err) == nil || model.AsError(err).Kind != model.UpstreamGarbage || n.Load() > 60 {
		t.Errorf("an endless list: got %v after %d pages", err, n.Load())
	}
}

// vault is a credential that expires.
type vault struct {
	mu      sync.Mutex
	current string
	next    []string
	refused int
	err     error
}

func (v *vault) Authorize(_ context.Context, tenant string, server tool.Server) (http.Header, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return nil, v.err
	}
	return http.Header{"Authorization": {"Bearer " + tenant + "/" + server.Credential + "/" + v.current}}, nil
}

func (v *vault) Refused(_ context.Context, _ string, _ tool.Server, sent http.Header) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused++
	if !strings.HasSuffix(sent.Get("Authorization"), v.current) {
		return true, nil
	}
	if len(v.next) == 0 {
		return false, nil
	}
	v.current, v.next = v.next[0], v.next[1:]
	return true, nil
}

// guarded is a server that takes one token.
func guarded(t *testing.T, token *atomic.Value, calls *atomic.Int64) *wire {
	w := streamable(tools(), nil)
	w.before = func(rw http.ResponseWriter, r *http.Request, method string) bool {
		if r.Header.Get("Authorization") != "Bearer acme/cred_1/"+token.Load().(string) || r.Header.Get("X-Team") != "blue" {
			http.Error(rw, "who are you?", http.StatusUnauthorized)
			return true
		}
		if method == "tools/call" {
			calls.Add(1)
		}
		return legacy(rw, r, method)
	}
	return w
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	var calls atomic.Int64
	token.Store("one")
	v := &vault{current: "one", next: []string{"two"}}
	s, err := pool(t, mcp.Config{Credentials: v}).Remote("acme", tool.Server{Label: "wiki", Credential: "cred_1",
		URL: serve(t, guarded(t, &token, &calls)), Headers: map[string]string{"X-Team": "blue"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := call(t, s, "send"); err != nil {
		t.Fatal(err)
	}
	token.Store("two") // the first one expires
	if r, err := call(t, s, "send"); err != nil || text(r) != "sent" || v.refused != 1 || calls.Load() != 2 {
		t.Errorf("after a renewal: %+v, %v, %d refusals, %d calls", r, err, v.refused, calls.Load())
	}
	token.Store("three") // and this one cannot be renewed
	_, err = call(t, s, "send")
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamDenied || !tool.IsNotSent(err) || calls.Load() != 2 {
		t.Errorf("a refused credential: %v", err)
	}
	v.err = model.Errorf(model.NotFound, "credential", "There is no credential cred_1.")
	_, err = call(t, s, "send")
	if e := model.AsError(err); e == nil || e.Kind != model.NotFound || !tool.IsNotSent(err) {
		t.Errorf("a missing credential: %v", err)
	}
}

// TestCredentialStaysHome redirects to another origin, which must see nothing.
func TestCredentialStaysHome(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	elsewhere := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	home := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	}))
	p := pool(t, mcp.Config{Credentials: &vault{current: "one"}})
	_, err := remote(t, p, home).List(t.Context())
	if e := model.AsError(err); e == nil || e.Kind != model.UpstreamGarbage || seen.Load() != 0 {
		t.Errorf("got %v, and %d requests reached another origin", err, seen.Load())
	}
	inner := streamable(tools(), nil)
	at := serve(t, &wire{servers: inner.servers, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" {
			http.Redirect(w, r, "/mcp/", http.StatusPermanentRedirect)
			return
		}
		if r.Header.Get("Authorization") == "" {
			t.Error("a redirect within the origin lost the credential")
		}
		inner.Handler.ServeHTTP(w, r)
	})})
	if _, err := remote(t, p, at+"/mcp").List(t.Context()); err != nil {
		t.Errorf("a redirect within the origin: %v", err)
	}
}

// TestConcurrentCalls shares one session among many calls, one of which hangs.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	server, started, stopped := tools(), make(chan struct{}), make(chan struct{})
	server.AddTool(&sdk.Tool{Name: "hang", InputSchema: json.RawMessage(`{"type":"object"}`)},
		func(ctx context.Context, _ *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			close(started)
			<-ctx.Done()
			close(stopped)
			return nil, ctx.Err()
		})
	s := remote(t, pool(t, mcp.Config{}), serve(t, streamable(server, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error)
	go func() {
		_, err := s.Call(ctx, tool.Call{Name: "hang"})
		hung <- err
	}()
	done := make(chan error)
	for range 32 {
		go func() {
			r, err := s.Call(t.Context(), tool.Call{Name: "pay", Key: "k"})
			if err == nil && r.Error {
				err = fmt.Errorf("%s", text(r))
			}
			done <- err
		}()
	}
	for range 32 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	<-started
	cancel()
	if err := <-hung; model.AsError(err).Kind != model.Canceled {
		t.Error(err)
	}
	<-stopped
}
