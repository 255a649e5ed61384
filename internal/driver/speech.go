package driver

import (
	"context"
	"errors"
	"io"

	"github.com/craton-ai/craton/internal/agent"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/session"
)

// speech is one call of a model: it hands what is said to readers while it is
// said, and keeps it for the journal.
type speech struct {
	a         *actor
	run       agent.Run
	on        *record // nothing is said before it stands
	stream    *session.Stream
	collector model.Collector
	layout    agent.Layout
	places    map[int]agent.Place // by the model's part index
	kinds     map[int]model.Part
	begun     map[agent.Place]bool
	err       error // of the buffer: the owner is fenced
	// rest was not written yet: it goes with the outcome.
	rest    []session.Delta
	shorten bool // drop old context that does not fit
	capped  bool // the session's limit bounds the answer
	past    agent.Spending
}

func newSpeech(a *actor, run agent.Run) *speech {
	return &speech{a: a, run: run, places: map[int]agent.Place{}, kinds: map[int]model.Part{}, begun: map[agent.Place]bool{},
		stream: session.NewStream(a.ctx, a.d.config.Store.Buffer, a.head, run.Seq, 1, a.d.config.Keep)}
}

// listen asks the model and hears it out.
func (s *speech) listen(ctx context.Context, who Asker, req *model.Request) agent.Body {
	answer, err := s.ask(ctx, who, req)
	if err != nil {
		s.err = s.stream.Close() // nothing was said
		if stopped(ctx) {
			used := agent.Cut(model.Usage{}, s.run.Input, 0)
			return s.interrupted(ctx, used, nil, s.a.guess(ctx, who, req.Model, used, s.past))
		}
		return modelFailed(s.run, err, nil)
	}
	stop := context.AfterFunc(ctx, func() { answer.Stream.Close() })
	defer stop()
	err = s.hear(answer.Stream)
	answer.Stream.Close()
	var closed error
	if s.rest, closed = s.stream.Rest(); closed != nil && s.err == nil {
		s.err = closed
	}
	resp := s.collector.Response()
	if s.err != nil {
		s.a.log.Debug("deltas were not kept", "err", s.err)
		if errors.Is(s.err, session.ErrFenced) {
			return nil
		}
	}
	var message model.Message
	stop2 := model.StopReason("")
	if len(resp.Choices) > 0 {
		message, stop2 = resp.Choices[0].Message, resp.Choices[0].Stop
	}
	if err == nil && agent.Lay(message.Parts).Count == 0 {
		// An answer without a word is one still: readers are shown an empty message.
		message = model.Message{Role: model.RoleAssistant, Parts: append(message.Parts, &model.Text{})}
	}
	used := resp.Usage
	if err != nil || stopped(ctx) {
		used = agent.Cut(used, s.run.Input, agent.Said(message.Parts))
	}
	switch cost := price(answer, used); {
	case stopped(ctx):
		return s.interrupted(ctx, used, visible(message.Parts), cost)
	case err != nil:
		failed := modelFailed(s.run, err, visible(message.Parts))
		failed.Usage, failed.Cost = used, cost
		return failed
	}
	return &agent.ModelAnswered{Call: s.run.Seq, Thread: s.run.Thread, Turn: s.run.Turn, Base: s.run.Base, Message: message,
		Stop: stop2, Model: answer.Model, Usage: resp.Usage, Cost: price(answer, resp.Usage), Window: answer.Window,
		Capped: s.capped && stop2 == model.StopMaxTokens}
}

// ask asks the model, with less of the past where it does not fit and the
// definition allows that.
func (s *speech) ask(ctx context.Context, who Asker, req *model.Request) (*Answer, error) {
	for {
		answer, err := s.a.d.config.Models.Ask(ctx, who, req)
		if err == nil || !s.shorten || model.AsError(err).Kind != model.ContextLength {
			return answer, err
		}
		shorter, ok := agent.Shorten(req.Messages)
		if !ok {
			return nil, err
		}
		less := *req
		less.Messages, req = shorter, &less
	}
}

// stopped reports whether somebody wants the run to end.
func stopped(ctx context.Context) bool { return ctx.Err() != nil }

// interrupted keeps what was said before the stop, and what it used.
func (s *speech) interrupted(ctx context.Context, used model.Usage, said []model.Part, cost int64) agent.Body {
	reason := "cancel"
	if errors.Is(context.Cause(ctx), errHandOver) {
		reason = "drain"
	}
	return &agent.ModelInterrupted{Call: s.run.Seq, Thread: s.run.Thread, Turn: s.run.Turn, Base: s.run.Base, Reason: reason,
		Partial: said, Usage: used, Cost: cost}
}

// visible are the parts that readers were shown; half a call is none.
func visible(parts []model.Part) []model.Part {
	var seen []model.Part
	for _, part := range parts {
		switch part.(type) {
		case *model.Text, *model.Refusal, *model.Reasoning:
			seen = append(seen, part)
		}
	}
	return seen
}

// hear reads the answer to its end.
func (s *speech) hear(stream model.Stream) error {
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.collector.Add(event)
		}
		if err != nil {
			return err
		}
		if event.Choice == 0 && s.err == nil {
			s.pass(event)
		}
	}
}

// pass hands one event to readers.
func (s *speech) pass(event model.Event) {
	switch event.Kind {
	case model.EventPartStart:
		place := s.layout.Add(event.Part)
		s.places[event.Index], s.kinds[event.Index] = place, event.Part
		if place.Item >= 0 {
			s.begin(place, event.Part)
			if text := agent.PartText(event.Part); text != "" {
				s.add(agent.Delta{Kind: agent.DeltaText, Item: place.Item, Content: place.Content, Text: text})
			}
		}
	case model.EventDelta:
		place, ok := s.places[event.Index]
		if !ok || place.Item < 0 || event.Text == "" {
			return
		}
		kind := agent.DeltaText
		if _, call := s.kinds[event.Index].(*model.ToolCall); call {
			kind = agent.DeltaArgs
		}
		s.add(agent.Delta{Kind: kind, Item: place.Item, Content: place.Content, Text: event.Text})
	}
}

// begin opens an item where it is the first part, and the part.
func (s *speech) begin(place agent.Place, part model.Part) {
	item := agent.Delta{Kind: agent.DeltaItem, Item: place.Item, Type: agent.ItemMessage}
	piece := agent.Delta{Kind: agent.DeltaPart, Item: place.Item, Content: place.Content}
	switch p := part.(type) {
	case *model.ToolCall:
		item.Type, item.Call, item.Name = agent.ItemFunctionCall, p.ID, p.Name
		s.add(item)
		return
	case *model.Reasoning:
		item.Type, piece.Summary = agent.ItemReasoning, p.Summary
	case *model.Refusal:
		piece.Refusal = true
	}
	if !s.begun[agent.Place{Item: place.Item}] {
		s.begun[agent.Place{Item: place.Item}] = true
		s.add(item)
	}
	s.add(piece)
}

// add numbers a delta, keeps it, and shows it to live readers.
func (s *speech) add(d agent.Delta) {
	raw, err := d.Encode()
	if err != nil {
		s.err = err
		return
	}
	if !s.on.stands() {
		s.err = errStopped
		return
	}
	id, err := s.stream.Add(raw)
	if err != nil {
		s.err = err
		return
	}
	s.a.feed.delta(id.Seq, spoken{id.N, d})
}
