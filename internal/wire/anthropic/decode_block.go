package anthropic

import (
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/raw"
)

// decodeContent reads content that is a string or a list of blocks. A block's
// cache_control becomes a CachePoint after its part.
func decodeContent(v raw.Value) ([]model.Part, error) {
	if v.IsString() {
		return []model.Part{&model.Text{Text: v.Text()}}, nil
	}
	var parts []model.Part
	err := v.Items(func(_ int, b raw.Value) error {
		part, err := decodeBlock(b)
		if err != nil {
			return err
		}
		parts = append(parts, part)
		if _, verbatim := part.(*model.Opaque); verbatim {
			return nil // its cache_control stays inside
		}
		point, err := decodeCache(b.Get("cache_control"))
		if point != nil {
			parts = append(parts, point)
		}
		return err
	})
	return parts, err
}

func decodeCache(v raw.Value) (*model.CachePoint, error) {
	if !v.Given() {
		return nil, nil
	}
	var kind string
	if err := need(v, "type", &kind); err != nil {
		return nil, err
	}
	if kind != "ephemeral" {
		return nil, refuse(v.Get("type"), "Input should be 'ephemeral'")
	}
	point := &model.CachePoint{}
	return point, v.Get("ttl").OptString(&point.TTL)
}

// blockMembers lists, for each block type the hub models, the members it
// models. A block with others is kept verbatim, since their meaning is unknown.
var blockMembers = map[string][]string{
	"text":              {"type", "text", "citations", "cache_control"},
	"image":             {"type", "source", "cache_control"},
	"document":          {"type", "source", "title", "context", "citations", "cache_control"},
	"search_result":     {"type", "source", "title", "content", "citations", "cache_control"},
	"thinking":          {"type", "thinking", "signature", "cache_control"},
	"redacted_thinking": {"type", "data", "cache_control"},
	"tool_use":          nil,
	"server_tool_use":   nil,
	"tool_result":       nil,
}

// decodeBlock reads one content block of a request or an answer.
func decodeBlock(v raw.Value) (model.Part, error) {
	var kind string
	if !v.IsObject() {
		return nil, v.WrongType("an object")
	}
	if err := need(v, "type", &kind); err != nil {
		return nil, err
	}
	members, modelled := blockMembers[kind]
	if !modelled || members != nil && !v.Known(members...) {
		return &model.Opaque{Dialect: dialect, Raw: v.Compact()}, nil
	}
	switch kind {
	case "text":
		return decodeText(v)
	case "image":
		return decodeImage(v)
	case "document":
		return decodeDocument(v)
	case "search_result":
		return decodeSearchResult(v)
	case "thinking", "redacted_thinking":
		return decodeThinking(v, kind)
	case "tool_result":
		return decodeToolResult(v)
	}
	return decodeToolUse(v, kind)
}

func decodeText(v raw.Value) (model.Part, error) {
	t := &model.Text{}
	if err := need(v, "text", &t.Text); err != nil {
		return nil, err
	}
	list := v.Get("citations")
	if !list.Given() {
		return t, nil
	}
	return t, list.Items(func(_ int, c raw.Value) error {
		citation, err := decodeCitation(c)
		t.Citations = append(t.Citations, citation)
		return err
	})
}

func decodeThinking(v raw.Value, kind string) (model.Part, error) {
	r := &model.Reasoning{}
	if kind == "redacted_thinking" {
		var data string
		err := need(v, "data", &data)
		r.Redacted = []byte(data)
		return r, err
	}
	if err := need(v, "thinking", &r.Text); err != nil {
		return nil, err
	}
	return r, v.Get("signature").OptString(&r.Signature)
}

// decodeToolUse reads tool_use and server_tool_use. The caller that every
// ordinary call has says nothing and is dropped; others travel in Extra.
func decodeToolUse(v raw.Value, kind string) (model.Part, error) {
	call := &model.ToolCall{Server: kind == "server_tool_use"}
	if err := need(v, "id", &call.ID); err != nil {
		return nil, err
	}
	if err := need(v, "name", &call.Name); err != nil {
		return nil, err
	}
	input := v.Get("input")
	switch {
	case !input.Exists():
		return nil, v.Missing("input")
	case !input.IsObject():
		return nil, input.WrongType("an object")
	}
	call.Arguments = string(input.Compact())
	var extra raw.Extra
	err := v.Members(func(key string, m raw.Value) error {
		switch key {
		case "type", "id", "name", "input", "cache_control":
		case "caller":
			if m.Given() && m.Get("type").Text() != "direct" {
				extra.Add(key, m)
			}
		default:
			if m.Given() {
				extra.Add(key, m)
			}
		}
		return nil
	})
	call.Extra = extra.Opaque(dialect)
	return call, err
}

func decodeToolResult(v raw.Value) (model.Part, error) {
	res := &model.ToolResult{}
	var extra raw.Extra
	if err := need(v, "tool_use_id", &res.CallID); err != nil {
		return nil, err
	}
	err := v.Members(func(key string, m raw.Value) (err error) {
		switch key {
		case "type", "tool_use_id", "cache_control":
		case "content":
			if m.Given() {
				res.Content, err = decodeContent(m)
			}
		case "is_error":
			err = m.Bool(&res.Error)
		default:
			if m.Given() {
				extra.Add(key, m)
			}
		}
		return err
	})
	res.Extra = extra.Opaque(dialect)
	return res, err
}
