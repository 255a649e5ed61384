package responses

import (
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
	"github.com/tidwall/gjson"
)

// The types of tool that a server of this contract runs itself.
const (
	ToolMCP        = "mcp"
	ToolFileSearch = "file_search"
	ToolSearch     = "tool_search"
	ToolProgram    = "programmatic_tool_calling"
)

// ServerSide reports whether the server runs the tool, as far as this server
// can: others are the upstream's affair.
func ServerSide(t *model.Tool) bool {
	if t.Opaque == nil || t.Opaque.Dialect != dialect {
		return false
	}
	switch t.Name {
	case ToolMCP, ToolFileSearch, ToolSearch, ToolProgram:
		return true
	}
	return false
}

// Deferred reports whether a tool is to be shown to the model once it found it.
func Deferred(t *model.Tool) bool { return gjson.GetBytes(own(t.Extra), "defer_loading").Bool() }

// FileSearchLosses are the members of a file_search tool, number i of a request,
// that a server without vector stores cannot heed. A filter is an error, which is
// a *model.Error: without it the search would find what it was to leave out.
func FileSearchLosses(t *model.Tool, i int) ([]model.Loss, error) {
	var losses []model.Loss
	for _, member := range []struct{ name, what string }{
		{"vector_store_ids", "there are no vector stores, all files of the tenant are searched"},
		{"max_num_results", "the model says how many results it wants"},
		{"ranking_options", "passages are ranked by their words"},
	} {
		if given := gjson.GetBytes(t.Opaque.Raw, member.name); given.Exists() && given.Type != gjson.Null {
			losses = append(losses, model.Loss{Path: at("tools", i) + "." + member.name, What: member.what})
		}
	}
	if given := gjson.GetBytes(t.Opaque.Raw, "filters"); given.Exists() && given.Type != gjson.Null {
		e := model.Errorf(model.Unsupported, at("tools", i)+".filters", "This server cannot filter a file search.")
		return nil, e.WithHint("Leave filters out, or let the model name file_ids.")
	}
	return losses, nil
}

// MCPTool is a tool of type mcp.
type MCPTool struct {
	Label, URL, Description string
	// Secrets are headers for the server: what the client gave as headers and
	// as authorization. They are not to be stored in the clear.
	Secrets map[string]string
	// Allowed names the tools that may be used; nil means all. ReadOnly allows
	// those only that change nothing.
	Allowed  []string
	ReadOnly bool
	// NeverReads spares calls of tools that say they change nothing.
	NeverReads bool
	// Approval is "always" or "never", or empty where tools that change nothing
	// need none; Always and Never name exceptions.
	Approval      string
	Always, Never []string
	Deferred      bool
}

// DecodeMCPTool reads tool number i of a request, which is of type mcp. Errors
// are *model.Error.
func DecodeMCPTool(body []byte, i int) (*MCPTool, error) {
	root, err := raw.ParseLenient([]byte(`{"tools":{"`+at("", i)[1:]+`":`+string(body)+`}}`), &style)
	if err != nil {
		return nil, err
	}
	v := root.Get("tools").Get(at("", i)[1:])
	t := &MCPTool{Approval: "always", Secrets: map[string]string{}}
	if err := need(v, "server_label", &t.Label); err != nil {
		return nil, err
	}
	if !plainLabel(t.Label) {
		return nil, invalid(v.Get("server_label"), "invalid_value", "a label begins with a letter and has letters, digits, '-' and '_' only, at most 64.")
	}
	for _, other := range []string{"connector_id", "tunnel_id"} {
		if v.Get(other).Given() {
			e := model.Errorf(model.Unsupported, v.Get(other).Path(), "This server reaches MCP servers by their URL only.")
			return nil, e.WithHint("Give server_url instead of " + other + ".")
		}
	}
	if err := need(v, "server_url", &t.URL); err != nil {
		return nil, err
	}
	if err := v.Get("server_description").OptString(&t.Description); err != nil {
		return nil, err
	}
	if m := v.Get("defer_loading"); m.Given() {
		if err := m.Bool(&t.Deferred); err != nil {
			return nil, err
		}
	}
	return t, first3(t.secrets(v), t.allowed(v.Get("allowed_tools")), t.approval(v.Get("require_approval")))
}

func first3(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func plainLabel(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '-' || r == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (t *MCPTool) secrets(v raw.Value) error {
	if m := v.Get("headers"); m.Given() {
		if err := m.StringMap(&t.Secrets); err != nil {
			return err
		}
	}
	var token string
	if err := v.Get("authorization").OptString(&token); err != nil || token == "" {
		return err
	}
	for name := range t.Secrets {
		if strings.EqualFold(name, "Authorization") {
			return invalid(v.Get("authorization"), "invalid_value", "it is given in headers, too.")
		}
	}
	if t.Secrets == nil {
		t.Secrets = map[string]string{}
	}
	t.Secrets["Authorization"] = "Bearer " + token
	return nil
}

// allowed reads an array of names, or a filter.
func (t *MCPTool) allowed(v raw.Value) error {
	switch {
	case !v.Given():
		return nil
	case v.IsArray():
		return v.Strings(&t.Allowed)
	case !v.IsObject():
		return v.WrongType("an array of names or a filter")
	}
	if m := v.Get("read_only"); m.Given() {
		if err := m.Bool(&t.ReadOnly); err != nil {
			return err
		}
	}
	if m := v.Get("tool_names"); m.Given() {
		return m.Strings(&t.Allowed)
	}
	return nil
}

// approval reads a word, or filters of which calls need a yes and which do not.
// A call that neither names needs one.
func (t *MCPTool) approval(v raw.Value) error {
	switch {
	case !v.Given():
		return nil
	case v.IsString():
		t.Approval = v.Text()
		return oneOf(v, "always", "never")
	case !v.IsObject():
		return v.WrongType("'always', 'never' or an object")
	}
	for name, dst := range map[string]*[]string{"always": &t.Always, "never": &t.Never} {
		filter := v.Get(name)
		if names := filter.Get("tool_names"); names.Given() {
			if err := names.Strings(dst); err != nil {
				return err
			}
		}
	}
	if v.Get("never").Get("read_only").Given() {
		var only bool
		if err := v.Get("never").Get("read_only").Bool(&only); err != nil {
			return err
		}
		t.NeverReads = only
	}
	return nil
}

// OpaqueChoice is a tool_choice that names a tool of the server's: its type,
// the MCP server's label and the tool's name there. ok is false where the
// request has none.
func OpaqueChoice(req *model.Request) (kind, label, name string, ok bool) {
	choice := gjson.GetBytes(own(req.Extra), "tool_choice")
	if !choice.IsObject() {
		return "", "", "", false
	}
	return choice.Get("type").String(), choice.Get("server_label").String(), choice.Get("name").String(), true
}
