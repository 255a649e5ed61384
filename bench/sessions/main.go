// Command sessions measures durable steps of sessions at the store: fenced
// appends of one event of 1 KB, each acknowledged after its sync, beside the
// limit, a plain file that many writers share one sync of. In one run, and in
// turns so that a busy machine disturbs all alike, it prints steps per second,
// the median and the 99th percentile of a step, and each subject's share of
// the raw log's rate.
//
// It is for whoever changes a store or wants to know what one costs. It
// guarantees that every number it prints was measured in that run.
//
//	go run ./bench/sessions -dir DIR -postgres "host=/tmp user=postgres dbname=bench"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/store/postgres"
	"github.com/craton-ai/craton/internal/store/sqlite"
)

type settings struct {
	dir, postgres string
	only          string
	each          time.Duration
	rounds        int
	profile       string
}

func main() {
	var s settings
	flag.StringVar(&s.dir, "dir", "", "directory on the disk to measure; a new one below it is used and removed")
	flag.StringVar(&s.postgres, "postgres", "", "address of an empty PostgreSQL database; without it, it is left out")
	flag.StringVar(&s.only, "only", "", "measure only the subjects whose name begins so")
	flag.DurationVar(&s.each, "each", 2*time.Second, "how long each measurement takes")
	flag.IntVar(&s.rounds, "rounds", 3, "measurements of each subject; the median counts")
	flag.StringVar(&s.profile, "profile", "", "file for a CPU profile of the measurements")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/sessions:", err)
		os.Exit(1)
	}
}

// writers are the numbers of sessions that append at once.
var writers = []int{1, 64}

func run(ctx context.Context, s settings, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(s.dir, "craton-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	subjects, err := open(ctx, s, dir)
	defer func() {
		for _, subject := range subjects {
			err = errors.Join(err, subject.close())
		}
	}()
	if err != nil {
		return err
	}
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
	results := make(map[string][]result)
	for range s.rounds {
		for _, n := range writers {
			for _, subject := range subjects {
				r, err := measure(ctx, subject, n, s.each)
				if err != nil {
					return fmt.Errorf("%s: %w", subject.name, err)
				}
				name := fmt.Sprint(subject.name, n)
				results[name] = append(results[name], r)
			}
		}
	}
	return report(out, subjects, results)
}

func open(ctx context.Context, s settings, dir string) ([]subject, error) {
	log, err := openRawLog(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	subjects := []subject{log}
	wanted := func(name string) bool { return strings.HasPrefix(name, s.only) }
	if wanted("SQLite") {
		store, err := sqlite.Open(ctx, filepath.Join(dir, "data"))
		if err != nil {
			return subjects, err
		}
		subjects = append(subjects, overStore("SQLite", store, store.Close))
	}
	if wanted("PostgreSQL") && s.postgres != "" {
		store, err := postgres.Open(ctx, s.postgres)
		if err != nil {
			return subjects, err
		}
		subjects = append(subjects, overStore("PostgreSQL", store, store.Close))
	}
	return subjects, nil
}

func report(out io.Writer, subjects []subject, results map[string][]result) error {
	lines := []string{"subject        c    steps/s       p50       p99   of the raw log"}
	for _, n := range writers {
		limit := median(results[fmt.Sprint(subjects[0].name, n)])
		for _, subject := range subjects {
			r := median(results[fmt.Sprint(subject.name, n)])
			lines = append(lines, fmt.Sprintf("%-12s %3d %10.0f %9s %9s %13.0f %%", subject.name, n, r.rate,
				r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), 100*r.rate/limit.rate))
		}
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// median is the result with the median rate.
func median(all []result) result {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b result) int {
		if a.rate < b.rate {
			return -1
		}
		return 1
	})
	return sorted[len(sorted)/2]
}
