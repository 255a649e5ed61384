//go:build unix

// Command engine measures what the built-in engine's HTTP server costs beside
// the library it stands on. In one run, and in turns so that a busy machine
// disturbs both alike, it generates the same number of tokens from the same
// prompt by driving the llama package directly in a tight loop, and through the
// server with a streamed request, and prints tokens per second, processor time
// per token and their ratios.
//
//	go run ./bench/engine -lib DIR -model FILE.gguf
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/craton-ai/craton/internal/engine/server"
)

const (
	token  = "bench"
	prompt = "The history of the sea is long. Once upon a time, a ship left the harbour and"
)

type settings struct {
	lib, model     string
	tokens, rounds int
	threads        int
	streams        int
}

// sample is the cost of one generation's decoding, prompt excluded.
type sample struct {
	wall, cpu time.Duration
	tokens    int
}

func main() {
	var s settings
	flag.StringVar(&s.lib, "lib", os.Getenv("CRATON_TEST_ENGINE_LIB"), "directory of the llama.cpp libraries")
	flag.StringVar(&s.model, "model", os.Getenv("CRATON_TEST_ENGINE_MODEL"), "GGUF file")
	flag.IntVar(&s.tokens, "tokens", 128, "tokens per generation")
	flag.IntVar(&s.rounds, "rounds", 9, "generations of each kind")
	flag.IntVar(&s.threads, "threads", 1, "computing threads")
	flag.IntVar(&s.streams, "streams", 4, "requests at once in the batching measurement")
	flag.Parse()
	if err := run(context.Background(), s); err != nil {
		fmt.Fprintln(os.Stderr, "bench/engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	if s.lib == "" || s.model == "" {
		return errors.New("give -lib and -model, or CRATON_TEST_ENGINE_LIB and CRATON_TEST_ENGINE_MODEL")
	}
	model, c, err := openDirect(s)
	if err != nil {
		return err
	}
	defer func() { c.Close(); model.Close() }()
	p := params(model)
	ctx, cancel := context.WithCancel(ctx)
	url, done, err := startServer(ctx, s)
	if err != nil {
		cancel()
		return err
	}
	defer func() { cancel(); <-done }()
	var alone, served, together []sample
	for round := range s.rounds + 1 {
		a, err := generate(model, c, p, s.tokens)
		if err != nil {
			return err
		}
		b, err := request(ctx, url, p, s.tokens)
		if err != nil {
			return err
		}
		c, err := several(ctx, url, p, s)
		if err != nil {
			return err
		}
		if round > 0 { // the first warms caches
			alone, served, together = append(alone, a), append(served, b), append(together, c)
		}
	}
	report(s, alone, served, together)
	return nil
}

// openDirect loads what is driven with nothing in between.
func openDirect(s settings) (*llama.Model, *llama.Context, error) {
	lib, err := llama.Load(s.lib)
	if err != nil {
		return nil, nil, err
	}
	model, err := lib.OpenModel(s.model, llama.ModelParams{GPULayers: -1})
	if err != nil {
		return nil, nil, err
	}
	c, err := model.NewContext(llama.ContextParams{ContextTokens: 1024, Sequences: 1, Threads: s.threads})
	if err != nil {
		model.Close()
		return nil, nil, err
	}
	return model, c, nil
}

// params are what the server is asked for, too. Ends are barred so that every
// generation has the same length.
func params(model *llama.Model) llama.SamplerParams {
	p := llama.SamplerParams{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, Seed: 1}
	for _, t := range []llama.Token{model.Info().EOS, model.Info().EOT} {
		if t != llama.NoToken {
			p.Bias = append(p.Bias, llama.LogitBias{Token: t, Bias: -100})
		}
	}
	return p
}

func generate(model *llama.Model, c *llama.Context, p llama.SamplerParams, n int) (sample, error) {
	c.Remove(0, -1, -1)
	tokens, err := model.Tokenize(prompt, llama.TokenizeOptions{AddSpecial: model.Info().AddBOS})
	if err != nil {
		return sample{}, err
	}
	var batch []llama.BatchToken
	for i, t := range tokens {
		batch = append(batch, llama.BatchToken{Token: t, Position: int32(i), Output: i == len(tokens)-1})
	}
	if err := c.Decode(batch); err != nil {
		return sample{}, err
	}
	sampler, err := model.NewSampler(p)
	if err != nil {
		return sample{}, err
	}
	defer sampler.Close()
	next, err := sampler.Sample(c, len(batch)-1)
	if err != nil {
		return sample{}, err
	}
	start, cpu, made := time.Now(), cpuTime(), 0
	for made < n-1 {
		one := []llama.BatchToken{{Token: next, Position: int32(len(tokens) + made), Output: true}}
		if err := c.Decode(one); err != nil {
			return sample{}, err
		}
		if next, err = sampler.Sample(c, 0); err != nil {
			return sample{}, err
		}
		made++
	}
	return sample{time.Since(start), cpuTime() - cpu, made}, nil
}

func startServer(ctx context.Context, s settings) (string, chan error, error) {
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- server.Run(ctx, server.Options{
			Library: s.lib, Listen: "127.0.0.1:0", Token: token, Threads: s.threads,
			Models: []server.ModelSpec{{Name: "m", Path: s.model, ContextTokens: 1024, Parallel: s.streams}},
			Ready:  func(addr string) { ready <- addr },
		})
	}()
	select {
	case addr := <-ready:
		return "http://" + addr, done, nil
	case err := <-done:
		return "", nil, cmp.Or(err, errors.New("the server ended at once"))
	}
}

// request streams one generation and counts from its first token to its last.
func request(ctx context.Context, url string, p llama.SamplerParams, n int) (sample, error) {
	bias := make([]string, len(p.Bias))
	for i, b := range p.Bias {
		bias[i] = fmt.Sprintf("%q:%g", fmt.Sprint(b.Token), b.Bias)
	}
	body := fmt.Sprintf(`{"prompt":%q,"max_tokens":%d,"stream":true,"seed":%d,"temperature":%g,"top_k":%d,"top_p":%g,"min_p":%g,"logit_bias":{%s}}`,
		prompt, n, p.Seed, p.Temperature, p.TopK, p.TopP, p.MinP, strings.Join(bias, ","))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions", strings.NewReader(body))
	if err != nil {
		return sample{}, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return sample{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return sample{}, fmt.Errorf("%s: %s", response.Status, text)
	}
	var start time.Time
	var cpu time.Duration
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: {") && start.IsZero() {
			start, cpu = time.Now(), cpuTime()
		}
		if lines.Text() == "data: [DONE]" {
			return sample{time.Since(start), cpuTime() - cpu, n - 1}, nil
		}
	}
	return sample{}, errors.Join(lines.Err(), errors.New("the stream ended early"))
}

// several streams generations at once and counts their tokens together.
func several(ctx context.Context, url string, p llama.SamplerParams, s settings) (sample, error) {
	start, cpu := time.Now(), cpuTime()
	results := make(chan error, s.streams)
	for i := range s.streams {
		own := p
		own.Seed += uint32(i)
		go func() {
			_, err := request(ctx, url, own, s.tokens)
			results <- err
		}()
	}
	var err error
	for range s.streams {
		err = errors.Join(err, <-results)
	}
	return sample{time.Since(start), cpuTime() - cpu, s.streams * s.tokens}, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(s settings, alone, served, together []sample) {
	fmt.Printf("%d generations of %d tokens each, %d thread(s), median (best)\n", s.rounds, s.tokens, s.threads)
	rate := func(v sample) float64 { return float64(v.tokens) / v.wall.Seconds() }
	work := func(v sample) float64 { return float64(v.tokens) / v.cpu.Seconds() }
	for _, line := range []struct {
		name  string
		value func(sample) float64
	}{{"tokens per second", rate}, {"tokens per CPU second", work}} {
		a, aBest := summary(alone, line.value)
		b, bBest := summary(served, line.value)
		c, cBest := summary(together, line.value)
		fmt.Printf("%-22s library %7.1f (%7.1f)   server %7.1f (%7.1f)   ratio %.3f (%.3f)   %d streams %7.1f (%7.1f)\n",
			line.name, a, aBest, b, bBest, b/a, bBest/aBest, s.streams, c, cBest)
	}
}

func summary(samples []sample, value func(sample) float64) (median, best float64) {
	values := make([]float64, len(samples))
	for i, v := range samples {
		values[i] = value(v)
	}
	slices.Sort(values)
	return values[len(values)/2], values[len(values)-1]
}
