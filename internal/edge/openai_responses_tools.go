package edge

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
)

// mcpList and the types after it are the items of tools that the server runs.
type mcpList struct {
	Type        string    `json:"type"`
	ID          string    `json:"id"`
	ServerLabel string    `json:"server_label"`
	Tools       []mcpTool `json:"tools"`
	Error       *string   `json:"error"`
}

type mcpTool struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	InputSchema jsontext.Value `json:"input_schema"`
	Annotations jsontext.Value `json:"annotations"`
}

type mcpCall struct {
	Type              string      `json:"type"`
	ID                string      `json:"id"`
	ApprovalRequestID *string     `json:"approval_request_id"`
	ServerLabel       string      `json:"server_label"`
	Name              string      `json:"name"`
	Arguments         string      `json:"arguments"`
	Output            *string     `json:"output"`
	Error             *mcpFailure `json:"error"`
	Status            string      `json:"status"`
}

// mcpFailure is what a tool said of a call that failed. Failures of the protocol
// and of the way to the server are told in the same form: their codes are not kept.
type mcpFailure struct {
	Type    string    `json:"type"`
	Content []mcpText `json:"content"`
}

type mcpText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// failureText is what an mcp_call's error says, which is an object in this
// contract and was a text in older ones.
func failureText(e gjson.Result) string {
	content := e.Get("content")
	switch {
	case e.Type == gjson.String:
		return e.Str
	case e.Get("message").Type == gjson.String:
		return e.Get("message").Str
	case content.Type == gjson.String:
		return content.Str
	}
	var said []string
	for _, part := range content.Array() {
		if text := part.Get("text"); text.Type == gjson.String {
			said = append(said, text.Str)
		}
	}
	if len(said) == 0 {
		return e.String()
	}
	return strings.Join(said, "\n")
}

type mcpApproval struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	ServerLabel string `json:"server_label"`
	Name        string `json:"name"`
	Arguments   string `json:"arguments"`
}

type fileSearchCall struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Status  string         `json:"status"`
	Queries []string       `json:"queries"`
	Results jsontext.Value `json:"results"`
}

type toolSearchCall struct {
	Type      string         `json:"type"`
	ID        string         `json:"id"`
	CallID    string         `json:"call_id"`
	Execution string         `json:"execution"`
	Status    string         `json:"status"`
	Arguments jsontext.Value `json:"arguments,omitzero"`
	Tools     *[]foundTool   `json:"tools,omitzero"`
}

type foundTool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters"`
	Strict      bool           `json:"strict"`
	Deferred    bool           `json:"defer_loading"`
}

type program struct {
	Type        string  `json:"type"`
	ID          string  `json:"id"`
	CallID      string  `json:"call_id"`
	Code        *string `json:"code,omitzero"`
	Fingerprint *string `json:"fingerprint,omitzero"`
	Result      *string `json:"result,omitzero"`
	Status      string  `json:"status,omitzero"`
}

// mcpCall is a call of an MCP server's tool as it stands.
func (n *narrator) mcpCall(id string, call *agent.Call, status string) mcpCall {
	item := mcpCall{Type: "mcp_call", ID: id, ServerLabel: call.Server, Name: call.Tool, Arguments: call.Arguments, Status: status}
	if call.Request != "" {
		item.ApprovalRequestID = &call.Request
	}
	text := contentText(call.Content)
	switch {
	case status == agent.ItemInProgress:
	case status == agent.ItemCompleted:
		item.Output = &text
	case text != "":
		item.Error = &mcpFailure{Type: "mcp_tool_execution_error", Content: []mcpText{{Type: "text", Text: text}}}
	}
	return item
}

// contentText is what a tool said, as one text. What is no text is written as
// the hub knows it.
func contentText(parts []model.Part) string {
	var all []string
	for _, part := range parts {
		switch p := part.(type) {
		case *model.Text:
			all = append(all, p.Text)
		case *model.Structured:
			all = append(all, string(p.JSON))
		case *model.Image:
			all = append(all, "[image "+p.Source.MIME+"]")
		case *model.Audio:
			all = append(all, "[audio "+p.Source.MIME+"]")
		case *model.Document:
			all = append(all, "[document "+p.Name+"]")
		}
	}
	return strings.Join(all, "\n")
}

// fileSearch is a search among files; what it found is shown to those who ask.
func (n *narrator) fileSearch(id string, call *agent.Call, status string) []byte {
	var asked struct {
		Query string `json:"query"`
	}
	item := fileSearchCall{Type: "file_search_call", ID: id, Status: status, Queries: []string{}, Results: jsontext.Value("null")}
	if json.Unmarshal([]byte(call.Arguments), &asked) == nil && asked.Query != "" {
		item.Queries = append(item.Queries, asked.Query)
	}
	var found struct {
		Results jsontext.Value `json:"results"`
	}
	if n.opts.Included("file_search_call.results") && json.Unmarshal(call.Structured, &found) == nil && found.Results != nil {
		item.Results = found.Results
	}
	return encode(item)
}

// internalCall tells of a search for tools, or of a program, once it is over.
func (n *narrator) internalCall(dst []byte, item *agent.Item) []byte {
	call := item.Call
	status := "completed"
	if item.Status != agent.ItemCompleted {
		status = "incomplete"
	}
	if call.Kind == agent.CallProgram {
		var asked struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal([]byte(call.Arguments), &asked) // arguments that are no JSON were refused
		print, result := short(asked.Code), contentText(call.Content)
		dst = n.enc.FinishItem(dst, encode(program{Type: "program", ID: item.ID, CallID: call.ID, Code: &asked.Code, Fingerprint: &print}))
		return n.enc.FinishItem(dst, encode(program{Type: "program_output", ID: item.ID + "_output", CallID: call.ID, Result: &result, Status: status}))
	}
	if call.Kind != agent.CallSearch {
		return dst
	}
	arguments := jsontext.Value(call.Arguments)
	if !arguments.IsValid() {
		arguments = jsontext.Value("{}")
	}
	dst = n.enc.FinishItem(dst, encode(toolSearchCall{Type: "tool_search_call", ID: item.ID, CallID: call.ID, Execution: "server", Status: status, Arguments: arguments}))
	found := []foundTool{}
	_ = json.Unmarshal([]byte(contentText(call.Content)), &found) // a search that found nothing has words instead
	for i := range found {
		found[i].Type, found[i].Deferred = "function", true
		found[i].Parameters = orNull(found[i].Parameters)
	}
	return n.enc.FinishItem(dst, encode(toolSearchCall{Type: "tool_search_output", ID: item.ID + "_output", CallID: call.ID, Execution: "server", Status: status, Tools: &found}))
}
