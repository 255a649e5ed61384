package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"github.com/craton-ai/craton/internal/model"
)

// New returns a client that keeps to the policy. It is safe for concurrent
// use; CloseIdleConnections releases its connections.
func New(p Policy) *http.Client {
	p = p.withDefaults()
	g := &gate{policy: p}
	g.direct = g.transport(nil, g.dial)
	g.proxied = g.transport(p.Proxy, (&net.Dialer{Timeout: p.Connect}).DialContext)
	c := &http.Client{Transport: g, CheckRedirect: g.redirect}
	if p.Timeout > 0 {
		c.Timeout = p.Timeout
	}
	return c
}

// gate checks every request, redirected ones included. Requests with a proxy
// have a transport of their own, whose dialer only ever reaches proxies.
type gate struct {
	policy          Policy
	direct, proxied *http.Transport
}

func (g *gate) transport(proxy func(*http.Request) (*url.URL, error), dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy: proxy, DialContext: dial, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout:   g.policy.Connect,
		ResponseHeaderTimeout: max(g.policy.Timeout, 0),
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       DefaultTimeout,
		// An answer that grows when unpacked would escape MaxBody's purpose.
		DisableCompression:     true,
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// RoundTrip implements http.RoundTripper.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.pass(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	if g.policy.MaxBody >= 0 {
		resp.Body = &bounded{ReadCloser: resp.Body, left: g.policy.MaxBody}
	}
	return resp, nil
}

func (g *gate) pass(req *http.Request) (*http.Response, error) {
	if err := g.policy.admit(req.URL); err != nil {
		return nil, err
	}
	proxy, err := g.policy.Proxy(req)
	if err != nil {
		return nil, model.Wrap(model.Internal, "egress.Proxy", err)
	}
	if proxy == nil {
		return g.direct.RoundTrip(req)
	}
	if err := g.resolvable(req.Context(), req.URL.Hostname()); err != nil {
		return nil, err
	}
	return g.proxied.RoundTrip(req)
}

// resolvable refuses a name that leads to a refused address as seen from here.
// A name only the proxy can resolve is the proxy's to judge.
func (g *gate) resolvable(ctx context.Context, host string) error {
	if g.policy.named(host) {
		return nil
	}
	ips, err := g.policy.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	for _, ip := range ips {
		if !g.policy.allows(ip) {
			return forbidden(host)
		}
	}
	return nil
}

// dial connects directly. Its control hook sees the address a socket is about
// to connect to, whatever the name resolved to before.
func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, invalid("The address names no host.")
	}
	d := &net.Dialer{Timeout: g.policy.Connect, Resolver: g.policy.Resolver}
	if !g.policy.named(host) {
		d.Control = func(_, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved)
			if err != nil || !g.policy.allows(to.Addr()) {
				return forbidden(host)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}

// CloseIdleConnections is called by http.Client's method of that name.
func (g *gate) CloseIdleConnections() {
	g.direct.CloseIdleConnections()
	g.proxied.CloseIdleConnections()
}

// redirect bounds redirects; RoundTrip checks where they lead.
func (g *gate) redirect(req *http.Request, via []*http.Request) error {
	if g.policy.Redirects < 0 {
		return http.ErrUseLastResponse
	}
	if len(via) > g.policy.Redirects {
		return &model.Error{Kind: model.UpstreamGarbage, Op: "egress", Subject: "url", Message: "The address redirects too often."}
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme == "http" {
		return &model.Error{Kind: model.UpstreamGarbage, Op: "egress", Subject: "url", Message: "The address redirects from https to http."}
	}
	return nil
}

// AsError turns an error of the client into an *model.Error without addresses
// or names of this side; nil stays nil.
func AsError(err error) *model.Error {
	if err == nil {
		return nil
	}
	var own *model.Error
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, context.Canceled):
		return model.AsError(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return &model.Error{Kind: model.Timeout, Op: "egress", Subject: "url", Message: "The address did not answer in time.", Err: err}
	}
	return &model.Error{Kind: model.UpstreamDown, Op: "egress", Subject: "url", Message: "The address cannot be reached.",
		Hint: "Check that it is right and public.", Err: err}
}
