package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// result is one measurement.
type result struct {
	rate             float64 // steps per second
	p50, p99         time.Duration
	turn50, turn99   time.Duration
	ofLog, ofRestate float64 // this rate over theirs in the same round; 0 where they have none
}

// done is a turn that was done.
type done struct {
	from, to time.Time
	took     []time.Duration
}

// sessionSteps is how many steps a session takes before another takes its place:
// what a long conversation costs is a part of its own.
const sessionSteps = 200

// measure lets n sessions take turns for the time given.
func measure(ctx context.Context, s *subject, n, steps int, each time.Duration) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := func() (turn, error) {
		next, err := s.session(ctx)
		if err == nil {
			_, err = next(ctx, 1) // what the first costs more is not measured
		}
		return next, err
	}
	turns, err := together(n, func(int) (turn, error) { return begin() })
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	all, err := together(n, func(i int) (list []done, err error) {
		for from := time.Now(); from.Sub(start) < each; {
			if len(list) > 0 && len(list)*steps%sessionSteps == 0 {
				if turns[i], err = begin(); err != nil {
					return nil, err
				}
				if from = time.Now(); from.Sub(start) >= each {
					break
				}
			}
			took, err := turns[i](ctx, steps)
			if err != nil {
				return nil, err
			}
			to := time.Now()
			list = append(list, done{from, to, took})
			from = to
		}
		return list, nil
	})
	if err != nil {
		return result{}, err
	}
	return summarize(slices.Concat(all...), steps, start, each), nil
}

// summarize takes the part of a turn that lies within the window as that part
// of its steps, so that what ends late is neither lost nor counted whole.
func summarize(all []done, steps int, start time.Time, each time.Duration) result {
	var inside float64
	var took, turns []time.Duration
	for _, d := range all {
		whole := d.to.Sub(d.from)
		inside += float64(steps) * float64(min(d.to.Sub(start), each)-d.from.Sub(start)) / float64(whole)
		took, turns = append(took, d.took...), append(turns, whole)
	}
	return result{
		rate: inside / each.Seconds(), p50: quantile(took, 50), p99: quantile(took, 99),
		turn50: quantile(turns, 50), turn99: quantile(turns, 99),
	}
}

func quantile(all []time.Duration, percent int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*percent/100]
}

// together calls do for 0 to n-1 at once and waits for all.
func together[T any](n int, do func(i int) (T, error)) ([]T, error) {
	out, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { out[i], errs[i] = do(i) })
	}
	wg.Wait()
	return out, first(errs)
}

// first is the first error that is a cause, so that one is not told 64 times.
func first(errs []error) (found error) {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		if found == nil {
			found = err
		}
	}
	return found
}

// spread calls do for 0 to n-1, a number of them at once.
func spread(n, atOnce int, do func(i int) error) error {
	_, err := together(atOnce, func(worker int) (struct{}, error) {
		for i := worker; i < n; i += atOnce {
			if err := do(i); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// median is the middle one by rank.
func median[T any](all []T, rank func(T) float64) T {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b T) int {
		switch x, y := rank(a), rank(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}
