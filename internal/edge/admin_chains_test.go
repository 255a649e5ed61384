package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// TestAdminFindsResponses looks for responses by their ids: one that was
// answered at once lies in its chain, one that a session made is that session.
func TestAdminFindsResponses(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	made := func(body string) string {
		t.Helper()
		one := post(body)
		return gjson.Get(w.Do(t, &one).Body, "id").String()
	}
	first := made(`"input":"Say one"`)
	second := made(`"input":"Say two","previous_response_id":"` + first + `"`)
	ran := made(`"input":"Say three","background":true`)
	ended(t, w, ran)
	see := func(method, path string, status int) string {
		t.Helper()
		answer := w.Do(t, &edgetest.Scenario{Method: method, Path: "/admin/v1/sessions/" + path, Body: map[string]string{http.MethodPost: "{}"}[method]})
		if answer.Status != status {
			t.Fatalf("%s %s: %d %s", method, path, answer.Status, answer.Body)
		}
		return answer.Body
	}
	chain := gjson.Get(see(http.MethodGet, second, 200), "id").String()
	for _, id := range []string{first, second, chain} {
		shown := see(http.MethodGet, id, 200)
		if gjson.Get(shown, "id").String() != chain || gjson.Get(shown, "kind").String() != "chain" || gjson.Get(shown, "events").Int() != 2 {
			t.Errorf("%s is shown as %s", id, shown)
		}
		journal := see(http.MethodGet, id+"/journal?after=1", 200)
		if got := gjson.Get(journal, "data.#.label").String(); got != fmt.Sprintf("[%q]", second) || !strings.Contains(journal, "Say two") {
			t.Errorf("the journal of %s is %s", id, journal)
		}
		for _, what := range []string{"/replay", "/fork", "/cancel", "/requeue"} {
			if refused := see(http.MethodPost, id+what, 400); !strings.Contains(refused, chain) {
				t.Errorf("%s of %s is refused with %s", what, id, refused)
			}
		}
	}
	if shown := see(http.MethodGet, ran, 200); gjson.Get(shown, "kind").String() != "response" || !strings.HasPrefix(gjson.Get(shown, "id").String(), "ses_") {
		t.Errorf("a response that a session made is shown as %s", shown)
	}
	see(http.MethodPost, ran+"/replay", 200)
	if refused := see(http.MethodGet, "resp_none", 404); !strings.Contains(refused, "resp_none") {
		t.Errorf("an unknown one is refused with %s", refused)
	}
	see(http.MethodGet, "ses_none", 404)
}
