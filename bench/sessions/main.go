// Command sessions measures what durable sessions cost, side by side in one
// run: fenced steps of 1 KB and turns of five of them, for Craton at the store
// and through its public interfaces, for Restate and LangGraph's server through
// theirs, and for the limit, a plain file that many writers share one sync of.
// It also measures what idle sessions cost in memory, what stored ones cost at
// the start and in a turn, and whether a turn gets slower as its session ages.
//
// It is for whoever changes a store or the runtime, or wants to know what one
// costs. It guarantees that every number it prints was measured in that run,
// subjects taking turns so that a busy machine disturbs all alike; what cannot
// be measured is named with the reason.
//
//	bench/sessions/run.sh            # everything; most of an hour
//	bench/sessions/run.sh -quick     # a smoke run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings is what the flags say.
type settings struct {
	dir, craton, peers, noPeers string
	postgres, createdb          string
	only, parts, profile        string
	each                        time.Duration
	rounds, steps               int
	idle, stored, age, turns    int
	quick                       bool
}

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", "", "directory on the disk to measure; a new one below it is used and removed")
	flag.StringVar(&s.craton, "craton", "bin/craton", "the server to start")
	flag.StringVar(&s.peers, "peers", "", "directory with the installed peers; without it, they are left out")
	flag.StringVar(&s.noPeers, "no-peers", "they are not installed", "why the peers are left out")
	flag.StringVar(&s.postgres, "postgres", "", "directory of a PostgreSQL server's socket, user postgres; without it, it is left out")
	flag.StringVar(&s.createdb, "createdb", "createdb", "PostgreSQL's command of that name")
	flag.StringVar(&s.only, "only", "", "measure only subjects whose name contains one of these, with commas between (always the raw log)")
	flag.StringVar(&s.parts, "parts", "steps,idle,stored,age", "what to measure")
	flag.StringVar(&s.profile, "profile", "", "file for a CPU profile of this program, the stores included")
	flag.DurationVar(&s.each, "each", 3*time.Second, "how long each measurement of steps and turns takes")
	flag.IntVar(&s.rounds, "rounds", 5, "measurements of each subject; the median counts")
	flag.IntVar(&s.steps, "steps", 20, "steps of a turn where steps are measured")
	flag.IntVar(&s.idle, "idle", 10_000, "idle sessions")
	flag.IntVar(&s.stored, "stored", 1_000_000, "stored sessions")
	flag.IntVar(&s.age, "age", 10_000, "events of an old session")
	flag.IntVar(&s.turns, "turns", 100, "turns to take the median of, for stored and aged sessions")
	flag.BoolVar(&s.quick, "quick", false, "a smoke run: small numbers everywhere that no other flag gives")
	flag.Parse()
	if s.quick {
		s.hurry()
	}
	// Interrupted, it ends its children before itself.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/sessions:", err)
		os.Exit(1)
	}
}

// hurry makes everything small that was not given.
func (s *settings) hurry() {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, small := range map[string]string{
		"each": "1s", "rounds": "1", "idle": "200", "stored": "2000", "age": "1000", "turns": "10",
	} {
		if !given[name] {
			_ = flag.Set(name, small) // these are values the flags take
		}
	}
}

// part is one of the things to measure.
type part struct {
	name string
	run  func(ctx context.Context, e *env) error
}

func run(ctx context.Context, s settings) (err error) {
	dir, err := os.MkdirTemp(s.dir, "craton-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s.dir = dir
	if s.profile != "" {
		f, err := os.Create(s.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}()
	}
	e := &env{settings: s, out: os.Stdout}
	parts := strings.Split(s.parts, ",")
	for _, p := range []part{{"steps", measureSteps}, {"idle", measureIdle}, {"stored", measureStored}, {"age", measureAge}} {
		if !slices.Contains(parts, p.name) {
			continue
		}
		if err := p.run(ctx, e); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
