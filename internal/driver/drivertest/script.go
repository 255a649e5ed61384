package drivertest

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// PlanPrefix begins a message with a plan: steps separated by spaces, of
// [Steps]. What comes after a ";" is left alone.
const PlanPrefix = "plan "

// Steps are what a plan may hold: a call of each of the tools of [Specs], a
// call of the client's function, several calls at once, a program, a subagent, waiting for
// all subagents, a tool that does not exist.
var Steps = []string{"read", "idempotent", "keyed", "unsafe", "guarded", "look", "several", "program", "sub", "wait", "nonsense"}

// Script is a model that takes the steps of the plans in its context, one an
// answer, and then says that it is done. It is safe for concurrent use.
type Script struct {
	// Op returns a name that was never returned before, in this process or any
	// other.
	Op func(session string) string
	// Begin is called before an answer and Pause before each piece of it; an
	// error is the answer's. nil for none.
	Begin, Pause func(ctx context.Context, who driver.Asker) error
}

// Counter returns a function for [Script.Op] that counts, for one process.
func Counter(process string) func(string) string {
	var n atomic.Int64
	return func(string) string { return fmt.Sprintf("%s-%d", process, n.Add(1)) }
}

// Ask implements driver.Models.
func (s *Script) Ask(ctx context.Context, who driver.Asker, req *model.Request) (*driver.Answer, error) {
	if s.Begin != nil {
		if err := s.Begin(ctx, who); err != nil {
			return nil, err
		}
	}
	message := s.answer(who.Session, req)
	events := model.ExplodeResponse(&model.Response{Model: "script", Choices: []model.Choice{{Message: message, Stop: model.StopEnd}},
		Usage: model.Usage{Input: 10, Output: 5}})
	return &driver.Answer{Model: "script", Stream: &speech{script: s, ctx: ctx, who: who, events: slow(events)},
		Cost: func(u model.Usage) (int64, bool) { return u.Total(), true }}, nil
}

// slow splits texts into words, as models say them.
func slow(events []model.Event) []model.Event {
	var out []model.Event
	for _, e := range events {
		if e.Kind != model.EventDelta {
			out = append(out, e)
			continue
		}
		for _, word := range strings.SplitAfter(e.Text, " ") {
			piece := e
			piece.Text = word
			out = append(out, piece)
		}
	}
	return out
}

// speech is an answer that takes its time.
type speech struct {
	script *Script
	ctx    context.Context // of the request, as a stream's is
	who    driver.Asker
	events []model.Event
}

func (s *speech) Next() (model.Event, error) {
	if s.script.Pause != nil {
		if err := s.script.Pause(s.ctx, s.who); err != nil {
			return model.Event{}, err
		}
	}
	if err := s.ctx.Err(); err != nil {
		return model.Event{}, err
	}
	if len(s.events) == 0 {
		return model.Event{}, io.EOF
	}
	next := s.events[0]
	s.events = s.events[1:]
	return next, nil
}

func (s *speech) Close() error { return nil }

var opened = regexp.MustCompile(`"agent_id":"([^"]+)"`)

// answer is what follows from the context.
func (s *Script) answer(session string, req *model.Request) model.Message {
	var steps, agents []string
	taken := 0
	for _, m := range req.Messages {
		if m.Role == model.RoleAssistant && len(m.ToolCalls()) > 0 {
			taken++
		}
		for _, part := range m.Parts {
			switch p := part.(type) {
			case *model.Text:
				if plan, ok := strings.CutPrefix(p.Text, PlanPrefix); ok && m.Role == model.RoleUser {
					plan, _, _ = strings.Cut(plan, ";")
					steps = append(steps, strings.Fields(plan)...)
				}
			case *model.ToolResult:
				for _, found := range opened.FindAllStringSubmatch(model.Message{Parts: p.Content}.Text(), -1) {
					agents = append(agents, found[1])
				}
			}
		}
	}
	if taken >= len(steps) {
		return model.AssistantText(fmt.Sprintf("all %d steps are done now", taken))
	}
	message := model.AssistantText(fmt.Sprintf("now step %d of %d", taken+1, len(steps)))
	message.Parts = append(message.Parts, s.calls(session, steps[taken], agents)...)
	return message
}

// calls are those of one step.
func (s *Script) calls(session, step string, agents []string) []model.Part {
	call := func(name, arguments string) model.Part {
		return &model.ToolCall{ID: "call-" + s.Op(session), Name: name, Arguments: arguments}
	}
	operation := func(tool string) model.Part {
		return call(Label+"__"+tool, `{"op":"`+s.Op(session)+`"}`)
	}
	switch step {
	case "look":
		return []model.Part{call("look", `{}`)}
	case "several":
		return []model.Part{operation("keyed"), operation("unsafe"), call("look", `{}`), operation("read")}
	case "program":
		return []model.Part{call("run_program", `{"code":"`+s.Op(session)+`"}`)}
	case "sub":
		return []model.Part{call("create_subagent", `{"message":"plan keyed unsafe; go"}`)}
	case "wait":
		ids := `"` + strings.Join(agents, `","`) + `"`
		if len(agents) == 0 {
			ids = ""
		}
		return []model.Part{call("wait_for_subagents", `{"agent_ids":[`+ids+`]}`)}
	case "read", "idempotent", "keyed", "unsafe", "guarded":
		return []model.Part{operation(step)}
	}
	return []model.Part{call("no_such_tool", `{}`)}
}

// Program is a driver.Program for [Script]: each program calls three tools, one
// after the other.
func Program(ctx context.Context, code string, call func(ctx context.Context, n int, name, arguments string) (tool.Result, error)) (tool.Result, error) {
	for n, name := range []string{"keyed", "read", "unsafe"} {
		if _, err := call(ctx, n, Label+"__"+name, fmt.Sprintf(`{"op":"%s.%d"}`, code, n)); err != nil {
			return tool.Result{}, err
		}
	}
	return tool.Result{Content: []model.Part{&model.Text{Text: "ran " + code}}}, nil
}
