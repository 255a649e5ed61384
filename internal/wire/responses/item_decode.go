package responses

import (
	"slices"
	"strings"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// DecodeItems reads a JSON array of input or output items. Consecutive items
// of the assistant (messages, calls, reasoning) become one message,
// consecutive tool outputs one user message; a message item of another role
// stays a message of its own. Errors are *model.Error of kind Invalid.
func DecodeItems(items []byte, resolve Resolver) ([]model.Message, error) {
	v, err := raw.Parse(items, &style)
	if err != nil {
		return nil, err
	}
	d := itemDecoder{resolve: resolve}
	err = d.list(v)
	return d.msgs, err
}

// ContinueItems is DecodeItems of items that follow on others: both together
// come to what DecodeItems makes of all. before, which those others were decoded
// to, stays as it is and may be read by others at the same time.
func ContinueItems(before []model.Message, items []byte) ([]model.Message, error) {
	v, err := raw.Parse(items, &style)
	if err != nil {
		return nil, err
	}
	d := itemDecoder{msgs: slices.Clone(before)}
	if n := len(before); n > 0 { // the next item may add to the last message
		d.msgs[n-1].Parts = slices.Clip(before[n-1].Parts)
	}
	err = d.list(v)
	return d.msgs, err
}

type itemDecoder struct {
	resolve  Resolver
	resolved bool // inside a resolved item, which may not refer on
	upstream bool // the items are an upstream's answer
	msgs     []model.Message
}

func (d *itemDecoder) list(v raw.Value) error {
	return v.Items(func(_ int, item raw.Value) error { return d.item(item) })
}

func (d *itemDecoder) item(v raw.Value) error {
	if !v.IsObject() {
		return v.WrongType("an object")
	}
	var kind string
	if err := v.Get("type").OptString(&kind); err != nil {
		return err
	}
	if kind == "" {
		if !v.Get("role").Given() {
			return v.Missing("type")
		}
		kind = "message"
	}
	switch kind {
	case "message":
		return d.message(v)
	case "function_call", "custom_tool_call":
		return d.call(v, kind == "custom_tool_call")
	case "function_call_output", "custom_tool_call_output":
		return d.output(v, kind == "custom_tool_call_output")
	case "reasoning":
		return d.reasoning(v)
	case "item_reference":
		return d.reference(v)
	}
	part := &model.Opaque{Dialect: dialect, Raw: v.Compact()}
	if strings.HasSuffix(kind, "_output") || strings.HasSuffix(kind, "_response") || kind == "compaction_trigger" {
		d.user(part)
	} else {
		d.assistant(part)
	}
	return nil
}

// assistant adds to the assistant's message under way.
func (d *itemDecoder) assistant(parts ...model.Part) {
	if n := len(d.msgs); n > 0 && d.msgs[n-1].Role == model.RoleAssistant {
		d.msgs[n-1].Parts = append(d.msgs[n-1].Parts, parts...)
		return
	}
	d.msgs = append(d.msgs, model.Message{Role: model.RoleAssistant, Parts: parts})
}

// user adds to a user message made of outputs alone.
func (d *itemDecoder) user(part model.Part) {
	if n := len(d.msgs); n > 0 && d.msgs[n-1].Role == model.RoleUser && onlyOutputs(d.msgs[n-1]) {
		d.msgs[n-1].Parts = append(d.msgs[n-1].Parts, part)
		return
	}
	d.msgs = append(d.msgs, model.Message{Role: model.RoleUser, Parts: []model.Part{part}})
}

func onlyOutputs(m model.Message) bool {
	for _, p := range m.Parts {
		switch p := p.(type) {
		case *model.ToolResult:
		case *model.Opaque:
			if isContent(p) {
				return false
			}
		default:
			return false
		}
	}
	return len(m.Parts) > 0
}

func (d *itemDecoder) message(v raw.Value) error {
	var role, id, status, phase string
	if err := need(v, "role", &role); err != nil {
		return err
	}
	if err := oneOf(v.Get("role"), "assistant", "system", "developer", "user"); err != nil {
		return err
	}
	for name, dst := range map[string]*string{"id": &id, "status": &status, "phase": &phase} {
		if err := v.Get(name).OptString(dst); err != nil {
			return err
		}
	}
	if status == "completed" {
		status = ""
	}
	content := v.Get("content")
	if !content.Given() {
		return v.Missing("content")
	}
	parts, err := decodeContent(content)
	if err != nil {
		return err
	}
	if model.Role(role) != model.RoleAssistant {
		d.msgs = append(d.msgs, model.Message{Role: model.Role(role), ID: id, Status: status, Parts: parts})
		return nil
	}
	for _, p := range parts {
		switch p := p.(type) {
		case *model.Text:
			p.ItemID, p.Phase = id, phase
		case *model.Refusal:
			p.ItemID = id
		}
	}
	if n := len(d.msgs); n > 0 && d.msgs[n-1].Role == model.RoleAssistant && (status != "" || sameItem(d.msgs[n-1].Parts, id)) {
		// Joining would make one item of two.
		d.msgs = append(d.msgs, model.Message{Role: model.RoleAssistant, ID: id, Status: status, Parts: parts})
		return nil
	}
	d.assistant(parts...)
	if m := &d.msgs[len(d.msgs)-1]; m.ID == "" {
		m.ID, m.Status = id, first(m.Status, status)
	}
	return nil
}

// sameItem reports whether the last part is text of an item with that id.
func sameItem(parts []model.Part, id string) bool {
	if len(parts) == 0 {
		return false
	}
	have, text := itemOf(parts[len(parts)-1])
	return text && have == id
}

func (d *itemDecoder) call(v raw.Value, custom bool) error {
	call := &model.ToolCall{Custom: custom}
	text := "arguments"
	if custom {
		text = "input"
	}
	if err := need(v, "call_id", &call.ID); err != nil {
		return err
	}
	if err := need(v, "name", &call.Name); err != nil {
		return err
	}
	if err := need(v, text, &call.Arguments); err != nil {
		return err
	}
	extra, err := rest(v, &call.ItemID, "type", "call_id", "name", text)
	call.Extra = extra
	d.assistant(call)
	return err
}

// rest reads an item's id and keeps its other members; the status of a
// finished item says nothing and is dropped.
func rest(v raw.Value, id *string, known ...string) (*model.Opaque, error) {
	var extra raw.Extra
	err := v.Members(func(key string, m raw.Value) error {
		for _, k := range known {
			if k == key {
				return nil
			}
		}
		switch {
		case key == "id":
			return m.String(id)
		case m.IsNull() || key == "status" && m.Text() == "completed":
		default:
			extra.Add(key, m)
		}
		return nil
	})
	return extra.Opaque(dialect), err
}

func (d *itemDecoder) output(v raw.Value, custom bool) error {
	res := &model.ToolResult{Custom: custom}
	if err := need(v, "call_id", &res.CallID); err != nil {
		return err
	}
	out := v.Get("output")
	if !out.Exists() {
		return v.Missing("output")
	}
	if out.Given() && !(out.IsString() && out.Text() == "") {
		parts, err := decodeContent(out)
		if err != nil {
			return err
		}
		res.Content = parts
	}
	extra, err := rest(v, &res.ItemID, "type", "call_id", "output")
	res.Extra = extra
	d.user(res)
	return err
}

// reference puts a stored item in the place of its reference.
func (d *itemDecoder) reference(v raw.Value) error {
	var id string
	if err := need(v, "id", &id); err != nil {
		return err
	}
	missing := v.Get("id").Error("Item with id '%s' not found.", id)
	if d.resolve == nil || d.resolved {
		return missing.WithHint("Items are only kept when store is true; send the item itself.")
	}
	stored, err := d.resolve(id)
	if err != nil {
		if e := model.AsError(err); e.Kind != model.NotFound {
			return e
		}
		return missing
	}
	item, err := raw.ParseLenient(stored, &style)
	if err != nil {
		return model.Wrap(model.Internal, "wire/responses.reference", err)
	}
	d.resolved = true
	err = d.item(item)
	d.resolved = false
	return err
}
