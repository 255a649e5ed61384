package mcp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// The names of Craton's own in _meta.
const (
	// MetaKey is the key of the call, in the _meta of tools/call: a server that
	// sees a key again gives the result of the first call.
	MetaKey = "craton/idempotencyKey"
	// MetaKeyed is true in the _meta of a tool that honours [MetaKey].
	MetaKeyed = "craton/keyed"
)

// source implements tool.Source over a link.
type source struct {
	link  *link
	label string
	// apart keeps our sessions apart where the server keeps sessions.
	apart bool
	once  sync.Once
}

// List asks for all pages of the tools.
func (s *source) List(ctx context.Context) ([]tool.Spec, error) {
	limits := s.link.pool.cfg.Limits
	ctx, cancel := context.WithTimeout(ctx, limits.List)
	defer cancel()
	var specs []tool.Spec
	err := s.link.do(ctx, s.label, func(ctx context.Context, session *sdk.ClientSession) (err error) {
		specs, err = s.pages(ctx, session, limits.Tools)
		return err
	})
	if err != nil {
		return nil, err
	}
	return specs, nil
}

func (s *source) pages(ctx context.Context, session *sdk.ClientSession, limit int) ([]tool.Spec, error) {
	specs := []tool.Spec{}
	names, cursors := map[string]bool{}, map[string]bool{}
	for cursor := ""; ; {
		page, err := session.ListTools(ctx, &sdk.ListToolsParams{Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tools {
			if spec, ok := describeTool(t); ok && !names[spec.Name] {
				names[spec.Name] = true
				specs = append(specs, spec)
			}
		}
		if len(specs) > limit {
			return nil, s.garbage(fmt.Sprintf("The MCP server lists more than %d tools.", limit))
		}
		if cursor = page.NextCursor; cursor == "" {
			return specs, nil
		}
		if cursors[cursor] || len(cursors) >= limit {
			return nil, s.garbage("The MCP server's list of tools has no end.")
		}
		cursors[cursor] = true
	}
}

func (s *source) garbage(text string) error {
	return &model.Error{Kind: model.UpstreamGarbage, Op: "mcp.List", Subject: s.label, Message: text}
}

// describeTool maps a tool of the protocol; false for one that cannot be called.
func describeTool(t *sdk.Tool) (tool.Spec, bool) {
	spec := tool.Spec{Name: t.Name, Description: t.Description, Class: ClassOf(t)}
	if spec.Description == "" {
		spec.Description = t.Title
	}
	if t.Name == "" || len(t.Name) > 256 {
		return spec, false
	}
	if schema, ok := t.InputSchema.(map[string]any); ok && len(schema) > 0 {
		raw, err := json.Marshal(schema, json.Deterministic(true))
		if err != nil {
			return spec, false
		}
		spec.Parameters = raw
	}
	if t.Annotations != nil {
		if raw, err := t.Annotations.MarshalJSON(); err == nil {
			spec.Annotations = raw
		}
	}
	return spec, true
}

// ClassOf is what a tool's annotations say of it: readOnlyHint makes it read,
// idempotentHint idempotent, and [MetaKeyed] in its _meta keyed; any other is
// unsafe, as the protocol's own default says.
func ClassOf(t *sdk.Tool) tool.Class {
	keyed, _ := t.Meta[MetaKeyed].(bool)
	switch a := t.Annotations; {
	case a != nil && a.ReadOnlyHint:
		return tool.Read
	case a != nil && a.IdempotentHint:
		return tool.Idempotent
	case keyed:
		return tool.Keyed
	}
	return tool.Unsafe
}

// Call calls a tool.
func (s *source) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	params, err := s.params(call)
	if err != nil {
		return tool.Result{}, tool.NotSent(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.link.pool.cfg.Limits.Call)
	defer cancel()
	l, release, err := s.route(ctx, call.Session)
	if err != nil {
		return tool.Result{}, tool.NotSent(err)
	}
	defer release()
	var got *sdk.CallToolResult
	err = l.do(ctx, s.label, func(ctx context.Context, session *sdk.ClientSession) (err error) {
		got, err = session.CallTool(ctx, params())
		if protocolCode(err) == sdk.CodeHeaderMismatch {
			// The tool wants arguments repeated in headers, which the session
			// knows of once it has listed the tool.
			if _, err = s.pages(ctx, session, s.link.pool.cfg.Limits.Tools); err == nil {
				got, err = session.CallTool(ctx, params())
			}
		}
		return err
	})
	if failed := failure(err); failed != nil {
		return *failed, nil
	}
	if err != nil {
		return tool.Result{}, err
	}
	return result(got), nil
}

// route chooses the link for a call of one of our sessions, and what gives it back.
func (s *source) route(ctx context.Context, session string) (*link, func(), error) {
	if !s.apart || session == "" {
		return s.link, func() {}, nil
	}
	keeps, err := s.link.keeps(ctx)
	if err != nil {
		return nil, nil, explain(ctx, s.label, err)
	}
	if !keeps {
		return s.link, func() {}, nil
	}
	l, fault := s.link.pool.take(s.link.key+"/"+session, s.link.dial)
	if fault != nil {
		return nil, nil, about(s.label, fault)
	}
	return l, func() { l.pool.release(l) }, nil
}

// params returns what makes the parameters of a call, which the session changes.
func (s *source) params(call tool.Call) (func() *sdk.CallToolParams, error) {
	invalid := func(what string) error {
		return &model.Error{Kind: model.Invalid, Op: "mcp.Call", Subject: s.label, Message: "The " + what + " of the call are not a JSON object."}
	}
	arguments := call.Arguments
	if len(arguments) == 0 {
		arguments = jsontext.Value(`{}`)
	}
	if !arguments.IsValid() || arguments.Kind() != '{' {
		return nil, invalid("arguments")
	}
	var extra map[string]any
	if len(call.Meta) > 0 && json.Unmarshal(call.Meta, &extra) != nil {
		return nil, invalid("metadata")
	}
	return func() *sdk.CallToolParams {
		meta := sdk.Meta{}
		for k, v := range extra {
			meta[k] = v
		}
		if call.Key != "" {
			meta[MetaKey] = call.Key
		}
		return &sdk.CallToolParams{Meta: meta, Name: call.Name, Arguments: rawArguments(arguments)}
	}, nil
}

// rawArguments is a JSON object that any encoder writes as it is.
type rawArguments jsontext.Value

// MarshalJSON returns the object.
func (r rawArguments) MarshalJSON() ([]byte, error) { return r, nil }

func protocolCode(err error) int64 {
	if p := protocolFault(err); p != nil {
		return p.Code
	}
	return 0
}

// failure is the result of a call that the server carried out and answered
// with an error of the protocol; nil for other errors. What the protocol calls
// invalid was not carried out.
func failure(err error) *tool.Result {
	var own *model.Error
	if !errors.As(err, &own) || own.Kind != model.UpstreamGarbage || protocolFault(own.Err) == nil || tool.IsNotSent(err) {
		return nil
	}
	return &tool.Result{Error: true, Content: []model.Part{&model.Text{Text: own.Message}}}
}

// Close gives the source back; its session is kept for the next for a while.
func (s *source) Close() error {
	s.once.Do(func() { s.link.pool.release(s.link) })
	return nil
}
