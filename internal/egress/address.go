package egress

import "net/netip"

// refused lists the networks that are not public, by the IANA special-purpose
// address registries (RFC 6890 and successors), and known metadata addresses.
var refused = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared, CGNAT; also a cloud's metadata (100.100.100.200)
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's platform channel, a public-looking address
	"169.254.0.0/16",   // link-local; most clouds' metadata
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; also a cloud's metadata (192.0.0.192)
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays, retired
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
	"64:ff9b:1::/48",   // translation within a network
	"100::/64",         // discard
	"2001::/23",        // protocol assignments, Teredo among them
	"2001:db8::/32",    // documentation
	"2002::/16",        // 6to4: an IPv4 address in disguise
	"3fff::/20",        // documentation
	"5f00::/16",        // segment routing
	"fc00::/7",         // unique local; also a cloud's metadata (fd00:ec2::254)
	"fe80::/10",        // link-local
	"fec0::/10",        // site-local, retired
	"ff00::/8",         // multicast
)

var (
	// global is the part of IPv6 that public addresses are taken from.
	global = netip.MustParsePrefix("2000::/3")
	// nat64 translates IPv4 for networks without it: what counts is the address inside.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// plain reduces an address to what it stands for: no zone, IPv4 where it is
// mapped or translated into IPv6.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip
}

// Public reports whether an address is a public one.
func Public(ip netip.Addr) bool {
	ip = plain(ip)
	if !ip.IsValid() || ip.Is6() && !global.Contains(ip) {
		return false
	}
	for _, p := range refused {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
