package egress

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// The defaults of Policy.
const (
	DefaultTimeout   = 30 * time.Second
	DefaultConnect   = 10 * time.Second
	DefaultMaxBody   = 32 << 20
	DefaultRedirects = 5
)

// Policy says what may be reached, and within which bounds. The zero value
// allows public addresses only.
type Policy struct {
	// Networks are allowed besides the public ones.
	Networks []netip.Prefix
	// Hosts are names, or addresses, that may be reached wherever they lead. A
	// name that begins with a dot allows every name below it.
	Hosts []string
	// Timeout bounds a whole exchange, redirects and body included. Default
	// DefaultTimeout; negative for none, for streams.
	Timeout time.Duration
	// Connect bounds one attempt to connect, TLS included. Default DefaultConnect.
	Connect time.Duration
	// MaxBody bounds an answer in bytes. Default DefaultMaxBody; negative for none, for streams.
	MaxBody int64
	// Redirects bounds how many are followed. Default DefaultRedirects; negative for none.
	Redirects int
	// PlainHTTP allows http besides https. Hosts, and literal addresses of
	// Networks, may always use it.
	PlainHTTP bool
	// Proxy chooses the proxy of a request; nil for HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
	Proxy func(*http.Request) (*url.URL, error)
	// Resolver resolves names; nil for the system's.
	Resolver *net.Resolver
}

func (p Policy) withDefaults() Policy {
	if p.Timeout == 0 {
		p.Timeout = DefaultTimeout
	}
	if p.Connect <= 0 {
		p.Connect = DefaultConnect
	}
	if p.MaxBody == 0 {
		p.MaxBody = DefaultMaxBody
	}
	if p.Redirects == 0 {
		p.Redirects = DefaultRedirects
	}
	if p.Proxy == nil {
		p.Proxy = http.ProxyFromEnvironment
	}
	if p.Resolver == nil {
		p.Resolver = net.DefaultResolver
	}
	return p
}

// named reports whether the operator allowed a host by its name.
func (p *Policy) named(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, h := range p.Hosts {
		h = strings.ToLower(strings.TrimSuffix(h, "."))
		if host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h) {
			return true
		}
	}
	return false
}

// allows reports whether an address may be connected to.
func (p *Policy) allows(ip netip.Addr) bool {
	if Public(ip) {
		return true
	}
	ip = plain(ip)
	for _, n := range p.Networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

// Admits reports whether the policy lets u be asked for, as far as that can be
// told before its host is resolved.
func (p Policy) Admits(u *url.URL) bool { return p.admit(u) == nil }

// admit checks what can be checked of a URL before its host is resolved.
func (p *Policy) admit(u *url.URL) error {
	host := u.Hostname()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("The address must begin with https://.")
	case host == "":
		return invalid("The address names no host.")
	case u.User != nil:
		return invalid("The address must hold no credentials.")
	case p.named(host):
		return nil
	}
	ip, err := netip.ParseAddr(host)
	if err == nil && !p.allows(ip) {
		return forbidden(host)
	}
	if u.Scheme == "http" && !p.PlainHTTP && (err != nil || Public(ip)) {
		return invalid("The address must begin with https://.")
	}
	return nil
}

func invalid(text string) *model.Error {
	return &model.Error{Kind: model.Invalid, Op: "egress", Subject: "url", Message: text}
}

// forbidden names the host as the caller wrote it, never what it resolves to.
func forbidden(host string) *model.Error {
	return &model.Error{Kind: model.Invalid, Op: "egress", Subject: "url",
		Message: "The address of " + host + " is not a public one, and the server does not connect to it.",
		Hint:    "Use a public address, or ask the operator to allow this host."}
}
