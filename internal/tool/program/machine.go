package program

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dop251/goja"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// machine is the JavaScript interpreter with what a program finds in it.
type machine struct {
	clock
	js    *goja.Runtime
	lines *lines
	// stringify and parse are those of JSON as it was at the start.
	stringify, parse goja.Callable
	// calls are those made so far; told is how many outcomes the program knows.
	calls []settle
	told  int
	// early are outcomes that arrived before their turn.
	early  map[int]order
	logged int
}

// settle ends a call's promise.
type settle struct{ resolve, reject func(any) error }

func newMachine(l *lines) *machine {
	m := &machine{js: goja.New(), lines: l, early: map[int]order{}}
	m.js.SetMaxCallStackSize(2000)
	m.js.SetTimeSource(m.noClock)
	m.js.SetRandSource(func() float64 {
		panic(m.js.NewTypeError("A program has no chance of its own: Math.random is not there."))
	})
	builtin := m.js.GlobalObject().Get("JSON").ToObject(m.js)
	m.stringify, _ = goja.AssertFunction(builtin.Get("stringify"))
	m.parse, _ = goja.AssertFunction(builtin.Get("parse"))
	console := m.js.NewObject()
	for _, name := range []string{"log", "info", "warn", "error", "debug"} {
		_ = console.Set(name, m.print)
	}
	_ = m.js.Set("console", console)
	_ = m.js.Set("tools", m.js.NewDynamicObject(toolbox{m}))
	return m
}

// run runs a program to its end.
func (m *machine) run(code string) ending {
	m.start()
	v, err := m.js.RunScript("program", "(async () => {\n"+code+"\n})()")
	if err != nil {
		return ending{Error: explain(err)}
	}
	promise, ok := v.Export().(*goja.Promise)
	if !ok {
		return ending{Error: "The program is not the body of one function."}
	}
	for promise.State() == goja.PromiseStatePending {
		if m.told == len(m.calls) {
			return ending{Error: "The program waits for something that never comes."}
		}
		if err := m.advance(); err != nil {
			return ending{Error: explain(err)}
		}
	}
	if promise.State() == goja.PromiseStateRejected {
		return ending{Error: thrown(promise.Result())}
	}
	return m.value(promise.Result())
}

// advance waits for the outcome of the first call that the program does not
// know of, and tells it. Outcomes are told in the order of the calls, so that
// what the program does next depends on nothing else.
func (m *machine) advance() error {
	m.pause()
	for {
		if _, ok := m.early[m.told]; ok {
			break
		}
		var o order
		if err := m.lines.read(&o); err != nil {
			return err
		}
		if o.N < m.told || o.N >= len(m.calls) {
			return fmt.Errorf("program: an outcome of call %d", o.N)
		}
		m.early[o.N] = o
	}
	m.start()
	o, call := m.early[m.told], m.calls[m.told]
	delete(m.early, m.told)
	m.told++
	if o.Error != "" {
		e, err := m.js.New(m.js.Get("Error"), m.js.ToValue(o.Error))
		if err != nil {
			return err
		}
		return call.reject(e)
	}
	v, err := m.parse(goja.Undefined(), m.js.ToValue(string(o.Value)))
	if err != nil {
		return err
	}
	return call.resolve(v)
}

// value writes what the program returned.
func (m *machine) value(v goja.Value) ending {
	if goja.IsUndefined(v) {
		return ending{}
	}
	m.start()
	out, err := m.stringify(goja.Undefined(), v)
	switch {
	case err != nil:
		return ending{Error: "What the program returned is not JSON: " + explain(err)}
	case goja.IsUndefined(out):
		return ending{}
	}
	raw := jsontext.Value(out.String())
	if len(raw) > maxValue {
		return ending{Error: fmt.Sprintf("What the program returned is longer than %d bytes.", maxValue)}
	}
	if raw, err = whole(raw); err != nil {
		return ending{Error: "What the program returned is not JSON."}
	}
	return ending{Value: raw}
}

// whole replaces half characters, which JavaScript's strings may hold and JSON's
// may not.
func whole(raw jsontext.Value) (jsontext.Value, error) {
	if raw.IsValid() {
		return raw, nil
	}
	var v any
	if err := json.Unmarshal(raw, &v, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, err
	}
	return json.Marshal(v, json.Deterministic(true))
}

// print is console.log.
func (m *machine) print(call goja.FunctionCall) goja.Value {
	var words []string
	for _, v := range call.Arguments {
		words = append(words, m.show(v))
	}
	line := strings.ToValidUTF8(strings.Join(words, " "), "\uFFFD")
	if m.logged > maxLog {
		return goja.Undefined()
	}
	if m.logged += len(line) + 1; m.logged > maxLog {
		line = "[what the program logs from here on is left out]"
	}
	m.send(message{Log: line})
	return goja.Undefined()
}

// show writes a value for the log: strings as they are, others as JSON.
func (m *machine) show(v goja.Value) string {
	object, ok := v.(*goja.Object)
	if !ok {
		return v.String()
	}
	if object.ClassName() == "Error" {
		return v.String()
	}
	if out, err := m.stringify(goja.Undefined(), v); err == nil && !goja.IsUndefined(out) {
		return out.String()
	}
	return v.String()
}

// send writes to the parent. Without a parent the program is pointless.
func (m *machine) send(v message) {
	if err := m.lines.write(v); err != nil {
		m.js.Interrupt("The program lost its parent.")
	}
}

// explain words an error of the interpreter for the program's author.
func explain(err error) string {
	var interrupted *goja.InterruptedError
	var exception *goja.Exception
	var overflow *goja.StackOverflowError
	switch {
	case errors.As(err, &interrupted):
		return fmt.Sprint(interrupted.Value())
	case errors.As(err, &overflow):
		return "The program calls itself too deeply."
	case errors.As(err, &exception):
		return thrown(exception.Value())
	}
	return short(err.Error())
}

// thrown words what a program threw: its stack, where it has one.
func thrown(v goja.Value) string {
	if o, ok := v.(*goja.Object); ok {
		if stack := o.Get("stack"); stack != nil && !goja.IsUndefined(stack) {
			return short(stack.String())
		}
	}
	return short(v.String())
}

func short(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
	if len(s) > 4<<10 {
		s = strings.ToValidUTF8(s[:4<<10], "") + " …"
	}
	return s
}
