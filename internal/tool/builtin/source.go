package builtin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Config is what the tools work with. The zero value gives the calculator only.
type Config struct {
	// Now is the clock of current_time; nil leaves the tool out.
	Now func() time.Time
	// Client fetches pages; package egress made it. Nil leaves fetch out.
	Client *http.Client
	// Allow lists the hosts that fetch may read: names, ".example.com" for every
	// name below one, "*" for every host that egress lets through. Empty leaves
	// fetch out.
	Allow []string
	// Files are what file_search looks through; nil leaves the tool out.
	Files Files
	// Documents reads those of them that are no plain text; nil passes them over.
	Documents Documents
}

// Tools is the registry. It is safe for concurrent use.
type Tools struct{ list []entry }

// entry is one tool.
type entry struct {
	spec tool.Spec
	run  func(context.Context, tool.Call) (tool.Result, error)
}

// New returns the tools whose needs cfg meets.
func New(cfg Config) *Tools {
	t := &Tools{}
	add := func(ok bool, e func() entry) {
		if ok {
			t.list = append(t.list, e())
		}
	}
	add(cfg.Now != nil, func() entry { return clockTool(cfg.Now) })
	add(true, calculatorTool)
	add(cfg.Client != nil && len(cfg.Allow) > 0, func() entry { return fetchTool(cfg.Client, cfg.Allow) })
	add(cfg.Files != nil, func() entry { return searchTool(cfg.Files, cfg.Documents) })
	return t
}

// Source returns all tools, or the one that is named. A name that is not here
// is model.NotFound with the names that are.
func (t *Tools) Source(name string) (tool.Source, error) {
	if name == "" {
		return source(t.list), nil
	}
	var names []string
	for _, e := range t.list {
		if e.spec.Name == name {
			return source{e}, nil
		}
		names = append(names, e.spec.Name)
	}
	return nil, tool.NotSent(&model.Error{Kind: model.NotFound, Op: "builtin.Source", Subject: name,
		Message: fmt.Sprintf("There is no built-in tool %q.", name), Hint: "The operator decides which there are.", Candidates: names})
}

// source implements tool.Source.
type source []entry

// List returns the tools.
func (s source) List(context.Context) ([]tool.Spec, error) {
	specs := make([]tool.Spec, len(s))
	for i, e := range s {
		specs[i] = e.spec
	}
	return specs, nil
}

// Call runs a tool.
func (s source) Call(ctx context.Context, call tool.Call) (tool.Result, error) {
	i := slices.IndexFunc(s, func(e entry) bool { return e.spec.Name == call.Name })
	if i < 0 {
		return tool.Result{}, &model.Error{Kind: model.NotFound, Op: "builtin.Call", Subject: call.Name,
			Message: fmt.Sprintf("There is no built-in tool %q.", call.Name)}
	}
	ctx, cancel := context.WithTimeout(ctx, s[i].spec.Timeout)
	defer cancel()
	return s[i].run(ctx, call)
}

// Close does nothing.
func (source) Close() error { return nil }

// spec describes a tool of class read.
func spec(name, description, parameters string, limit time.Duration) tool.Spec {
	return tool.Spec{Name: name, Description: description, Parameters: jsontext.Value(parameters), Class: tool.Read, Timeout: limit}
}

// arguments decodes what the model wrote. What is wrong with it is
// model.Invalid: the tool did not run.
func arguments[T any](call tool.Call) (v T, err error) {
	raw := call.Arguments
	if len(raw) == 0 {
		raw = jsontext.Value(`{}`)
	}
	if err := json.Unmarshal(raw, &v, json.RejectUnknownMembers(true)); err != nil {
		return v, &model.Error{Kind: model.Invalid, Op: "builtin.Call", Subject: call.Name,
			Message: fmt.Sprintf("The arguments of %s do not fit its parameters.", call.Name), Hint: "Follow the tool's schema.", Err: err}
	}
	return v, nil
}

// say is a result in words.
func say(format string, args ...any) tool.Result {
	return tool.Result{Content: []model.Part{&model.Text{Text: fmt.Sprintf(format, args...)}}}
}

// fail is a result that says why there is none.
func fail(format string, args ...any) tool.Result {
	r := say(format, args...)
	r.Error = true
	return r
}

// structured adds the value of a result.
func structured(r tool.Result, v any) (tool.Result, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return tool.Result{}, model.Wrap(model.Internal, "builtin.Call", err)
	}
	r.Structured = raw
	return r, nil
}
