package opener_test

import (
	"context"
	"testing"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
	"github.com/craton-ai/craton/internal/tool/opener"
)

// TestSpellingsOfAnOrigin: the rules for an origin hold however a definition
// writes it.
func TestSpellingsOfAnOrigin(t *testing.T) {
	t.Parallel()
	rules := map[string]opener.Server{
		"https://mcp.example.com":        {Allow: []string{"none"}},
		"https://xn--mnchen-3ya.example": {Allow: []string{"none"}},
		"https://[2001:db8::1]:8443":     {Allow: []string{"none"}},
	}
	o, err := opener.New(opener.Config{Remote: rules})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for address, ruled := range map[string]bool{
		"https://mcp.example.com/mcp": true, "https://mcp.example.com:443/mcp": true, "https://mcp.example.com:0443": true,
		"https://mcp.example.com:": true, "HTTPS://MCP.Example.COM/mcp": true, "https://mcp.example.com.": true,
		"https://mcp.example.com.:443/": true, "https://mcp。example。com": true, "https://ｍcp.example.com": true,
		"https://%EF%BD%8Dcp.example.com": true, "https://münchen.example": true, "https://MÜNCHEN.example.": true,
		"https://[2001:0db8:0:0::1]:8443/x": true,
		"https://mcp.example.com:8443/mcp":  false, "http://mcp.example.com/mcp": false, "https://example.com": false,
	} {
		s, err := o.Open(t.Context(), "tnt_1", tool.Server{Label: "x", URL: address})
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what no rule keeps back is not called either
		_, err = s.Call(ctx, tool.Call{Name: "some"})
		if e := model.AsError(err); (e != nil && e.Kind == model.NotFound) != ruled {
			t.Errorf("%s: got %v, want it ruled: %v", address, err, ruled)
		}
		s.Close()
	}
	twice := map[string]opener.Server{"https://mcp.example.com": {}, "https://mcp.example.com:443": {}}
	if o, err := opener.New(opener.Config{Remote: twice}); err == nil {
		o.Close()
		t.Error("an origin is taken twice")
	}
}

// ruledBy tells which rules hold for a server at an address: those that leave
// only the tool of that name; none where the address is refused.
func ruledBy(t *testing.T, o *opener.Opener, address string, names ...string) (held []string) {
	t.Helper()
	s, err := o.Open(t.Context(), "tnt_1", tool.Server{Label: "x", URL: address})
	if err != nil {
		return []string{"refused"}
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // what no rule keeps back is not called either
	for _, name := range names {
		_, err = s.Call(ctx, tool.Call{Name: name})
		if e := model.AsError(err); e == nil || e.Kind != model.NotFound {
			held = append(held, name)
		}
	}
	return held
}

// TestRulesOfAHost: a rule may name a host whatever the scheme and port, or what
// its name ends in; the closest rule holds alone, however an address is spelt.
func TestRulesOfAHost(t *testing.T) {
	t.Parallel()
	only := func(name string) opener.Server { return opener.Server{Allow: []string{name}} }
	o, err := opener.New(opener.Config{Remote: map[string]opener.Server{
		"https://mcp.example.com": only("origin"), "mcp.example.com": only("host"), ".example.com": only("below"),
		".deep.example.com": only("deeper"), "münchen.example": only("host"), "93.184.215.14": only("host"),
		"[2001:db8::1]": only("host"), "*": only("others"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for address, want := range map[string]string{
		"https://mcp.example.com/a?b#c": "origin", "https://MCP.example.com.:0443": "origin", "https://mcp。example.com:": "origin",
		"http://mcp.example.com": "host", "https://Mcp.Example.com:8443/": "host", "http://mcp.example.com.:80/x": "host",
		"https://other.example.com": "below", "https://a.b.EXAMPLE.com.": "below", "https://a.deep.example.com": "deeper",
		"https://deep.example.com": "below", "https://example.com": "others", "https://badexample.com": "others",
		"https://mcp.example.com.evil.example": "others", "https://xn--mnchen-3ya.example": "host", "https://MÜNCHEN.example:8443": "host",
		"http://93.184.215.14": "host", "http://[::ffff:93.184.215.14]:81": "host", "http://0x5d.184.215.14": "host",
		"http://1572394766": "host", "http://0x5db8d70e": "host", "http://0135.184.0xd70e": "host", "http://9３.184.215.14": "host",
		"http://93.184.215.15": "others", "http://0b1.2": "others", "https://[2001:db8:0::1]": "host",
		"https://you@mcp.example.com": "refused", "https://@mcp.example.com": "refused", "https://mcp.example.com@evil.example": "refused",
		"https://mcp.example.com:x@evil.example": "refused", "https://%6dcp.example.com": "refused", "https:mcp.example.com": "refused",
		"https:///mcp.example.com": "refused", "//mcp.example.com": "refused", "https://mcp.example.com\\@evil.example": "refused",
	} {
		held := ruledBy(t, o, address, "origin", "host", "below", "deeper", "others")
		if len(held) != 1 || held[0] != want {
			t.Errorf("%s is held by %q, want %q", address, held, want)
		}
	}
	for _, twice := range []map[string]opener.Server{
		{"münchen.example": {}, "xn--mnchen-3ya.example": {}}, {".example.com": {}, ".example.com.": {}},
		{"93.184.215.14": {}, "0x5d.184.215.14": {}}, {"mcp.example.com/x": {}}, {"you@mcp.example.com": {}}, {".": {}}, {"": {}},
	} {
		if o, err := opener.New(opener.Config{Remote: twice}); err == nil {
			o.Close()
			t.Errorf("taken: %v", twice)
		}
	}
}
