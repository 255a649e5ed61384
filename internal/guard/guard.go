package guard

import (
	"context"
	"errors"

	"github.com/craton-ai/craton/internal/model"
)

// Errors in the chain of errors after which asking the same upstream again is
// useless, though another may do better.
var (
	// ErrOpen: its circuit breaker is open.
	ErrOpen = errors.New("the circuit breaker is open")
	// ErrSlow: it used up the time that was given to it.
	ErrSlow = errors.New("the upstream's time is used up")
)

// Call is one operation on one upstream. Its result is a model.Stream, a
// *model.Relayed or any value that needs no closing. A result may come with an
// error (a relayed answer of a bad status); then both are the outcome.
type Call func(ctx context.Context) (any, error)

// Guard runs calls. Around is safe for concurrent use. It returns the outcome
// of one of the runs it made, or an error of its own, and discards the others.
type Guard interface {
	Around(ctx context.Context, call Call) (any, error)
}

// Chain nests guards, the first outermost. Nil guards are left out.
func Chain(guards ...Guard) Guard {
	var c chain
	for _, g := range guards {
		if g != nil {
			c = append(c, g)
		}
	}
	return c
}

type chain []Guard

func (c chain) Around(ctx context.Context, call Call) (any, error) {
	switch len(c) {
	case 0:
		return call(ctx)
	case 1:
		return c[0].Around(ctx, call)
	}
	return c[0].Around(ctx, func(ctx context.Context) (any, error) { return c[1:].Around(ctx, call) })
}

// Do runs one call under a guard. A stream is peeked, so that what it fails
// with before its first event is the call's error. On an error the result, if
// there is one all the same, is returned with it.
func Do[T any](ctx context.Context, g Guard, call func(context.Context) (T, error)) (T, error) {
	v, err := g.Around(ctx, func(ctx context.Context) (any, error) {
		result, err := call(ctx)
		if err != nil {
			return result, err
		}
		return settle(result)
	})
	result, _ := v.(T)
	return result, err
}

// settle brings a result to the point where it can be judged.
func settle(result any) (any, error) {
	switch r := result.(type) {
	case model.Stream:
		return Peek(r)
	case *model.Relayed:
		return r, StatusError(r)
	}
	return result, nil
}

// StatusError judges a relayed answer: by what its provider took it for, else
// by its status alone. An answer of status 2xx and one about the client's own
// request are nil, for those are passed on; what another try or upstream may
// mend is an error, and what is not the client's to read.
func StatusError(r *model.Relayed) error {
	if r.Refused != nil {
		return inward(r.Refused)
	}
	kind := model.UpstreamDown
	switch {
	case r.Status == 429:
		kind = model.RateLimited
	case r.Status == 401 || r.Status == 403:
		kind = model.UpstreamDenied
	case r.Status == 408:
		kind = model.Timeout
	case r.Status == 503 || r.Status == 529:
		kind = model.Overloaded
	case r.Status < 500:
		return nil
	}
	e := model.Errorf(kind, "", "The upstream answered with status %d.", r.Status)
	e.UpstreamStatus = r.Status
	e.RetryAfter = retryAfter(r.Header)
	return e
}

// inward is e unless it is about the client's request, of which the client
// reads the upstream's own words.
func inward(e *model.Error) error {
	switch e.Kind {
	case model.Invalid, model.Unsupported, model.ContextLength, model.ContentFiltered, model.TooLarge, model.Conflict, model.NotFound:
		return nil
	}
	return e
}

// Discard closes a result that nobody will read.
func Discard(result any) {
	switch r := result.(type) {
	case model.Stream:
		if r != nil {
			r.Close()
		}
	case *model.Relayed:
		if r != nil && r.Body != nil {
			r.Body.Close()
		}
	}
}

// Wrap puts a guard around a provider. The result embeds and relays where the
// provider does; other optional behaviour is found through Unwrap. A relayed
// answer of a bad status that no guard could mend is returned without an error.
func Wrap(p model.Provider, g Guard) model.Provider {
	w := &provider{inner: p, guard: g}
	e, embeds := model.As[model.Embedder](p)
	r, relays := model.As[model.Relay](p)
	switch {
	case embeds && relays:
		return struct {
			*provider
			embedder
			relay
		}{w, embedder{e, g}, relay{r, g}}
	case embeds:
		return struct {
			*provider
			embedder
		}{w, embedder{e, g}}
	case relays:
		return struct {
			*provider
			relay
		}{w, relay{r, g}}
	}
	return w
}

type provider struct {
	inner model.Provider
	guard Guard
}

func (p *provider) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	s, err := Do(ctx, p.guard, func(ctx context.Context) (model.Stream, error) { return p.inner.Generate(ctx, req) })
	if err != nil {
		Discard(s)
		return nil, err
	}
	return s, nil
}

func (p *provider) Unwrap() model.Provider { return p.inner }

type embedder struct {
	to      model.Embedder
	through Guard
}

func (e embedder) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	return Do(ctx, e.through, func(ctx context.Context) (*model.EmbedResponse, error) { return e.to.Embed(ctx, req) })
}

type relay struct {
	via     model.Relay
	guarded Guard
}

func (r relay) Relay(ctx context.Context, x *model.Exchange) (*model.Relayed, error) {
	answer, err := Do(ctx, r.guarded, func(ctx context.Context) (*model.Relayed, error) { return r.via.Relay(ctx, x) })
	if answer != nil {
		return answer, nil
	}
	return nil, err
}
