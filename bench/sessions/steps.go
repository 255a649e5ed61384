package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// load is how many sessions take turns at once, and of how many steps.
type load struct {
	name     string
	sessions int
	steps    int
}

// turnSteps is a turn as the table shows it.
const turnSteps = 5

// measureSteps measures steps per second and turns, all subjects in turns.
func measureSteps(ctx context.Context, e *env) (err error) {
	var subjects []*subject
	defer func() {
		for _, s := range subjects {
			err = errors.Join(err, s.close())
		}
	}()
	for _, k := range kinds() {
		if e.wanted(k.name) {
			subjects = append(subjects, e.open(ctx, k))
		}
	}
	loads := []load{{"steps, c=1", 1, e.steps}, {"steps, c=64", 64, e.steps}, {"turns of 5 steps, c=1", 1, turnSteps}, {"turns of 5 steps, c=64", 64, turnSteps}}
	defer func() {
		for _, s := range subjects {
			// A peer that breaks is a result, not a failure of the run.
			if strings.HasPrefix(s.name, "craton") && s.failed != nil && s.measured {
				err = errors.Join(err, fmt.Errorf("%s: %w", s.name, s.failed))
			}
		}
	}()
	results := make(map[load]map[string][]result)
	for round := range e.rounds {
		for _, l := range loads {
			if results[l] == nil {
				results[l] = map[string][]result{}
			}
			e.round(ctx, subjects, l, round, results[l])
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	for _, l := range loads {
		if err := e.report(subjects, l, results[l]); err != nil {
			return err
		}
	}
	return nil
}

// round measures each subject once, beginning with another one each time.
func (e *env) round(ctx context.Context, subjects []*subject, l load, round int, results map[string][]result) {
	got := map[string]result{}
	for i := range subjects {
		s := subjects[(i+round)%len(subjects)]
		if s.failed != nil {
			continue
		}
		limit, cancel := context.WithTimeout(ctx, e.each+2*time.Minute)
		r, err := measure(limit, s, l.sessions, l.steps, e.each)
		cancel()
		if err != nil {
			s.fail(e, fmt.Errorf("%s, round %d: %w", l.name, round+1, err))
			continue
		}
		got[s.name], s.measured = r, true
	}
	for name, r := range got {
		if log, ok := got[rawLogName]; ok {
			r.ofLog = r.rate / log.rate
		}
		if restate, ok := got[restateName]; ok {
			r.ofRestate = r.rate / restate.rate
		}
		results[name] = append(results[name], r)
	}
}

// report prints one load: medians, the spread of the rate, and the medians of
// the ratios within the rounds.
func (e *env) report(subjects []*subject, l load, results map[string][]result) error {
	lines := []string{"", fmt.Sprintf("%s (%d rounds of %s)", l.name, e.rounds, e.each),
		fmt.Sprintf("%-36s %8s %17s %9s %9s %9s %9s %8s %9s", "", "steps/s", "least to most", "step p50", "step p99", "turn p50", "turn p99", "raw log", "Restate")}
	for _, s := range subjects {
		all := results[s.name]
		if len(all) == 0 {
			lines = append(lines, fmt.Sprintf("%-36s not measured", s.name))
			continue
		}
		of := func(pick func(result) float64) float64 { return pick(median(all, pick)) }
		rate := func(r result) float64 { return r.rate }
		took := func(pick func(result) time.Duration) string {
			return inMS(time.Duration(of(func(r result) float64 { return float64(pick(r)) })))
		}
		lines = append(lines, fmt.Sprintf("%-36s %8.0f %17s %9s %9s %9s %9s %8s %9s", s.name, of(rate), extremes(all),
			took(func(r result) time.Duration { return r.p50 }), took(func(r result) time.Duration { return r.p99 }),
			took(func(r result) time.Duration { return r.turn50 }), took(func(r result) time.Duration { return r.turn99 }),
			times(of(func(r result) float64 { return r.ofLog })), times(of(func(r result) float64 { return r.ofRestate })))+s.remark(len(all), e.rounds))
	}
	_, err := fmt.Fprintln(e.out, strings.Join(lines, "\n"))
	return err
}

func extremes(all []result) string {
	var rates []float64
	for _, r := range all {
		rates = append(rates, r.rate)
	}
	return fmt.Sprintf("%.0f to %.0f", slices.Min(rates), slices.Max(rates))
}

// inMS writes milliseconds with the digits that matter.
func inMS(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 1:
		return fmt.Sprintf("%.3f ms", ms)
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// times writes a ratio; none is a dash.
func times(ratio float64) string {
	switch {
	case ratio == 0:
		return "-"
	case ratio < 1:
		return fmt.Sprintf("%.3f×", ratio)
	}
	return fmt.Sprintf("%.1f×", ratio)
}

// remark says that a subject broke before the last round.
func (s *subject) remark(measured, rounds int) string {
	if measured == rounds {
		return ""
	}
	return fmt.Sprintf("  (%d rounds, then it broke)", measured)
}
