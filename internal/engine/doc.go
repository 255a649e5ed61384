// Package engine is the built-in engine as an upstream: a supervised child
// process that loads models and speaks HTTP on loopback, reached as a
// model.Provider like any other. It is for the command, which starts it where
// the inference library and a model are installed.
//
// It guarantees that the child starts with the first request and stops when
// idle, that a crash of the child ends the requests it was serving with an
// error and nothing else, that it is started again with growing pauses, and
// that it never outlives the server.
//
//	e := engine.New(engine.Options{Launch: launch, Dial: dial, Cards: cards, Log: log})
//	defer e.Close()
//	stream, err := e.Generate(ctx, req)
package engine
