package opener

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// origin is the scheme, host and port of an address in one spelling, as they
// are dialled: no way to write an address is a way round the operator's rules.
// It is empty for what is no address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	port := strings.TrimLeft(u.Port(), "0")
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(host(u), port)
}

// host is an address's host in one spelling.
func host(u *url.URL) string {
	name := strings.ToLower(u.Hostname())
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		name = ascii
	}
	name = strings.TrimRight(name, ".")
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	if ip, ok := numeric(name); ok {
		return ip.String()
	}
	return name
}

// numeric reads the forms of an IPv4 address that resolvers know besides the
// usual one: fewer than four numbers, the last of which fills the rest, each
// decimal, octal or hexadecimal.
func numeric(name string) (ip netip.Addr, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) > 4 {
		return ip, false
	}
	var sum uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 0, 32)
		room := uint64(1) << 8
		if i == len(parts)-1 {
			room = 1 << (8 * (5 - len(parts)))
		}
		// Numbers of a program have forms besides that no resolver knows.
		own := strings.Contains(part, "_") || strings.HasPrefix(part, "0b") || strings.HasPrefix(part, "0o")
		if err != nil || n >= room || own {
			return ip, false
		}
		if i < len(parts)-1 {
			sum += n << (8 * (3 - i))
		} else {
			sum += n
		}
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

// ruleKey is the one spelling of what a rule for remote servers is about:
// [Everyone], an origin, a host, or a dot and what the names below it end in. It
// is empty for what is none of these.
func ruleKey(name string) string {
	if name == Everyone {
		return name
	}
	if strings.Contains(name, "://") {
		return origin(name)
	}
	bare, below := strings.CutPrefix(name, ".")
	u, err := url.Parse("any://" + bare)
	if err != nil || u.Host != bare || u.Port() != "" || strings.HasSuffix(bare, ":") || host(u) == "" {
		return ""
	}
	if below {
		return "." + host(u)
	}
	return host(u)
}

// rulesFor are the operator's rules for a remote server: those that name it most
// closely, and no others.
func (o *Opener) rulesFor(address string) (Server, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return Server{}, false
	}
	at := host(u)
	keys := []string{origin(address), at}
	for i, c := range at {
		if c == '.' {
			keys = append(keys, at[i:])
		}
	}
	for _, key := range append(keys, Everyone) {
		if rules, known := o.origins[key]; known {
			return rules, true
		}
	}
	return Server{}, false
}
