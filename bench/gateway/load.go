package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// job is what the load generator is asked for, as JSON on its standard input.
type job struct {
	Addr    string            `json:"addr"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
	// Clients run a closed loop each: the next request follows the last answer.
	Clients int           `json:"clients"`
	Warm    time.Duration `json:"warm"`
	// Length is how long is measured. 0 means one request per client, for
	// looking at streams while they are open.
	Length time.Duration `json:"length"`
	// Stagger spreads the clients' first requests over this long, so that
	// streams do not run in step.
	Stagger time.Duration `json:"stagger"`
	Timeout time.Duration `json:"timeout"`
}

// outcome is what it answers with.
type outcome struct {
	Requests int64         `json:"requests"`
	Errors   int64         `json:"errors"`
	Error    string        `json:"error,omitempty"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	First50  time.Duration `json:"first_p50_ns"`
	First99  time.Duration `json:"first_p99_ns"`
	Tokens   int64         `json:"tokens"`
	// MostOpen is how many streams were open at once.
	MostOpen int64 `json:"most_open,omitempty"`
}

// generator runs one job.
type generator struct {
	job
	measuring, stop atomic.Bool
	// open counts streams that have begun and not ended.
	open       atomic.Int64
	mu         sync.Mutex
	all        []reply
	errors     int64
	firstError string
}

// generate runs the job read from in. It writes one line "begin" when measuring
// begins, and one line of JSON the moment it ends, so that the reader can
// attribute processor time to exactly that window.
func generate(in io.Reader, out io.Writer) error {
	g := &generator{}
	if err := json.NewDecoder(in).Decode(&g.job); err != nil {
		return err
	}
	var done sync.WaitGroup
	for i := range g.Clients {
		done.Go(func() {
			time.Sleep(g.Stagger * time.Duration(i) / time.Duration(g.Clients))
			g.client()
		})
	}
	if g.Length == 0 {
		return g.watchStreams(&done, out)
	}
	time.Sleep(g.Warm)
	g.measuring.Store(true)
	start := time.Now()
	if _, err := fmt.Fprintln(out, "begin"); err != nil {
		return err
	}
	time.Sleep(g.Length)
	g.measuring.Store(false)
	o := g.sum(time.Since(start))
	if err := json.NewEncoder(out).Encode(o); err != nil {
		return err
	}
	g.stop.Store(true)
	done.Wait()
	return nil
}

// watchStreams opens one stream per client and sums up when they have ended.
func (g *generator) watchStreams(done *sync.WaitGroup, out io.Writer) error {
	g.stop.Store(true) // each client ends after its first answer
	g.measuring.Store(true)
	start := time.Now()
	if _, err := fmt.Fprintln(out, "begin"); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done.Wait()
	}()
	var most int64
	for {
		select {
		case <-ended:
			o := g.sum(time.Since(start))
			o.MostOpen = most
			return json.NewEncoder(out).Encode(o)
		case <-time.After(5 * time.Millisecond):
			most = max(most, g.open.Load())
		}
	}
}

// client is one closed loop.
func (g *generator) client() {
	c := &client{addr: g.Addr, request: httpRequest(g.Addr, g.Path, g.Headers, g.Body)}
	defer c.close()
	opened := func() { g.open.Add(1) }
	for {
		r, err := c.do(g.Timeout, opened)
		if r.tokens > 0 {
			g.open.Add(-1)
		}
		if err != nil {
			time.Sleep(5 * time.Millisecond) // a refusing subject must not turn into a busy loop
		}
		g.note(r, err)
		if g.stop.Load() {
			return
		}
	}
}

func (g *generator) note(r reply, err error) {
	if !g.measuring.Load() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.errors++
		if g.firstError == "" {
			g.firstError = err.Error()
		}
		return
	}
	g.all = append(g.all, r)
}

func (g *generator) sum(elapsed time.Duration) outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := outcome{Requests: int64(len(g.all)), Errors: g.errors, Error: g.firstError, Elapsed: elapsed}
	total := make([]time.Duration, 0, len(g.all))
	first := make([]time.Duration, 0, len(g.all))
	for _, r := range g.all {
		total, first = append(total, r.total), append(first, r.first)
		o.Tokens += int64(r.tokens)
	}
	o.P50, o.P99 = percentiles(total)
	o.First50, o.First99 = percentiles(first)
	return o
}

// percentiles returns the median and the 99th percentile; it sorts d.
func percentiles(d []time.Duration) (p50, p99 time.Duration) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	return d[len(d)/2], d[min(len(d)-1, len(d)*99/100)]
}
