// Package lifetime is a context for calls of upstreams. It is for the guards,
// which give every call a life of its own: longer than its client's, or shorter
// than its caller's.
//
// The standard library's contexts do the same; each costs a map, a channel and
// several closures as soon as another follows it. A call has three or four of
// them and as a rule none ends early, so that here nothing is made before
// somebody waits.
//
// Guarantees: a Context ends once, with the first cause; functions registered
// with AfterFunc run then, each in a goroutine of its own, unless they were
// stopped before; contexts of the standard library follow one without a
// goroutine. Err is context.Canceled, or wraps both that and the cause, or is a
// cause that is an end already, such as context.DeadlineExceeded; it is what
// context.Cause tells, too.
//
//	call := lifetime.Within(ctx)
//	defer call.End(nil)
//	timer := time.AfterFunc(time.Minute, func() { call.End(errSlow) })
//	defer timer.Stop()
//	return ask(call)
package lifetime
