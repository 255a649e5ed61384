package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// youngAge is the age of a young session in events.
const youngAge = 10

// aged is a subject whose sessions can be made old.
type aged struct {
	*subject
	// old makes a session with at least that many events.
	old func(ctx context.Context, events int) (turn, error)
}

// measureAge compares turns of young sessions with those of an old one, in
// turns. Stored Responses are left out: their model is given the whole chain
// each time, by contract.
func measureAge(ctx context.Context, e *env) error {
	if _, err := fmt.Fprintf(e.out, "\nturn of %d steps (medians) at an age of about %d and of %d events\n%-36s %10s %10s %8s %24s\n",
		turnSteps, youngAge, e.age, "", "young", "old", "ratio", "server's memory, files"); err != nil {
		return err
	}
	for _, k := range storeKinds() {
		if !e.wanted(k.name) {
			continue
		}
		if err := e.ageOf(ctx, k.name, func() (*aged, error) { return openAged(ctx, e, k) }); err != nil {
			return err
		}
	}
	for _, backend := range backends {
		name := cratonName(forms()[0], backend)
		if !e.wanted(name) {
			continue
		}
		if err := e.ageOf(ctx, name, func() (*aged, error) { return e.serveAged(ctx, backend) }); err != nil {
			return err
		}
	}
	return nil
}

// openAged ages sessions of a store by plain steps.
func openAged(ctx context.Context, e *env, k kind) (*aged, error) {
	s, err := k.start(ctx, e)
	if err != nil {
		return nil, err
	}
	return &aged{s, func(ctx context.Context, events int) (turn, error) {
		next, err := s.session(ctx)
		if err == nil {
			_, err = next(ctx, events)
		}
		return next, err
	}}, nil
}

// serveAged ages sessions of a server by turns with short results. Items are
// counted, of which each is at least one event.
func (e *env) serveAged(ctx context.Context, backend string) (*aged, error) {
	server, err := e.serve(ctx, backend)
	if err != nil {
		return nil, err
	}
	api := agents{server.http, functionTools, "step", 2}
	s := &subject{session: api.session, close: server.close, proc: server.proc}
	return &aged{s, func(ctx context.Context, events int) (turn, error) {
		made, err := api.open(ctx)
		for err == nil && made.items < events {
			_, err = made.turn(ctx, e.steps)
		}
		if err != nil {
			return nil, err
		}
		return made.turn, nil
	}}, nil
}

func (e *env) ageOf(ctx context.Context, name string, open func() (*aged, error)) (err error) {
	s, err := open()
	if err != nil {
		fmt.Fprintf(e.out, "%s is skipped: %v\n", name, err)
		return nil
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.probe(ctx); err != nil {
		fmt.Fprintf(e.out, "%s is skipped: %v\n", name, err)
		return nil
	}
	before := s.holds()
	next, err := s.old(ctx, e.age)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var young, old []time.Duration
	for range e.turns {
		a, err := s.young(ctx)
		if err != nil {
			return err
		}
		b, err := timed(ctx, next)
		if err != nil {
			return err
		}
		young, old = append(young, a), append(old, b)
	}
	a, b := quantile(young, 50), quantile(old, 50)
	_, err = fmt.Fprintf(e.out, "%-36s %10s %10s %8s %24s\n", name, inMS(a), inMS(b), fmt.Sprintf("%.2f×", float64(b)/float64(a)), before+" to "+s.holds())
	return err
}

// young is a turn of a new session of about the age of a young one.
func (s *aged) young(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, err := s.old(ctx, youngAge)
	if err != nil {
		return 0, err
	}
	return timed(ctx, next)
}

// holds says what the server's process has in memory and open.
func (s *subject) holds() string {
	if s.proc == nil {
		return "-"
	}
	now, err := s.proc.Used()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.0f MB, %d", float64(now.RSS)/1e6, now.Files)
}
