package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/bench/internal/process"
)

// plan says how long is measured.
type plan struct {
	rounds       int
	settle, open time.Duration
	// patience is what a slow stream may take longer than it should.
	patience                           time.Duration
	jit, warm, length, warmStr, lenStr time.Duration
}

var (
	full = plan{rounds: 5, settle: 3 * time.Second, open: 6 * time.Second, patience: 30 * time.Second, jit: 2 * time.Second,
		warm: 500 * time.Millisecond, length: 2 * time.Second, warmStr: 300 * time.Millisecond, lenStr: 1500 * time.Millisecond}
	quick = plan{rounds: 2, settle: time.Second, open: 1500 * time.Millisecond, patience: 3 * time.Second, jit: 300 * time.Millisecond,
		warm: 100 * time.Millisecond, length: 400 * time.Millisecond, warmStr: 100 * time.Millisecond, lenStr: 350 * time.Millisecond}
)

// benchmark is one run.
type benchmark struct {
	plan
	scenarios []scenario
	dir       string
	upstream  string
	subjects  []*subject
	// samples are by scenario and subject, one per round.
	samples    map[string]map[string][]sample
	footprints map[string]*footprint
	proofs     []proof
	exports    exports
	progress   io.Writer
	began      time.Time
}

// bench is the whole measurement.
func bench(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	short := flags.Bool("quick", false, "a first impression: short windows, two rounds")
	out := flags.String("out", ".cache/bench", "directory of the results")
	only := flags.String("only", "", "measure only subjects whose names contain one of these words, separated by commas")
	rounds := flags.Int("rounds", 0, "rounds; 0 is the default of the mode")
	onlyScenario := flags.String("scenario", "", "measure only this scenario, such as c=32")
	hold := flags.Duration("hold", 0, "let the subjects run idle this long before measuring, to attach a profiler")
	var p paths
	flags.StringVar(&p.craton, "craton", "", "the craton binary")
	flags.StringVar(&p.portkey, "portkey", "", "Portkey's start-server.js")
	flags.StringVar(&p.litellm, "litellm", "", "the litellm command")
	p.reasons = map[string]string{}
	flags.Func("skip", "NAME=REASON: why a subject cannot be measured", func(s string) error {
		name, reason, _ := strings.Cut(s, "=")
		p.reasons[name] = reason
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &benchmark{plan: full, samples: map[string]map[string][]sample{}, footprints: map[string]*footprint{}, progress: os.Stderr}
	if *short {
		b.plan = quick
	}
	if *rounds > 0 {
		b.rounds = *rounds
	}
	b.scenarios = scenarios
	if *onlyScenario != "" {
		b.scenarios = slices.DeleteFunc(slices.Clone(scenarios), func(sc scenario) bool { return sc.name != *onlyScenario })
	}
	var words []string
	if *only != "" {
		words = strings.Split(*only, ",")
	}
	b.began = time.Now()
	if err := b.run(ctx, p, *out, words, *hold); err != nil {
		return err
	}
	return b.report(os.Stdout, filepath.Join(*out, "gateway.json"), *short)
}

func (b *benchmark) run(ctx context.Context, p paths, out string, only []string, hold time.Duration) (err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(out, "run-"); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	mock, err := b.startUpstream(ctx)
	if err != nil {
		return err
	}
	defer mock.Stop(time.Second)
	defer b.stopAll()
	b.say("starting the subjects")
	if b.subjects, err = startAll(ctx, p, b.dir, b.upstream, only); err != nil {
		return err
	}
	for _, s := range b.subjects {
		switch {
		case s.skip != "":
			b.say("  %s is skipped: %s", s.name, s.skip)
		case s.proc != nil:
			b.say("  %s: process %d on %s", s.name, s.proc.PID(), s.addr)
		}
	}
	pause(ctx, max(b.settle, hold))
	for _, stage := range []func(context.Context) error{b.memory, b.turns, b.prove} {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (b *benchmark) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "%4.0fs "+format+"\n", append([]any{time.Since(b.began).Seconds()}, args...)...)
}

func (b *benchmark) startUpstream(ctx context.Context) (*process.Process, error) {
	addr, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := process.Start(b.dir, "upstream.log", nil, self, "upstream", "-listen", addr)
	if err != nil {
		return nil, err
	}
	b.upstream = addr
	if err := p.WaitFor(ctx, 10*time.Second, func() error { return b.shape(10, 0) }); err != nil {
		p.Stop(time.Second)
		return nil, err
	}
	return p, nil
}

// shape sets how the upstream streams from now on.
func (b *benchmark) shape(chunks int, pace time.Duration) error {
	resp, err := http.Get(fmt.Sprintf("http://%s/control?chunks=%d&pace_us=%d", b.upstream, chunks, pace.Microseconds()))
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (b *benchmark) stopAll() {
	for _, s := range b.subjects {
		if s.proc != nil {
			s.proc.Stop(5 * time.Second)
		}
	}
}

// memory comes first, while the subjects are fresh.
func (b *benchmark) memory(ctx context.Context) error {
	for _, s := range b.subjects {
		if s.proc == nil || s.skip != "" {
			continue
		}
		b.say("memory: %s", s.name)
		f, err := b.hold(ctx, s, b.open)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.footprints[s.name] = &f
	}
	return nil
}

// turns measures every scenario on every subject, once a round, beginning
// with another subject each time.
func (b *benchmark) turns(ctx context.Context) error {
	for _, s := range b.subjects {
		if s.skip == "" {
			if _, err := b.measure(ctx, s, scenarios[1], 0, b.jit); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for round := range b.rounds {
		for _, sc := range b.scenarios {
			b.say("round %d of %d: %s", round+1, b.rounds, sc.name)
			for i := range b.subjects {
				s := b.subjects[(i+round)%len(b.subjects)]
				if s.skip != "" {
					continue
				}
				warm, length := b.warm, b.length
				if sc.stream {
					warm, length = b.warmStr, b.lenStr
				}
				m, err := b.measure(ctx, s, sc, warm, length)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, sc.name, err)
				}
				if b.samples[sc.name] == nil {
					b.samples[sc.name] = map[string][]sample{}
				}
				b.samples[sc.name][s.name] = append(b.samples[sc.name][s.name], m)
			}
		}
	}
	for _, s := range b.subjects {
		if s.proc != nil && s.skip == "" {
			u, err := s.proc.Used()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			b.footprints[s.name].AfterRSS = u.RSS
		}
	}
	return nil
}
