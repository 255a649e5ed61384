package main

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// milliseconds are durations as Node tells them.
func milliseconds(all []float64) []time.Duration {
	out := make([]time.Duration, len(all))
	for i, ms := range all {
		out[i] = time.Duration(ms * float64(time.Millisecond))
	}
	return out
}

// peer makes the directory of a peer, and says so if there are none.
func (e *env) peer(name string) (dir string, err error) {
	if e.peers == "" {
		return "", errors.New(e.noPeers)
	}
	return e.directory(name)
}

// startRestate starts Restate's server as its defaults are, which sync the log
// of every event, and a Node service with its SDK. It is spoken to through its
// HTTP ingress; a session is a virtual object.
func startRestate(ctx context.Context, e *env) (*subject, error) {
	dir, err := e.peer("restate")
	if err != nil {
		return nil, err
	}
	var ports [4]string
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	found, err := filepath.Glob(filepath.Join(e.peers, "node_modules/@restatedev/restate-server-*/bin/restate-server"))
	if err != nil || len(found) == 0 {
		return nil, errors.New("there is no Restate server for this machine")
	}
	service, err := process.Start(dir, "node.log", []string{"NODE_ENV=production"}, "node", filepath.Join(e.peers, "restate.mjs"), ports[0])
	if err != nil {
		return nil, err
	}
	on := func(i int) string { return "127.0.0.1:" + ports[i] }
	proc, err := process.Start(dir, "restate-server.log", []string{
		"DO_NOT_TRACK=1", "RESTATE_DISABLE_TELEMETRY=true", "RESTATE_LISTEN_MODE=tcp", "RUST_LOG=error",
		"RESTATE_BIND_ADDRESS=" + on(1), "RESTATE_ADMIN__BIND_ADDRESS=" + on(2), "RESTATE_INGRESS__BIND_ADDRESS=" + on(3),
	}, found[0], "--no-logo", "--base-dir", filepath.Join(dir, "data"), "--node-name", "bench")
	if err != nil {
		service.Stop(patience)
		return nil, err
	}
	s := &subject{proc: proc, close: func() error {
		proc.Stop(patience)
		service.Stop(patience)
		return nil
	}}
	admin := newClient("http://"+on(2), nil)
	err = proc.WaitFor(ctx, time.Minute, func() error {
		return admin.call(ctx, "POST", "/deployments", map[string]string{"uri": "http://" + on(0)}, nil)
	})
	ingress := newClient("http://"+on(3), nil)
	s.session = func(context.Context) (turn, error) {
		path := "/session/" + rand.Text() + "/turn"
		return func(ctx context.Context, steps int) ([]time.Duration, error) {
			var took []float64
			err := ingress.call(ctx, "POST", path, map[string]int{"steps": steps}, &took)
			return milliseconds(took), err
		}, nil
	}
	return s, err
}

// startLangGraph starts LangGraph's server, which keeps everything in memory
// and writes all of it to files some seconds after the last change. A session
// is a thread, a step one node of its graph.
func startLangGraph(ctx context.Context, e *env) (*subject, error) {
	dir, err := e.peer("langgraph")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	proc, err := process.Start(dir, "node.log", []string{"NODE_ENV=production", "LOG_LEVEL=error", "LANGSMITH_TRACING=false"},
		"node", filepath.Join(e.peers, "langgraph.mjs"), port, dir)
	if err != nil {
		return nil, err
	}
	s := &subject{proc: proc, close: func() error {
		proc.Stop(patience)
		return nil
	}}
	c := newClient("http://127.0.0.1:"+port, nil)
	err = proc.WaitFor(ctx, time.Minute, func() error { return c.call(ctx, "GET", "/ok", nil, nil) })
	s.session = func(ctx context.Context) (turn, error) {
		var thread struct {
			ID string `json:"thread_id"`
		}
		err := c.call(ctx, "POST", "/threads", map[string]any{}, &thread)
		return func(ctx context.Context, steps int) ([]time.Duration, error) {
			return runGraph(ctx, c, thread.ID, steps)
		}, err
	}
	return s, err
}

func runGraph(ctx context.Context, c *client, thread string, steps int) ([]time.Duration, error) {
	var state struct {
		At []float64 `json:"at"`
	}
	err := c.call(ctx, "POST", "/threads/"+thread+"/runs/wait", map[string]any{
		"assistant_id": "bench", "input": map[string]any{"steps": steps, "at": []any{}},
		"config": map[string]any{"recursion_limit": steps + 10},
	}, &state)
	if err != nil {
		return nil, err
	}
	if len(state.At) != steps {
		return nil, errors.New("the graph did another number of steps")
	}
	took := make([]float64, steps-1)
	for i := range took {
		took[i] = state.At[i+1] - state.At[i]
	}
	return milliseconds(took), nil
}
