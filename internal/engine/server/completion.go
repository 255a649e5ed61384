package server

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/engine/llama"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// completionRequest is the body of OpenAI's create completion: text is continued
// as it stands, without a chat template.
type completionRequest struct {
	samplingRequest
	Model    string    `json:"model"`
	Prompt   rawPrompt `json:"prompt"`
	Echo     bool      `json:"echo"`
	Logprobs *int      `json:"logprobs"`
	Grammar  string    `json:"grammar"`
}

// rawPrompt is text or tokens.
type rawPrompt struct {
	text   string
	tokens []llama.Token
	given  bool
}

// UnmarshalJSONFrom reads a string, a list of tokens, or a list of one string.
func (p *rawPrompt) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	p.given = true
	if in.PeekKind() == '"' {
		return json.UnmarshalDecode(in, &p.text)
	}
	var list []jsontext.Value
	if err := json.UnmarshalDecode(in, &list); err != nil {
		return err
	}
	if len(list) == 1 && list[0].Kind() == '"' {
		return json.Unmarshal(list[0], &p.text)
	}
	for _, item := range list {
		var t int32
		if err := json.Unmarshal(item, &t); err != nil {
			return unsupported("prompt", "prompt is a list of several prompts; send one per request.")
		}
		p.tokens = append(p.tokens, llama.Token(t))
	}
	return nil
}

type completionAnswer struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   jsontext.Value     `json:"usage,omitzero"`
}

type completionChoice struct {
	Text         string              `json:"text"`
	Index        int                 `json:"index"`
	Logprobs     *completionLogprobs `json:"logprobs"`
	FinishReason *string             `json:"finish_reason"`
}

type completionLogprobs struct {
	Tokens        []string             `json:"tokens"`
	TokenLogprobs []float64            `json:"token_logprobs"`
	TopLogprobs   []map[string]float64 `json:"top_logprobs"`
	TextOffset    []int                `json:"text_offset"`
}

func (a *api) planCompletion(e *engine, q *completionRequest) (p plan, err error) {
	switch {
	case !q.Prompt.given:
		return p, invalid("prompt", "prompt is missing.")
	case q.Echo:
		return p, unsupported("echo", "echo is not supported by this engine; put the prompt before the answer yourself.")
	}
	for _, t := range q.Prompt.tokens {
		if t < 0 || int(t) >= e.info.Vocabulary {
			return p, invalid("prompt", "prompt names token %d; this model's tokens are 0 to %d.", t, e.info.Vocabulary-1)
		}
	}
	p.prompt = q.Prompt.tokens
	if p.prompt == nil {
		if p.prompt, err = e.tokens(q.Prompt.text, e.info.AddBOS, true); err != nil {
			return p, err
		}
	}
	if len(p.prompt) == 0 {
		return p, invalid("prompt", "prompt is empty; send at least one token.")
	}
	if p.count, err = q.choices(); err != nil {
		return p, err
	}
	if p.sampling, err = q.params(e.defaults, e.info.Vocabulary, a.options.Seed); err != nil {
		return p, err
	}
	if p.limit, err = e.room(len(p.prompt), q.MaxTokens); err != nil {
		return p, err
	}
	p.logprobs = -1
	if q.Logprobs != nil {
		if p.logprobs = *q.Logprobs; p.logprobs < 0 || p.logprobs > maxAlternatives {
			return p, invalid("logprobs", "logprobs is %d; it must lie between 0 and %d.", p.logprobs, maxAlternatives)
		}
	}
	p.sampling.Grammar, p.stops = q.Grammar, q.Stop
	p.parser.Plain = true
	return p, nil
}

func (a *api) complete(w http.ResponseWriter, r *http.Request) error {
	var q completionRequest
	if err := read(r, &q); err != nil {
		return err
	}
	e, err := a.findText(q.Model)
	if err != nil {
		return err
	}
	p, err := a.planCompletion(e, &q)
	if err != nil {
		return err
	}
	g, err := e.start(r.Context(), p)
	if err != nil {
		return err
	}
	answer := completionAnswer{ID: "cmpl-" + a.options.NewID(), Object: "text_completion", Created: a.options.Now().Unix(), Model: e.spec.Name}
	if q.Stream {
		return streamCompletion(w, r, g, answer, q.wantsUsage())
	}
	texts := make([]strings.Builder, len(g.choices))
	answer.Choices = make([]completionChoice, len(g.choices))
	err = g.each(r.Context(), func(p part) error {
		c := &answer.Choices[p.choice.index]
		c.Logprobs = g.oldLogprobs(c.Logprobs, p.steps)
		for _, event := range p.events {
			texts[p.choice.index].WriteString(event.Text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range g.choices {
		answer.Choices[i].Index, answer.Choices[i].Text = i, texts[i].String()
		answer.Choices[i].FinishReason = c.finishReason()
	}
	answer.Usage = encode(g.usage())
	return reply(w, answer)
}

func streamCompletion(w http.ResponseWriter, r *http.Request, g *generation, answer completionAnswer, withUsage bool) error {
	out := newEventStream(w)
	if withUsage {
		answer.Usage = null
	}
	err := g.each(r.Context(), func(p part) error {
		c := completionChoice{Index: p.choice.index, Logprobs: g.oldLogprobs(nil, p.steps)}
		for _, event := range p.events {
			c.Text += event.Text
		}
		if p.choice.finish != "" {
			c.FinishReason = p.choice.finishReason()
		}
		if c.Text != "" || c.Logprobs != nil || c.FinishReason != nil {
			answer.Choices = []completionChoice{c}
			out.send(encode(answer))
			out.flush()
		}
		return out.err
	})
	if err != nil {
		return out.fail(err)
	}
	if withUsage {
		answer.Choices, answer.Usage = []completionChoice{}, encode(g.usage())
		out.send(encode(answer))
	}
	out.done()
	return nil
}

// oldLogprobs adds steps in the completions API's own form.
func (g *generation) oldLogprobs(to *completionLogprobs, steps []step) *completionLogprobs {
	for _, s := range g.logprobs(steps) {
		if to == nil {
			to = &completionLogprobs{}
		}
		offset := 0
		if n := len(to.TextOffset); n > 0 {
			offset = to.TextOffset[n-1] + len(to.Tokens[n-1])
		}
		top := map[string]float64{}
		for _, t := range s.Top {
			top[t.Token] = t.Logprob
		}
		to.Tokens = append(to.Tokens, s.Token)
		to.TokenLogprobs = append(to.TokenLogprobs, s.Logprob)
		to.TopLogprobs = append(to.TopLogprobs, top)
		to.TextOffset = append(to.TextOffset, offset)
	}
	return to
}
