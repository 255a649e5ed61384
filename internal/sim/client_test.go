package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/driver/drivertest"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// client is who uses one session: it repeats itself until it is answered, also
// on other nodes, and sometimes when it was.
type client struct {
	w    *world
	name string
	r    *rand.Rand

	// begun is called once the session is there.
	begun func()
	id    string
	seq   uint64 // as of the last answer
	// mode is the session's: one that returns is asked once, and answered.
	mode  agent.Mode
	fork  *client  // continues the session beside it; nil for nobody
	acked []string // messages that were acknowledged
	sent  int
}

// try calls f on one node after the other until it is answered.
func (c *client) try(ctx context.Context, what string, f func(*driver.Sessions) error) error {
	for {
		if s := c.w.anyone(c.r); s != nil {
			if err := f(s); err == nil || refused(err) {
				return err
			}
		}
		if err := pass(ctx, between(c.r, 5*time.Millisecond, 300*time.Millisecond)); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// refused reports whether the answer is a no rather than a failure.
func refused(err error) bool {
	var e *model.Error
	return errors.As(err, &e) && (e.Kind == model.Invalid || e.Kind == model.Conflict || e.Kind == model.NotFound || e.Kind == model.Overloaded) &&
		!errors.Is(err, session.ErrStale)
}

func (c *client) text() string {
	c.sent++
	steps := make([]string, 1+c.r.IntN(4))
	for i := range steps {
		steps[i] = drivertest.Steps[c.r.IntN(len(drivertest.Steps))]
	}
	return fmt.Sprintf("%s%s; %s-%d", drivertest.PlanPrefix, strings.Join(steps, " "), c.name, c.sent)
}

// twice does something a second time once in a while, with the same key.
func (c *client) twice(ctx context.Context, what string, f func(*driver.Sessions) error) error {
	err := c.try(ctx, what, f)
	if err == nil && oneIn(c.r, 3) {
		err = c.try(ctx, what+" again", f)
	}
	return err
}

// create begins the session.
func (c *client) create(ctx context.Context) error {
	text := c.text()
	err := c.twice(ctx, "create", func(s *driver.Sessions) error {
		v, err := s.Create(ctx, driver.Creation{Tenant: tenant, Key: c.name, Body: []byte(text),
			Created: agent.Created{Definition: drivertest.Definition(), Mode: c.mode}, Input: []model.Message{model.UserText(text)}})
		if err != nil {
			return err
		}
		if c.id != "" && c.id != v.State.Session {
			return session.Fault(session.ErrInvalid, c.id, "The key made a second session.")
		}
		c.id = v.State.Session
		return nil
	})
	c.acked = append(c.acked, text)
	return err
}

func (c *client) send(ctx context.Context, key string, bodies ...agent.Body) error {
	return c.twice(ctx, key, func(s *driver.Sessions) error {
		return s.Send(ctx, driver.Input{Tenant: tenant, Session: c.id, Key: key, Body: []byte(key), Bodies: bodies})
	})
}

// use sends what a client sends, until everything was said.
func (c *client) use(ctx context.Context) error {
	for n := range 1 + c.r.IntN(4) {
		if err := pass(ctx, between(c.r, time.Millisecond, 4*time.Second)); err != nil {
			return err
		}
		text := c.text()
		if err := c.send(ctx, text, &agent.Message{Messages: []model.Message{model.UserText(text)}}); err != nil {
			return fmt.Errorf("message: %w", err)
		}
		c.acked = append(c.acked, text)
		var err error
		switch c.r.IntN(8) {
		case 0:
			err = c.send(ctx, fmt.Sprint("cancel", n), &agent.Cancel{})
		case 1:
			err = c.send(ctx, fmt.Sprint("update", n), &agent.Updated{Metadata: &map[string]string{"n": fmt.Sprint(n)}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answer gives the session what it asks for, and reports whether it is idle.
func (c *client) answer(ctx context.Context) (idle bool, err error) {
	var v *driver.View
	if err := c.try(ctx, "get", func(s *driver.Sessions) (err error) { v, err = s.Get(ctx, tenant, c.id); return err }); err != nil {
		return false, err
	}
	for _, a := range v.Actions() {
		if oneIn(c.r, 3) {
			continue // later
		}
		var body agent.Body = &agent.Result{Turn: a.Turn.ID, Call: a.Call.ID, Success: c.r.IntN(4) > 0,
			Output: []model.Part{&model.Text{Text: "seen"}}}
		if a.Call.State == agent.CallAsked {
			d := &agent.Decision{Request: a.Call.Request, Decision: "approve", By: "key_1"}
			if oneIn(c.r, 4) {
				d.Decision = "deny"
			}
			body = d
		}
		err := c.try(ctx, "answer", func(s *driver.Sessions) error {
			return s.Send(ctx, driver.Input{Tenant: tenant, Session: c.id, Bodies: []agent.Body{body}})
		})
		if err != nil && !refused(err) {
			return false, err
		}
	}
	c.seq = v.Seq
	return v.Status() == agent.Idle && len(v.Runs) == 0, nil
}

// goOn continues a session from an event on, in one of its own.
func (c *client) goOn(ctx context.Context, from string, seq uint64) error {
	ctx = as(ctx, c.name)
	err := c.try(ctx, "fork", func(s *driver.Sessions) error {
		v, err := s.Fork(ctx, tenant, from, seq, agent.Forked{})
		if err == nil {
			c.id = v.State.Session
		}
		return err
	})
	if err != nil {
		return err
	}
	text := c.text()
	if err := c.send(ctx, text, &agent.Message{Messages: []model.Message{model.UserText(text)}}); err != nil {
		return fmt.Errorf("message to a fork: %w", err)
	}
	c.acked = append(c.acked, text)
	for {
		idle, err := c.answer(ctx)
		if err != nil || idle && !c.w.faulty() {
			return err
		}
		if err := pass(ctx, between(c.r, 20*time.Millisecond, 400*time.Millisecond)); err != nil {
			return fmt.Errorf("fork %s has not come to its end: %w", c.id, err)
		}
	}
}

// live uses the session until it has come to its end.
func (c *client) live(ctx context.Context) error {
	ctx = as(ctx, c.name)
	if err := pass(ctx, between(c.r, time.Millisecond, time.Second)); err != nil {
		return err
	}
	if err := c.create(ctx); err != nil {
		return err
	}
	c.begun()
	if c.mode == agent.Returning {
		return c.returned(ctx)
	}
	used := make(chan error, 1)
	go func() {
		used <- (&client{w: c.w, name: c.name + "x", r: c.w.chance.draw(c.name + " use"), id: c.id}).report(ctx, c)
	}()
	done := false
	forking := make(chan error, 1)
	for {
		idle, err := c.answer(ctx)
		if err != nil {
			return err
		}
		if idle && c.fork == nil && oneIn(c.r, 4) {
			c.fork = &client{w: c.w, name: c.name + "f", r: c.w.chance.draw(c.name + " fork")}
			go func(seq uint64) { forking <- c.fork.goOn(ctx, c.id, seq) }(c.seq)
		}
		if idle && done && !c.w.faulty() {
			if c.fork == nil {
				return nil
			}
			return <-forking
		}
		if err := pass(ctx, between(c.r, 20*time.Millisecond, 400*time.Millisecond)); err != nil {
			return fmt.Errorf("session %s has not come to its end: %w", c.id, err)
		}
		select {
		case err := <-used:
			if err != nil {
				return err
			}
			done = true
		default:
		}
	}
}

// returned waits until the turn was handed over, with whatever it needs.
func (c *client) returned(ctx context.Context) error {
	for {
		var v *driver.View
		if err := c.try(ctx, "get", func(s *driver.Sessions) (err error) { v, err = s.Get(ctx, tenant, c.id); return err }); err != nil {
			return err
		}
		if v.Status() == agent.Idle && len(v.Runs) == 0 && !v.Unpublished && v.Root().Turn != nil && !c.w.faulty() {
			return nil
		}
		if err := pass(ctx, between(c.r, 20*time.Millisecond, 400*time.Millisecond)); err != nil {
			return fmt.Errorf("session %s was not handed over: %w", c.id, err)
		}
	}
}

// report runs use beside the client that answers, and gives it what was
// acknowledged.
func (c *client) report(ctx context.Context, to *client) error {
	ctx = as(ctx, c.name)
	err := c.use(ctx)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	to.acked = append(to.acked, c.acked...)
	return err
}
