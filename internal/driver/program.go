package driver

import (
	"context"
	"errors"
	"sync"
	"time"

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
	// stuck is since when all that it waits for waits for people.
	stuck time.Time
}

// errParked is why a program ends whose calls wait for people.
var errParked = errors.New("driver: the program is parked")

// parkAfter is how long a program waits for people in its place before it gives
// the place back.
const parkAfter = 5 * time.Second

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
			switch context.Cause(ctx) {
			case errHandOver:
				return nil
			case errParked:
				return &agent.ToolParked{Intent: p.run.Seq, Call: p.run.Call}
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
	p.a.tell(outcome{seq: p.run.Seq, body: &agent.CallAdded{Parent: p.call, N: n, Name: name, Arguments: arguments}})
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

// waits reports whether the program has waited for people for a while, and for
// nothing else.
func (p *program) waits(s *agent.State, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stuck := len(p.waiting) > 0
	for n := range p.waiting {
		call := s.Nested(p.call, n)
		stuck = stuck && call != nil && call.State == agent.CallAsked
	}
	switch {
	case !stuck:
		p.stuck = time.Time{}
	case p.stuck.IsZero():
		p.stuck = now
	}
	return stuck && now.Sub(p.stuck) >= parkAfter
}

// feedPrograms gives running programs the outcomes of their calls, and parks
// those that wait for people.
func (a *actor) feedPrograms() {
	for _, r := range a.runs {
		if r.program == nil {
			continue
		}
		r.program.settle(a.state)
		if a.d.codec.Writes(2) && r.program.waits(a.state, a.d.config.Now()) {
			r.stop(errParked)
		}
	}
}
