package edge_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/observe"
	"github.com/craton-ai/craton/internal/session/response"
)

// say makes a request that continues a response.
func say(name, text, previous string, stream bool) edgetest.Scenario {
	body := `{"model":"script/script-chat","input":"` + text + `","stream":` + map[bool]string{true: "true", false: "false"}[stream]
	if previous != "" {
		body += `,"previous_response_id":"` + previous + `"`
	}
	return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/responses", Body: body + "}"}
}

// id is the id of the response in an answer.
func id(t *testing.T, a *edgetest.Answer) string {
	t.Helper()
	m := responseID.FindStringSubmatch(a.Body)
	if m == nil {
		t.Fatalf("there is no response in %d %s", a.Status, a.Body)
	}
	return m[1]
}

// TestResponseChains continues responses, forks one, and takes one away.
func TestResponseChains(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	do := func(s edgetest.Scenario) *edgetest.Answer { return w.Do(t, &s) }
	first := id(t, do(say("", "My name is Ada.", "", false)))
	second := id(t, do(say("", "My colour is teal.", first, true)))
	get := func(name, path string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodGet, Path: "/v1/responses/" + path}
	}
	remembers, forgets := say("the whole chain is known", "What is my name?", second, false), say("a fork knows what came before it", "What is my colour?", first, false)
	remembers.Want, forgets.Want, forgets.Not = []string{"Ada"}, []string{"What is my colour?"}, []string{`"text":"teal`}
	stored := get("it is stored as it was answered", second)
	stored.Want = []string{second, `"status":"completed"`, `"previous_response_id":"` + first + `"`}
	items := get("its own input only", second+"/input_items?order=asc&limit=5")
	items.Want, items.Not = []string{`"object":"list"`, "teal", `"has_more":false`}, []string{"Ada"}
	badOrder, badLimit, badAfter := get("order", first+"/input_items?order=up"), get("limit", first+"/input_items?limit=0"), get("after", first+"/input_items?after=x")
	badOrder.Status, badLimit.Status, badAfter.Status = 400, 400, 400
	none := get("unknown", "resp_none")
	none.Status, none.Want = 404, []string{"resp_none", "not found"}
	remove := edgetest.Scenario{Name: "delete", Method: http.MethodDelete, Path: "/v1/responses/" + first, Want: []string{`"deleted":true`}}
	again := remove
	again.Name, again.Status, again.Want = "delete again", 404, nil
	gone := get("it is gone", first)
	gone.Status = 404
	orphan := say("a chain with a hole is not continued", "Hello", second, false)
	orphan.Status, orphan.Want = 400, []string{"previous_response_not_found"}
	w.Run(t, []edgetest.Scenario{remembers, forgets, stored, items, badOrder, badLimit, badAfter, none, remove, again, gone, orphan})
}

// TestUnstoredResponses leaves no trace of what the client asked not to store.
func TestUnstoredResponses(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	first := id(t, w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat","input":"My name is Ada.","store":false}`}))
	next := say("", "What is my name?", first, false)
	next.Name, next.Status, next.Want = "continue", 400, []string{"previous_response_not_found"}
	kept := id(t, w.Do(t, &edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat","input":"My name is Ada."}`}))
	both := say("both", "x", "resp_x", false)
	both.Body = strings.TrimSuffix(both.Body, "}") + `,"conversation":"conv_1"}`
	both.Status = 400
	w.Run(t, []edgetest.Scenario{next, both,
		{Name: "get", Method: http.MethodGet, Path: "/v1/responses/" + first, Status: 404},
		{Name: "reads the past without storing", Method: http.MethodPost, Path: "/v1/responses", Want: []string{"Ada"},
			Body: `{"model":"script/script-chat","input":"What is my name?","store":false,"previous_response_id":"` + kept + `"}`},
		{Name: "background", Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat","input":"x","background":true}`, Status: 400, Want: []string{"background"}},
		{Name: "conversation", Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat","input":"x","conversation":"conv_1"}`, Status: 404, Want: []string{"conv_1"}},
		{Name: "replayed stream", Method: http.MethodGet, Path: "/v1/responses/" + kept + "?stream=true", Want: []string{"response.created", "response.output_text.delta", "response.completed", "[DONE]"}},
		{Name: "replayed from the middle", Method: http.MethodGet, Path: "/v1/responses/" + kept + "?stream=true&starting_after=2", Status: 400, Want: []string{"starting_after"}},
	})
}

// failingResponses fails to store.
type failingResponses struct{ edge.Responses }

func (failingResponses) Save(context.Context, *response.Past, response.Record) error {
	return errors.New(edgetest.Internals)
}

// TestOutputsOfCalls: an output belongs to a call of the request or of what it
// continues.
func TestOutputsOfCalls(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{})
	const output = `{"type":"function_call_output","call_id":"call_1","output":"4"}`
	first := say("", "hello", "", false)
	previous := id(t, w.Do(t, &first))
	post := func(name string, status int, input, more string) edgetest.Scenario {
		return edgetest.Scenario{Name: name, Method: http.MethodPost, Path: "/v1/responses", Status: status,
			Body: `{"model":"script/script-chat","input":[` + input + `]` + more + `}`}
	}
	alone := post("of no call", 400, output, "")
	alone.Want = []string{"call_1", `"param":"input"`}
	w.Run(t, []edgetest.Scenario{alone,
		post("of no call of the chain", 400, output, `,"previous_response_id":"`+previous+`"`),
		post("of a call", 200, `{"type":"function_call","call_id":"call_1","name":"add","arguments":"{}"},`+output, ""),
	})
}

// TestResponsesThatCannotBeStored are not said to be complete.
func TestResponsesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	failures := make(chan error, 2)
	w := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) {
		o.Responses, o.Access = failingResponses{o.Responses}, func(a observe.Access) { failures <- a.Err }
	}})
	whole, stream := say("whole", "Hello", "", false), say("stream", "Hello", "", true)
	whole.Status, whole.Want, whole.Not = 500, []string{"internal_error"}, []string{edgetest.Internals, "You said"}
	stream.Want, stream.Not = []string{"event: error", "response.failed"}, []string{edgetest.Internals, "response.completed"}
	w.Run(t, []edgetest.Scenario{whole, stream})
	for range 2 {
		if err := <-failures; err == nil || !strings.Contains(err.Error(), edgetest.Internals) {
			t.Errorf("the operator is told %v", err)
		}
	}

	without := edgetest.New(t, edgetest.Options{Edge: func(o *edge.Options) { o.Responses = nil }})
	asked := say("asked for", "Hello", "", false)
	asked.Body, asked.Status, asked.Want = strings.TrimSuffix(asked.Body, "}")+`,"store":true}`, 400, []string{"store"}
	plain := say("not asked for", "Hello", "", false)
	plain.Want = []string{`"store":false`}
	without.Run(t, []edgetest.Scenario{asked, plain, {Name: "get", Method: http.MethodGet, Path: "/v1/responses/resp_1", Status: 404},
		{Name: "delete", Method: http.MethodDelete, Path: "/v1/responses/resp_1", Status: 404}})
}
