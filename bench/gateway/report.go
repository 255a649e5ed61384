package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// spread is the median over the rounds with the extremes.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(v []float64) spread {
	if len(v) == 0 {
		return spread{}
	}
	v = slices.Sorted(slices.Values(v))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (mid + v[len(v)/2-1]) / 2
	}
	return spread{Median: mid, Min: v[0], Max: v[len(v)-1]}
}

// row is one subject under one scenario.
type row struct {
	Subject  string `json:"subject"`
	Scenario string `json:"scenario"`
	// CPU is processor time per request in milliseconds, Ratio that over the
	// ReverseProxy's in the same round.
	CPU   spread `json:"cpu_ms_per_request"`
	Ratio spread `json:"cpu_ratio_to_reverseproxy"`
	// Rate is requests per second.
	Rate spread `json:"requests_per_second"`
	// Added50 and Added99 are milliseconds over asking the upstream directly.
	Added50 spread `json:"added_p50_ms"`
	Added99 spread `json:"added_p99_ms"`
	// First50 and First99 are the same for the time to the first token.
	First50  spread   `json:"added_ttft_p50_ms"`
	First99  spread   `json:"added_ttft_p99_ms"`
	Requests int64    `json:"requests"`
	Errors   int64    `json:"errors"`
	Error    string   `json:"error,omitempty"`
	Samples  []sample `json:"samples"`
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// row sums one subject's rounds up.
func (b *benchmark) row(subject, scenario string) row {
	mine, base, zero := b.samples[scenario][subject], b.samples[scenario][yardstick], b.samples[scenario][direct]
	r := row{Subject: subject, Scenario: scenario, Samples: mine}
	var cpu, ratio, rate, p50, p99, f50, f99 []float64
	for i, m := range mine {
		r.Requests, r.Errors = r.Requests+m.Requests, r.Errors+m.Errors
		if r.Error == "" {
			r.Error = m.Error
		}
		rate = append(rate, m.rate())
		if m.Requests == 0 {
			continue // nothing came back in this window
		}
		p50, p99 = append(p50, ms(m.P50-zero[i].P50)), append(p99, ms(m.P99-zero[i].P99))
		f50, f99 = append(f50, ms(m.First50-zero[i].First50)), append(f99, ms(m.First99-zero[i].First99))
		cpu = append(cpu, m.cpuPerRequest())
		if base[i].cpuPerRequest() > 0 {
			ratio = append(ratio, m.cpuPerRequest()/base[i].cpuPerRequest())
		}
	}
	r.CPU, r.Ratio, r.Rate = spreadOf(cpu), spreadOf(ratio), spreadOf(rate)
	r.Added50, r.Added99, r.First50, r.First99 = spreadOf(p50), spreadOf(p99), spreadOf(f50), spreadOf(f99)
	return r
}

// result is the JSON file.
type result struct {
	At         time.Time             `json:"at"`
	Quick      bool                  `json:"quick"`
	Rounds     int                   `json:"rounds"`
	Machine    string                `json:"machine"`
	Took       string                `json:"took"`
	Skipped    map[string]string     `json:"skipped"`
	Rows       []row                 `json:"rows"`
	Footprints map[string]*footprint `json:"memory"`
	Proofs     []proof               `json:"craton_did"`
	Exports    exports               `json:"upstream_counted"`
}

// report prints the tables and writes the JSON file.
func (b *benchmark) report(out io.Writer, file string, quick bool) error {
	res := result{At: b.began, Quick: quick, Rounds: b.rounds, Machine: machine(), Took: time.Since(b.began).Round(time.Second).String(),
		Skipped: map[string]string{}, Footprints: b.footprints, Proofs: b.proofs, Exports: b.exports}
	var names []string
	for _, s := range b.subjects {
		if s.skip != "" {
			res.Skipped[s.name] = s.skip
			continue
		}
		names = append(names, s.name)
		for _, sc := range b.scenarios {
			res.Rows = append(res.Rows, b.row(s.name, sc.name))
		}
	}
	encoded, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(encoded, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "gateway benchmark, %s, %s, %d rounds, took %s\n", b.began.UTC().Format("2006-01-02 15:04 MST"), res.Machine, b.rounds, res.Took)
	b.printRequests(out, names)
	b.printStreams(out, names)
	b.printMemory(out, names)
	b.printEvidence(out, res)
	fmt.Fprintf(out, "\nAll figures: %s\n", file)
	return nil
}

func (b *benchmark) printRequests(out io.Writer, names []string) {
	for _, sc := range b.scenarios {
		if sc.stream {
			continue
		}
		fmt.Fprintf(out, "\nWhole answers, %s (1.2 KB in, 1.1 KB out)\n", sc.name)
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "subject\tCPU ms/request\t× ReverseProxy\trequests/s\tadded p50 ms\tadded p99 ms\terrors")
		for _, name := range names {
			r := b.row(name, sc.name)
			if name == direct {
				fmt.Fprintf(w, "%s\t-\t-\t%s\t-\t-\t%d\n", name, whole(r.Rate), r.Errors)
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", name, fine(r.CPU), coarse(r.Ratio), whole(r.Rate), coarse(r.Added50), coarse(r.Added99), r.Errors)
		}
		_ = w.Flush() // out is the terminal
	}
}

func (b *benchmark) printStreams(out io.Writer, names []string) {
	for _, sc := range b.scenarios {
		if !sc.stream {
			continue
		}
		fmt.Fprintf(out, "\nStreams, %s (%d tokens, one each %s)\n", strings.TrimPrefix(sc.name, "stream "), sc.chunks, sc.pace)
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "subject\tCPU ms/stream\t× ReverseProxy\tadded TTFT p50 ms\tadded TTFT p99 ms\tstreams/s\terrors")
		for _, name := range names {
			r := b.row(name, sc.name)
			if name == direct {
				fmt.Fprintf(w, "%s\t-\t-\t-\t-\t%s\t%d\n", name, whole(r.Rate), r.Errors)
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", name, fine(r.CPU), coarse(r.Ratio), coarse(r.First50), coarse(r.First99), whole(r.Rate), r.Errors)
		}
		_ = w.Flush() // out is the terminal
	}
}

func (b *benchmark) printMemory(out io.Writer, names []string) {
	fmt.Fprintf(out, "\nResident memory, MB\n")
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "subject\tidle\twith %d slow streams\tof that not files\tafter the load\tstreams open at once\n", slowStreams)
	for _, name := range names {
		f := b.footprints[name]
		if f == nil {
			continue
		}
		note := ""
		if f.Failed > 0 {
			note = fmt.Sprintf(" (%d failed: %.80s)", f.Failed, f.Error)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%d%s\n", name, mb(f.IdleRSS), mb(f.StreamRSS), mb(f.StreamAnon), mb(f.AfterRSS), f.Streams, note)
	}
	_ = w.Flush() // out is the terminal
}

func (b *benchmark) printEvidence(out io.Writer, res result) {
	if len(res.Proofs) > 0 {
		fmt.Fprintln(out, "\nWhat Craton did besides:")
	}
	for _, p := range res.Proofs {
		fmt.Fprintf(out, "  %s: %d requests metered (%d as failed), %d tokens, %.2f USD, %d access log lines (%d dropped), %d metric series\n",
			p.Subject, p.Metered, p.Errors, p.Tokens, float64(p.Cost)/1e9, p.AccessLines, p.AccessDropped, p.Series)
	}
	if len(res.Proofs) > 0 {
		fmt.Fprintf(out, "  traces and metrics: %d exports, %d bytes\n", res.Exports.Exports, res.Exports.ExportBytes)
	}
	for _, s := range b.subjects {
		if s.skip != "" {
			fmt.Fprintf(out, "skipped: %s: %s\n", s.name, s.skip)
		}
	}
	for _, r := range res.Rows {
		if r.Errors > 0 {
			fmt.Fprintf(out, "errors: %s, %s: %d of %d: %.200s\n", r.Subject, r.Scenario, r.Errors, r.Requests+r.Errors, r.Error)
		}
	}
}

func mb(n int64) float64 { return float64(n) / (1 << 20) }

func fine(s spread) string { return fmt.Sprintf("%.3f [%.3f–%.3f]", s.Median, s.Min, s.Max) }

func coarse(s spread) string { return fmt.Sprintf("%.2f [%.2f–%.2f]", s.Median, s.Min, s.Max) }

func whole(s spread) string { return fmt.Sprintf("%.0f [%.0f–%.0f]", s.Median, s.Min, s.Max) }

// machine describes the machine in words.
func machine() string {
	name := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
