package script

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/model"
)

// step is one event with the pause before it, or the error that ends the stream.
type step struct {
	pause time.Duration
	event model.Event
	err   error
}

// stream plays steps. Next waits by the model's clock and ends with the context.
type stream struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   func(context.Context, time.Duration) error
	steps  []step
	losses []model.Loss
}

// Losses implements [model.Lossy].
func (s *stream) Losses() []model.Loss { return s.losses }

func (s *stream) Next() (model.Event, error) {
	if err := s.ctx.Err(); err != nil {
		return model.Event{}, model.AsError(err)
	}
	if len(s.steps) == 0 {
		return model.Event{}, io.EOF
	}
	next := s.steps[0]
	if next.pause > 0 {
		if err := s.wait(s.ctx, next.pause); err != nil {
			return model.Event{}, model.AsError(err)
		}
	}
	s.steps = s.steps[1:]
	if next.err != nil {
		s.steps = nil
	}
	return next.event, next.err
}

func (s *stream) Close() error {
	s.cancel()
	return nil
}

// writer lays an answer out as steps, within the request's limits.
type writer struct {
	req    *model.Request
	delay  time.Duration
	fail   error
	after  int // tokens before fail; meaningless when fail is nil
	steps  []step
	used   int64 // output tokens so far, of all choices
	thinks int64 // those of them that were thinking
	failed bool
}

// choice writes one answer and returns why it ended.
func (w *writer) choice(n int, a *answer) {
	stop, sequence := a.stop, ""
	left := int64(math.MaxInt64)
	if w.req.MaxTokens != nil {
		left = int64(*w.req.MaxTokens)
	}
	for i, p := range a.parts {
		if left == 0 {
			stop = model.StopMaxTokens
			break
		}
		text, head := split(p)
		pieces := chunks(text)
		var hit string
		if _, ok := p.(*model.Text); ok {
			pieces, hit = untilStop(pieces, w.req.Stop)
		}
		cut := int64(len(pieces)) > left
		if cut {
			pieces, hit = pieces[:left], ""
		}
		left -= int64(len(pieces))
		w.part(n, i, head, pieces, p)
		if w.failed {
			return
		}
		if cut {
			stop = model.StopMaxTokens
			break
		}
		if hit != "" {
			stop, sequence = model.StopSequence, hit
			break
		}
	}
	w.add(model.Event{Kind: model.EventStop, Choice: n, Stop: stop, StopSequence: sequence})
}

// split returns the text of a part that streams, and the part without it.
func split(p model.Part) (string, model.Part) {
	switch p := p.(type) {
	case *model.Text:
		return p.Text, &model.Text{}
	case *model.Reasoning:
		return p.Text, &model.Reasoning{}
	case *model.ToolCall:
		head := *p
		head.Arguments = ""
		return p.Arguments, &head
	}
	return "", p
}

func (w *writer) part(n, i int, head model.Part, pieces []string, whole model.Part) {
	w.add(model.Event{Kind: model.EventPartStart, Choice: n, Index: i, Part: head})
	r, isThought := whole.(*model.Reasoning)
	_, isText := whole.(*model.Text)
	for _, piece := range pieces {
		if w.fail != nil && w.used >= int64(w.after) {
			w.steps, w.failed = append(w.steps, step{err: w.fail}), true
			return
		}
		ev := model.Event{Kind: model.EventDelta, Choice: n, Index: i, Text: piece}
		if w.req.Logprobs && isText {
			ev.Logprobs = []model.TokenLogprob{w.logprob(piece)}
		}
		w.steps = append(w.steps, step{pause: w.delay, event: ev})
		w.used++
		if isThought {
			w.thinks++
		}
	}
	if isThought {
		w.add(model.Event{Kind: model.EventDelta, Choice: n, Index: i, Signature: r.Signature})
	}
	w.add(model.Event{Kind: model.EventPartStop, Choice: n, Index: i})
}

func (w *writer) add(ev model.Event) { w.steps = append(w.steps, step{event: ev}) }

// logprob makes a token's log probability, between -1 and 0, and those of its
// alternatives, each less likely, out of the token's hash.
func (w *writer) logprob(token string) model.TokenLogprob {
	h := fnv.New32a()
	_, _ = io.WriteString(h, token)
	lp := model.TokenLogprob{Token: token, Bytes: []byte(token), Logprob: -float64(h.Sum32()%1000) / 1000}
	if w.req.TopLogprobs == nil {
		return lp
	}
	for i := range *w.req.TopLogprobs {
		alt := token
		if i > 0 {
			alt = fmt.Sprintf("%s%d", token, i)
		}
		lp.Top = append(lp.Top, model.TokenLogprob{Token: alt, Bytes: []byte(alt), Logprob: lp.Logprob - float64(i)})
	}
	return lp
}

// untilStop cuts the text before the first stop sequence in it and returns
// which one that was.
func untilStop(pieces []string, stops []string) ([]string, string) {
	text := strings.Join(pieces, "")
	at, hit := len(text), ""
	for _, s := range stops {
		if i := strings.Index(text, s); s != "" && i >= 0 && i < at {
			at, hit = i, s
		}
	}
	if hit == "" {
		return pieces, ""
	}
	return chunks(text[:at]), hit
}
