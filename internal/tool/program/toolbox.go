package program

import (
	"fmt"
	"time"

	"github.com/dop251/goja"
	"github.com/go-json-experiment/json/jsontext"
)

// toolbox is the object tools: every name in it is an asynchronous function.
type toolbox struct{ m *machine }

// Get returns the function that calls a tool. Names by which the language
// itself asks what an object is are none.
func (t toolbox) Get(name string) goja.Value {
	switch name {
	case "then", "toJSON", "constructor", "valueOf", "toString":
		return nil
	}
	return t.m.js.ToValue(func(call goja.FunctionCall) goja.Value { return t.m.ask(name, call.Argument(0)) })
}

// Set refuses: tools are what they are.
func (t toolbox) Set(string, goja.Value) bool { return false }

// Has reports whether there is a tool; only a call finds out.
func (t toolbox) Has(name string) bool { return t.Get(name) != nil }

// Delete refuses.
func (t toolbox) Delete(string) bool { return false }

// Keys lists nothing: the program knows its tools.
func (t toolbox) Keys() []string { return nil }

// ask makes a call and returns the promise of its outcome.
func (m *machine) ask(name string, arguments goja.Value) goja.Value {
	if len(m.calls) >= maxCalls {
		panic(m.js.NewTypeError(fmt.Sprintf("A program makes at most %d calls.", maxCalls)))
	}
	raw := "{}"
	if !goja.IsUndefined(arguments) && !goja.IsNull(arguments) {
		out, err := m.stringify(goja.Undefined(), arguments)
		if err != nil {
			panic(err)
		}
		raw = out.String()
	}
	value, err := whole(jsontext.Value(raw))
	if err != nil || value.Kind() != '{' {
		panic(m.js.NewTypeError(fmt.Sprintf("tools.%s takes one object with its arguments.", name)))
	}
	if len(raw) > maxLine/2 {
		panic(m.js.NewTypeError(fmt.Sprintf("The arguments of tools.%s are too long.", name)))
	}
	promise, resolve, reject := m.js.NewPromise()
	m.calls = append(m.calls, settle{resolve, reject})
	m.send(message{Call: &asking{N: len(m.calls) - 1, Name: name, Arguments: value}})
	return m.js.ToValue(promise)
}

// noClock answers whoever asks for the time.
func (m *machine) noClock() time.Time {
	panic(m.js.NewTypeError("A program has no clock: call a tool that tells the time, and give Date a value."))
}
