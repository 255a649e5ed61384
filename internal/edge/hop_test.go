package edge

import (
	"net/http"
	"strings"
	"testing"
)

// TestHopsOf reads every form in which servers pass the loop header on: a
// server must find itself among those before it, not only the last.
func TestHopsOf(t *testing.T) {
	t.Parallel()
	for want, header := range map[string]http.Header{
		"":      {},
		"a":     {HopHeader: {"a"}},
		"a b":   {HopHeader: {" a ,b"}},
		"a b c": {HopHeader: {"a,", "b , c"}},
	} {
		if got := strings.Join(hopsOf(header), " "); got != want {
			t.Errorf("%v: got %q, want %q", header, got, want)
		}
	}
}
