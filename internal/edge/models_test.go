package edge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// TestModelPages pages through the models as Anthropic's SDKs do.
func TestModelPages(t *testing.T) {
	t.Parallel()
	many := edgetest.Failing("many", model.UpstreamDown)
	many.Cards = nil
	for i := range 25 {
		many.Cards = append(many.Cards, model.Card{ID: fmt.Sprintf("m%02d", i), Capabilities: []model.Capability{model.CanChat}})
	}
	w := edgetest.New(t, edgetest.Options{NoScript: true, Upstreams: []gateway.Upstream{many},
		Names: gateway.Names{Aliases: map[string][]route.Target{"quick": {{Model: "many/m07"}}}}})
	ask := func(query string) (ids string, more bool, answer string) {
		got := w.Do(t, &edgetest.Scenario{Method: "GET", Path: "/v1/models" + query, Header: map[string]string{"Anthropic-Version": "2023-06-01"}})
		var page struct {
			Data []struct {
				ID string `json:"id"`
			} `json:"data"`
			More bool `json:"has_more"`
		}
		if err := json.Unmarshal([]byte(got.Body), &page); err != nil {
			t.Fatal(err, got.Body)
		}
		var list []string
		for _, m := range page.Data {
			list = append(list, strings.TrimPrefix(m.ID, "many/m"))
		}
		return strings.Join(list, " "), page.More, got.Body
	}
	for _, c := range []struct {
		query, ids string
		more       bool
	}{
		{"", "00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19", true},
		{"?limit=3", "00 01 02", true}, {"?limit=3&after_id=many/m02", "03 04 05", true},
		{"?limit=1000&after_id=many/m20", "21 22 23 24 quick", false}, {"?after_id=quick", "", false},
		{"?limit=2&before_id=many/m02", "00 01", false}, {"?limit=2&before_id=many/m05", "03 04", true}, {"?before_id=many/m00", "", false},
	} {
		if ids, more, _ := ask(c.query); ids != c.ids || more != c.more {
			t.Errorf("%q: %q, %v", c.query, ids, more)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?after_id=none", "?before_id=none", "?after_id=quick&before_id=quick"} {
		if _, _, answer := ask(query); !strings.Contains(answer, `"type":"invalid_request_error"`) {
			t.Errorf("%q: %s", query, answer)
		}
	}
}
