package edge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
)

// asked has a model ask for a yes, and returns the response's id and the request.
func asked(t *testing.T, w *edgetest.World, members string) (id string, request gjson.Result) {
	t.Helper()
	s := post(`"input":"buy tea","tools":[` + shopTool + `]` + members)
	body := w.Do(t, &s).Body
	request = gjson.Get(body, `output.#(type=="mcp_approval_request")`)
	if !request.Exists() {
		t.Fatal(body)
	}
	return gjson.Get(body, "id").String(), request
}

// decision answers a request for approval.
func decision(request, approve string) string {
	return `{"type":"mcp_approval_response","approval_request_id":"` + request + `","approve":` + approve + `}`
}

// refused is a request that gives a yes again.
func refused(name, body string) edgetest.Scenario {
	s := post(body)
	s.Name, s.Status, s.Want = name, 409, []string{`"conflict"`, "counts once"}
	return s
}

// TestApprovedOnce: a yes buys once, whatever branch it is said in. The very same
// request is answered what it was answered.
func TestApprovedOnce(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 8)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	previous, request := asked(t, w, "")
	yes := decision(request.Get("id").String(), "true")
	members := `,"previous_response_id":"` + previous + `","tools":[` + shopTool + `]`
	approve := post(`"input":[` + yes + `]` + members)
	approve.Want = []string{`"approval_request_id":"` + request.Get("id").String() + `"`}
	first := w.Do(t, &approve).Body
	if again := w.Do(t, &approve).Body; again != first {
		t.Errorf("the repeat is answered\n%s\nthe first was\n%s", again, first)
	}
	keyed := approve
	keyed.Header = map[string]string{"Idempotency-Key": "another"}
	if again := w.Do(t, &keyed).Body; again != first {
		t.Errorf("the repeat with a key is answered\n%s", again)
	}
	made := gjson.Get(first, "id").String()
	w.Run(t, []edgetest.Scenario{
		refused("in another branch", `"input":[`+yes+`,{"role":"user","content":"please"}]`+members),
		refused("in the client's own words", `"input":[`+request.Raw+`,`+yes+`],"tools":[`+shopTool+`]`),
		{Name: "delete", Method: http.MethodDelete, Path: "/v1/responses/" + made},
		refused("after the response was deleted", `"input":[`+yes+`]`+members),
	})
	if len(s.bought) != 1 {
		t.Errorf("%d were bought", len(s.bought))
	}
}

// TestApprovedOnceUnstored has a client that keeps the conversation itself.
func TestApprovedOnceUnstored(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 8)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	_, request := asked(t, w, `,"store":false`)
	body := `"store":false,"input":[{"role":"user","content":"buy tea"},` + request.Raw + `,` + decision(request.Get("id").String(), "true") + `],"tools":[` + shopTool + `]`
	approve := post(body)
	first := w.Do(t, &approve).Body
	var story []string
	for _, item := range gjson.Get(first, "output").Array() {
		story = append(story, item.Raw)
	}
	if !strings.Contains(first, "7 euros") || len(story) < 2 {
		t.Fatal(first)
	}
	w.Run(t, []edgetest.Scenario{
		refused("again", body),
		refused("for something else", strings.ReplaceAll(body, request.Get("id").String(), request.Get("id").String()+"0")),
		{Name: "the conversation goes on", Method: http.MethodPost, Path: "/v1/responses", Want: []string{`"status":"completed"`},
			Body: `{"model":"script/script-chat",` + strings.Replace(body, `],"tools"`, `,`+strings.Join(story, ",")+`,{"role":"user","content":"Hello"}],"tools"`, 1) + `}`},
	})
	if len(s.bought) != 1 {
		t.Errorf("%d were bought", len(s.bought))
	}
}

// TestApprovedOnceInConversation: the conversation says that the call was made.
func TestApprovedOnceInConversation(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 8)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	members := `,"conversation":"` + beginConversation(t, w, `{}`) + `"`
	_, request := asked(t, w, members)
	body := `"input":[` + decision(request.Get("id").String(), "true") + `],"tools":[` + shopTool + `]` + members
	w.Run(t, []edgetest.Scenario{post(body), refused("again", body)})
	if len(s.bought) != 1 {
		t.Errorf("%d were bought", len(s.bought))
	}
}

// TestResponsesTakeTwo: where two persons are wanted, nobody approves here, as
// nobody could tell who asked.
func TestResponsesTakeTwo(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 8)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s, Edge: func(o *edge.Options) { o.BarSelfApproval = true }})
	previous, request := asked(t, w, "")
	answer := func(input, members string, status int, want string) edgetest.Scenario {
		s := post(`"input":[` + input + `],"tools":[` + shopTool + `]` + members)
		s.Name, s.Status, s.Want = want, status, []string{want}
		return s
	}
	id, stored := request.Get("id").String(), `,"previous_response_id":"`+previous+`"`
	w.Run(t, []edgetest.Scenario{
		answer(decision(id, "true"), stored, 403, "second person"),
		answer(request.Raw+","+decision(id, "true"), `,"store":false`, 403, "second person"),
		answer(decision(id, "false"), stored, 200, "completed"),
	})
	if len(s.bought) != 0 {
		t.Errorf("%d were bought", len(s.bought))
	}
}

// TestApprovedOnceOnSocket: a connection's responses are its own, and so the
// second yes is refused even in the very same words.
func TestApprovedOnceOnSocket(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 8)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	previous, request := asked(t, w, "")
	approve := `{"type":"response.create","model":"script/script-chat","previous_response_id":"` + previous + `","tools":[` + shopTool + `],"input":[` +
		decision(request.Get("id").String(), "true") + `]}`
	c := dial(t, w, "")
	c.send(approve)
	c.until("response.completed")
	c.fails(approve, "conflict")
	if len(s.bought) != 1 {
		t.Errorf("%d were bought", len(s.bought))
	}
}
