package vault

import (
	"net"
	"net/url"
	"strings"
)

// origin is the scheme, host and port of an address, in one spelling; empty for
// what is no address.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}

// sameServer reports whether two addresses are of one MCP server, however its
// host is spelled and whether or not the path ends in a slash.
func sameServer(a, b string) bool {
	if o := origin(a); o == "" || o != origin(b) {
		return false
	}
	u, _ := url.Parse(a) // origin parsed both
	v, _ := url.Parse(b)
	return strings.TrimSuffix(u.EscapedPath(), "/") == strings.TrimSuffix(v.EscapedPath(), "/") && u.RawQuery == v.RawQuery
}
