package server

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/engine/llama"
)

func TestGovernorFollowsTheLoad(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	times := cpuTimes{cores: 4}
	g := &governor{most: 4, count: 3, now: func() time.Time { return now }, read: func() (cpuTimes, bool) { return times, true }}
	g.taken = now
	step := func(others, own float64) int {
		now = now.Add(time.Second)
		times.busy += others + own
		times.own += own
		return g.threads()
	}
	for _, c := range []struct {
		name        string
		others, own float64
		want        int
	}{
		{"idle machine", 0, 0, 4}, {"alone", 0.1, 4, 4}, {"one busy core", 1, 3, 3}, {"half a core", 0.5, 3, 3},
		{"all busy", 4, 1, 1}, {"more than all", 9, 0, 1}, {"idle again", 0, 1, 4},
	} {
		if got := step(c.others, c.own); got != c.want {
			t.Errorf("%s: %d threads, want %d", c.name, got, c.want)
		}
	}
	now = now.Add(time.Minute)
	times.busy += 1000
	if got := g.threads(); got != 4 {
		t.Errorf("after a pause: %d threads; what happened meanwhile says nothing", got)
	}
	g.read = func() (cpuTimes, bool) { return cpuTimes{}, false }
	if now = now.Add(time.Second); g.threads() != 4 {
		t.Error("without counters the number changed")
	}
}

// sameID reports whether two ids are the same, which they never are.
func sameID(next func() string) bool {
	first := next()
	return first == next()
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := Options{Library: "lib", Listen: "127.0.0.1:0", Token: "t", Models: []ModelSpec{{Name: "a", Path: "a.gguf"}}}
	if o, err := good.check(); err != nil || o.Threads < 1 || o.Queue != DefaultQueue || o.Now == nil || sameID(o.NewID) {
		t.Errorf("%+v, %v", o, err)
	}
	for want, change := range map[string]func(*Options){
		"Library":       func(o *Options) { o.Library = "" },
		"no models":     func(o *Options) { o.Models = nil },
		"Token":         func(o *Options) { o.Token = "" },
		"loopback":      func(o *Options) { o.Listen = "0.0.0.0:80" },
		"listen":        func(o *Options) { o.Listen = "nowhere" },
		"name of":       func(o *Options) { o.Models = append(o.Models, o.Models[0]) },
		"ContextTokens": func(o *Options) { o.Models = []ModelSpec{{Name: "a", Path: "b", ContextTokens: -1}} },
	} {
		o := good
		change(&o)
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	if err := Run(t.Context(), Options{Library: t.TempDir(), Listen: "127.0.0.1:0", Token: "t", Models: good.Models}); err == nil {
		t.Error("Run started without a library")
	}
}

func TestModelDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spec          ModelSpec
		trained       int
		size, several int
		fails         bool
	}{
		{ModelSpec{}, 2048, 2048, DefaultParallel, false},
		{ModelSpec{}, 131072, DefaultContextTokens, DefaultParallel, false},
		{ModelSpec{}, 0, DefaultContextTokens, DefaultParallel, false},
		{ModelSpec{ContextTokens: 100000, Parallel: 1}, 131072, 100000, 1, false},
		{ModelSpec{ContextTokens: 4096}, 2048, 0, 0, true},
	} {
		got, err := c.spec.withDefaults(c.trained)
		if (err != nil) != c.fails || err == nil && (got.ContextTokens != c.size || got.Parallel != c.several) {
			t.Errorf("%+v trained for %d: %+v, %v", c.spec, c.trained, got, err)
		}
	}
}

func TestLogprobs(t *testing.T) {
	t.Parallel()
	got := logprobsOf([]float32{0, float32(math.Log(3)), float32(math.Log(4)), float32(math.Inf(-1))}, 1, 2)
	if math.Abs(got.chosen-math.Log(3.0/8)) > 1e-6 || len(got.top) != 2 || got.top[0].token != 2 || got.top[1].token != 1 {
		t.Errorf("%+v", got)
	}
	if got := logprobsOf([]float32{1}, 0, 5); len(got.top) != 1 {
		t.Errorf("more alternatives than tokens: %+v", got)
	}
}

func TestStopper(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stops []string
		parts []string
		want  string
		hit   bool
	}{
		{nil, []string{"a", "b"}, "ab", false},
		{[]string{"END"}, []string{"aE", "N", "Dx"}, "a", true},
		{[]string{"END"}, []string{"aE", "N", "x"}, "aENx", false},
		{[]string{"xyz", "yz"}, []string{"axy", "z"}, "a", true},
		{[]string{"aab"}, []string{"a", "a", "a", "b"}, "a", true},
		{[]string{"END"}, []string{"EN"}, "EN", false},
	} {
		s := stopper{stops: c.stops}
		out, hit := "", false
		for _, p := range c.parts {
			if hit {
				break
			}
			var text string
			text, hit = s.add(p)
			out += text
		}
		if !hit {
			out += s.flush()
		}
		if out != c.want || hit != c.hit {
			t.Errorf("%v in %q: %q, %v", c.stops, c.parts, out, hit)
		}
	}
}

// fakeEmbedder answers the sum of a text's tokens.
type fakeEmbedder struct {
	sums    map[int32]float32
	batches int
	fail    error
}

func (f *fakeEmbedder) Decode(batch []llama.BatchToken) error {
	f.batches++
	f.sums = map[int32]float32{}
	for _, t := range batch {
		f.sums[t.Sequence] += float32(t.Token)
	}
	return f.fail
}

func (f *fakeEmbedder) SequenceEmbedding(seq int) []float32 {
	return []float32{f.sums[int32(seq)], 0}
}

func (f *fakeEmbedder) Remove(int, int32, int32) bool { return true }

func TestEmbedderGathers(t *testing.T) {
	t.Parallel()
	backend := &fakeEmbedder{}
	m := newEmbedder(backend, 10, 4, 16)
	var jobs []*embedJob
	for i := range 9 {
		j := &embedJob{ctx: t.Context(), tokens: []llama.Token{llama.Token(i), 1, 1}, result: make(chan embedResult, 1)}
		jobs = append(jobs, j)
		if err := m.submit(j); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { m.run(ctx); close(done) }()
	for i, j := range jobs {
		if r := <-j.result; r.err != nil || r.vector[0] != float32(i+2) {
			t.Errorf("text %d: %+v", i, r)
		}
	}
	cancel()
	<-done
	if backend.batches != 3 {
		t.Errorf("9 texts of 3 tokens took %d batches of 10 tokens, want 3", backend.batches)
	}
	if err := m.submit(&embedJob{ctx: t.Context()}); err != nil && !errors.Is(err, errStopped) {
		t.Errorf("submit after the end: %v", err)
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	two := 2
	if v := shorten([]float32{3, 4, 12}, &two); math.Abs(float64(v[0])-0.6) > 1e-6 || len(v) != 2 {
		t.Errorf("%v", v)
	}
	if v := shorten([]float32{0, 0}, nil); v[0] != 0 {
		t.Errorf("%v", v)
	}
	if got := packed([]float32{1}); got != "AACAPw==" {
		t.Errorf("packed %q", got)
	}
}

func TestFaultsAreNeverEmpty(t *testing.T) {
	t.Parallel()
	for _, err := range []error{errQueueFull, errStopped, io.ErrUnexpectedEOF, llama.ErrNoToken, context.Canceled, invalid("x", "y")} {
		f := faultOf(err)
		if f.status < 400 || f.message == "" || f.kind == "" || !strings.Contains(string(f.body()), `"message"`) {
			t.Errorf("%v became %+v", err, f)
		}
	}
}
