package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// shop is an MCP server with one tool that reads and one that does not.
type shop struct{ bought chan string }

func (s *shop) Open(context.Context, string, tool.Server) (tool.Source, error) { return s, nil }
func (s *shop) Close() error                                                   { return nil }

func (s *shop) List(context.Context) ([]tool.Spec, error) {
	schema := jsontext.Value(`{"type":"object","properties":{"item":{"type":"string"}},"required":["item"]}`)
	return []tool.Spec{{Name: "price", Description: "What something costs.", Class: tool.Read, Parameters: schema},
		{Name: "buy", Description: "Buys something.", Class: tool.Unsafe, Parameters: schema}}, nil
}

func (s *shop) Call(_ context.Context, c tool.Call) (tool.Result, error) {
	if c.Name == "buy" {
		s.bought <- string(c.Arguments)
	}
	return tool.Result{Content: []model.Part{&model.Text{Text: c.Name + " is done: 7 euros"}}}, nil
}

const shopTool = `{"type":"mcp","server_label":"shop","server_url":"https://shop.example/mcp","require_approval":{"never":{"tool_names":["price"]}}}`

func post(body string) edgetest.Scenario {
	return edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat",` + body + `}`}
}

func get(path string) edgetest.Scenario {
	return edgetest.Scenario{Method: http.MethodGet, Path: "/v1/responses/" + path}
}

var sequence = regexp.MustCompile(`"sequence_number":(\d+)`)

// numbered checks that a stream's events are numbered without gaps from n.
func numbered(t *testing.T, body string, n int) {
	t.Helper()
	for i, m := range sequence.FindAllStringSubmatch(body, -1) {
		if m[1] != fmt.Sprint(n+i) {
			t.Fatalf("event %d has the number %s:\n%s", n+i, m[1], body)
		}
	}
}

// data are the data lines of a stream.
func data(body string) []string {
	var lines []string
	for line := range strings.Lines(body) {
		if d, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			lines = append(lines, d)
		}
	}
	return lines
}

func kinds(body string) string {
	var all []string
	for _, d := range data(body) {
		if kind := gjson.Get(d, "type").String(); kind != "" && (len(all) == 0 || all[len(all)-1] != kind) {
			all = append(all, kind)
		}
	}
	return strings.ReplaceAll(strings.Join(all, " "), "response.", "")
}

// ended polls a response until it has ended.
func ended(t *testing.T, w *edgetest.World, id string) string {
	t.Helper()
	var body string
	edgetest.Eventually(t, "the end of "+id, func() bool {
		s := get(id)
		body = w.Do(t, &s).Body
		status := gjson.Get(body, "status").String()
		return status != "queued" && status != "in_progress"
	})
	return body
}

func TestBackground(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	begun := post(`"input":"My name is Ada.","background":true,"metadata":{"k":"v"}`)
	begun.Want = []string{`"status":"queued"`, `"background":true`, `"output":[]`}
	first := id(t, w.Do(t, &begun))
	if body := ended(t, w, first); gjson.Get(body, "status").String() != "completed" || !strings.Contains(body, "You said: My name is Ada.") ||
		gjson.Get(body, "metadata.k").String() != "v" || gjson.Get(body, "usage.total_tokens").Int() == 0 || gjson.Get(body, "completed_at").Int() == 0 {
		t.Fatal(body)
	}
	next := post(`"input":"What is my name?","previous_response_id":"` + first + `"`)
	edgetest.Eventually(t, "a stored response", func() bool { return strings.Contains(w.Do(t, &next).Body, "Your name is Ada.") })

	stream := post(`"input":"count to 5","background":true,"stream":true`)
	whole := w.Do(t, &stream).Body
	numbered(t, whole, 0)
	if got, want := kinds(whole), "created queued in_progress output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	second := responseID.FindStringSubmatch(whole)[1]
	again := get(second + "?stream=true")
	if got := w.Do(t, &again).Body; got != whole {
		t.Errorf("the replay differs:\n%s\nfrom\n%s", got, whole)
	}
	lines := data(whole)
	for _, n := range []int{0, 4, len(lines) - 3} {
		rest := get(fmt.Sprintf("%s?stream=true&starting_after=%d", second, n))
		if got := strings.Join(data(w.Do(t, &rest).Body), "\n"); got != strings.Join(lines[n+1:], "\n") {
			t.Errorf("after %d:\n%s", n, got)
		}
	}
	sdk := edgetest.Scenario{Name: "the Go SDK's way", Method: http.MethodGet, Path: "/v1/responses/" + second, Body: `{"stream":true}`, Want: []string{"response.created"}}
	items := get(second + "/input_items")
	items.Name, items.Want = "input items", []string{"count to 5"}
	done := edgetest.Scenario{Name: "cancelled after its end", Method: http.MethodPost, Path: "/v1/responses/" + second + "/cancel", Want: []string{`"status":"completed"`}}
	foreign := get(second)
	foreign.Name, foreign.As, foreign.Status = "foreign", "other", 404
	remove := edgetest.Scenario{Name: "delete", Method: http.MethodDelete, Path: "/v1/responses/" + second, Want: []string{`"deleted":true`}}
	gone := get(second)
	gone.Name, gone.Status = "gone", 404
	unstored := post(`"input":"x","background":true,"store":false`)
	unstored.Name, unstored.Status, unstored.Want = "not stored", 400, []string{"store"}
	nowhere := post(`"input":"x","background":true`)
	nowhere.Name, nowhere.Body, nowhere.Status = "no such model", strings.Replace(nowhere.Body, "script-chat", "none", 1), 404
	w.Run(t, []edgetest.Scenario{sdk, items, done, foreign, remove, gone, unstored, nowhere})
}

// TestRepeatedBackground sends a request again, as a client does whose answer
// was lost.
func TestRepeatedBackground(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	begun := post(`"input":"Hello","background":true`)
	begun.Header = map[string]string{"Idempotency-Key": "once"}
	first := id(t, w.Do(t, &begun))
	if second := id(t, w.Do(t, &begun)); second != first {
		t.Errorf("%s and %s were made of one request", first, second)
	}
	other := post(`"input":"Goodbye","background":true`)
	other.Header, other.Status = begun.Header, 409
	w.Run(t, []edgetest.Scenario{other})
}

func TestCancelBackground(t *testing.T) {
	t.Parallel()
	endless, left := edgetest.Endless("endless")
	v := edgetest.New(t, edgetest.Options{Drive: true, Upstreams: []gateway.Upstream{endless}})
	begun := edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"endless/m","input":"go on","background":true}`}
	first := id(t, v.Do(t, &begun))
	under := get(first)
	edgetest.Eventually(t, "a response under way", func() bool { return strings.Contains(v.Do(t, &under).Body, `"in_progress"`) })
	continued := edgetest.Scenario{Name: "it is not continued", Method: http.MethodPost, Path: "/v1/responses", Status: 400, Want: []string{"previous_response_not_completed"},
		Body: `{"model":"endless/m","input":"x","previous_response_id":"` + first + `"}`}
	kept := edgetest.Scenario{Name: "it is not deleted", Method: http.MethodDelete, Path: "/v1/responses/" + first, Status: 409}
	cancel := edgetest.Scenario{Name: "cancel", Method: http.MethodPost, Path: "/v1/responses/" + first + "/cancel", Want: []string{`"status":"cancelled"`}}
	again := cancel
	again.Name = "cancel again"
	v.Run(t, []edgetest.Scenario{continued, kept, cancel, again})
	<-left
	foreground := edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses", Body: `{"model":"script/script-chat","input":"x"}`}
	other := id(t, v.Do(t, &foreground))
	refused := edgetest.Scenario{Name: "a response answered at once", Method: http.MethodPost, Path: "/v1/responses/" + other + "/cancel", Status: 400, Want: []string{"background"}}
	unknown := edgetest.Scenario{Name: "unknown", Method: http.MethodPost, Path: "/v1/responses/resp_none/cancel", Status: 404}
	v.Run(t, []edgetest.Scenario{refused, unknown})
}

func TestMCP(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 4)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	stream := post(`"input":"the price of tea","stream":true,"tools":[` + shopTool + `]`)
	whole := w.Do(t, &stream).Body
	numbered(t, whole, 0)
	want := "created in_progress output_item.added mcp_list_tools.in_progress mcp_list_tools.completed output_item.done " +
		"output_item.added mcp_call.in_progress mcp_call_arguments.delta mcp_call_arguments.done mcp_call.completed output_item.done " +
		"output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done completed"
	if got := kinds(whole); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if !strings.Contains(whole, "price is done: 7 euros") {
		t.Error(whole)
	}
	first := responseID.FindStringSubmatch(whole)[1]
	again := get(first + "?stream=true")
	if got := w.Do(t, &again).Body; got != whole {
		t.Errorf("the replay differs:\n%s\nfrom\n%s", got, whole)
	}
	stored := get(first)
	lines := data(whole)
	if got := w.Do(t, &stored).Body; gjson.Get(lines[len(lines)-2], "response").Raw != got {
		t.Errorf("stored is %s\nbut streamed was\n%s", got, lines[len(lines)-2])
	}

	asked := post(`"input":"buy tea","previous_response_id":"` + first + `","tools":[` + shopTool + `]`)
	body := w.Do(t, &asked).Body
	request := gjson.Get(body, `output.#(type=="mcp_approval_request")`)
	if gjson.Get(body, "status").String() != "completed" || request.Get("name").String() != "buy" || gjson.Get(body, `output.#(type=="mcp_list_tools")`).Exists() {
		t.Fatal(body)
	}
	answer := func(previous, input string) string {
		s := post(`"input":[` + input + `],"previous_response_id":"` + previous + `","tools":[` + shopTool + `]`)
		return w.Do(t, &s).Body
	}
	id := gjson.Get(body, "id").String()
	approval := `{"type":"mcp_approval_response","approval_request_id":"` + request.Get("id").String() + `","approve":`
	body = answer(id, approval+`true}`)
	call := gjson.Get(body, `output.#(type=="mcp_call")`)
	if call.Get("approval_request_id").String() != request.Get("id").String() || call.Get("output").String() != "buy is done: 7 euros" ||
		gjson.Get(body, "status").String() != "completed" || len(s.bought) != 1 {
		t.Fatalf("%d bought: %s", len(s.bought), body)
	}
	if body := answer(gjson.Get(body, "id").String(), `{"role":"user","content":"What is my name?"}`); gjson.Get(body, "status").String() != "completed" {
		t.Errorf("the chain does not go on: %s", body)
	}
	body = answer(id, approval+`false,"reason":"too dear"}`)
	if !strings.Contains(body, "too dear") || len(s.bought) != 1 {
		t.Errorf("%d bought: %s", len(s.bought), body)
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "an answer to nothing", Method: http.MethodPost, Path: "/v1/responses", Status: 400, Want: []string{"approval request"},
			Body: `{"model":"script/script-chat","tools":[` + shopTool + `],"input":[{"type":"mcp_approval_response","approval_request_id":"mcpr_x","approve":true}]}`},
		{Name: "no address", Method: http.MethodPost, Path: "/v1/responses", Status: 400, Want: []string{"tools[0].server_url"},
			Body: `{"model":"script/script-chat","input":"x","tools":[{"type":"mcp","server_label":"a"}]}`},
		{Name: "a connector", Method: http.MethodPost, Path: "/v1/responses", Status: 400, Want: []string{"connector_id"},
			Body: `{"model":"script/script-chat","input":"x","tools":[{"type":"mcp","server_label":"a","connector_id":"connector_gmail"}]}`},
		{Name: "secrets are not shown", Method: http.MethodPost, Path: "/v1/responses", Not: []string{"s3cret"}, Want: []string{`"status":"completed"`},
			Body: `{"model":"script/script-chat","input":"hello","tools":[{"type":"mcp","server_label":"a","server_url":"https://shop.example/mcp","authorization":"s3cret"}]}`},
	})
}

// TestFileSearchOptions: what cannot be heeded is told, or refused where the
// client wants that or would be given what it asked to leave out.
func TestFileSearchOptions(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: &shop{bought: make(chan string, 1)}})
	ask := func(member string) string {
		return `{"model":"script/script-chat","input":"hello","tools":[{"type":"file_search",` + member + `}]}`
	}
	w.Run(t, []edgetest.Scenario{
		{Name: "told", Method: http.MethodPost, Path: "/v1/responses", Body: ask(`"vector_store_ids":["vs_1"],"max_num_results":3,"filters":null`), WantHeader: map[string]string{
			edge.LossHeader: "tools.0.vector_store_ids: there are no vector stores, all files of the tenant are searched; tools.0.max_num_results: the model says how many results it wants"}},
		{Name: "strict", Method: http.MethodPost, Path: "/v1/responses", Body: ask(`"vector_store_ids":["vs_1"]`), Header: map[string]string{edge.StrictHeader: "true"},
			Status: 400, Want: []string{"no vector stores"}},
		{Name: "filters", Method: http.MethodPost, Path: "/v1/responses", Body: ask(`"vector_store_ids":["vs_1"],"filters":{"type":"eq","key":"a","value":1}`),
			Status: 400, Want: []string{"cannot filter", "tools"}},
	})
}

// TestRunLosses: what a session that makes a response does not heed is told, or
// refused where the client wants that.
func TestRunLosses(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	const body = `{"model":"script/script-chat","input":"hello","background":true,"budget":1,"include":["message.output_text.logprobs"],"top_logprobs":2}`
	ask := func(strict string, status int) edgetest.Scenario {
		s := edgetest.Scenario{Name: "strict is " + strict, Method: http.MethodPost, Path: "/v1/responses", Body: body, Status: status,
			Header: map[string]string{edge.StrictHeader: strict}}
		if status == 400 {
			s.Want = []string{"log probabilities"}
		} else {
			s.WantHeader = map[string]string{edge.LossHeader: "top_logprobs: log probabilities are not kept in the background or beside tools of the server; " +
				"budget: unknown members are not passed on in the background or beside tools of the server"}
		}
		return s
	}
	w.Run(t, []edgetest.Scenario{ask("false", 0), ask("0", 0), ask("true", 400), ask("True", 400), ask("1", 400), ask("please", 400)})
}

// TestMCPUnstored has a client that keeps the conversation itself.
func TestMCPUnstored(t *testing.T) {
	t.Parallel()
	s := &shop{bought: make(chan string, 4)}
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: s})
	asked := post(`"input":"buy tea","store":false,"tools":[` + shopTool + `]`)
	body := w.Do(t, &asked).Body
	request := gjson.Get(body, `output.#(type=="mcp_approval_request")`)
	none := get(gjson.Get(body, "id").String())
	none.Status = 404
	w.Do(t, &none)
	if !request.Exists() {
		t.Fatal(body)
	}
	answer := post(`"store":false,"input":[{"role":"user","content":"buy tea"},` + request.Raw + `,{"type":"mcp_approval_response","approval_request_id":"` +
		request.Get("id").String() + `","approve":true}],"tools":[` + shopTool + `]`)
	if body := w.Do(t, &answer).Body; len(s.bought) != 1 || gjson.Get(body, `output.#(type=="mcp_call").status`).String() != "completed" {
		t.Errorf("%d bought: %s", len(s.bought), body)
	}
}

func TestConversationTurns(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	conv := beginConversation(t, w, `{"items":[{"role":"user","content":"My name is Ada."}]}`)
	direct := post(`"input":"What is my name?","conversation":"` + conv + `"`)
	direct.Want = []string{"Your name is Ada.", `"conversation":{"id":"` + conv + `"}`}
	background := post(`"input":"My colour is teal.","background":true,"conversation":{"id":"` + conv + `"}`)
	w.Run(t, []edgetest.Scenario{direct})
	first := id(t, w.Do(t, &background))
	ended(t, w, first)
	list := edgetest.Scenario{Method: http.MethodGet, Path: "/v1/conversations/" + conv + "/items?order=asc"}
	edgetest.Eventually(t, "both turns", func() bool { return gjson.Get(w.Do(t, &list).Body, "data.#").Int() == 5 })
	stream := post(`"input":"What is my colour?","stream":true,"conversation":"` + conv + `"`)
	stream.Name, stream.Want = "it remembers", []string{"teal"}
	both := post(`"input":"x","conversation":"` + conv + `","previous_response_id":"` + first + `"`)
	both.Name, both.Status = "both", 400
	foreign := post(`"input":"x","conversation":"` + conv + `"`)
	foreign.Name, foreign.As, foreign.Status = "foreign", "other", 404
	w.Run(t, []edgetest.Scenario{stream, both, foreign})
	if got := gjson.Get(w.Do(t, &list).Body, "data.#").Int(); got != 7 {
		t.Errorf("%d items", got)
	}
}

func TestCompaction(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	long := strings.Repeat("My name is Ada. ", 400)
	first := post(`"input":"` + long + `"`)
	previous := id(t, w.Do(t, &first))
	second := post(`"input":"What is my name?","previous_response_id":"` + previous + `","context_management":[{"type":"compaction","compact_threshold":1000}],"stream":true`)
	body := w.Do(t, &second).Body
	numbered(t, body, 0)
	if got := kinds(body); !strings.HasPrefix(got, "created in_progress output_item.added compaction.compacting output_item.done output_item.added") {
		t.Error(got)
	}
	third := post(`"input":"count to 3","previous_response_id":"` + responseID.FindStringSubmatch(body)[1] + `"`)
	if got := w.Do(t, &third).Body; gjson.Get(got, "usage.input_tokens").Int() > 4000 || gjson.Get(got, "status").String() != "completed" {
		t.Error(got)
	}
	compact := edgetest.Scenario{Method: http.MethodPost, Path: "/v1/responses/compact", Want: []string{`"response.compaction"`, `"encrypted_content":"craton:`},
		Body: `{"model":"script/script-chat","input":[{"role":"user","content":"My name is Ada."},{"role":"assistant","content":"Hello Ada"}]}`}
	item := gjson.Get(w.Do(t, &compact).Body, `output.#(type=="compaction")`).Raw
	w.Run(t, []edgetest.Scenario{compact,
		{Name: "it is continued", Method: http.MethodPost, Path: "/v1/responses", Want: []string{`"status":"completed"`}, Body: `{"model":"script/script-chat","input":[` + item + `,{"role":"user","content":"hi"}]}`},
		{Name: "not by others", Method: http.MethodPost, Path: "/v1/responses", As: "other", Status: 400, Body: `{"model":"script/script-chat","input":[` + item + `,{"role":"user","content":"hi"}]}`},
		{Name: "no model", Method: http.MethodPost, Path: "/v1/responses/compact", Status: 400, Want: []string{"model"}, Body: `{"input":"x"}`},
		{Name: "threshold", Method: http.MethodPost, Path: "/v1/responses", Status: 400, Want: []string{"compact_threshold"}, Body: `{"model":"script/script-chat","input":"x","context_management":[{"type":"compaction","compact_threshold":3}]}`},
		{Name: "count", Method: http.MethodPost, Path: "/v1/responses/input_tokens", Want: []string{`"object":"response.input_tokens"`, `"input_tokens":`}, Body: `{"model":"script/script-chat","input":"one two three"}`},
		{Name: "count without a model", Method: http.MethodPost, Path: "/v1/responses/input_tokens", Status: 400, Body: `{"input":"x"}`},
	})
}
