package driver

import (
	"context"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// program is a program of the model's that runs. Each tool call it makes is a
// call of the session like any other, recorded before it is made; when the
// program runs again, after a crash, its n-th call finds what the n-th came to.
type program struct {
	a    *actor
	run  agent.Run
	call string

	mu      sync.Mutex
	waiting map[int]chan tool.Result
}

func newProgram(a *actor, run agent.Run, _ *agent.Turn, call *agent.Call) *program {
	return &program{a: a, run: run, call: call.ID, waiting: map[int]chan tool.Result{}}
}

// job runs the program.
func (p *program) job(who Asker, arguments string) func(context.Context) agent.Body {
	var asked struct {
		Code string `json:"code"`
	}
	bad := json.Unmarshal([]byte(arguments), &asked) != nil || asked.Code == ""
	return func(ctx context.Context) agent.Body {
		switch {
		case bad:
			return toolFailed(p.run, `The arguments must be {"code": "…"}.`, true)
		case p.a.d.config.Program == nil:
			return toolFailed(p.run, "This server runs no programs.", true)
		}
		if err := p.a.permit(ctx, who, "program"); err != nil {
			return toolFailed(p.run, shown(err), true)
		}
		ctx, cancel := context.WithTimeout(ctx, p.run.Timeout)
		defer cancel()
		result, err := p.a.d.config.Program(ctx, asked.Code, p.ask)
		if err != nil {
			if context.Cause(ctx) == errHandOver {
				return nil
			}
			return toolFailed(p.run, shown(err), false)
		}
		return &agent.ToolReturned{Intent: p.run.Seq, Call: p.run.Call, Content: result.Content,
			Structured: result.Structured, Failed: result.Error}
	}
}

// ask makes the program's n-th call and waits for its outcome.
func (p *program) ask(ctx context.Context, n int, name, arguments string) (tool.Result, error) {
	done := make(chan tool.Result, 1)
	p.mu.Lock()
	p.waiting[n] = done
	p.mu.Unlock()
	p.a.tell(outcome{p.run.Seq, &agent.CallAdded{Parent: p.call, N: n, Name: name, Arguments: arguments}})
	select {
	case result := <-done:
		return result, nil
	case <-ctx.Done():
		return tool.Result{}, model.Wrap(model.Canceled, "driver.program", ctx.Err())
	}
}

// settle gives the program the outcomes that are there.
func (p *program) settle(s *agent.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, done := range p.waiting {
		call := s.Nested(p.call, n)
		if call == nil || call.State != agent.CallDone {
			continue
		}
		done <- tool.Result{Content: call.Content, Error: call.Failed}
		delete(p.waiting, n)
	}
}

// feedPrograms gives running programs the outcomes of their calls.
func (a *actor) feedPrograms() {
	for _, r := range a.runs {
		if r.program != nil {
			r.program.settle(a.state)
		}
	}
}
