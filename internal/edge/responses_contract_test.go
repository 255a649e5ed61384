package edge_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3/responses"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/tool"
)

// shut is a shop that sells nothing.
type shut struct{ shop }

func (s *shut) Open(context.Context, string, tool.Server) (tool.Source, error) { return s, nil }

func (*shut) Call(context.Context, tool.Call) (tool.Result, error) {
	return tool.Result{}, errors.New("no")
}

// TestFailuresOfCalls: a call that failed says so in the form that the official
// clients read, and what they send back is told to the model in words.
func TestFailuresOfCalls(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true, Tools: &shut{}})
	ask := post(`"input":"the price of tea","tools":[` + shopTool + `]`)
	body := w.Do(t, &ask).Body
	var answer responses.Response
	if err := answer.UnmarshalJSON([]byte(body)); err != nil {
		t.Fatal(err)
	}
	call := answer.Output[1].AsMcpCall()
	if failure, ok := call.Error.AsAny().(responses.McpToolCallErrorMcpToolExecutionError); call.Status != "failed" || !ok || failure.Content == nil {
		t.Errorf("the call is %s", call.RawJSON())
	}
	for _, failure := range []string{
		`"the shop is shut"`, `{"type":"http_error","code":503,"message":"the shop is shut"}`,
		`{"type":"mcp_tool_execution_error","content":[{"type":"text","text":"the shop is shut"}]}`,
		`{"type":"mcp_tool_execution_error","content":"the shop is shut"}`,
	} {
		told := post(`"input":[{"role":"user","content":"tea"},{"type":"mcp_call","id":"mcp_1","server_label":"shop","name":"price","arguments":"{}","error":` + failure + `}]`)
		if got := gjson.Get(w.Do(t, &told).Body, "output.0.content.0.text").Str; !strings.HasSuffix(got, " the shop is shut") {
			t.Errorf("%s is told as %q", failure, got)
		}
	}
}

// TestInputOfRunningResponses: what a response was asked is there to read before
// it is answered.
func TestInputOfRunningResponses(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	begun := post(`"input":"hang","background":true`)
	running := id(t, w.Do(t, &begun))
	items, foreign := get(running+"/input_items"), get(running+"/input_items")
	items.Name, items.Want = "under way", []string{`"text":"hang"`, `"has_more":false`}
	foreign.Name, foreign.As, foreign.Status = "foreign", "other", 404
	w.Run(t, []edgetest.Scenario{items, foreign, {Name: "cancelled", Method: "POST", Path: "/v1/responses/" + running + "/cancel", Want: []string{`"cancelled"`}}, items})
}

// TestRefusedRequests: what a request asks and this server cannot do is an error
// about a member that the contract has.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	w := edgetest.New(t, edgetest.Options{Drive: true})
	refused := func(name, body, param string) edgetest.Scenario {
		s := post(body)
		s.Name, s.Status, s.Want = name, 400, []string{`"param":"` + param + `"`}
		return s
	}
	count := refused("a stored prompt's tokens", `"prompt":{"id":"p"},"input":"x"`, "prompt")
	count.Path += "/input_tokens"
	w.Run(t, []edgetest.Scenario{
		refused("a stored prompt", `"prompt":{"id":"p"},"input":"x"`, "prompt"), count,
		refused("a stored prompt alone", `"prompt":{"id":"p"}`, "prompt"),
		refused("moderation", `"moderation":{"model":"m"},"input":"x"`, "moderation"),
		refused("nothing said", `"input":[]`, "input"),
		refused("nothing said in the background", `"input":[],"background":true`, "input"),
		refused("too much said", `"input":"fail context_length"`, "input"),
	})
}
