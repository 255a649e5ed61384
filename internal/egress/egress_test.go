package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/egress"
	"github.com/craton-ai/craton/internal/model"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "168.63.129.16", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::1",
		"2001:0:7f00:1::", "4000::1",
	} {
		if egress.Public(netip.MustParseAddr(ip)) {
			t.Errorf("%s passes for public", ip)
		}
	}
	for _, ip := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "2a00:1450::1"} {
		if !egress.Public(netip.MustParseAddr(ip)) {
			t.Errorf("%s does not pass for public", ip)
		}
	}
	if egress.Public(netip.Addr{}) {
		t.Error("no address passes for public")
	}
}

// target is a loopback server that counts what reaches it.
func target(t *testing.T, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var hits atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s, &hits
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func client(t *testing.T, p egress.Policy) *http.Client {
	t.Helper()
	if p.Proxy == nil {
		p.Proxy = noProxy
	}
	c := egress.New(p)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// loopback allows what the test servers listen on.
func loopback(p egress.Policy) egress.Policy {
	p.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	p.PlainHTTP = true
	return p
}

func fetchKind(t *testing.T, c *http.Client, address string) (string, model.Kind, string) {
	t.Helper()
	got, err := egress.Fetch(t.Context(), c, address)
	if err == nil {
		return string(got.Data), 0, ""
	}
	e := model.AsError(err)
	return "", e.Kind, e.Public()
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	server, hits := target(t, hello)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c := client(t, egress.Policy{PlainHTTP: true})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "0.0.0.0", "[64:ff9b::7f00:1]"} {
		_, kind, text := fetchKind(t, c, "http://"+host+":"+port+"/")
		if kind != model.Invalid || !strings.Contains(text, "not a public one") || !strings.Contains(text, "operator") {
			t.Errorf("%s: got %v %q, want the address refused", host, kind, text)
		}
	}
	for _, address := range []string{"file:///etc/passwd", "gopher://a/", "https://", "http://user:pw@example.com/", "://"} {
		if _, kind, _ := fetchKind(t, c, address); kind != model.Invalid {
			t.Errorf("%s: got %v, want it invalid", address, kind)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests reached the server", hits.Load())
	}
}

func TestOperatorMayAllow(t *testing.T) {
	t.Parallel()
	server, _ := target(t, hello)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for name, p := range map[string]egress.Policy{
		"network":   loopback(egress.Policy{}),
		"host":      {Hosts: []string{"LOCALHOST"}},
		"all below": {Hosts: []string{".localhost", "localhost"}},
	} {
		if got, kind, text := fetchKind(t, client(t, p), "http://localhost:"+port+"/"); got != "hello" {
			t.Errorf("%s: got %v %q", name, kind, text)
		}
	}
	if _, kind, _ := fetchKind(t, client(t, egress.Policy{Hosts: []string{"other"}}), "https://localhost:"+port+"/"); kind != model.Invalid {
		t.Error("allowing one host allows another")
	}
}

func TestPlainHTTPMustBeAllowed(t *testing.T) {
	t.Parallel()
	if _, kind, text := fetchKind(t, client(t, egress.Policy{}), "http://example.com/"); kind != model.Invalid || !strings.Contains(text, "https") {
		t.Errorf("got %v %q, want https asked for", kind, text)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	inner, hits := target(t, hello)
	n := 0
	var outer *httptest.Server
	outer, _ = target(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, strings.Replace(inner.URL, "127.0.0.1", "127.0.0.2", 1), http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		default:
			n++
			http.Redirect(w, r, outer.URL+"/again", http.StatusFound)
		}
	})
	p := egress.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, PlainHTTP: true, Redirects: 3}
	c := client(t, p)
	if _, kind, _ := fetchKind(t, c, outer.URL+"/inside"); kind != model.Invalid || hits.Load() != 0 {
		t.Errorf("a redirect to a refused address: got %v and %d requests", kind, hits.Load())
	}
	if _, err := egress.Fetch(t.Context(), c, outer.URL+"/file"); err == nil {
		t.Error("a redirect to a file was followed")
	}
	if _, kind, _ := fetchKind(t, c, outer.URL+"/loop"); kind != model.UpstreamGarbage || n != 4 {
		t.Errorf("endless redirects: got %v after %d requests, want 4", kind, n)
	}
	p.Redirects = -1
	if _, kind, text := fetchKind(t, client(t, p), outer.URL+"/loop"); kind != model.Invalid || !strings.Contains(text, "302") {
		t.Errorf("without redirects: got %v %q", kind, text)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	server, _ := target(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		_, _ = w.Write(make([]byte, 100))
	})
	if _, kind, _ := fetchKind(t, client(t, loopback(egress.Policy{MaxBody: 99})), server.URL); kind != model.TooLarge {
		t.Errorf("a body beyond the bound: got %v", kind)
	}
	if got, _, text := fetchKind(t, client(t, loopback(egress.Policy{MaxBody: 100})), server.URL); len(got) != 100 {
		t.Errorf("a body of the bound: got %d bytes, %s", len(got), text)
	}
	if _, kind, _ := fetchKind(t, client(t, loopback(egress.Policy{Timeout: 30 * time.Millisecond})), server.URL+"/slow"); kind != model.Timeout {
		t.Errorf("a slow answer: got %v", kind)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server, _ := target(t, hello)
	server.Close()
	if _, kind, _ := fetchKind(t, client(t, loopback(egress.Policy{})), server.URL); kind != model.UpstreamDown {
		t.Errorf("got %v", kind)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := egress.Fetch(ctx, client(t, loopback(egress.Policy{})), server.URL)
	if e := model.AsError(err); e == nil || e.Kind != model.Canceled {
		t.Errorf("cancelled: got %v", err)
	}
}

// fickle is a resolver whose every name is a public address when first asked
// and loopback ever after.
func fickle(t *testing.T, first netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		answer := first
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: answer.As4()},
				}}
				answer = netip.MustParseAddr("127.0.0.1")
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestRebinding asks for a name that turns to loopback: whatever was said
// before, the socket must not connect.
func TestRebinding(t *testing.T) {
	t.Parallel()
	server, hits := target(t, hello)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	resolver := fickle(t, netip.MustParseAddr("127.0.0.1"))
	c := client(t, egress.Policy{PlainHTTP: true, Resolver: resolver})
	for range 2 {
		_, kind, text := fetchKind(t, c, "http://rebind.example:"+port+"/")
		if kind != model.Invalid || strings.Contains(text, "127.0.0.1") {
			t.Errorf("got %v %q, want the name refused without telling its address", kind, text)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests reached the server", hits.Load())
	}
	allowed := client(t, egress.Policy{Hosts: []string{"rebind.example"}, Resolver: resolver})
	if got, kind, text := fetchKind(t, allowed, "http://rebind.example:"+port+"/"); got != "hello" {
		t.Errorf("an allowed name: got %v %q", kind, text)
	}
}

// TestProxy sends through a proxy on loopback, which the operator chose: the
// proxy may be inside, the target may not.
func TestProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	proxy, hits := target(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		hello(w, r)
	})
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, egress.Policy{
		PlainHTTP: true, Resolver: fickle(t, netip.MustParseAddr("8.8.8.8")),
		Proxy: func(*http.Request) (*url.URL, error) { return at, nil },
	})
	if got, kind, text := fetchKind(t, c, "http://fickle.example/x"); got != "hello" || asked.Load() != "http://fickle.example/x" {
		t.Errorf("got %v %q through the proxy, which was asked for %v", kind, text, asked.Load())
	}
	before := hits.Load()
	for _, address := range []string{"http://fickle.example/now-loopback", "http://127.0.0.1/", proxy.URL} {
		if _, kind, _ := fetchKind(t, c, address); kind != model.Invalid {
			t.Errorf("%s: got %v, want it refused", address, kind)
		}
	}
	if hits.Load() != before {
		t.Error("a refused request reached the proxy")
	}
}
