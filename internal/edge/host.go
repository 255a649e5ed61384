package edge

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// HopHeader marks requests Craton sends upstream with the sender's instance
// id, so that one that comes back is recognised.
const HopHeader = "X-Craton-Hop"

// hostList is the set of Host headers the server answers to. A browser page
// whose name was rebound to a loopback address still sends its own name, and
// is refused here.
type hostList struct {
	exact  map[string]bool
	suffix []string
}

func newHostList(hosts []string) hostList {
	l := hostList{exact: map[string]bool{"localhost": true}}
	for _, h := range hosts {
		h = strings.ToLower(h)
		if rest, ok := strings.CutPrefix(h, "*."); ok {
			l.suffix = append(l.suffix, "."+rest)
		} else {
			l.exact[h] = true
		}
	}
	return l
}

func (l hostList) accepts(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if name == "127.0.0.1" || l.exact[name] {
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.IsLoopback()
	}
	if strings.HasSuffix(name, ".localhost") {
		return true
	}
	for _, s := range l.suffix {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// believeProxy replaces the request's host by the one the client used, if a
// trusted proxy says so: SigV4 signs the client's host.
func (h *Handler) believeProxy(r *http.Request) {
	if len(h.opts.TrustedProxies) == 0 {
		return
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return
	}
	addr, err := netip.ParseAddr(peer)
	if err != nil || !contains(h.opts.TrustedProxies, addr.Unmap()) {
		return
	}
	if host := first(r.Header.Get("X-Forwarded-Host")); host != "" {
		r.Host = host
	}
	if client := forwardedFor(r.Header, h.opts.TrustedProxies); client.IsValid() {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
	}
}

// forwardedFor is the client's address as the trusted proxies saw it: the last
// one that is not a proxy of ours. What stands before it the client may have
// written itself.
func forwardedFor(header http.Header, trusted []netip.Prefix) (client netip.Addr) {
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return client
		}
		if client = addr.Unmap(); !contains(trusted, client) {
			return client
		}
	}
	return client
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// first is the leftmost element of a comma-separated header value.
func first(list string) string {
	head, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(head)
}

// cors answers preflight requests and labels answers for allowed origins. It
// returns true when the request is finished.
func (h *Handler) cors(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	header := w.Header()
	header.Add("Vary", "Origin")
	if h.origin[origin] {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", "X-Request-Id, Request-Id, X-Amzn-Requestid, Retry-After")
	}
	if !preflight {
		return false
	}
	if h.origin[origin] {
		header.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, HEAD")
		header.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		header.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// hopsOf lists the servers a request passed through, in order: each added its
// id to the loop header, so that a loop over several servers is found too.
func hopsOf(header http.Header) []string {
	var hops []string
	for _, value := range header.Values(HopHeader) {
		for hop := range strings.SplitSeq(value, ",") {
			if hop = strings.TrimSpace(hop); hop != "" {
				hops = append(hops, hop)
			}
		}
	}
	return hops
}

// isText reports whether a name can be stored and looked up everywhere: it is
// UTF-8 and holds no zero byte, which PostgreSQL has no place for.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// isTextQuery is isText of a query before it is decoded.
func isTextQuery(raw string) bool {
	if strings.IndexByte(raw, '%') < 0 {
		return isText(raw)
	}
	decoded, err := url.QueryUnescape(raw)
	return err != nil || isText(decoded) // what is not validly escaped has no value to be looked up
}
