package edge_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/edge/edgetest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// finder is the tool that searches files.
type finder struct{}

func (finder) Open(context.Context, string, tool.Server) (tool.Source, error) { return finder{}, nil }
func (finder) Close() error                                                   { return nil }

func (finder) List(context.Context) ([]tool.Spec, error) {
	return []tool.Spec{{Name: "file_search", Class: tool.Read, Description: "Finds passages.",
		Parameters: jsontext.Value(`{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}`)}}, nil
}

func (finder) Call(context.Context, tool.Call) (tool.Result, error) {
	return tool.Result{Content: []model.Part{&model.Text{Text: "found"}}, Structured: jsontext.Value(`{"results":[]}`)}, nil
}

// TestOnePrefixForEachKindOfItem: the ids of a kind of item begin alike, in a
// stream, in the response and where a call was approved first.
func TestOnePrefixForEachKindOfItem(t *testing.T) {
	t.Parallel()
	check := func(name, kind, prefix, body string) {
		t.Helper()
		n := 0
		for _, item := range gjson.Get(body, "output").Array() {
			if item.Get("type").String() != kind {
				continue
			}
			n++
			if id := item.Get("id").String(); !strings.HasPrefix(id, prefix) || strings.Count(id, "_") < 2 {
				t.Errorf("%s: a %s has the id %s", name, kind, id)
			}
		}
		if n == 0 {
			t.Errorf("%s: no %s in %s", name, kind, body)
		}
	}
	last := func(stream string) string {
		lines := data(stream)
		return gjson.Get(lines[len(lines)-2], "response").Raw
	}
	sold := edgetest.New(t, edgetest.Options{Drive: true, Tools: &shop{bought: make(chan string, 1)}})
	stream := post(`"input":"the price of tea","stream":true,"tools":[` + shopTool + `]`)
	whole := sold.Do(t, &stream).Body
	check("a call", "mcp_call", "mcp_", last(whole))
	if strings.Contains(whole, `"fc_`) {
		t.Errorf("the stream names an item otherwise: %s", whole)
	}
	asked := post(`"input":"buy tea","tools":[` + shopTool + `]`)
	body := sold.Do(t, &asked).Body
	yes := post(`"previous_response_id":"` + gjson.Get(body, "id").String() + `","tools":[` + shopTool + `],"input":[{"type":"mcp_approval_response","approve":true,"approval_request_id":"` +
		gjson.Get(body, `output.#(type=="mcp_approval_request").id`).String() + `"}]`)
	check("an approved call", "mcp_call", "mcp_", sold.Do(t, &yes).Body)

	found := edgetest.New(t, edgetest.Options{Drive: true, Tools: finder{}})
	search := post(`"input":"find the passages","tool_choice":"required","stream":true,"tools":[{"type":"file_search","vector_store_ids":[]}]`)
	whole = found.Do(t, &search).Body
	check("a search", "file_search_call", "fs_", last(whole))
	if strings.Contains(whole, `"fc_`) {
		t.Errorf("the stream names an item otherwise: %s", whole)
	}
}
