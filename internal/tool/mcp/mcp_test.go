package mcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/mcp"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv("CRATON_TEST_STDIO"); mode != "" {
		os.Exit(stdioServer(mode))
	}
	goleak.VerifyTestMain(m)
}

// client is one of egress that may reach loopback.
func client(t *testing.T, p egress.Policy) *http.Client {
	t.Helper()
	p.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	p.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	return egress.New(mcp.Policy(p))
}

func pool(t *testing.T, cfg mcp.Config) *mcp.Pool {
	t.Helper()
	if cfg.Client == nil {
		cfg.Client = client(t, egress.Policy{})
	}
	p := mcp.New(cfg)
	t.Cleanup(func() { p.Close() })
	return p
}

// remote opens a source at an address of the test's own.
func remote(t *testing.T, p *mcp.Pool, address string) tool.Source {
	t.Helper()
	s, err := p.Remote("acme", tool.Server{Label: "wiki", URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// wire counts and changes what passes between the pool and a server.
type wire struct {
	http.Handler
	// before may answer a request itself; it says whether it did.
	before  func(w http.ResponseWriter, r *http.Request, method string) bool
	methods chan string
	opened  atomic.Int64
	servers []*sdk.Server
}

// end closes the sessions that clients left behind.
func (h *wire) end() {
	for _, s := range h.servers {
		for session := range s.Sessions() {
			session.Close()
		}
	}
}

func (h *wire) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var message struct{ Method string }
	_ = json.Unmarshal(raw, &message)
	method := message.Method
	if method == "" {
		method = r.Method
	}
	if method == "initialize" || method == "server/discover" {
		h.opened.Add(1)
	}
	if h.methods != nil {
		select {
		case h.methods <- method:
		default:
		}
	}
	if h.before != nil && h.before(w, r, method) {
		return
	}
	h.Handler.ServeHTTP(w, r)
}

// legacy refuses the newest way to open, so that the protocol has sessions.
func legacy(w http.ResponseWriter, _ *http.Request, method string) bool {
	if method == "server/discover" {
		http.Error(w, "no such method", http.StatusBadRequest)
		return true
	}
	return false
}

// tools is a real server.
func tools() *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ServerOptions{PageSize: 3})
	object := json.RawMessage(`{"type":"object","properties":{"q":{"type":"string"}}}`)
	add := func(t *sdk.Tool, h sdk.ToolHandler) {
		t.InputSchema = object
		s.AddTool(t, h)
	}
	text := func(text string) sdk.ToolHandler {
		return func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}, nil
		}
	}
	add(&sdk.Tool{Name: "read", Description: "Reads.", Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true}}, text("read it"))
	add(&sdk.Tool{Name: "put", Title: "Puts.", Annotations: &sdk.ToolAnnotations{IdempotentHint: true}}, text("put it"))
	add(&sdk.Tool{Name: "pay", Meta: sdk.Meta{mcp.MetaKeyed: true}}, func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		raw, _ := json.Marshal(map[string]any{"key": r.Params.Meta[mcp.MetaKey], "trace": r.Params.Meta["trace"], "arguments": r.Params.Arguments})
		return &sdk.CallToolResult{StructuredContent: json.RawMessage(raw)}, nil
	})
	add(&sdk.Tool{Name: "send"}, text("sent"))
	add(&sdk.Tool{Name: "fail"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: "no such page"}}}, nil
	})
	add(&sdk.Tool{Name: "crash"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return nil, errors.New("the disk is full")
	})
	add(&sdk.Tool{Name: "rich"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{
			&sdk.TextContent{Text: "a cat"}, &sdk.ImageContent{MIMEType: "image/png", Data: []byte("png")},
			&sdk.AudioContent{MIMEType: "audio/wav", Data: []byte("wav")},
			&sdk.ResourceLink{Name: "cat", URI: "https://example.com/cat", MIMEType: "text/html"},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///a.txt", Text: "embedded"}},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///a.pdf", MIMEType: "application/pdf", Blob: []byte("pdf")}},
		}}, nil
	})
	return s
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if w, ok := h.(*wire); ok {
			w.end()
		}
	})
	return s.URL
}

// streamable serves one server in one of the forms the protocol has.
func streamable(s *sdk.Server, o *sdk.StreamableHTTPOptions) *wire {
	return &wire{Handler: sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, o), servers: []*sdk.Server{s}}
}

// forms are the ways a server may speak.
func forms() map[string]*wire {
	stateful := streamable(tools(), nil)
	stateful.before = legacy
	return map[string]*wire{
		"newest":    streamable(tools(), nil),
		"stateful":  stateful,
		"stateless": streamable(tools(), &sdk.StreamableHTTPOptions{Stateless: true}),
		"json":      streamable(tools(), &sdk.StreamableHTTPOptions{JSONResponse: true}),
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for name, w := range forms() {
		specs, err := remote(t, pool(t, mcp.Config{}), serve(t, w)).List(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		classes := map[string]tool.Class{}
		for _, s := range specs {
			classes[s.Name] = s.Class
			if !strings.Contains(string(s.Parameters), `"type":"object"`) {
				t.Errorf("%s: %s takes %s", name, s.Name, s.Parameters)
			}
		}
		want := map[string]tool.Class{"read": tool.Read, "put": tool.Idempotent, "pay": tool.Keyed, "send": tool.Unsafe,
			"fail": tool.Unsafe, "crash": tool.Unsafe, "rich": tool.Unsafe}
		if len(specs) != len(want) {
			t.Errorf("%s: got %d tools, want %d: a page is missing", name, len(specs), len(want))
		}
		for tool, class := range want {
			if classes[tool] != class {
				t.Errorf("%s: %s is %q, want %q", name, tool, classes[tool], class)
			}
		}
	}
}

func call(t *testing.T, s tool.Source, name string) (tool.Result, error) {
	t.Helper()
	return s.Call(t.Context(), tool.Call{Name: name, Key: "k1", Arguments: []byte(`{"q":"x"}`), Meta: []byte(`{"trace":"t1"}`)})
}

func TestCall(t *testing.T) {
	t.Parallel()
	for name, w := range forms() {
		s := remote(t, pool(t, mcp.Config{}), serve(t, w))
		if r, err := call(t, s, "read"); err != nil || r.Error || text(r) != "read it" {
			t.Errorf("%s: read: %+v, %v", name, r, err)
		}
		r, err := call(t, s, "pay")
		var got struct{ Key, Trace string }
		if err != nil || json.Unmarshal(r.Structured, &got) != nil || got.Key != "k1" || got.Trace != "t1" {
			t.Errorf("%s: pay: %s, %v", name, r.Structured, err)
		}
		if r, err := call(t, s, "fail"); err != nil || !r.Error || text(r) != "no such page" {
			t.Errorf("%s: fail: %+v, %v", name, r, err)
		}
		if r, err := call(t, s, "crash"); err != nil || !r.Error || !strings.Contains(text(r), "the disk is full") {
			t.Errorf("%s: crash: %+v, %v", name, r, err)
		}
		if _, err := call(t, s, "nothing"); model.AsError(err) == nil || model.AsError(err).Kind != model.Invalid {
			t.Errorf("%s: an unknown tool: %v", name, err)
		}
		if _, err := s.Call(t.Context(), tool.Call{Name: "read", Arguments: []byte(`[]`)}); !tool.IsNotSent(err) {
			t.Errorf("%s: arguments that are no object: %v", name, err)
		}
		if n := w.opened.Load(); n > 2 {
			t.Errorf("%s: opened %d sessions", name, n)
		}
	}
}

func text(r tool.Result) string {
	var b strings.Builder
	for _, p := range r.Content {
		if x, ok := p.(*model.Text); ok {
			b.WriteString(x.Text)
		}
	}
	return b.String()
}

func TestContent(t *testing.T) {
	t.Parallel()
	r, err := call(t, remote(t, pool(t, mcp.Config{}), serve(t, streamable(tools(), nil))), "rich")
	if err != nil || len(r.Content) != 6 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if p, ok := r.Content[1].(*model.Image); !ok || string(p.Source.Data) != "png" || p.Source.MIME != "image/png" {
		t.Errorf("the image is %+v", r.Content[1])
	}
	if p, ok := r.Content[2].(*model.Audio); !ok || string(p.Source.Data) != "wav" {
		t.Errorf("the sound is %+v", r.Content[2])
	}
	if p, ok := r.Content[5].(*model.Document); !ok || string(p.Source.Data) != "pdf" || p.Name != "a.pdf" {
		t.Errorf("the document is %+v", r.Content[5])
	}
	if got := text(r); got != "a catResource cat: https://example.com/cat (text/html)embedded" {
		t.Errorf("the texts are %q", got)
	}
}

// TestForgottenSession has the server lose its sessions between calls.
func TestForgottenSession(t *testing.T) {
	t.Parallel()
	first, second := streamable(tools(), nil), streamable(tools(), nil)
	var restarted atomic.Bool
	w := &wire{before: legacy, servers: append(first.servers, second.servers...)}
	w.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if restarted.Load() {
			second.Handler.ServeHTTP(rw, r)
			return
		}
		first.Handler.ServeHTTP(rw, r)
	})
	s := remote(t, pool(t, mcp.Config{}), serve(t, w))
	for range 2 {
		if r, err := call(t, s, "send"); err != nil || text(r) != "sent" {
			t.Fatalf("got %+v %q, %v", r, text(r), err)
		}
		restarted.Store(true)
	}
	if _, err := s.List(t.Context()); err != nil {
		t.Error(err)
	}
	if n := w.opened.Load(); n != 4 { // server/discover and initialize, twice
		t.Errorf("got %d requests to open sessions, want 4", n)
	}
}

// TestForgottenInOtherWords has a server answer 400 where the protocol wants
// 404, and one that answers so to everything.
func TestForgottenInOtherWords(t *testing.T) {
	t.Parallel()
	for _, code := range []int{-32000, -32600} {
		refusals := 1
		w := streamable(tools(), nil)
		w.before = func(rw http.ResponseWriter, r *http.Request, method string) bool {
			if method != "tools/call" || refusals == 0 {
				return legacy(rw, r, method)
			}
			refusals--
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(rw, `{"jsonrpc":"2.0","error":{"code":%d,"message":"Bad Request: No valid session ID"},"id":null}`, code)
			return true
		}
		s := remote(t, pool(t, mcp.Config{}), serve(t, w))
		if r, err := call(t, s, "send"); err != nil || text(r) != "sent" {
			t.Errorf("%d: got %+v, %v", code, r, err)
		}
		refusals = 5
		_, err := call(t, s, "send")
		if e := model.AsError(err); e == nil || e.Kind != model.Invalid || !tool.IsNotSent(err) || !strings.Contains(e.Message, "No valid session") {
			t.Errorf("%d: got %v", code, err)
		}
	}
}

func TestSharedSession(t *testing.T) {
	t.Parallel()
	w := streamable(tools(), nil)
	p, at := pool(t, mcp.Config{}), serve(t, w)
	done := make(chan error)
	for range 20 {
		go func() {
			s, err := p.Remote("acme", tool.Server{Label: "wiki", URL: at})
			if err == nil {
				_, err = s.Call(t.Context(), tool.Call{Name: "read"})
				s.Close()
			}
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	n := w.opened.Load()
	if n > 2 { // server/discover, and initialize where that is refused
		t.Errorf("20 calls of one tenant made %d requests to open sessions", n)
	}
	other, err := p.Remote("umbrella", tool.Server{Label: "wiki", URL: at})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.List(t.Context()); err != nil || w.opened.Load() != 2*n {
		t.Errorf("another tenant shares a session: %v", err)
	}
}

// TestSessionsApart has two of our sessions call a server that keeps sessions,
// which must not mix them up, and one that keeps none.
func TestSessionsApart(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"stateful": 2, "stateless": 1} {
		var mu sync.Mutex
		callers := map[string]bool{}
		w := forms()[name]
		inner := w.before
		w.before = func(rw http.ResponseWriter, r *http.Request, method string) bool {
			if method == "tools/call" {
				mu.Lock()
				callers[r.Header.Get("Mcp-Session-Id")] = true
				mu.Unlock()
			}
			return inner != nil && inner(rw, r, method)
		}
		s := remote(t, pool(t, mcp.Config{}), serve(t, w))
		if _, err := s.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, session := range []string{"sess_1", "sess_2", "sess_1", "sess_2"} {
			if _, err := s.Call(t.Context(), tool.Call{Name: "read", Session: session}); err != nil {
				t.Fatal(err)
			}
		}
		if len(callers) != want {
			t.Errorf("%s: two sessions made calls in %d of the server's sessions, want %d", name, len(callers), want)
		}
	}
}

// TestIdleSessionCloses waits for the server to be told that a session ended.
func TestIdleSessionCloses(t *testing.T) {
	t.Parallel()
	w := streamable(tools(), nil)
	w.before, w.methods = legacy, make(chan string, 100)
	s := remote(t, pool(t, mcp.Config{Limits: mcp.Limits{Idle: 1}}), serve(t, w))
	if _, err := s.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for <-w.methods != http.MethodDelete {
	}
}

// TestCancel checks that a server hears of a call that nobody waits for any more.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stateful", "newest"} {
		server := tools()
		started, stopped := make(chan struct{}), make(chan struct{})
		server.AddTool(&sdk.Tool{Name: "slow", InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(ctx context.Context, _ *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
				close(started)
				<-ctx.Done()
				close(stopped)
				return nil, ctx.Err()
			})
		w := streamable(server, nil)
		w.methods = make(chan string, 100)
		if name == "stateful" {
			w.before = legacy
		}
		s := remote(t, pool(t, mcp.Config{}), serve(t, w))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-started
			cancel()
		}()
		_, err := s.Call(ctx, tool.Call{Name: "slow"})
		if e := model.AsError(err); e == nil || e.Kind != model.Canceled || tool.IsNotSent(err) {
			t.Errorf("%s: got %v", name, err)
		}
		<-stopped
		for <-w.methods != "notifications/cancelled" {
		}
		if _, err := call(t, s, "read"); err != nil {
			t.Errorf("%s: the session is of no use after a cancelled call: %v", name, err)
		}
	}
}
