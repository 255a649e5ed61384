// Package fallback tries candidates in order until one answers. It is for the
// edge, which gets the candidates from routing.
//
// It moves on when a candidate failed in a way another may not: an error that
// is retryable elsewhere, an upstream that refused our credential, or one that
// does not know the model. It never moves on after the first event.
//
// Guarantees: each candidate is called at most once, in order; the error of a
// chain that failed altogether is the first candidate's, which is what the
// client asked for, with the others' in its cause.
//
//	provider := fallback.New([]fallback.Target{{Provider: a, Model: "x"}, {Provider: b, Model: "y"}})
//	stream, err := provider.Generate(ctx, req)
package fallback

import (
	"context"
	"errors"
	"fmt"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

// Target is a candidate.
type Target struct {
	// Upstream names it in errors.
	Upstream string
	Provider model.Provider
	// Model is the upstream's own name of the model.
	Model string
}

// MovesOn reports whether another candidate may do better.
func MovesOn(err error) bool {
	e := model.AsError(err)
	if e == nil {
		return false
	}
	return e.Retryable() || e.Kind == model.UpstreamDenied || e.Kind == model.ModelNotFound
}

// Do calls try with 0, 1, … n-1 until one succeeds or fails in a way that no
// other can mend. It returns the outcome and the index that made it; after a
// failure of all, the first one's error and index n-1. It is for n > 0.
func Do[T any](ctx context.Context, n int, try func(ctx context.Context, i int) (T, error)) (T, int, error) {
	var failures []error
	for i := range n {
		result, err := guard.Do(ctx, guard.Chain(), func(ctx context.Context) (T, error) { return try(ctx, i) })
		if err == nil {
			return result, i, nil
		}
		failures = append(failures, err)
		if i == n-1 || ctx.Err() != nil || !MovesOn(err) {
			return result, i, verdict(failures, MovesOn(err))
		}
		guard.Discard(result)
	}
	var zero T
	return zero, 0, model.Errorf(model.Internal, "", "")
}

// verdict is the error of a chain: the last where it is final, else the
// first, with every failure as its cause.
func verdict(failures []error, mendable bool) error {
	last := failures[len(failures)-1]
	if len(failures) == 1 || !mendable {
		return last
	}
	e := *model.AsError(failures[0])
	e.Err = errors.Join(failures...)
	for _, f := range failures {
		if after := model.AsError(f).RetryAfter; after > 0 && (e.RetryAfter == 0 || after < e.RetryAfter) {
			e.RetryAfter = after
		}
	}
	return &guard.Tried{Calls: len(failures), Err: &e}
}

// New makes a Provider of one or more candidates. It embeds and relays, where
// every candidate does; a relayed body goes to each as it is, so that relaying
// suits candidates of one model name only. Unwrap returns the first candidate's
// provider, which lends its other optional behaviour.
func New(targets []Target) (model.Provider, error) {
	if len(targets) == 0 {
		return nil, fmt.Errorf("fallback: no candidates")
	}
	p := &provider{targets: targets}
	embedders := collect[model.Embedder](targets)
	if embedders == nil {
		return p, nil
	}
	return &embedding{provider: p, embedders: embedders}, nil
}

// collect finds a behaviour in every target, or returns nil.
func collect[T any](targets []Target) []T {
	var found []T
	for _, t := range targets {
		b, ok := model.As[T](t.Provider)
		if !ok {
			return nil
		}
		found = append(found, b)
	}
	return found
}

type provider struct{ targets []Target }

func (p *provider) Generate(ctx context.Context, req *model.Request) (model.Stream, error) {
	s, i, err := Do(ctx, len(p.targets), func(ctx context.Context, i int) (model.Stream, error) {
		named := *req
		named.Model = p.targets[i].Model
		return p.targets[i].Provider.Generate(ctx, &named)
	})
	if err != nil {
		return nil, err
	}
	counted, err := guard.Count(s, nil, i+1)
	return counted.(model.Stream), err
}

func (p *provider) Unwrap() model.Provider { return p.targets[0].Provider }

type embedding struct {
	*provider
	embedders []model.Embedder
}

func (e *embedding) Embed(ctx context.Context, req *model.EmbedRequest) (*model.EmbedResponse, error) {
	answer, _, err := Do(ctx, len(e.embedders), func(ctx context.Context, i int) (*model.EmbedResponse, error) {
		named := *req
		named.Model = e.targets[i].Model
		return e.embedders[i].Embed(ctx, &named)
	})
	return answer, err
}
