package edge

import (
	"net/http"
	"net/netip"
	"testing"
)

// TestForwardedFor appends to a header that the client began: only what trusted
// proxies wrote may reach the access log.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for want, values := range map[string][]string{
		"203.0.113.7":  {"127.0.0.1, 203.0.113.7, 10.1.1.1"},
		"203.0.113.8":  {"1.1.1.1", "203.0.113.8", "fd00::5, 10.2.2.2"},
		"203.0.113.9":  {"203.0.113.9"},
		"203.0.113.10": {"::ffff:203.0.113.10"},
		"10.3.3.3":     {"nonsense, 10.3.3.3"},
		"10.4.4.4":     {"10.4.4.4, 10.5.5.5"},
		"invalid IP":   {"203.0.113.7, nonsense"},
	} {
		if got := forwardedFor(http.Header{"X-Forwarded-For": values}, trusted); got.String() != want {
			t.Errorf("%v: got %s, want %s", values, got, want)
		}
	}
	if got := forwardedFor(http.Header{}, trusted); got.IsValid() {
		t.Errorf("no header: got %s", got)
	}
}
