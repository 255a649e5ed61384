package drivertest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/tool"
)

// Label is the server's in [Definition].
const Label = "s"

// Timeout bounds each call of the tools.
const Timeout = 2 * time.Second

// Specs are the tools of a [Ledger]: one of each class, and a keyed one that
// waits for an approval.
func Specs() []tool.Spec {
	return []tool.Spec{
		{Name: "read", Class: tool.Read, Timeout: Timeout}, {Name: "idempotent", Class: tool.Idempotent, Timeout: Timeout},
		{Name: "keyed", Class: tool.Keyed, Timeout: Timeout}, {Name: "unsafe", Class: tool.Unsafe, Timeout: Timeout},
		{Name: "guarded", Class: tool.Keyed, Timeout: Timeout},
	}
}

// Definition is an agent that has the tools, the function and subagents.
func Definition() agent.Definition {
	return agent.Definition{ID: "agent_1", Model: "script", MultiAgent: agent.MultiAgent{Enabled: true}, Tools: []agent.Tool{
		{Kind: agent.ToolServer, Server: &agent.Server{Server: tool.Server{Label: Label, URL: "craton:ledger"},
			Approval: agent.Approval{Mode: "never", Always: []string{"guarded"}}}},
		{Kind: agent.ToolFunction, Function: &agent.Function{Name: "look"}}, {Kind: agent.ToolProgram},
	}}
}

// Ledger is a source of tools that remembers what was done with them. It is
// safe for concurrent use.
type Ledger struct {
	mu  sync.Mutex
	ops map[string]*Operation
}

// Operation is what was done of one operation of the model's.
type Operation struct {
	Tool, Session string
	// Calls counts calls that came, Effects those that took effect, Keys the
	// keys they came with.
	Calls, Effects int
	Keys           map[string]bool
}

// NewLedger returns an empty one.
func NewLedger() *Ledger { return &Ledger{ops: map[string]*Operation{}} }

// Open implements tool.Opener.
func (l *Ledger) Open(context.Context, string, tool.Server) (tool.Source, error) { return l, nil }

// List implements tool.Source.
func (l *Ledger) List(context.Context) ([]tool.Spec, error) { return Specs(), nil }

// Close implements tool.Source.
func (l *Ledger) Close() error { return nil }

// Call implements tool.Source: keyed tools take effect once a key, idempotent
// ones once, the others each time.
func (l *Ledger) Call(_ context.Context, call tool.Call) (tool.Result, error) {
	op, err := opOf(string(call.Arguments))
	if err != nil {
		return tool.Result{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.ops[op]
	if known == nil {
		known = &Operation{Tool: call.Name, Session: call.Session, Keys: map[string]bool{}}
		l.ops[op] = known
	}
	known.Calls++
	switch {
	case call.Name == "unsafe", call.Name == "read", !known.Keys[call.Key], call.Name == "idempotent" && known.Effects == 0:
		known.Effects++
	}
	known.Keys[call.Key] = true
	return tool.Result{Content: []model.Part{&model.Text{Text: "done " + op}}}, nil
}

// opOf reads the operation that a call is about.
func opOf(arguments string) (string, error) {
	var args struct {
		Op string `json:"op"`
	}
	if err := json.Unmarshal([]byte(arguments), &args); err != nil || args.Op == "" {
		return "", model.Errorf(model.Invalid, "op", "There is no operation in %s.", arguments)
	}
	return args.Op, nil
}

// Count is the number of operations and of calls.
func (l *Ledger) Count() (operations, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, op := range l.ops {
		calls += op.Calls
	}
	return len(l.ops), calls
}

// Check says which operation was done more often than the journals permit, or
// without being in one.
func (l *Ledger) Check(journals *Oracle) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, op := range l.ops {
		intents, known := journals.Operations[name]
		switch {
		case !known:
			return fmt.Errorf("operation %s (%s) was called %d times, and no journal says so", name, op.Tool, op.Calls)
		case op.Calls > intents:
			return fmt.Errorf("operation %s (%s) was called %d times with %d intents", name, op.Tool, op.Calls, intents)
		case (op.Tool == "keyed" || op.Tool == "guarded") && op.Effects > 1:
			return fmt.Errorf("operation %s (%s) took effect %d times, under the keys %v", name, op.Tool, op.Effects, op.Keys)
		case op.Tool == "unsafe" && op.Calls > 1+journals.Settled[name]:
			return fmt.Errorf("operation %s (unsafe) was called %d times with %d decisions", name, op.Calls, journals.Settled[name])
		}
	}
	return nil
}
