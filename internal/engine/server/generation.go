package server

import (
	"context"

	"github.com/craton-ai/craton/internal/engine/chat"
	"github.com/craton-ai/craton/internal/engine/llama"
)

// generation is one request's choices while they are generated. One goroutine
// reads all of them.
type generation struct {
	engine  *engine
	choices []*choiceState
	signal  chan struct{}
	prompt  int // tokens
}

// choiceState is the text side of one job.
type choiceState struct {
	index   int
	job     *job
	cancel  context.CancelFunc
	stream  llama.TextStream
	stopper stopper
	parser  *chat.Parser
	special bool // control tokens have text
	finish  string
	cached  int
	made    int // tokens that belong to the answer
	steps   []step
}

// plan is what a generation needs to start.
type plan struct {
	prompt   []llama.Token
	limit    int
	count    int
	sampling llama.SamplerParams
	trigger  *trigger
	stops    []string
	logprobs int
	parser   chat.ParserOptions
	special  bool
}

// start submits a job per choice. Cancelling ctx abandons them.
func (e *engine) start(ctx context.Context, p plan) (*generation, error) {
	g := &generation{engine: e, signal: make(chan struct{}, 1), prompt: len(p.prompt)}
	for i := range p.count {
		jobCtx, cancel := context.WithCancel(ctx)
		sampling := p.sampling
		sampling.Seed += uint32(i)
		j := &job{
			ctx: jobCtx, prompt: p.prompt, limit: p.limit, sampling: sampling, trigger: p.trigger,
			logprobs: p.logprobs, out: &mailbox{signal: g.signal},
		}
		if err := e.sched.submit(j); err != nil {
			cancel()
			g.abandon()
			return nil, err
		}
		g.choices = append(g.choices, &choiceState{
			index: i, job: j, cancel: cancel, stopper: stopper{stops: p.stops},
			parser: chat.NewParser(p.parser), special: p.special,
		})
	}
	return g, nil
}

// abandon ends all jobs that still run.
func (g *generation) abandon() {
	for _, c := range g.choices {
		c.cancel()
	}
}

// part is new output of a choice.
type part struct {
	choice *choiceState
	events []chat.Event
	steps  []step // the tokens of it, for logprobs
}

// each calls handle with every part, in order per choice, until all choices
// have finished.
func (g *generation) each(ctx context.Context, handle func(part) error) error {
	defer g.abandon()
	for running := len(g.choices); running > 0; {
		idle := true
		for _, c := range g.choices {
			if c.finish != "" {
				continue
			}
			steps, done := c.job.out.poll(c.steps[:0])
			c.steps = steps
			if len(steps) == 0 && done == nil {
				continue
			}
			idle = false
			if done != nil && done.err != nil {
				return done.err
			}
			p := c.digest(g.engine.words, steps, done)
			if c.finish != "" {
				running--
			}
			if err := handle(p); err != nil {
				return err
			}
		}
		if !idle {
			continue
		}
		select {
		case <-g.signal:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// digest turns tokens into events, and finishes the choice at a stop sequence or
// with its job.
func (c *choiceState) digest(words vocabulary, steps []step, done *outcome) part {
	p := part{choice: c}
	for i, s := range steps {
		c.made++
		text, stopped := c.stopper.add(c.stream.Add(words.Piece(s.token, c.special)))
		p.events = append(p.events, c.parser.Add(text)...)
		if stopped {
			p.steps = steps[:i+1]
			c.finish = finishStop
			c.cancel()
			break
		}
		p.steps = steps[:i+1]
	}
	if c.finish == "" && done != nil {
		text, stopped := c.stopper.add(c.stream.Flush())
		if !stopped {
			text += c.stopper.flush()
		}
		p.events = append(p.events, c.parser.Add(text)...)
		c.finish = done.finish
		if stopped {
			c.finish = finishStop
		}
	}
	if done != nil {
		c.cached = done.cached
	}
	if c.finish != "" {
		p.events = append(p.events, c.parser.Close()...)
	}
	return p
}

// usage counts a generation's tokens.
type usage struct {
	PromptTokens     int           `json:"prompt_tokens"`
	CompletionTokens int           `json:"completion_tokens"`
	TotalTokens      int           `json:"total_tokens"`
	PromptDetails    promptDetails `json:"prompt_tokens_details"`
}

type promptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// usage is complete once each has returned. The prompt counts once, as does
// what the first choice found of it.
func (g *generation) usage() usage {
	u := usage{PromptTokens: g.prompt, PromptDetails: promptDetails{g.choices[0].cached}}
	for _, c := range g.choices {
		u.CompletionTokens += c.made
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}
