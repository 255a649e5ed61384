package opener_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/builtin"
	"github.com/craton-ai/craton/internal/tool/mcp"
	"github.com/craton-ai/craton/internal/tool/opener"
)

func TestMain(m *testing.M) {
	if who := os.Getenv("CRATON_TEST_TOOLS"); who != "" {
		if server(who).Run(context.Background(), &sdk.StdioTransport{}) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// server has two tools; who says its name.
func server(name string) *sdk.Server {
	s := sdk.NewServer(&sdk.Implementation{Name: name}, nil)
	for _, t := range []string{"who", "drop_database"} {
		s.AddTool(&sdk.Tool{Name: t, InputSchema: json.RawMessage(`{"type":"object"}`)},
			func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
				return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: name}}}, nil
			})
	}
	return s
}

// inside serves an MCP server on loopback that wants a token.
func inside(t *testing.T, token *atomic.Value) string {
	t.Helper()
	s := server("inside")
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token.Load().(string) || r.Header.Get("X-Team") != "blue" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(at.Close)
	return at.URL
}

type world struct {
	*opener.Opener
	address string
	token   atomic.Value
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.token.Store("one")
	w.address = inside(t, &w.token)
	child := func() (mcp.Command, error) {
		return mcp.Command{Name: "child", Path: os.Args[0], Env: []string{"CRATON_TEST_TOOLS=child"}}, nil
	}
	o, err := opener.New(opener.Config{
		Policy:  egress.Policy{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }},
		Builtin: builtin.New(builtin.Config{Now: time.Now}),
		Servers: []opener.Server{
			{Name: "web", URL: w.address, Headers: map[string]string{"X-Team": "blue"}, Tenants: []string{"research"},
				Token: func() (string, error) { return w.token.Load().(string), nil }},
			{Name: "child", Command: child},
			{Name: "part", Command: child, Tenants: []string{opener.Everyone}, Allow: []string{"who"},
				Approval: tool.ApproveNever, Rules: map[string]opener.Rule{"who": {Class: tool.Keyed, Approval: tool.ApproveAlways}}},
			{Name: "broken", Command: func() (mcp.Command, error) { return mcp.Command{}, os.ErrNotExist }},
		},
		Tenant: func(_ context.Context, id string) (string, bool, error) {
			return map[string]string{"tnt_1": "main", "tnt_2": "research"}[id], id == "tnt_1", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Opener = o
	t.Cleanup(func() { o.Close() })
	return w
}

// ask lists what is at an address and calls its first tool.
func (w *world) ask(t *testing.T, tenant, address string) (names, answer string, err error) {
	t.Helper()
	s, err := w.Open(t.Context(), tenant, tool.Server{Label: "x", URL: address, Vaults: []string{"vault_1"}})
	if err != nil {
		if !tool.IsNotSent(err) {
			t.Errorf("%s: an error of Open does not say that nothing was sent: %v", address, err)
		}
		return "", "", err
	}
	defer s.Close()
	specs, err := s.List(t.Context())
	if err != nil {
		return "", "", err
	}
	var list []string
	for _, spec := range specs {
		list = append(list, spec.Name)
	}
	r, err := s.Call(t.Context(), tool.Call{Name: "who"})
	if err == nil {
		answer = r.Content[0].(*model.Text).Text
	}
	return strings.Join(list, " "), answer, nil
}

// TestRules: what the operator says of a tool replaces what its server says.
func TestRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.Open(t.Context(), "tnt_1", tool.Server{Label: "x", URL: "craton:part"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	specs, err := s.List(t.Context())
	if err != nil || len(specs) != 1 || specs[0].Class != tool.Keyed || specs[0].Approval != tool.ApproveAlways {
		t.Errorf("got %+v, %v", specs, err)
	}
	for address, want := range map[string]string{"craton:part": "keyed always", "craton:web": " ", "craton:builtin": " ", "https://example.com": " "} {
		class, approval := w.Rule(tool.Server{URL: address}, "who")
		if got := fmt.Sprintf("%s %s", class, approval); got != want {
			t.Errorf("the rule at %s: %q, want %q", address, got, want)
		}
	}
}

// TestRemoteRules: what the operator says of an origin holds for servers that
// definitions name by address, wherever they lie at it.
func TestRemoteRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at, err := url.Parse(w.address)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		remote map[string]opener.Server
		want   string
	}{
		"none":   {nil, "drop_database:unsafe: who:unsafe:"},
		"all":    {map[string]opener.Server{opener.Everyone: {Approval: tool.ApproveUnsafe}}, "drop_database:unsafe:unsafe who:unsafe:unsafe"},
		"others": {map[string]opener.Server{"https://example.com": {Approval: tool.ApproveNever}}, "drop_database:unsafe: who:unsafe:"},
		"this one": {map[string]opener.Server{opener.Everyone: {Approval: tool.ApproveNever}, "http://" + at.Host: {Allow: []string{"who"},
			Rules: map[string]opener.Rule{"who": {Class: tool.Read, Approval: tool.ApproveAlways}}}}, "who:read:always"},
	} {
		o, err := opener.New(opener.Config{Remote: c.remote,
			Policy: egress.Policy{Hosts: []string{at.Hostname()}, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		s, err := o.Open(t.Context(), "tnt_1", tool.Server{Label: "x", URL: w.address, Headers: map[string]string{"X-Team": "blue", "Authorization": "Bearer " + w.token.Load().(string)}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		specs, err := s.List(t.Context())
		var got []string
		for _, spec := range specs {
			got = append(got, fmt.Sprintf("%s:%s:%s", spec.Name, spec.Class, spec.Approval))
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ tenant, address, names, answer string }{
		{"tnt_1", "craton:builtin", "current_time calculator", ""},
		{"tnt_2", "craton:builtin/calculator", "calculator", ""},
		{"tnt_2", "craton:web", "drop_database who", "inside"},
		{"tnt_1", "craton:child", "drop_database who", "child"},
		{"tnt_2", "craton:part", "who", "child"},
	} {
		names, answer, err := w.ask(t, c.tenant, c.address)
		if err != nil || names != c.names || answer != c.answer {
			t.Errorf("%s for %s: got %q, %q, %v", c.address, c.tenant, names, answer, err)
		}
	}
	for _, c := range []struct {
		tenant, address string
		kind            model.Kind
	}{
		{"tnt_1", "craton:web", model.NotFound}, // opened to another tenant
		{"tnt_2", "craton:child", model.NotFound},
		{"tnt_3", "craton:child", model.NotFound},
		{"tnt_1", "craton:", model.NotFound},
		{"tnt_1", "craton:nothing", model.NotFound},
		{"tnt_1", "craton:builtin/fetch", model.NotFound},
		{"tnt_1", "craton:builtin/../child", model.NotFound},
		{"tnt_1", "craton:broken", model.UpstreamDenied},
		{"tnt_1", w.address, model.Invalid}, // inside, and not by its name
		{"tnt_1", "file:///etc/passwd", model.Invalid},
	} {
		_, _, err := w.ask(t, c.tenant, c.address)
		if e := model.AsError(err); e == nil || e.Kind != c.kind {
			t.Errorf("%s for %s: got %v, want kind %v", c.address, c.tenant, err, c.kind)
		}
	}
	hidden, _ := w.Open(t.Context(), "tnt_1", tool.Server{Label: "x", URL: "craton:child", Credential: "cred_1"})
	if hidden != nil {
		t.Error("a named server takes a credential of the caller's")
	}
}

// TestSelection calls a tool that the operator does not offer.
func TestSelection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.Open(t.Context(), "tnt_2", tool.Server{Label: "x", URL: "craton:part"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Call(t.Context(), tool.Call{Name: "drop_database"}); !tool.IsNotSent(err) || model.AsError(err).Kind != model.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestTokenChanges rotates the operator's token under a running session.
func TestTokenChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, token := range []string{"one", "two"} {
		w.token.Store(token)
		if _, answer, err := w.ask(t, "tnt_2", "craton:web"); err != nil || answer != "inside" {
			t.Errorf("%s: got %q, %v", token, answer, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tenant := func(context.Context, string) (string, bool, error) { return "", false, nil }
	for _, servers := range [][]opener.Server{
		{{Name: "builtin", URL: "https://x"}}, {{Name: "a"}}, {{URL: "https://x"}}, {{Name: "a/b", URL: "https://x"}},
		{{Name: "a", URL: "https://x"}, {Name: "a", URL: "https://y"}},
	} {
		if o, err := opener.New(opener.Config{Servers: servers, Tenant: tenant}); err == nil {
			o.Close()
			t.Errorf("%+v is taken", servers)
		}
	}
}
