package gateway

import (
	"context"
	"io"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/guard/fallback"
	"github.com/craton-ai/craton/internal/guard/meter"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/route"
)

// FastLane is a request that may pass through untouched.
type FastLane struct {
	// Model is the upstream's name of the model, to be put into the body.
	Model string
	// Addresses says that the upstream may be told addresses to fetch; else a
	// body that may hold one is for the slow lane.
	Addresses bool
	gateway   *Gateway
	call      *Call
	// candidates are all that routing found, of which the first is asked.
	candidates []route.Candidate
	relay      model.Relay
}

// Lane routes a request by its model name and says whether it may pass
// through. ok is false when the slow lane must serve it, be it for an error
// that the slow lane will name.
func (g *Gateway) Lane(call *Call, name string) (lane FastLane, ok bool) {
	if call.Strict {
		return lane, false
	}
	facts := route.Facts{Model: name, Dialect: call.Dialect}
	w, candidates, err := g.candidates(&call.Principal, facts)
	if err != nil {
		return lane, false
	}
	if candidates, err = g.affordable(call, candidates); err != nil {
		return lane, false
	}
	c := &candidates[0]
	if way, _ := route.Lane(facts, c); way != route.Fast {
		return lane, false
	}
	u := w.byName[c.Upstream]
	relay, ok := model.As[model.Relay](u.Provider)
	return FastLane{Model: c.Model, Addresses: u.FetchURLs == FetchPass, gateway: g, call: call, candidates: candidates, relay: relay}, ok
}

// Passes reports whether a caller's requests for a model, by a dialect, may
// pass through, as far as that can be told by the name.
func (g *Gateway) Passes(who *identity.Principal, dialect model.Dialect, name string) bool {
	facts := route.Facts{Model: name, Dialect: dialect}
	_, candidates, err := g.candidates(who, facts)
	if err != nil {
		return false
	}
	way, _ := route.Lane(facts, &candidates[0])
	return way == route.Fast
}

// Relay sends the exchange. worst bounds what it may cost, in tokens read and
// made. An error, or an answer that another attempt may mend, leaves the
// request to the slow lane: passed is then nil and retry true. The calls made
// count there, and are not made again where another upstream can be asked. A
// body that the upstream cannot be given as it is gives way too, and an error
// that neither another try nor another upstream can mend is final.
func (l *FastLane) Relay(ctx context.Context, ex *model.Exchange, worst model.Usage) (passed *Passed, retry bool, err error) {
	g := l.gateway
	t, err := g.admit(ctx, l.call, l.candidates, worst)
	if err != nil {
		return nil, false, err
	}
	c := &l.candidates[0]
	t.serve(c)
	// The upstream outlives a client that goes away by a bounded while, to
	// learn what it used.
	upstream, release := g.opts.Guards.Meter.Detach(ctx)
	relayed, err := l.relay.Relay(upstream, ex)
	attempts := guard.Attempts(err)
	if err == nil {
		attempts, err = guard.Attempts(relayed), guard.StatusError(relayed)
	}
	if err != nil && relayed != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(relayed.Body, 64<<10)) // so that the connection can be used again
		relayed.Body.Close()
	}
	if err != nil {
		release()
		e := model.AsError(err)
		if relayed == nil && e.Kind == model.Unsupported {
			l.call.admitted = t // nobody was asked: the body needs translation after all
			return nil, true, e
		}
		if e.Retryable() || fallback.MovesOn(e) && len(l.candidates) > 1 {
			t.attempts += attempts
			l.call.admitted, l.call.spent = t, &spent{upstream: c.Upstream, model: c.Model, err: err}
			return nil, true, e
		}
		t.close(nil, t.attempts+attempts, e)
		return nil, false, e
	}
	seen := &countedBody{ReadCloser: relayed.Body}
	relayed.Body = seen
	t.attempts += attempts
	return &Passed{
		Relayed: relayed, Upstream: c.Upstream, Model: c.Model,
		ticket: t, meter: g.opts.Guards.Meter, release: release, sent: min(int64(len(ex.Body)), worst.Input*bytesPerToken), streamed: ex.Stream, seen: seen,
	}, false, nil
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// Passed is the answer on the fast lane. The caller passes the body on and
// reports what it saw go by.
type Passed struct {
	*model.Relayed
	Upstream, Model string
	ticket          *ticket
	meter           *meter.Meter
	release         func()
	// sent is the size of the request, pictures as what they were bounded by; seen
	// counts the answer.
	sent     int64
	streamed bool
	seen     *countedBody
}

// Drain reads on when the client has gone, within the meter's bounds, and
// shows see what it reads, which looks for the usage. Done follows it.
func (p *Passed) Drain(see func([]byte)) { p.meter.Drain(p.Body, see) }

// First notes that the first byte of the answer was passed on.
func (p *Passed) First() { p.ticket.first() }

// Done ends the call, exactly once: usage is what was read off the body, nil
// when none was seen (it is then estimated), and err why it ended early.
func (p *Passed) Done(usage *model.Usage, err error) {
	if err == nil && p.Status >= 400 {
		refusal := model.Errorf(model.Invalid, "", "The upstream refused the request with status %d.", p.Status)
		refusal.UpstreamStatus = p.Status
		err = refusal
	}
	if usage == nil && p.Status < 300 && p.seen.n > 0 {
		estimate := p.estimate()
		usage = &estimate
	}
	p.ticket.close(usage, p.ticket.attempts, err)
	p.release()
}

// Partial is Done for a stream that ended before it told its whole usage: told
// is what it had told, of which the input is kept, and the rest is estimated.
func (p *Passed) Partial(told model.Usage, err error) {
	if told.InputTotal() == 0 {
		p.Done(nil, err)
		return
	}
	told.Output, told.Estimated = max(told.Output, p.estimate().Output), true
	p.Done(&told, err)
}

// estimate guesses the usage by what went over the wire.
func (p *Passed) estimate() model.Usage {
	u := meter.EstimateWire(p.sent, p.seen.n)
	if !p.streamed {
		u.Output = meter.EstimateTokens(p.seen.n)
	}
	return u
}
