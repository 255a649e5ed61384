// Package fallback tries candidates in order until one answers. It is for the
// gateway, which gets the candidates from routing.
//
// It moves on when a candidate failed in a way another may not: an error that
// is retryable elsewhere, an upstream that refused our credential, or one that
// does not know the model. It never moves on after the first event.
//
// Guarantees: each candidate is called at most once, in order; the error of a
// chain that failed altogether is the first candidate's, which is what the
// client asked for, with the others' in its cause.
//
//	stream, i, err := fallback.Do(ctx, len(candidates), func(ctx context.Context, i int) (model.Stream, error) {
//		return candidates[i].Generate(ctx, req)
//	})
package fallback

import (
	"context"
	"errors"

	"github.com/craton-ai/craton/internal/guard"
	"github.com/craton-ai/craton/internal/model"
)

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
