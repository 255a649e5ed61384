package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/craton-ai/craton/internal/engine/llama"
)

// rig is a scheduler on a fake backend, running until the test ends.
type rig struct {
	*scheduler
	backend *fakeBackend
	stop    func()
}

var defaultLimits = limits{parallel: 2, context: 200, batch: 64, chunk: 8, queue: 4, partial: true}

func newRig(t *testing.T, l limits, b *fakeBackend) *rig {
	t.Helper()
	r := &rig{scheduler: newScheduler(b, fakeWords{}, l), backend: b}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	r.stop = func() { cancel(); running.Wait() }
	t.Cleanup(r.stop)
	return r
}

// shout answers a prompt by its last word, in capitals.
func shout(prompt string) string {
	words := strings.Fields(strings.TrimSuffix(prompt, ">"))
	if len(words) == 0 {
		return ""
	}
	return strings.ToUpper(words[len(words)-1])
}

func newJob(ctx context.Context, prompt string) *job {
	tokens, _ := fakeWords{}.Tokenize(prompt, llama.TokenizeOptions{})
	return &job{ctx: ctx, prompt: tokens, limit: 100, logprobs: -1, out: &mailbox{signal: make(chan struct{}, 1)}}
}

// wait reads a job to its end.
func (j *job) wait() (string, outcome) {
	var text strings.Builder
	for {
		steps, done := j.out.poll(nil)
		for _, s := range steps {
			text.WriteByte(byte(s.token))
		}
		if done != nil {
			return text.String(), *done
		}
		<-j.out.signal
	}
}

func (r *rig) ask(t *testing.T, prompt string) (string, outcome) {
	t.Helper()
	j := newJob(t.Context(), prompt)
	if err := r.submit(j); err != nil {
		t.Fatal(err)
	}
	return j.wait()
}

func TestSchedulerAnswersAndReusesTurns(t *testing.T) {
	t.Parallel()
	r := newRig(t, defaultLimits, newFakeBackend(t, answers(">", shout)))
	text, done := r.ask(t, "say hello>")
	if text != "HELLO" || done.finish != finishStop || done.cached != 0 || done.err != nil {
		t.Fatalf("%q %+v", text, done)
	}
	text, done = r.ask(t, "say hello>HELLO and bye>")
	// The last token of the answer was sampled but never computed.
	if text != "BYE" || done.cached != len("say hello>HELLO") {
		t.Errorf("the next turn: %q, %d cached", text, done.cached)
	}
	text, done = r.ask(t, "say hello>HELLO and more>")
	if text != "MORE" || done.cached != len("say hello>HELLO and ") {
		t.Errorf("a branch: %q, %d cached", text, done.cached)
	}
	if _, done = r.ask(t, "say hello>"); done.cached != len("say hello>")-1 {
		t.Errorf("the same prompt again: %d cached", done.cached)
	}
	r.stop()
	if r.backend.opened != r.backend.closed {
		t.Errorf("%d samplers opened, %d closed", r.backend.opened, r.backend.closed)
	}
}

func TestSchedulerKeepsOtherConversations(t *testing.T) {
	t.Parallel()
	r := newRig(t, defaultLimits, newFakeBackend(t, answers(">", shout)))
	long := strings.Repeat("system ", 6)
	r.ask(t, long+"first conversation one>")
	_, done := r.ask(t, long+"other two>")
	if done.cached != len(long) {
		t.Errorf("the shared beginning was not copied: %d cached, want %d", done.cached, len(long))
	}
	if _, done = r.ask(t, long+"first conversation one>ONE then three>"); done.cached < len(long+"first conversation one>") {
		t.Errorf("the first conversation lost its state: %d cached", done.cached)
	}
}

func TestSchedulerBatchesAndChunks(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", func(string) string { return strings.Repeat("x", 60) }))
	b.gate = make(chan struct{})
	r := newRig(t, defaultLimits, b)
	one := newJob(t.Context(), "a>")
	if err := r.submit(one); err != nil {
		t.Fatal(err)
	}
	b.gate <- struct{}{} // reads the first prompt
	two := newJob(t.Context(), strings.Repeat("b", 40)+">")
	if err := r.submit(two); err != nil {
		t.Fatal(err)
	}
	close(b.gate)
	if text, _ := one.wait(); len(text) != 60 {
		t.Errorf("%d tokens", len(text))
	}
	if text, _ := two.wait(); len(text) != 60 {
		t.Errorf("%d tokens", len(text))
	}
	r.stop()
	together, largest := 0, 0
	for _, batch := range b.batches[1:] {
		seqs := map[int32]bool{}
		for _, token := range batch {
			seqs[token.Sequence] = true
		}
		if len(seqs) == 2 {
			together++
			largest = max(largest, len(batch))
		}
	}
	if together < 50 || largest != 1+defaultLimits.chunk {
		t.Errorf("%d batches served both; the largest had %d tokens, want %d", together, largest, 1+defaultLimits.chunk)
	}
}

func TestSchedulerReadsACommonPrefixOnce(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", shout))
	b.gate = make(chan struct{})
	r := newRig(t, limits{parallel: 3, context: 400, batch: 64, chunk: 64, queue: 4, partial: true}, b)
	prompt := strings.Repeat("p", 150) + " word>"
	jobs := make([]*job, 3)
	for i := range jobs {
		jobs[i] = newJob(t.Context(), prompt)
		if err := r.submit(jobs[i]); err != nil {
			t.Fatal(err)
		}
	}
	close(b.gate)
	cached := 0
	for _, j := range jobs {
		text, done := j.wait()
		if text != "WORD" {
			t.Errorf("%q", text)
		}
		cached += done.cached
	}
	if want := 2 * (len(prompt) - 1 - worthWaiting); cached < want {
		t.Errorf("%d tokens of the common prompt were reused, want %d", cached, want)
	}
}

func TestSchedulerLimits(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", func(string) string { return strings.Repeat("x", 1000) }))
	r := newRig(t, defaultLimits, b)
	text, done := r.ask(t, "go>")
	if len(text) != 100 || done.finish != finishLength {
		t.Errorf("job limit: %d tokens, %s", len(text), done.finish)
	}
	text, done = r.ask(t, strings.Repeat("y", 150)+">")
	if len(text) != 49+1-1 || done.finish != finishLength {
		t.Errorf("context limit: %d tokens, %s", len(text), done.finish)
	}
}

func TestSchedulerQueueAndCancel(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", func(string) string { return strings.Repeat("x", 50) }))
	b.gate = make(chan struct{})
	l := defaultLimits
	l.parallel, l.queue = 1, 2
	r := newRig(t, l, b)
	ctx, cancel := context.WithCancel(t.Context())
	jobs := make([]*job, 3)
	for i := range jobs {
		jobs[i] = newJob(ctx, fmt.Sprintf("%d>", i))
		if i == 2 {
			jobs[i] = newJob(t.Context(), "2>")
		}
		if err := r.submit(jobs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.submit(newJob(t.Context(), "3>")); !errors.Is(err, errQueueFull) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	close(b.gate)
	for _, j := range jobs[:2] {
		if _, done := j.wait(); !errors.Is(done.err, context.Canceled) {
			t.Errorf("a cancelled job ended with %+v", done)
		}
	}
	if text, done := jobs[2].wait(); len(text) != 50 || done.err != nil {
		t.Errorf("the job behind them: %d tokens, %+v", len(text), done)
	}
	if _, done := r.ask(t, "again>"); done.err != nil {
		t.Errorf("the places in the queue were not given back: %+v", done)
	}
}

func TestSchedulerSurvivesFailure(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", shout))
	r := newRig(t, defaultLimits, b)
	b.mu.Lock()
	b.fail = errors.New("broken")
	b.mu.Unlock()
	if _, done := r.ask(t, "say a>"); done.err == nil {
		t.Error("a failed decode gave no error")
	}
	if text, done := r.ask(t, "say a>"); text != "A" || done.cached != 0 {
		t.Errorf("after a failure: %q, %d cached", text, done.cached)
	}
	j := newJob(t.Context(), "x>")
	j.sampling.Grammar = "broken"
	if err := r.submit(j); err != nil {
		t.Fatal(err)
	}
	if _, done := j.wait(); done.err == nil {
		t.Error("a broken grammar gave no error")
	}
}

func TestSchedulerGivesUpIdleStates(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", shout))
	b.cells = 100
	r := newRig(t, defaultLimits, b)
	r.ask(t, strings.Repeat("a", 70)+" one>")
	text, done := r.ask(t, strings.Repeat("b", 70)+" two>")
	if text != "TWO" || done.err != nil {
		t.Errorf("%q %+v", text, done)
	}
	if _, done = r.ask(t, strings.Repeat("c", 120)+" three>"); !errors.Is(done.err, llama.ErrNoSpace) {
		t.Errorf("what fits nowhere: %+v", done)
	}
}

func TestSchedulerRecurrent(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", shout))
	b.partial = false
	l := defaultLimits
	l.partial = false
	r := newRig(t, l, b)
	r.ask(t, "say hello>")
	if _, done := r.ask(t, "say hello>HELLO and bye>"); done.cached != len("say hello>HELLO") {
		t.Errorf("a whole state is reusable: %d cached", done.cached)
	}
	if text, done := r.ask(t, "say hello>other>"); text == "" || done.cached != 0 {
		t.Errorf("a part of a state is not: %d cached", done.cached)
	}
}

func TestSchedulerStop(t *testing.T) {
	t.Parallel()
	b := newFakeBackend(t, answers(">", func(string) string { return strings.Repeat("x", 90) }))
	b.gate = make(chan struct{}, 1)
	l := defaultLimits
	l.parallel = 1
	r := newRig(t, l, b)
	jobs := []*job{newJob(t.Context(), "a>"), newJob(t.Context(), "b>")}
	for _, j := range jobs {
		if err := r.submit(j); err != nil {
			t.Fatal(err)
		}
	}
	b.gate <- struct{}{}
	go func() { b.gate <- struct{}{}; close(b.gate) }()
	r.stop()
	for _, j := range jobs {
		if _, done := j.wait(); !errors.Is(done.err, errStopped) && done.finish != finishLength && done.finish != finishStop {
			t.Errorf("a job ended with %+v", done)
		}
	}
	if err := r.submit(newJob(t.Context(), "c>")); !errors.Is(err, errStopped) {
		t.Errorf("submit after the end: %v", err)
	}
}

// TestSchedulerIsInvisible: whatever is batched, shared, copied or cancelled,
// each job gets the answer to its own prompt.
func TestSchedulerIsInvisible(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newFakeBackend(t, answers(">", shout))
		r := newRig(t, limits{parallel: 1 + int(seed%4), context: 300, batch: 64, chunk: 1 + rng.IntN(20), queue: 400, partial: seed%3 != 2}, b)
		b.partial = seed%3 != 2
		prompts := []string{strings.Repeat("common ", 12)}
		var running sync.WaitGroup
		for i := range 150 {
			base := prompts[rng.IntN(len(prompts))]
			prompt := base[:rng.IntN(len(base)+1)] + fmt.Sprintf(" word%d>", i)
			if len(prompt) < 200 {
				prompts = append(prompts, prompt)
			}
			prompt = prompt[max(0, len(prompt)-220):]
			ctx, cancel := context.WithCancel(t.Context())
			j := newJob(ctx, prompt)
			if err := r.submit(j); err != nil {
				t.Fatal(err)
			}
			giveUp := rng.IntN(5) == 0
			running.Go(func() {
				defer cancel()
				if giveUp {
					cancel()
				}
				text, done := j.wait()
				if done.err != nil && !(giveUp && errors.Is(done.err, context.Canceled)) {
					t.Errorf("%q: %v", prompt, done.err)
				}
				if done.err == nil && text != shout(prompt) {
					t.Errorf("%q was answered %q", prompt, text)
				}
			})
		}
		running.Wait()
		r.stop()
	}
}
