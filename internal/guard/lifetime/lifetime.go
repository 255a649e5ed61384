package lifetime

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Context is a context.Context that ends when End is called. It is safe for
// concurrent use.
type Context struct {
	// values has the values, and no end that context.Cause could take for ours.
	values   context.Context
	deadline time.Time
	// leave stops following the context around this one; nil where none is followed.
	leave func() bool

	mu  sync.Mutex
	err error
	// done is made when it is first asked for.
	done  chan struct{}
	tasks []*task
	room  [2]*task
}

// task is a function to run at the end.
type task struct {
	of *Context
	f  func()
}

// Detached returns a context with the values of ctx that does not end with it
// and has no deadline.
func Detached(ctx context.Context) *Context { return &Context{values: context.WithoutCancel(ctx)} }

// Within returns a context that ends with ctx at latest, for the same cause.
// End must be called, which also lets go of ctx.
func Within(ctx context.Context) *Context {
	c := &Context{}
	c.deadline, _ = ctx.Deadline()
	c.mu.Lock() // ctx may end before leave is kept
	defer c.mu.Unlock()
	if outer, ok := ctx.(*Context); ok {
		c.values = outer
		c.leave = outer.AfterFunc(func() { c.End(outer.Err()) })
		return c
	}
	c.values = context.WithoutCancel(ctx)
	if ctx.Done() != nil {
		c.leave = context.AfterFunc(ctx, func() { c.End(context.Cause(ctx)) })
	}
	return c
}

// Value implements context.Context.
func (c *Context) Value(key any) any { return c.values.Value(key) }

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context: nil before the end.
func (c *Context) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// End ends the context; a nil cause is context.Canceled. Later calls do nothing.
func (c *Context) End(cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	switch {
	case cause == nil:
		c.err = context.Canceled
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		c.err = cause // a passed deadline is no cancellation
	default:
		c.err = &ended{cause}
	}
	if c.done != nil {
		close(c.done)
	}
	for _, t := range c.tasks {
		if t != nil {
			go t.f()
		}
	}
	c.tasks, c.room = nil, [2]*task{}
	leave := c.leave
	c.mu.Unlock()
	if leave != nil {
		leave()
	}
}

// AfterFunc is context.AfterFunc of this context, which uses it.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	t := &task{of: c, f: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.tasks == nil {
		c.tasks = c.room[:0]
	}
	for i, other := range c.tasks {
		if other == nil {
			c.tasks[i] = t
			return t.stop
		}
	}
	c.tasks = append(c.tasks, t)
	return t.stop
}

// stop takes the task out; false when it was before, or runs.
func (t *task) stop() bool {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	for i, other := range t.of.tasks {
		if other == t {
			t.of.tasks[i] = nil
			return true
		}
	}
	return false
}

// ended is the error of a context that ended for a reason.
type ended struct{ cause error }

// Error implements error.
func (e *ended) Error() string { return e.cause.Error() }

// Is says that the context was ended.
func (e *ended) Is(target error) bool { return target == context.Canceled }

// Unwrap returns the cause.
func (e *ended) Unwrap() error { return e.cause }
